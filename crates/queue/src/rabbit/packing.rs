//! Records are packed with LZ4 on their way over the network; the message says so in its content encoding. Other messages are small, or packed already.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use model::Kind;

use crate::readable;

/// The content encoding of a packed body.
pub(crate) const LZ4: &str = "lz4";

/// How much larger than its message a body may be that is read: what claims to be more is no message of ours.
const LARGEST: usize = 16;

/// The body as it is sent, and its content encoding where it was packed.
pub(crate) fn pack(kind: Kind, body: Bytes, max_body: usize) -> (Bytes, Option<&'static str>) {
    let has_records = matches!(kind, Kind::Extracted | Kind::Mapped);
    if !has_records || body.len() > max_body.saturating_mul(LARGEST) {
        return (body, None);
    }
    let packed = || {
        let mut encoder = FrameEncoder::new(Vec::with_capacity(body.len() / 2));
        encoder.write_all(&body).ok()?;
        encoder.finish().ok()
    };
    match packed() {
        Some(packed) if packed.len() < body.len() => (packed.into(), Some(LZ4)),
        _ => (body, None),
    }
}

/// The body as it was before it was packed, or why it can't be had.
pub(crate) fn unpack(
    body: Bytes,
    encoding: Option<&str>,
    max_body: usize,
) -> Result<Bytes, String> {
    readable::size(body.len(), max_body)?;
    match encoding {
        None => Ok(body),
        Some(LZ4) => {
            let largest = max_body.saturating_mul(LARGEST);
            let mut unpacked = Vec::with_capacity(body.len().saturating_mul(2).min(largest));
            FrameDecoder::new(&body[..])
                .take((largest as u64).saturating_add(1))
                .read_to_end(&mut unpacked)
                .map_err(|error| format!("the body can't be unpacked: {error}"))?;
            readable::size(unpacked.len(), largest)?;
            Ok(unpacked.into())
        }
        Some(other) => Err(format!(
            "the body has the unknown content encoding `{}`",
            other.chars().take(40).collect::<String>()
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn records_are_packed_and_come_back() {
        let body = Bytes::from(vec![7; 10_000]);
        let (packed, encoding) = pack(Kind::Mapped, body.clone(), 1_000);
        assert!(packed.len() < 1_000, "{}", packed.len());
        assert_eq!(encoding, Some(LZ4));
        assert_eq!(unpack(packed, encoding, 1_000), Ok(body));
    }

    #[test]
    fn what_does_not_shrink_goes_as_it_is() {
        for (kind, body) in [
            (Kind::Mapped, "x"),
            (Kind::Report, "xxxxxxxxxxxxxxxxxxxxxxx"),
        ] {
            let body = Bytes::from(body.repeat(match kind {
                Kind::Report => 1_000,
                _ => 1,
            }));
            assert_eq!(pack(kind, body.clone(), 1_000_000), (body, None));
        }
    }

    #[test]
    fn what_nobody_would_unpack_is_not_packed() {
        let body = Bytes::from(vec![0; 16_001]);
        assert_eq!(pack(Kind::Mapped, body.clone(), 1_000), (body, None));
    }

    #[test]
    fn hostile_bodies_are_refused() {
        let (bomb, encoding) = pack(Kind::Mapped, vec![0; 17_000].into(), 10_000);
        let reason = unpack(bomb.clone(), encoding, 1_000).unwrap_err();
        assert!(reason.contains("more than the 16000"), "{reason}");
        let reason = unpack(bomb.slice(..bomb.len() / 2), encoding, 10_000).unwrap_err();
        assert!(reason.contains("can't be unpacked"), "{reason}");
        let reason = unpack(bomb.clone(), Some("gzip"), 10_000).unwrap_err();
        assert!(
            reason.contains("unknown content encoding `gzip`"),
            "{reason}"
        );
        let reason = unpack(bomb, encoding, 10).unwrap_err();
        assert!(
            reason.contains("more than the 10 that are read"),
            "{reason}"
        );
    }
}
