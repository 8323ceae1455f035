//! One call, taken apart: the path in segments (double and trailing slashes gone, percent signs decoded), the query
//! as pairs, the body still to be read.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use bytes::Bytes;
use futures::StreamExt as _;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use super::unpack::unpacked;
use crate::errors::ApiError;
use crate::write::journal::Journal;

/// The most a JSON body may hold, in bytes.
const MOST_JSON: usize = 32 * 1024 * 1024;

/// The most that is read of a body nobody wants.
const MOST_DRAINED: usize = 16 * 1024 * 1024;

pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// `66.0`, once the route has found it.
    pub(crate) version: String,
    pub(crate) body: Body,
    /// Where writes are noted that stand and fall with those of other calls.
    pub(crate) journal: Option<Arc<Journal>>,
}

impl Call {
    pub(crate) fn new(parts: Parts, body: Body) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let mut call = Self {
            body: unpacked(&parts.headers, body),
            headers: parts.headers,
            ..Self::of(parts.method, parts.uri.path(), query)
        };
        // Clients that can send nothing but POST name the method they mean.
        if call.method == Method::POST
            && let Some(Ok(meant)) = call.parameter("_HttpMethod").map(str::parse)
        {
            call.method = meant;
        }
        call
    }

    /// A call inside another, without headers or body. Its address need not be well formed.
    pub(crate) fn inner(method: Method, url: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Self::of(method, path, query)
    }

    fn of(method: Method, path: &str, query: &str) -> Self {
        Self {
            segments: path
                .split('/')
                .filter(|s| !s.is_empty())
                .map(decode)
                .collect(),
            query: form_pairs(query),
            method,
            headers: HeaderMap::new(),
            version: String::new(),
            body: Body::empty(),
            journal: None,
        }
    }

    /// Whether it only reads.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// The path as faults compare it.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameter(name)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// `66` of `66.0`.
    pub(crate) fn version_number(&self) -> u32 {
        let whole = self.version.split('.').next();
        whole.and_then(|v| v.parse().ok()).unwrap_or_default()
    }

    /// Refuses any other method. What can be got can be asked for its head.
    pub(crate) fn only(&self, allowed: &str) -> Result<(), ApiError> {
        let method = match self.method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        if allowed.split(',').any(|m| m == method) {
            Ok(())
        } else {
            Err(ApiError::method(self.method.as_str(), allowed))
        }
    }

    pub(crate) async fn bytes(self, most: usize) -> Result<Bytes, ApiError> {
        to_bytes(self.body, most).await.map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "REQUEST_TOO_LARGE",
                "The request body could not be read, or is too large",
            )
        })
    }

    /// Reads a body that nobody wants, so that the client gets its answer and may use the connection again.
    pub(crate) async fn drain(self) {
        let mut body = self.body.into_data_stream();
        let mut read = 0;
        while let Some(Ok(piece)) = body.next().await {
            read += piece.len();
            if read > MOST_DRAINED {
                return;
            }
        }
    }

    /// The body as a JSON object.
    pub(crate) async fn json(self) -> Result<Map<String, Json>, ApiError> {
        let body = self.bytes(MOST_JSON).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::json(error.to_string()))
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Reads `a=b&c=d`; a plus stands for a space.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}
