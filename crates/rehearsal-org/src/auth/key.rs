//! The public key that signatures of assertions are checked with, read from the PEM text of a key or a certificate.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::base64;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The version of a certificate, which may be left out.
const VERSION: u8 = 0xa0;

/// An RSA key, as PKCS#1 writes it.
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`; `None` when it is neither.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let (label, der) = pem(text)?;
        let key = match label.as_str() {
            "RSA PUBLIC KEY" => der,
            "PUBLIC KEY" => from_spki(&der)?,
            "CERTIFICATE" => from_certificate(&der)?,
            _ => return None,
        };
        Some(Self(key))
    }

    /// Whether a message was signed with RS256 by the holder of the private key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// The label and content of the first block.
fn pem(text: &str) -> Option<(String, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    Some((label.to_owned(), base64::decode(&body)?))
}

/// A value, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// What follows the next value, whatever it is.
fn skip(der: &[u8]) -> Option<&[u8]> {
    Some(value(der, *der.first()?)?.1)
}

fn from_spki(der: &[u8]) -> Option<Vec<u8>> {
    let (spki, _) = value(der, SEQUENCE)?;
    let (bits, _) = value(skip(spki)?, BIT_STRING)?;
    // The first byte says how many bits of the last are not used: none.
    let (unused, key) = bits.split_first()?;
    (*unused == 0 && value(key, SEQUENCE).is_some()).then(|| key.to_vec())
}

fn from_certificate(der: &[u8]) -> Option<Vec<u8>> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = skip(rest)?;
    }
    // Serial number, algorithm, issuer, validity, subject; then the key.
    for _ in 0..5 {
        rest = skip(rest)?;
    }
    from_spki(rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_from_each_form() {
        let read = |text| PublicKey::from_pem(text).unwrap().0;
        let key = read(include_str!("../../tests/http/keys/public.pem"));
        assert_eq!(
            key,
            read(include_str!("../../tests/http/keys/rsa-public.pem"))
        );
        assert_eq!(
            key,
            read(include_str!("../../tests/http/keys/certificate.pem"))
        );
    }

    #[test]
    fn anything_else_is_no_key() {
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMIIB",
            "-----BEGIN OTHER-----\nMAA=\n-----END OTHER-----",
            "-----BEGIN CERTIFICATE-----\nMIQAAAAA\n-----END CERTIFICATE-----",
        ] {
            assert!(PublicKey::from_pem(text).is_none(), "{text}");
        }
    }
}
