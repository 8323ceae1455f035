//! OAuth's token endpoint: what each grant sends there, and what its answers mean.

use std::sync::PoisonError;
use std::time::Duration;

use model::{Failure, Secret};
use serde::Deserialize;

use super::login::Grant;
use crate::errors::{self, CallError};

/// A login is a small call.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A session as a login answers it.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) access_token: Secret,
    #[serde(default)]
    pub(super) instance_url: Option<String>,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

impl Grant {
    /// Logs in at `host`.
    pub(super) async fn ask(
        &self,
        http: &reqwest::Client,
        host: &str,
    ) -> Result<Granted, CallError> {
        let form = self.form(host).map_err(CallError::before)?;
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
            return Err(self.refused(status.as_u16(), &body));
        }
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| {
            // Not the parser's words: they might repeat the token.
            CallError::before(errors::login_refused("its answer holds no token"))
        })?;
        self.keep(&granted);
        Ok(granted)
    }

    fn form(&self, host: &str) -> Result<Vec<(&'static str, String)>, Failure> {
        let of_app = |grant_type: &str, client_id: &str, client_secret: Option<&Secret>| {
            let mut form = vec![
                ("grant_type", grant_type.to_owned()),
                ("client_id", client_id.trim().to_owned()),
            ];
            let secret = client_secret.map(|secret| secret.expose().trim().to_owned());
            form.extend(secret.map(|secret| ("client_secret", secret)));
            form
        };
        Ok(match self {
            Self::ClientCredentials {
                client_id,
                client_secret,
            } => of_app("client_credentials", client_id, Some(client_secret)),
            Self::Refresh {
                client_id,
                client_secret,
                token,
            } => {
                let mut form = of_app("refresh_token", client_id, client_secret.as_ref());
                let token = token.lock().unwrap_or_else(PoisonError::into_inner);
                form.push(("refresh_token", token.expose().trim().to_owned()));
                form
            }
            Self::Assertion {
                client_id,
                username,
                key,
            } => {
                let now = chrono::Utc::now().timestamp();
                let assertion = key.assertion(client_id.trim(), username.trim(), host, now)?;
                vec![
                    ("grant_type", JWT_BEARER.to_owned()),
                    ("assertion", assertion),
                ]
            }
        })
    }

    /// Takes over the refresh token that replaces the one just used.
    fn keep(&self, granted: &Granted) {
        let (Self::Refresh { token, .. }, Some(new)) = (self, &granted.refresh_token) else {
            return;
        };
        let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.expose().trim() != new.expose() {
            tracing::warn!(
                "the org replaced the refresh token: the one in the settings may serve no other process, nor this one once it ends"
            );
            *token = new.clone();
        }
    }

    /// A login that is refused is refused for good, unless the org is only busy.
    fn refused(&self, status: u16, body: &[u8]) -> CallError {
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
            error.failure =
                errors::login_refused(&said).hint(self.way_out(&refusal.code, &refusal.message));
        }
        error
    }

    fn way_out(&self, code: &str, message: &str) -> &'static str {
        match self {
            _ if code == "invalid_client_id" => {
                "`client_id` is the consumer key of an app that the org knows; a new app is known after some minutes; then resume"
            }
            Self::ClientCredentials { .. } => {
                "give the connection `client_id` and `client_secret` of an app of this org with the client credentials flow on, and a user to run \
                 as; then resume"
            }
            Self::Refresh { .. } => {
                "the refresh token was revoked, has expired, was replaced by a newer one, or is another app's: log in anew, put the new one into the \
                 environment, then resume"
            }
            Self::Assertion { .. }
                if code == "invalid_app_access" || message.contains("approved") =>
            {
                "the app's policy has to permit the user beforehand (\"Admin approved users are pre-authorized\", with a profile or permission set of \
                 the user's); a sandbox's user logs in at https://test.salesforce.com (`login_url`); then resume"
            }
            Self::Assertion { .. } => {
                "the app has to hold the certificate of this private key, `username` be a user of the org that `login_url` leads to, and this \
                 machine's clock be right; then resume"
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use model::FailureKind;

    use super::*;

    fn refresh() -> Grant {
        Grant::Refresh {
            client_id: "app".to_owned(),
            client_secret: None,
            token: Mutex::new(Secret::new("first\n")),
        }
    }

    #[test]
    fn a_refused_login_pauses_and_a_busy_org_does_not() {
        let kind = |status, body: &[u8]| refresh().refused(status, body).failure.kind;
        let refused =
            br#"{"error":"invalid_client","error_description":"invalid client credentials"}"#;
        assert_eq!(kind(400, refused), FailureKind::PauseRun);
        assert_eq!(kind(503, b"<html>"), FailureKind::Retry);
        assert_eq!(
            kind(400, br#"{"error":"rate_limit_exceeded"}"#),
            FailureKind::Retry
        );
    }

    #[test]
    fn a_new_refresh_token_is_used_from_then_on() {
        let grant = refresh();
        let sent = || {
            let form = grant.form("https://x").unwrap();
            let of = |name| {
                form.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| v.clone())
            };
            (of("refresh_token").unwrap(), of("client_secret"))
        };
        assert_eq!(sent(), ("first".to_owned(), None));
        let granted: Granted =
            serde_json::from_str(r#"{"access_token":"a","refresh_token":"second"}"#).unwrap();
        grant.keep(&granted);
        assert_eq!(sent().0, "second");
        let granted: Granted = serde_json::from_str(r#"{"access_token":"a"}"#).unwrap();
        grant.keep(&granted);
        assert_eq!(sent().0, "second");
    }
}
