//! The Salesforce CLI as a login: it keeps sessions by alias or username, renews them, and tells them as JSON.
//! Nothing that it prints is repeated but its own name and message of an error, without what looks like a secret.

use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use model::{Failure, Secret};
use serde::Deserialize;
use tokio::process::Command;

use crate::errors;

/// It starts slowly, and asks the org before it answers.
const PATIENCE: Duration = Duration::from_secs(90);
/// What it prints in place of a token since its plug-in `org` 6.
pub(super) const REDACTED: &str = "[REDACTED]";

/// An org that the CLI is logged in to.
pub(super) struct SalesforceCli {
    /// The program, by path or by name on the path.
    program: String,
    org: String,
    patience: Duration,
}

/// A session that the CLI told.
pub(super) struct Told {
    pub(super) access_token: Secret,
    pub(super) instance_url: Option<String>,
}

/// What the CLI prints: with status 0 a result, otherwise the name of an error and a message.
#[derive(Deserialize)]
struct Answer {
    status: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    result: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(default)]
    access_token: Option<Secret>,
    #[serde(default)]
    instance_url: Option<String>,
}

impl Shown {
    /// The token, where it is one and not a placeholder.
    fn token(&self) -> Option<Secret> {
        self.access_token
            .clone()
            .filter(|token| !token.expose().trim().is_empty())
            .filter(|token| !token.expose().trim_start().starts_with(REDACTED))
    }
}

/// Why a command told nothing, and whether another command might.
struct Silence {
    failure: Failure,
    of_command: bool,
}

impl SalesforceCli {
    pub(super) fn new(program: &str, org: &str) -> Result<Self, Failure> {
        let org = org.trim();
        // It would be taken for an option.
        if org.starts_with('-') || org.chars().any(char::is_control) {
            return Err(Failure::usage(
                "wrong_target_org",
                "`target_org` is neither an alias nor a username",
            )
            .hint("`sf org list` shows both"));
        }
        Ok(Self {
            program: program.to_owned(),
            org: org.to_owned(),
            patience: PATIENCE,
        })
    }

    /// A session, renewed by the CLI where it can; with the org's address where `with_instance` asks for it.
    pub(super) async fn session(&self, with_instance: bool) -> Result<Told, Failure> {
        let token = match self.run(&["org", "auth", "show-access-token"]).await {
            Ok(shown) => shown.token(),
            // An older CLI does not know the command and shows tokens by the next one.
            Err(silence) if silence.of_command => None,
            Err(silence) => return Err(silence.failure),
        };
        if let (Some(access_token), false) = (&token, with_instance) {
            return Ok(Told {
                access_token: access_token.clone(),
                instance_url: None,
            });
        }
        let shown = self
            .run(&["org", "display"])
            .await
            .map_err(|silence| silence.failure)?;
        let access_token = token.or_else(|| shown.token()).ok_or_else(|| {
            let said = format!("it tells no session of `{}`, or hides it", self.org);
            self.refused(&said).hint(format!(
                "`sf org auth show-access-token --target-org {}` has to print a token: bring the CLI up to date (`sf update`), then resume",
                self.org
            ))
        })?;
        Ok(Told {
            access_token,
            instance_url: shown.instance_url,
        })
    }

    /// The failure for a session that has ended and that the CLI tells again.
    pub(super) fn ended(&self) -> Failure {
        self.refused(&format!(
            "the session of `{}` has ended and it can't renew it",
            self.org
        ))
    }

    fn refused(&self, said: &str) -> Failure {
        errors::login_refused(&format!("Salesforce CLI: {said}")).hint(format!(
            "`sf org login web --alias {}` logs in anew, as the user and on the machine of this service; then resume",
            self.org
        ))
    }

