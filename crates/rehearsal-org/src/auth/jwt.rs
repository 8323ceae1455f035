//! Assertions of the JWT bearer flow: read as leniently as clients write them, and verified where a key is known.

use serde_json::{Map, Value as Json};

use super::base64;
use super::key::PublicKey;

/// From here on a number must be milliseconds: as seconds it lies beyond the year 5000.
const MILLISECONDS: f64 = 100_000_000_000.0;

/// What an assertion claims.
#[derive(Debug, PartialEq)]
pub(super) struct Claims {
    /// The connected app's key.
    pub(super) issuer: String,
    /// The username.
    pub(super) subject: String,
    /// Seconds from the epoch.
    pub(super) expires: f64,
}

/// Reads an assertion; `None` when it is malformed, or not signed by the key's holder.
pub(super) fn read(assertion: &str, key: Option<&PublicKey>) -> Option<Claims> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header = object(header)?;
    if header.get("alg").and_then(Json::as_str) != Some("RS256") {
        return None;
    }
    let signature = base64::decode(signature)?;
    if let Some(key) = key
        && !key.verifies(signed.as_bytes(), &signature)
    {
        return None;
    }
    let claims = object(claims)?;
    let text = |name: &str| claims.get(name).and_then(Json::as_str).map(str::to_owned);
    Some(Claims {
        issuer: text("iss")?,
        subject: text("sub").or_else(|| text("prn"))?,
        expires: moment(claims.get("exp")?)?,
    })
}

fn object(part: &str) -> Option<Map<String, Json>> {
    serde_json::from_slice(&base64::decode(part)?).ok()
}

/// A number or a text, in seconds or milliseconds.
fn moment(value: &Json) -> Option<f64> {
    let number = match value {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(if number >= MILLISECONDS {
        number / 1000.0
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expiry_in_every_form() {
        assert_eq!(moment(&json!(1_700_000_000)), Some(1_700_000_000.0));
        assert_eq!(moment(&json!("1700000000")), Some(1_700_000_000.0));
        assert_eq!(moment(&json!(1_700_000_000_000_u64)), Some(1_700_000_000.0));
        assert_eq!(moment(&json!("soon")), None);
        assert_eq!(moment(&json!(null)), None);
    }

    #[test]
    fn malformed_assertions_claim_nothing() {
        for text in ["", "a.b.c", "e30.e30.e30", "e30.e30", "."] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }
}
