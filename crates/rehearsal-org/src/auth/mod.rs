//! Who may call: the fixed token and those handed out for credentials; `grants` holds the token endpoint, `jwt` and
//! `key` what it needs for assertions, `session` what else is asked about a token.

mod base64;
mod grants;
mod jwt;
mod key;
mod session;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};

use crate::error::Error;
use crate::errors::ApiError;
use crate::furnish::USERNAME;
use crate::settings::{Settings, random_text};

/// Tokens handed out and not yet revoked or expired; the oldest go first.
const MOST_TOKENS: usize = 256;
/// The most a form may hold, in bytes.
const MOST_FORM: usize = 64 * 1024;

pub(crate) use grants::{introspect, token};
pub(crate) use key::PublicKey;
pub(crate) use session::{revoke, userinfo};

pub(crate) struct Auth {
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) password: String,
    pub(crate) refresh_token: String,
    refresh_revoked: AtomicBool,
    /// Assertions are not verified without.
    key: Option<PublicKey>,
    issued: Mutex<Vec<String>>,
    /// Whether the fixed token is no longer valid.
    spent: AtomicBool,
}

impl Auth {
    /// The settings' secrets, and the token that is valid from the start.
    pub(crate) fn new(token: String, settings: &Settings) -> Result<Self, Error> {
        let key = settings.jwt_key.as_deref().map(|pem| {
            PublicKey::from_pem(pem).ok_or_else(|| {
                let message =
                    "the JWT key must be the PEM text of an RSA public key or certificate";
                Error::Settings(message.to_owned())
            })
        });
        Ok(Self {
            token,
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            password: settings.password.clone(),
            refresh_token: settings.refresh_token.clone(),
            refresh_revoked: AtomicBool::new(false),
            key: key.transpose()?,
            issued: Mutex::default(),
            spent: AtomicBool::new(false),
        })
    }

    /// Whether this is the user, and its password.
    pub(crate) fn knows(&self, username: &str, password: &str) -> bool {
        let user = username.trim().eq_ignore_ascii_case(USERNAME);
        same(password, &self.password) & user
    }

    fn may_refresh(&self, token: &str) -> bool {
        same(token, &self.refresh_token) && !self.refresh_revoked.load(Ordering::Relaxed)
    }

    fn issued(&self) -> MutexGuard<'_, Vec<String>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a call without a valid token.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.check_token(Self::sent(headers).ok_or_else(ApiError::session)?)
    }

    /// Refuses a call without a token of this org; the fixed one counts even where it has expired, so that whoever
    /// started the org can always order and clear faults.
    pub(crate) fn check_operator(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match Self::sent(headers) {
            Some(token) if same(token, &self.token) => Ok(()),
            _ => self.check(headers),
        }
    }

    /// The token of a call.
    fn sent(headers: &HeaderMap) -> Option<&str> {
        let value = headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let token = value.and_then(|v| v.split_once(' ')).filter(|(scheme, _)| {
            ["Bearer", "OAuth"]
                .iter()
                .any(|s| s.eq_ignore_ascii_case(scheme))
        });
        token.map(|(_, token)| token.trim())
    }

    /// Refuses a token that is not valid.
    pub(crate) fn check_token(&self, token: &str) -> Result<(), ApiError> {
        let fixed = !self.spent.load(Ordering::Relaxed);
        let known = (fixed & same(token, &self.token))
            | self
                .issued()
                .iter()
                .fold(false, |any, t| any | same(token, t));
        if known {
            Ok(())
        } else {
            Err(ApiError::session())
        }
    }

    /// Makes every token handed out so far invalid; the fixed one stays.
    pub(crate) fn expire(&self) {
        self.issued().clear();
    }

    /// Makes a token that was handed out invalid, or the refresh token; the fixed one stays valid.
    pub(crate) fn revoke(&self, token: &str) {
        self.issued().retain(|t| !same(t, token));
        if same(token, &self.refresh_token) {
            self.refresh_revoked.store(true, Ordering::Relaxed);
        }
    }

    /// Makes the fixed token invalid, or valid again.
    pub(crate) fn expire_fixed(&self, spent: bool) {
        self.spent.store(spent, Ordering::Relaxed);
    }

    /// Hands out a new token.
    pub(crate) fn issue(&self, organization: &str) -> String {
        let token = new_token(organization);
        let mut issued = self.issued();
        if issued.len() >= MOST_TOKENS {
            issued.remove(0);
        }
        issued.push(token.clone());
        token
    }
}

/// A token of the platform's form: the organization's id, `!`, then random characters.
pub(crate) fn new_token(organization: &str) -> String {
    format!(
        "{}!{}",
        &organization[..15.min(organization.len())],
        random_text(64)
    )
}

/// Compares in a time that depends on the lengths alone.
fn same(a: &str, b: &str) -> bool {
    let difference = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |sum, (x, y)| sum | (x ^ y));
    a.len() == b.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_is_of_all_and_length() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "ab"));
        assert!(!same("", "a"));
    }
}
