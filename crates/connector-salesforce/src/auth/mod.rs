//! The session: a given token, or one from a login that is asked again when the org no longer takes it.
//! Many calls share one; of those that find it ended at once, one logs in and the others wait for it.

mod assertion;
mod grant;
mod login;
mod sf_cli;

use std::sync::Arc;

use model::Failure;
use model::migration::SalesforceSettings;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;

use crate::address;
use crate::errors::{self, CallError};
use login::Login;

pub(crate) struct Auth {
    login: Option<Login>,
    /// The org's address, where the settings give it.
    instance: Option<Arc<str>>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    token: Option<Token>,
    logins: u64,
}

/// A token to call with. It knows its number, so that the one that was refused is renewed and not its successor.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Arc<HeaderValue>,
    /// The org that takes it: scheme, host and port, without a slash at the end.
    pub(crate) host: Arc<str>,
    number: u64,
}

impl Token {
    fn new(secret: &str, host: Arc<str>, number: u64) -> Result<Self, Failure> {
        // What the Salesforce CLI prints instead of a token.
        if secret.trim_start().starts_with(sf_cli::REDACTED) {
            return Err(Failure::usage(
                "invalid_token",
                "the access token is a placeholder, not a token",
            )
            .hint("`sf org auth show-access-token --target-org <org>` prints the token itself; `target_org: <org>` asks for it"));
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {}", secret.trim())).map_err(|_| {
                Failure::usage(
                    "invalid_token",
                    "the access token holds characters that no token has",
                )
                .hint("give the token alone: one line, without quotes")
            })?;
        header.set_sensitive(true);
        Ok(Self {
            header: Arc::new(header),
            host,
            number,
        })
    }
}

impl Auth {
    /// `sf` is the Salesforce CLI's program. Fails with a usage failure when the settings make no login.
    pub(crate) fn new(settings: &SalesforceSettings, sf: &str) -> Result<Self, Failure> {
        let instance = settings
            .instance_url
            .as_deref()
            .map(address::instance)
            .transpose()?
            .map(Arc::from);
        let login = Login::of(settings, sf)?;
        let token = match (&settings.access_token, &instance) {
            (Some(secret), _) if secret.expose().trim().is_empty() => {
                return Err(Failure::usage("no_login", "`access_token` is empty")
                    .hint("is the environment variable set?"));
            }
            (Some(secret), Some(instance)) => {
                Some(Token::new(secret.expose(), Arc::clone(instance), 0)?)
            }
            (Some(_), None) => {
                return Err(Failure::usage(
                    "incomplete_login",
                    "`access_token` is given, and what goes with it is missing: `instance_url`",
                )
                .hint("give the org's own address, https://<my domain>.my.salesforce.com"));
            }
            (None, _) if login.is_none() => {
                return Err(
                    Failure::usage("no_login", "the connection has no login").hint(login::LOGINS)
                );
            }
            (None, _) => None,
        };
        Ok(Self {
            login,
            instance,
            current: Mutex::new(Current { token, logins: 0 }),
        })
    }

    /// A token to call with; logs in where there is none yet.
    pub(crate) async fn token(&self, http: &reqwest::Client) -> Result<Token, CallError> {
        let mut current = self.current.lock().await;
        match (&current.token, &self.login) {
            (Some(token), _) => Ok(token.clone()),
            (None, Some(login)) => self.log_in(login, &mut current, http).await,
            (None, None) => Err(CallError::before(errors::login_refused("no token"))),
        }
    }

    /// A token in place of one that was refused with `refusal`.
    pub(crate) async fn renew(
        &self,
        refused: &Token,
        mut refusal: CallError,
        http: &reqwest::Client,
    ) -> Result<Token, CallError> {
        let mut current = self.current.lock().await;
        if let Some(token) = &current.token
            && token.number != refused.number
        {
            return Ok(token.clone());
        }
        let Some(login) = &self.login else {
            refusal.failure = refusal.failure.hint(
                "the given `access_token` has ended: give a new one and resume; `target_org`, a refresh token or a private key renew themselves",
            );
            return Err(refusal);
        };
        let fresh = self.log_in(login, &mut current, http).await?;
        if let Login::Cli(cli) = login
            && fresh.header == refused.header
        {
            return Err(CallError::before(cli.ended()));
        }
        Ok(fresh)
    }

    async fn log_in(
        &self,
        login: &Login,
        current: &mut Current,
        http: &reqwest::Client,
    ) -> Result<Token, CallError> {
        let (access_token, told) = match login {
            Login::Token { host, grant } => {
                let granted = grant.ask(http, host).await?;
                (granted.access_token, granted.instance_url)
            }
            Login::Cli(cli) => {
                let told = cli.session(self.instance.is_none()).await;
                let told = told.map_err(CallError::before)?;
                (told.access_token, told.instance_url)
            }
        };
        let host = match (&self.instance, told) {
            (Some(instance), _) => Arc::clone(instance),
            (None, Some(url)) => address::answered(&url).map_err(CallError::before)?.into(),
            (None, None) => {
                let failure = errors::login_refused("its answer does not say where the org is");
                return Err(CallError::before(failure.hint(
                    "give the connection the org's own address as `instance_url`; then resume",
                )));
            }
        };
        current.logins += 1;
        let token =
            Token::new(access_token.expose(), host, current.logins).map_err(CallError::before)?;
        current.token = Some(token.clone());
        tracing::debug!(host = %token.host, logins = current.logins, "logged in");
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::*;

    fn code(settings: &SalesforceSettings) -> Option<String> {
        Auth::new(settings, "sf").err().map(|failure| failure.code)
    }

    #[test]
    fn a_login_is_complete_or_refused_at_once() {
        let settings = SalesforceSettings {
            instance_url: Some("https://x.my.salesforce.com".to_owned()),
            ..SalesforceSettings::default()
        };
        let token = |text: &str| SalesforceSettings {
            access_token: Some(Secret::new(text)),
            ..settings.clone()
        };
        assert_eq!(code(&settings).as_deref(), Some("no_login"));
        assert_eq!(code(&token("")).as_deref(), Some("no_login"));
        assert_eq!(
            code(&token("[REDACTED] use …")).as_deref(),
            Some("invalid_token")
        );
        assert_eq!(code(&token("a\nb")).as_deref(), Some("invalid_token"));
        assert_eq!(code(&token("00Dx!a.b\n")), None);
        let half = SalesforceSettings {
            client_id: Some("x".to_owned()),
            ..settings.clone()
        };
        assert_eq!(code(&half).as_deref(), Some("incomplete_login"));
        let nowhere = SalesforceSettings {
            instance_url: None,
            ..token("00Dx!a.b")
        };
        assert_eq!(code(&nowhere).as_deref(), Some("incomplete_login"));
    }
}
