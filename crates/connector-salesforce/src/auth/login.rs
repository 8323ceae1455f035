//! Which login a connection's settings mean. Settings of one login are given whole, and those of two not at all.

use std::path::Path;
use std::sync::Mutex;

use model::migration::SalesforceSettings;
use model::{Failure, Secret};

use super::assertion::Key;
use super::sf_cli::SalesforceCli;
use crate::address;

/// Where a login is granted unless the settings say otherwise.
const LOGIN_HOST: &str = "https://login.salesforce.com";

pub(super) const LOGINS: &str = "a login is one of: `access_token` with `instance_url`; `client_id` and `client_secret` with `instance_url`; \
    `client_id`, `username` and `private_key` or `private_key_file`; `client_id` and `refresh_token`; `target_org`";

/// A way to a session.
pub(super) enum Login {
    /// OAuth's token endpoint at a host.
    Token {
        host: String,
        grant: Grant,
    },
    Cli(SalesforceCli),
}

/// What is shown at the token endpoint.
pub(super) enum Grant {
    ClientCredentials {
        client_id: String,
        client_secret: Secret,
    },
    Assertion {
        client_id: String,
        username: String,
        key: Key,
    },
    Refresh {
        client_id: String,
        client_secret: Option<Secret>,
        /// The latest: an org may give a new one with each session.
        token: Mutex<Secret>,
    },
}

