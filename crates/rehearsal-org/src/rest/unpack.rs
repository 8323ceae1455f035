//! A body that its sender compressed, unpacked while it is read, so that whoever reads it counts what it really holds.

use std::io::{self, Write as _};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use flate2::write::GzDecoder;
use futures::StreamExt as _;

/// The body as its sender had it; what is not packed stays as it is.
pub(super) fn unpacked(headers: &HeaderMap, body: Body) -> Body {
    let encoding = headers.get(header::CONTENT_ENCODING);
    let packed = encoding.is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !packed {
        return body;
    }
    let begin = (body.into_data_stream(), Some(GzDecoder::new(Vec::new())));
    let pieces = futures::stream::try_unfold(begin, |(mut packed, decoder)| async move {
        let Some(mut decoder) = decoder else {
            return Ok(None);
        };
        let Some(piece) = packed.next().await else {
            return io::Result::Ok(Some((decoder.finish()?, (packed, None))));
        };
        decoder.write_all(&piece.map_err(io::Error::other)?)?;
        decoder.flush()?;
        let plain = std::mem::take(decoder.get_mut());
        Ok(Some((plain, (packed, Some(decoder)))))
    });
    Body::from_stream(pieces)
}
