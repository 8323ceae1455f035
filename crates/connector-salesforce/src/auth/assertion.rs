//! The JWT bearer login's key and what it signs: an assertion of a few minutes that says who wants to act as whom.
//! Source: Salesforce help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration"; RFC 7523.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Failure;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use serde_json::json;

/// How long an assertion holds; the platform takes three minutes at most.
const HOLDS: i64 = 150;

/// An RSA key that signs. It does not show itself.
#[derive(Clone)]
pub(super) struct Key(Arc<dyn SigningKey>);

impl Key {
    /// Reads the PEM text of `setting`, in PKCS#8 or PKCS#1. No message repeats any of it.
    pub(super) fn read(setting: &str, text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str, way_out: &str| {
            Failure::usage("invalid_private_key", format!("`{setting}` {what}")).hint(way_out)
        };
        let whole = "it is the text of a .pem file, its first and last line included; `openssl genrsa 2048` makes such a key";
        // A variable of one line often writes its line breaks as `\n`.
        let text = text.trim().replace("\\n", "\n");
        if text.contains("ENCRYPTED") {
            return Err(wrong(
                "holds an encrypted key, which needs a password that nobody can give here",
                "`openssl pkey -in encrypted.pem -out key.pem` writes it without one",
            ));
        }
        let der = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            Ok(der) => der,
            Err(pem::Error::NoItemsFound) if text.contains("-----BEGIN OPENSSH ") => {
                return Err(wrong(
                    "holds a key of OpenSSH's own form",
                    "`ssh-keygen -p -m PKCS8 -f key` rewrites it",
                ));
            }
            Err(pem::Error::NoItemsFound) if text.contains("-----BEGIN ") => {
                return Err(wrong(
                    "holds no private key but something else, such as a certificate or a public key",
                    "the certificate is for the connected app; the key that belongs to it is what is needed here",
                ));
            }
            Err(pem::Error::NoItemsFound) => return Err(wrong("holds no key", whole)),
            Err(_) => return Err(wrong("holds a key that is damaged or cut off", whole)),
        };
        let key = rustls::crypto::ring::sign::any_supported_type(&der)
            .map_err(|_| {
                wrong(
                    "holds a key that can't be used: damaged, of an unknown kind, or not of 2048 to 4096 bits",
                    whole,
                )
            })?;
        if key.algorithm() != SignatureAlgorithm::RSA {
            return Err(wrong(
                "holds a key that is not an RSA key, and the org takes no other",
                whole,
            ));
        }
        Ok(Self(key))
    }

    /// An assertion that holds from now on for a few minutes.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        username: &str,
        audience: &str,
        now: i64,
    ) -> Result<String, Failure> {
        let claims =
            json!({"iss": client_id, "sub": username, "aud": audience, "exp": now + HOLDS});
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .0
            .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
            .ok_or_else(|| Failure::bug("an RSA key that does not sign"))?
            .sign(signed.as_bytes())
            .map_err(|error| Failure::bug(format!("an assertion could not be signed: {error}")))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../tests/keys/private.pem");

    fn refused(text: &str) -> Failure {
        let failure = Key::read("private_key", text).err().unwrap();
        assert_eq!(failure.code, "invalid_private_key");
        assert!(failure.hint.is_some());
        failure
    }

    #[test]
    fn a_key_is_read_as_files_and_variables_hold_it() {
        for text in [
            KEY.to_owned(),
            KEY.replace('\n', "\r\n"),
            KEY.replace('\n', "\\n"),
            format!("\n\n{KEY}\n"),
            include_str!("../../tests/keys/private-pkcs1.pem").to_owned(),
        ] {
            assert!(Key::read("private_key", &text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_named_and_not_shown() {
        for (text, what) in [
            ("hunter2", "holds no key"),
            (include_str!("../../tests/keys/public.pem"), "public key"),
            (include_str!("../../tests/keys/encrypted.pem"), "encrypted"),
            (include_str!("../../tests/keys/elliptic.pem"), "not an RSA"),
            (include_str!("../../tests/keys/small.pem"), "2048"),
            (&KEY[..600], "cut off"),
            (
                "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----",
                "damaged",
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\naHVudGVyMg==\n-----END OPENSSH PRIVATE KEY-----",
                "OpenSSH",
            ),
        ] {
            let failure = refused(text);
            assert!(failure.message.contains(what), "{what}: {failure}");
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_assertion_says_who_acts_as_whom_until_when() {
        let key = Key::read("private_key", KEY).unwrap();
        let text = key
            .assertion("app", "ann@x.org", "https://login.salesforce.com", 1_000)
            .unwrap();
        let parts: Vec<_> = text
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        let claims: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(
            claims,
            json!({"iss": "app", "sub": "ann@x.org", "aud": "https://login.salesforce.com", "exp": 1_150})
        );
        // 2048 bits.
        assert_eq!((parts.len(), parts[2].len()), (3, 256));
    }
}
