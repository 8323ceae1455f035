//! Who may call: the fixed token and those handed out for credentials; `grants` holds the token endpoint, `jwt` and
//! `key` what it needs for assertions.

mod grants;
mod jwt;
mod key;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value as Json, json};

use crate::error::Error;
use crate::errors::ApiError;
use crate::org::{Org, USERNAME};
use crate::rest::Reply;
use crate::rest::call::{Call, form_pairs};
use crate::settings::{Settings, random_text};

/// Tokens handed out and not yet revoked or expired; the oldest go first.
const MOST_TOKENS: usize = 256;
/// The most a form may hold, in bytes.
const MOST_FORM: usize = 64 * 1024;

pub(crate) use grants::{introspect, token};
pub(crate) use key::PublicKey;

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

/// `/services/oauth2/revoke`; the token is in the form, or in the address.
pub(crate) async fn revoke(org: &Org, call: Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let mut form = call.query.clone();
    let body = call.bytes(MOST_FORM).await?;
    form.extend(form_pairs(&String::from_utf8_lossy(&body)));
    if let Some((_, token)) = form.iter().find(|(name, _)| name == "token") {
        org.auth.revoke(token);
    }
    Ok(Reply::empty(StatusCode::OK))
}

/// `GET /services/oauth2/userinfo`, and the identity behind a token reply's `id`.
pub(crate) fn userinfo(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    org.auth.check(&call.headers)?;
    Ok(Reply::json(&identity(org)))
}

fn identity(org: &Org) -> Json {
    let (organization, user) = org.identity();
    let url = org.url();
    json!({
        "sub": format!("{url}/id/{organization}/{user}"),
        "id": format!("{url}/id/{organization}/{user}"),
        "user_id": user,
        "organization_id": organization,
        "preferred_username": USERNAME,
        "username": USERNAME,
        "email": crate::org::EMAIL,
        "email_verified": true,
        "name": "Rehearsal User",
        "active": true,
        "user_type": "STANDARD",
        "urls": {
            "rest": format!("{url}/services/data/v{{version}}/"),
            "sobjects": format!("{url}/services/data/v{{version}}/sobjects/"),
            "query": format!("{url}/services/data/v{{version}}/query/"),
        },
    })
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(base64(encoded.trim())?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Decodes the standard alphabet and that of addresses, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// Encodes in the standard alphabet, padded.
fn to_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let six = bits >> (18 - 6 * place) & 63;
            out.push(match place {
                place if place > three.len() => '=',
                _ => char::from(LETTERS[six as usize]),
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_decodes() {
        assert_eq!(base64("aWQ6c2VjcmV0"), Some(b"id:secret".to_vec()));
        assert_eq!(base64("aWQ6cw=="), Some(b"id:s".to_vec()));
        assert_eq!(base64("-_-_"), base64("+/+/"));
        assert_eq!(base64("a$"), None);
    }

    #[test]
    fn base64_encodes_what_it_decodes() {
        for bytes in [&b"id:secret"[..], b"id:s", b"id:se", b"", &[0, 255, 62, 63]] {
            assert_eq!(base64(&to_base64(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(to_base64(b"id:s"), "aWQ6cw==");
        assert_eq!(to_base64(b"id:se"), "aWQ6c2U=");
    }

    #[test]
    fn comparison_is_of_all_and_length() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "ab"));
        assert!(!same("", "a"));
    }
}
