//! The session: a given token, or one from OAuth client credentials that is renewed when the org no longer takes it.
//! Many calls share one; of those that find it ended at once, one logs in and the others wait for it.

use std::sync::Arc;
use std::time::Duration;

use model::migration::SalesforceSettings;
use model::{Failure, Secret};
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::errors::{self, CallError};

/// A login is a small call.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Auth {
    app: Option<App>,
    current: Mutex<Current>,
}

/// An app of the org with the client credentials flow on.
struct App {
    client_id: String,
    client_secret: Secret,
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
    number: u64,
}

impl Token {
    fn new(secret: &str, number: u64) -> Result<Self, Failure> {
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
            number,
        })
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
}

impl Auth {
    pub(crate) fn new(settings: &SalesforceSettings) -> Result<Self, Failure> {
        let app = match (&settings.client_id, &settings.client_secret) {
            (Some(id), Some(secret)) => Some(App {
                client_id: id.clone(),
                client_secret: secret.clone(),
            }),
            (None, None) => None,
            _ => {
                return Err(Failure::usage(
                    "incomplete_login",
                    "`client_id` and `client_secret` are given together or not at all",
                ));
            }
        };
        let token = match &settings.access_token {
            Some(secret) if secret.expose().trim().is_empty() => {
                return Err(Failure::usage("no_login", "`access_token` is empty")
                    .hint("is the environment variable set?"));
            }
            // What the Salesforce CLI prints instead of a token.
            Some(secret) if secret.expose().trim_start().starts_with("[REDACTED]") => {
                return Err(Failure::usage(
                    "invalid_token",
                    "the access token is a placeholder, not a token",
                )
                .hint(
                    "`sf org auth show-access-token --target-org <org>` prints the token itself",
                ));
            }
            Some(secret) => Some(Token::new(secret.expose(), 0)?),
            None if app.is_none() => {
                return Err(Failure::usage("no_login", "the connection has no login")
                    .hint("give it `access_token`, or `client_id` and `client_secret`"));
            }
            None => None,
        };
        Ok(Self {
            app,
            current: Mutex::new(Current { token, logins: 0 }),
        })
    }

    /// A token to call with; logs in where there is none yet.
    pub(crate) async fn token(
        &self,
        http: &reqwest::Client,
        host: &str,
    ) -> Result<Token, CallError> {
        let mut current = self.current.lock().await;
        match &current.token {
            Some(token) => Ok(token.clone()),
            None => self.login(&mut current, http, host).await,
        }
    }

    /// A token in place of one that was refused with `refusal`.
    pub(crate) async fn renew(
        &self,
        refused: &Token,
        refusal: CallError,
        http: &reqwest::Client,
        host: &str,
    ) -> Result<Token, CallError> {
        let mut current = self.current.lock().await;
        match &current.token {
            Some(token) if token.number != refused.number => Ok(token.clone()),
            _ if self.app.is_none() => Err(refusal),
            _ => self.login(&mut current, http, host).await,
        }
    }

    async fn login(
        &self,
        current: &mut Current,
        http: &reqwest::Client,
        host: &str,
    ) -> Result<Token, CallError> {
        let Some(app) = &self.app else {
            return Err(CallError::before(errors::login_refused("no token")));
        };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
        ];
        let sent = http
            .post(format!("{host}/services/oauth2/token"))
            .timeout(LOGIN_TIMEOUT)
            .form(&form)
            .send()
            .await;
        let answer = sent.map_err(|error| errors::unanswered(&error, host))?;
        let status = answer.status();
        let body = answer
            .bytes()
            .await
            .map_err(|error| errors::unanswered(&error, host))?;
        if !status.is_success() {
            return Err(refused_login(status.as_u16(), &body));
        }
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| {
            // Not the parser's words: they might repeat the token.
            CallError::before(errors::login_refused("its answer holds no token"))
        })?;
        current.logins += 1;
        let token =
            Token::new(granted.access_token.expose(), current.logins).map_err(CallError::before)?;
        current.token = Some(token.clone());
        tracing::debug!(host, logins = current.logins, "logged in");
        Ok(token)
    }
}

/// A login that is refused is refused for good, unless the org is only busy.
fn refused_login(status: u16, body: &[u8]) -> CallError {
    let mut error = errors::refused(status, body, None);
    error.may_have_acted = false;
    if error.code == "rate_limit_exceeded" {
        error.failure = Failure::retry("rate_limit_exceeded", error.failure.message);
    } else if !error.passes() && !(300..=399).contains(&status) {
        let refusal = errors::Refusal::read(body);
        let said = if refusal.code.is_empty() {
            format!("HTTP {status}: {}", refusal.message)
        } else {
            format!("{}: {}", refusal.code, refusal.message)
        };
        error.failure = errors::login_refused(&said);
    }
    error
}

#[cfg(test)]
mod tests {
    use model::FailureKind;

    use super::*;

    fn settings() -> SalesforceSettings {
        SalesforceSettings {
            instance_url: "https://x.my.salesforce.com".to_owned(),
            access_token: None,
            client_id: None,
            client_secret: None,
            api_version: "66.0".to_owned(),
        }
    }

    fn code(settings: &SalesforceSettings) -> Option<String> {
        Auth::new(settings).err().map(|failure| failure.code)
    }

    #[test]
    fn a_login_is_complete_or_refused_at_once() {
        let token = |text: &str| SalesforceSettings {
            access_token: Some(Secret::new(text)),
            ..settings()
        };
        assert_eq!(code(&settings()).as_deref(), Some("no_login"));
        assert_eq!(code(&token("")).as_deref(), Some("no_login"));
        assert_eq!(
            code(&token("[REDACTED] use …")).as_deref(),
            Some("invalid_token")
        );
        assert_eq!(code(&token("a\nb")).as_deref(), Some("invalid_token"));
        assert_eq!(code(&token("00Dx!a.b\n")), None);
        let half = SalesforceSettings {
            client_id: Some("x".to_owned()),
            ..settings()
        };
        assert_eq!(code(&half).as_deref(), Some("incomplete_login"));
    }

    #[test]
    fn a_refused_login_pauses_and_a_busy_org_does_not() {
        let kind = |status, body: &[u8]| refused_login(status, body).failure.kind;
        let refused =
            br#"{"error":"invalid_client","error_description":"invalid client credentials"}"#;
        assert_eq!(kind(400, refused), FailureKind::PauseRun);
        assert_eq!(kind(503, b"<html>"), FailureKind::Retry);
        assert_eq!(
            kind(400, br#"{"error":"rate_limit_exceeded"}"#),
            FailureKind::Retry
        );
    }
}
