//! Base64, which the platform reads leniently.

use ::base64::Engine as _;
use ::base64::alphabet;
use ::base64::engine::DecodePaddingMode;
use ::base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes the standard alphabet and that of addresses, padded or not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let standard = text.replace('-', "+").replace('_', "/");
    LENIENT.decode(standard).ok()
}

/// Encodes in the standard alphabet, padded.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_padded_or_not() {
        assert_eq!(decode("aWQ6c2VjcmV0"), Some(b"id:secret".to_vec()));
        assert_eq!(decode("aWQ6cw=="), Some(b"id:s".to_vec()));
        assert_eq!(decode("aWQ6cw"), Some(b"id:s".to_vec()));
        assert_eq!(decode("-_-_"), decode("+/+/"));
        assert_eq!(decode("a$"), None);
        assert_eq!(encode(b"id:s"), "aWQ6cw==");
    }
}