    async fn run(&self, command: &[&str]) -> Result<Shown, Silence> {
        let for_good = |failure| Silence {
            failure,
            of_command: false,
        };
        let words = format!("{} {}", self.program, command.join(" "));
        let mut run = Command::new(&self.program);
        run.args(command)
            .args(["--target-org", &self.org, "--json"])
            .env("SF_AUTOUPDATE_DISABLE", "true")
            .env("FORCE_COLOR", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let output = match tokio::time::timeout(self.patience, run.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(for_good(self.not_started(&error))),
            Err(_) => {
                let seconds = self.patience.as_secs();
                return Err(for_good(
                    Failure::pause("sf_no_answer", format!("`{words}` did not answer within {seconds} seconds"))
                        .hint("run it by hand, as the user and on the machine of this service: it may wait for a key chain, or for the network; then resume"),
                ));
            }
        };
        let answer = read(&output.stdout).ok_or_else(|| Silence {
            failure: Failure::pause(
                "sf_unreadable",
                format!("`{words}` did not answer in JSON ({})", output.status),
            )
            .hint("run it by hand with --json, as the user and on the machine of this service; `sf update` brings the CLI up to date; then resume"),
            of_command: true,
        })?;
        if answer.status == 0 {
            let shown = answer
                .result
                .and_then(|result| serde_json::from_value(result).ok());
            return Ok(shown.unwrap_or_default());
        }
        Err(Silence {
            failure: self.refusal(&answer),
            of_command: true,
        })
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        if error.kind() == ErrorKind::NotFound {
            return Failure::pause(
                "sf_not_found",
                format!("the Salesforce CLI is not on this machine: no program `{}`", self.program),
            )
            .hint(
                "install it where this service runs, and log in there; or name it in the environment variable STEVEDORE_SF; then resume",
            );
        }
        Failure::pause(
            "sf_failed",
            format!("`{}` can't be started: {error}", self.program),
        )
        .hint("STEVEDORE_SF, or `sf` on the path, has to be a program that this service's user may run; then resume")
    }

    fn refusal(&self, answer: &Answer) -> Failure {
        let said = errors::shorten(&without_secrets(&format!(
            "{}: {}",
            answer.name, answer.message
        )));
        let unknown = ["NamedOrgNotFound", "NoAuthInfoFound", "NoOrgFound"]
            .iter()
            .any(|name| answer.name.starts_with(name))
            || answer
                .message
                .contains("No authorization information found");
        if unknown {
            return Failure::pause(
                "unknown_org",
                format!("the Salesforce CLI knows no org `{}` ({said})", self.org),
            )
            .hint(format!(
                "`sf org list` shows the orgs of this service's user on this machine, `sf org login web --alias {}` adds one; then resume",
                self.org
            ));
        }
        self.refused(&said)
    }
}

/// The JSON document among what was printed; warnings may stand before it.
fn read(printed: &[u8]) -> Option<Answer> {
    let start = printed.iter().position(|byte| *byte == b'{')?;
    let mut documents = serde_json::Deserializer::from_slice(&printed[start..]).into_iter();
    documents.next()?.ok()
}

/// Puts a placeholder for every word that looks like a token, or is too long to be a word.
fn without_secrets(text: &str) -> String {
    let secret = |word: &str| {
        let inner = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        word.contains('!') && inner.starts_with("00D")
            || inner.starts_with("eyJ")
            || word.contains("force://")
            || word.len() > 80
    };
    let words: Vec<_> = text
        .split_whitespace()
        .map(|word| if secret(word) { "[secret]" } else { word })
        .collect();
    words.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::FailureKind;

    use super::*;
    use crate::testing::{FakeSf, TOKEN};

    fn cli(sf: &FakeSf) -> SalesforceCli {
        SalesforceCli::new(sf.program(), "dev").unwrap()
    }

    async fn refused(sf: &FakeSf) -> Failure {
        let failure = cli(sf).session(true).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::PauseRun);
        assert!(failure.hint.is_some());
        assert!(!format!("{failure:?}").contains("00D"), "{failure:?}");
        failure
    }

    #[tokio::test]
    async fn the_token_and_the_address_are_told_by_two_commands() {
        let sf = FakeSf::new()
            .token(TOKEN)
            .display("[REDACTED] Use …", "https://x.my.salesforce.com");
        let told = cli(&sf).session(true).await.unwrap();
        assert_eq!(told.access_token.expose(), TOKEN);
        assert_eq!(
            told.instance_url.as_deref(),
            Some("https://x.my.salesforce.com")
        );
        assert_eq!(
            sf.calls(),
            [
                "org auth show-access-token --target-org dev --json",
                "org display --target-org dev --json"
            ]
        );
        let told = cli(&sf).session(false).await.unwrap();
        assert_eq!(told.access_token.expose(), TOKEN);
        assert_eq!(sf.calls().len(), 3);
    }

    #[tokio::test]
    async fn an_older_cli_shows_the_token_with_the_org() {
        let sf = FakeSf::new().display(TOKEN, "https://x.my.salesforce.com");
        let told = cli(&sf).session(false).await.unwrap();
        assert_eq!(told.access_token.expose(), TOKEN);
    }

    #[tokio::test]
    async fn a_hidden_token_is_no_token() {
        let hidden = "[REDACTED] Use 'sf org auth show-access-token' to view";
        for sf in [
            FakeSf::new().token(hidden).display(hidden, "https://x.org"),
            FakeSf::new().display(hidden, "https://x.org"),
            FakeSf::new().display("", "https://x.org"),
        ] {
            let failure = refused(&sf).await;
            assert_eq!(failure.code, "login_refused");
            assert!(failure.message.contains("hides"), "{failure}");
        }
    }

    #[tokio::test]
    async fn an_unknown_org_is_named() {
        let sf = FakeSf::new().says(
            r#"{"status":1,"name":"NamedOrgNotFoundError","message":"No authorization information found for dev.","exitCode":1}"#,
        );
        let failure = refused(&sf).await;
        assert_eq!(failure.code, "unknown_org");
        assert!(failure.message.contains("`dev`"), "{failure}");
    }

    #[tokio::test]
    async fn no_message_of_the_cli_shows_a_token() {
        let said = format!(
            r#"{{"status":1,"name":"Odd","message":"'{TOKEN}' of force://PlatformCLI::5Aep@x.org is bad"}}"#
        );
        let failure = refused(&FakeSf::new().says(&said)).await;
        assert_eq!(failure.code, "login_refused");
        assert!(
            failure.message.contains("[secret] of [secret] is bad"),
            "{failure}"
        );
        // Not JSON at all, and the token on both streams.
        let failure = refused(&FakeSf::new().says(TOKEN)).await;
        assert_eq!(failure.code, "sf_unreadable");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let cli = SalesforceCli::new("/nowhere/sf", "dev").unwrap();
        let failure = cli.session(true).await.err().unwrap();
        assert_eq!(failure.code, "sf_not_found");
        assert!(failure.message.contains("/nowhere/sf"), "{failure}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_not_waited_for() {
        let sf = FakeSf::new().hangs();
        let mut cli = cli(&sf);
        cli.patience = Duration::from_millis(200);
        let failure = cli.session(true).await.err().unwrap();
        assert_eq!(failure.code, "sf_no_answer");
    }

    #[test]
    fn an_org_is_no_option() {
        for wrong in ["--help", "-x", "a\nb"] {
            let failure = SalesforceCli::new("sf", wrong).err().unwrap();
            assert_eq!(failure.code, "wrong_target_org");
        }
    }
}