/// A setting's name, and whether it is given.
type Given = (&'static str, bool);

impl Login {
    /// None where nothing but an access token is given.
    pub(super) fn of(settings: &SalesforceSettings, sf: &str) -> Result<Option<Self>, Failure> {
        not_empty(settings)?;
        let given: [Given; 8] = [
            ("client_id", settings.client_id.is_some()),
            ("client_secret", settings.client_secret.is_some()),
            ("username", settings.username.is_some()),
            ("private_key", settings.private_key.is_some()),
            ("private_key_file", settings.private_key_file.is_some()),
            ("refresh_token", settings.refresh_token.is_some()),
            ("target_org", settings.target_org.is_some()),
            ("login_url", settings.login_url.is_some()),
        ];
        if let Some(org) = &settings.target_org {
            only(&given, "target_org", &["target_org"])?;
            return Ok(Some(Self::Cli(SalesforceCli::new(sf, org)?)));
        }
        let grant = if settings.refresh_token.is_some() {
            let usable = ["refresh_token", "client_id", "client_secret", "login_url"];
            only(&given, "refresh_token", &usable)?;
            refresh(settings)?
        } else if let Some(first) =
            first_of(&given, &["username", "private_key", "private_key_file"])
        {
            let usable = [
                "client_id",
                "username",
                "private_key",
                "private_key_file",
                "login_url",
            ];
            only(&given, first, &usable)?;
            assertion(settings)?
        } else if first_of(&given, &["client_id", "client_secret"]).is_some() {
            client_credentials(settings)?
        } else if settings.login_url.is_some() {
            return Err(incomplete("`login_url` is given without a login"));
        } else {
            return Ok(None);
        };
        let host = login_host(settings)?;
        Ok(Some(Self::Token { host, grant }))
    }
}

/// Where the login is granted: at an address of its own, at the org's, or for everybody.
fn login_host(settings: &SalesforceSettings) -> Result<String, Failure> {
    let instance = settings.instance_url.as_deref();
    match (&settings.login_url, instance) {
        (Some(url), instance) => {
            let host = address::login(url)?;
            let instance = instance.map(address::instance).transpose()?;
            if host.starts_with("https:") && instance.is_some_and(|url| url.starts_with("http:")) {
                return Err(Failure::usage(
                    "wrong_instance_url",
                    "the login is secured by TLS, and the session that it gives would be sent to an `instance_url` that is not",
                )
                .hint("give both as https, or leave `login_url` out to log in at `instance_url`"));
            }
            Ok(host)
        }
        (None, Some(instance)) => address::instance(instance),
        (None, None) => Ok(LOGIN_HOST.to_owned()),
    }
}

fn client_credentials(settings: &SalesforceSettings) -> Result<Grant, Failure> {
    let own_address = settings.instance_url.is_some() || settings.login_url.is_some();
    match (&settings.client_id, &settings.client_secret) {
        (Some(client_id), Some(client_secret)) if own_address => Ok(Grant::ClientCredentials {
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
        }),
        (Some(_), Some(_)) => Err(incomplete(
            "client credentials are granted at the org's own address alone: `instance_url` is missing",
        )),
        (None, _) => Err(incomplete(
            "`client_secret` is given, `client_id` is missing",
        )),
        (_, None) => Err(incomplete(
            "`client_id` is given, and what goes with it is missing: `client_secret`, a private key or `refresh_token`",
        )),
    }
}

fn assertion(settings: &SalesforceSettings) -> Result<Grant, Failure> {
    let key = match (&settings.private_key, &settings.private_key_file) {
        (Some(_), Some(_)) => {
            return Err(incomplete(
                "`private_key` and `private_key_file` are given, and only one can be meant",
            ));
        }
        (Some(text), None) => Some(Key::read("private_key", text.expose())?),
        (None, Some(path)) => Some(Key::read("private_key_file", key_file(path)?.expose())?),
        (None, None) => None,
    };
    match (&settings.client_id, &settings.username, key) {
        (Some(client_id), Some(username), Some(key)) => Ok(Grant::Assertion {
            client_id: client_id.clone(),
            username: username.clone(),
            key,
        }),
        (client_id, username, key) => {
            let missing: Vec<_> = [
                ("`client_id`", client_id.is_none()),
                ("`username`", username.is_none()),
                ("`private_key` or `private_key_file`", key.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
            Err(incomplete(&format!(
                "the login by JWT lacks {}",
                missing.join(" and ")
            )))
        }
    }
}

fn key_file(path: &Path) -> Result<Secret, Failure> {
    std::fs::read_to_string(path).map(Secret::new).map_err(|error| {
        Failure::usage(
            "invalid_private_key",
            format!("`private_key_file` {} can't be read: {error}", path.display()),
        )
        .hint("the file must be there, and readable, on the machine of every service that opens the connection")
    })
}

fn refresh(settings: &SalesforceSettings) -> Result<Grant, Failure> {
    match (&settings.client_id, &settings.refresh_token) {
        (Some(client_id), Some(token)) => Ok(Grant::Refresh {
            client_id: client_id.clone(),
            client_secret: settings.client_secret.clone(),
            token: Mutex::new(token.clone()),
        }),
        _ => Err(incomplete(
            "`refresh_token` is given, `client_id` is missing",
        )),
    }
}

fn incomplete(what: &str) -> Failure {
    Failure::usage("incomplete_login", what).hint(LOGINS)
}

fn first_of(given: &[Given], names: &[&str]) -> Option<&'static str> {
    given
        .iter()
        .find(|(name, given)| *given && names.contains(name))
        .map(|(name, _)| *name)
}

/// Refuses settings that belong to another login than `chosen`.
fn only(given: &[Given], chosen: &str, usable: &[&str]) -> Result<(), Failure> {
    let other = given
        .iter()
        .find(|(name, given)| *given && !usable.contains(name));
    match other {
        Some((other, _)) => Err(incomplete(&format!(
            "`{chosen}` and `{other}` are given, which belong to different logins"
        ))),
        None => Ok(()),
    }
}

/// Refuses what was given and is empty, as variables that were not set often are.
fn not_empty(settings: &SalesforceSettings) -> Result<(), Failure> {
    let texts = [
        ("instance_url", settings.instance_url.as_deref()),
        ("login_url", settings.login_url.as_deref()),
        ("client_id", settings.client_id.as_deref()),
        (
            "client_secret",
            settings.client_secret.as_ref().map(Secret::expose),
        ),
        ("username", settings.username.as_deref()),
        (
            "private_key",
            settings.private_key.as_ref().map(Secret::expose),
        ),
        (
            "refresh_token",
            settings.refresh_token.as_ref().map(Secret::expose),
        ),
        ("target_org", settings.target_org.as_deref()),
    ];
    match texts
        .iter()
        .find(|(_, text)| text.is_some_and(|text| text.trim().is_empty()))
    {
        Some((name, _)) => Err(
            Failure::usage("incomplete_login", format!("`{name}` is empty"))
                .hint("is the environment variable set?"),
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../tests/keys/private.pem");

    fn settings(given: &[(&str, &str)]) -> SalesforceSettings {
        let mut settings = SalesforceSettings::default();
        for (name, value) in given {
            let text = Some((*value).to_owned());
            let secret = Some(Secret::new(*value));
            match *name {
                "instance_url" => settings.instance_url = text,
                "login_url" => settings.login_url = text,
                "client_id" => settings.client_id = text,
                "client_secret" => settings.client_secret = secret,
                "username" => settings.username = text,
                "private_key" => settings.private_key = secret,
                "private_key_file" => settings.private_key_file = Some((*value).into()),
                "refresh_token" => settings.refresh_token = secret,
                "target_org" => settings.target_org = text,
                other => panic!("no setting {other}"),
            }
        }
        settings
    }

    fn login(given: &[(&str, &str)]) -> Result<Login, Failure> {
        Login::of(&settings(given), "sf").map(Option::unwrap)
    }

    fn host(given: &[(&str, &str)]) -> String {
        match login(given).unwrap_or_else(|failure| panic!("{failure}")) {
            Login::Token { host, .. } => host,
            Login::Cli(_) => panic!("the CLI has no host"),
        }
    }

    #[test]
    fn each_login_is_known_by_its_settings() {
        let app = [
            ("instance_url", "https://x.my.salesforce.com"),
            ("client_id", "app"),
            ("client_secret", "secret"),
        ];
        assert_eq!(host(&app), "https://x.my.salesforce.com");
        assert_eq!(
            host(&[
                ("client_id", "app"),
                ("username", "u"),
                ("private_key", KEY)
            ]),
            LOGIN_HOST
        );
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/private.pem");
        assert_eq!(
            host(&[
                ("client_id", "app"),
                ("username", "u"),
                ("private_key_file", file),
                ("login_url", "https://test.salesforce.com/"),
                ("instance_url", "https://x.my.salesforce.com"),
            ]),
            "https://test.salesforce.com"
        );
        let refresh = [("client_id", "app"), ("refresh_token", "r")];
        assert_eq!(host(&refresh), LOGIN_HOST);
        assert!(matches!(login(&[("target_org", "dev")]), Ok(Login::Cli(_))));
        assert!(matches!(Login::of(&settings(&[]), "sf"), Ok(None)));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (given, missing) in [
            (&[("client_id", "app")][..], "`client_secret`"),
            (&[("client_secret", "s")], "`client_id`"),
            (
                &[("client_id", "app"), ("client_secret", "s")],
                "`instance_url` is missing",
            ),
            (&[("username", "u")], "`client_id` and `private_key`"),
            (
                &[("private_key", KEY), ("client_id", "a")],
                "lacks `username`",
            ),
            (
                &[("username", "u"), ("client_id", "a")],
                "lacks `private_key`",
            ),
            (&[("refresh_token", "r")], "`client_id` is missing"),
            (&[("login_url", "https://x.org")], "without a login"),
            (
                &[("client_id", " "), ("refresh_token", "r")],
                "`client_id` is empty",
            ),
        ] {
            let failure = login(given).err().unwrap();
            assert_eq!(failure.code, "incomplete_login", "{failure}");
            assert!(failure.message.contains(missing), "{missing}: {failure}");
            assert!(failure.hint.is_some());
        }
    }

    #[test]
    fn settings_of_two_logins_are_refused() {
        for (given, both) in [
            (
                &[("target_org", "dev"), ("client_id", "app")][..],
                "`target_org` and `client_id`",
            ),
            (
                &[("target_org", "dev"), ("login_url", "https://x.org")],
                "`target_org` and `login_url`",
            ),
            (
                &[
                    ("username", "u"),
                    ("private_key", KEY),
                    ("client_secret", "s"),
                ],
                "`username` and `client_secret`",
            ),
            (
                &[
                    ("refresh_token", "r"),
                    ("client_id", "a"),
                    ("username", "u"),
                ],
                "`refresh_token` and `username`",
            ),
            (
                &[
                    ("private_key", KEY),
                    ("private_key_file", "x"),
                    ("client_id", "a"),
                ],
                "only one can be meant",
            ),
        ] {
            let failure = login(given).err().unwrap();
            assert_eq!(failure.code, "incomplete_login", "{failure}");
            assert!(failure.message.contains(both), "{both}: {failure}");
        }
    }

    #[test]
    fn a_secured_session_is_not_sent_in_the_open() {
        let failure = login(&[
            ("client_id", "a"),
            ("refresh_token", "r"),
            ("login_url", "https://login.salesforce.com"),
            ("instance_url", "http://127.0.0.1:7411"),
        ]);
        assert_eq!(failure.err().unwrap().code, "wrong_instance_url");
    }

    #[test]
    fn a_key_file_that_is_not_there_is_named() {
        let failure = login(&[("private_key_file", "/nowhere/key.pem")])
            .err()
            .unwrap();
        assert_eq!(failure.code, "invalid_private_key");
        assert!(failure.message.contains("/nowhere/key.pem"), "{failure}");
    }
}
