//! Runs one call inside another: same token, same version check, an answer kept instead of sent.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value as Json};

use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::call::Call;
use crate::rest::reply::Reply;
use crate::rest::route;
use crate::write::journal::Journal;

/// What inner calls have from the outer one.
pub(super) struct Outer {
    pub(super) journal: Option<Arc<Journal>>,
    headers: HeaderMap,
}

impl Outer {
    pub(super) fn of(call: &Call) -> Self {
        let mut headers = call.headers.clone();
        for name in [
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::ACCEPT_ENCODING,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
        Self {
            journal: None,
            headers,
        }
    }
}

/// The answer of an inner call.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Map<String, Json>,
    pub(super) body: Json,
}

impl Answer {
    pub(super) fn failed(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status,
            headers: Map::new(),
            body: error.body,
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let Some((status, headers, bytes)) = reply.into_whole() else {
            return unsupported().into();
        };
        let headers = headers.into_iter().filter_map(|(name, value)| {
            let value = Json::String(value.to_str().ok()?.to_owned());
            // Names are kept in lower case here, and shown as people write them.
            let mut shown = name.as_str().to_owned();
            shown[..1].make_ascii_uppercase();
            Some((shown, value))
        });
        Self {
            status,
            headers: headers.collect(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

fn unsupported() -> ApiError {
    ApiError::bad(
        "INVALID_INPUT",
        "The resource can't be used in a subrequest",
    )
}

/// Runs one call. Not an async function, since calls may hold calls and their type must end somewhere.
pub(super) fn run<'a>(
    org: &'a Arc<Org>,
    outer: &Outer,
    method: &str,
    url: &str,
    headers: &Map<String, Json>,
    body: Option<Json>,
) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
    match call(outer, method, url, headers, body) {
        Ok(call) => Box::pin(async move {
            match route::inner(org, call).await {
                Ok(reply) => reply.into(),
                Err(error) => error.into(),
            }
        }),
        Err(error) => Box::pin(std::future::ready(error.into())),
    }
}

fn call(
    outer: &Outer,
    method: &str,
    url: &str,
    headers: &Map<String, Json>,
    body: Option<Json>,
) -> Result<Call, ApiError> {
    let method: Method = method
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| ApiError::bad("INVALID_INPUT", "Invalid method in subrequest"))?;
    let mut call = Call::inner(method, url.trim());
    // Which calls may be in another: records, describes, queries, collections, limits.
    let allowed = match call.segments.get(3).map(String::as_str) {
        Some("composite") => call.segments.get(4).is_some_and(|s| s == "sobjects"),
        // What tooling changes is in no journal.
        Some("jobs" | "tooling") => false,
        _ => true,
    };
    if !allowed {
        return Err(unsupported());
    }
    call.headers = outer.headers.clone();
    for (name, value) in headers {
        if let (Ok(name), Some(Ok(value))) = (
            name.parse::<HeaderName>(),
            value.as_str().map(HeaderValue::from_str),
        ) && name != header::AUTHORIZATION
        {
            call.headers.insert(name, value);
        }
    }
    call.journal = outer.journal.clone();
    if let Some(body) = body {
        call.body = Body::from(body.to_string());
    }
    Ok(call)
}
