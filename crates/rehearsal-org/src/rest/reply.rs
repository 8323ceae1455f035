//! An answer before it is sent, and the last touches: JSON is compressed where the client asks for it.

use std::io::{self, Write as _};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::errors::ApiError;

/// Smaller bodies are not worth compressing, larger ones not the time it takes between two programs of one machine.
const COMPRESSED: std::ops::Range<usize> = 1024..256 * 1024;

type Headers = Vec<(HeaderName, HeaderValue)>;

pub(crate) struct Reply {
    status: StatusCode,
    headers: Headers,
    content: Content,
}

enum Content {
    Empty,
    Whole(&'static str, Bytes),
    Pieces(&'static str, Body),
}

const JSON: &str = "application/json;charset=UTF-8";
pub(crate) const CSV: &str = "text/csv; charset=UTF-8";

impl Reply {
    fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Content::Empty)
    }

    pub(crate) fn json(body: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, body)
    }

    pub(crate) fn json_with(status: StatusCode, body: &impl Serialize) -> Self {
        // Our own types serialise: no maps with keys that are not text.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        Self::new(status, Content::Whole(JSON, bytes.into()))
    }

    pub(crate) fn json_text(body: String) -> Self {
        Self::new(StatusCode::OK, Content::Whole(JSON, body.into()))
    }

    /// A body that is there already, of this content type.
    pub(crate) fn whole(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self::new(status, Content::Whole(content_type, body.into()))
    }

    /// An error in the language that was asked for: all refusals are told in XML too.
    pub(crate) fn error(error: ApiError, asked: &HeaderMap) -> Self {
        let accepted = asked.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        let accepted = accepted.unwrap_or_default().to_ascii_lowercase();
        let xml = ["application/xml", "text/xml"];
        let wanted = xml.iter().any(|kind| accepted.contains(kind))
            && !accepted.contains("application/json");
        match error.to_xml().filter(|_| wanted) {
            Some(body) => Self::whole(error.status, "application/xml;charset=UTF-8", body),
            None => error.into(),
        }
    }

    pub(crate) fn html(status: StatusCode, body: &'static str) -> Self {
        Self::new(
            status,
            Content::Whole("text/html; charset=UTF-8", body.into()),
        )
    }

    pub(crate) fn page(status: StatusCode, body: String) -> Self {
        Self::new(
            status,
            Content::Whole("text/html; charset=UTF-8", body.into()),
        )
    }

    /// CSV made piece by piece while it is sent, as [`Reply::pieces`].
    pub(crate) fn csv(pieces: impl Iterator<Item = io::Result<String>> + Send + 'static) -> Self {
        Self::pieces(CSV, pieces)
    }

    /// A body made piece by piece while it is sent. An error breaks off the connection, so that no client takes what
    /// it has for the whole.
    pub(crate) fn pieces(
        content_type: &'static str,
        pieces: impl Iterator<Item = io::Result<String>> + Send + 'static,
    ) -> Self {
        let pieces = futures::stream::iter(pieces);
        Self::new(
            StatusCode::OK,
            Content::Pieces(content_type, Body::from_stream(pieces)),
        )
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    /// Status, headers and body, for an answer inside another; `None` for one that is written while it is sent.
    pub(crate) fn into_whole(self) -> Option<(StatusCode, Headers, Bytes)> {
        let body = match self.content {
            Content::Empty => Bytes::new(),
            Content::Whole(_, bytes) => bytes,
            Content::Pieces(..) => return None,
        };
        Some((self.status, self.headers, body))
    }

    pub(crate) fn finish(self, asked: &HeaderMap) -> Response<Body> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        let mut typed = |content_type| {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        };
        let body = match self.content {
            Content::Empty => Body::empty(),
            Content::Pieces(content_type, body) => {
                typed(content_type);
                body
            }
            Content::Whole(content_type, bytes) => {
                typed(content_type);
                match compress(&bytes, asked) {
                    Some(packed) => {
                        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                        packed.into()
                    }
                    None => bytes.into(),
                }
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        Self::json_with(error.status, &error.body)
    }
}

fn compress(bytes: &[u8], asked: &HeaderMap) -> Option<Vec<u8>> {
    let accepted = asked.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    if !COMPRESSED.contains(&bytes.len()) || !accepted.contains("gzip") {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
