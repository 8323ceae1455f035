//! Takes every call: applies faults, counts it, has it answered, and drops the connection where a fault says so.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use futures::StreamExt as _;

use super::call::Call;
use super::reply::Reply;
use super::route::answer;
use crate::bulk::classic;
use crate::errors::ApiError;
use crate::faults::{CallFault, Refusal};
use crate::org::Org;
use crate::page;

pub(crate) fn router(org: Arc<Org>) -> Router {
    Router::new().fallback(take).with_state(org)
}

async fn take(State(org): State<Arc<Org>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let call = Call::new(parts, body);
    let headers = call.headers.clone();
    let method = call.method.clone();
    let path = call.path();
    if page::owns(&path) {
        let reply = page::answer(&org, call).await;
        return sound(&org, reply).finish(&headers);
    }
    if path.starts_with("/rehearsal/") {
        let reply = answer(&org, call).await.unwrap_or_else(Reply::from);
        return reply.finish(&headers);
    }
    if let Some(latency) = org.faults.latency() {
        tokio::time::sleep(latency).await;
    }
    let limited = path.starts_with("/services/data/") || path.starts_with("/services/async/");
    let running = limited.then(|| Running::begin(&org));
    let refused = running.as_ref().and_then(|running| running.refused);
    let fault = org.faults.take_call(method.as_str(), &path);
    let reply = match fault {
        Some(CallFault::DropBefore) => return cut_off(),
        Some(CallFault::DropAfter) | None if refused.is_none() => {
            let answered = answer(&org, call).await;
            answered.unwrap_or_else(|error| Reply::error(error, &headers))
        }
        fault => {
            // Read to its end, so that the client gets the answer and not a broken pipe.
            let mut body = call.body.into_data_stream();
            while let Some(Ok(_)) = body.next().await {}
            let (status, wait) = match (refused, fault) {
                (Some(_), _) | (_, Some(CallFault::ConcurrentLimit)) => (403, None),
                (_, Some(CallFault::Throttled(seconds))) => (429, Some(seconds)),
                (_, Some(CallFault::Status(status))) => (status, None),
                _ => (500, None),
            };
            let concurrent = refused == Some(Refusal::Concurrent)
                || refused.is_none() && fault == Some(CallFault::ConcurrentLimit);
            let error = if concurrent {
                self::concurrent()
            } else {
                refusal(status)
            };
            let reply = match (status, path.starts_with("/services/async/")) {
                (503, _) => unavailable(),
                (_, true) => classic::refused(&headers, error),
                (_, false) => Reply::error(error, &headers),
            };
            match wait {
                Some(seconds) => reply.with("retry-after", &seconds.to_string()),
                None => reply,
            }
        }
    };
    drop(running);
    if fault == Some(CallFault::DropAfter) {
        return cut_off();
    }
    let reply = sound(&org, reply);
    let reply = if limited {
        let (used, most) = super::misc::daily(&org);
        reply.with("sforce-limit-info", &format!("api-usage={used}/{most}"))
    } else {
        reply
    };
    let response = reply.finish(&headers);
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}

/// The reply, unless the records failed meanwhile: whatever was answered may not have been stored.
fn sound(org: &Org, reply: Reply) -> Reply {
    if org.is_broken() {
        refusal(500).into()
    } else {
        reply
    }
}

/// A call that counts as one of those being answered, until it is dropped.
struct Running {
    org: Arc<Org>,
    refused: Option<Refusal>,
}

impl Running {
    fn begin(org: &Arc<Org>) -> Self {
        if let Some(tokens) = org.faults.take_expiry() {
            org.expire(tokens);
        }
        Self {
            refused: org.faults.enter(),
            org: Arc::clone(org),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.org.faults.leave();
    }
}

fn concurrent() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    )
}

/// What is said before the platform itself.
fn unavailable() -> Reply {
    Reply::html(
        StatusCode::SERVICE_UNAVAILABLE,
        "<html><head><title>Service Unavailable</title></head><body>Server is temporarily unavailable\
         </body></html>",
    )
}

/// A response whose body fails before its first byte: the connection is closed with nothing of it sent.
fn cut_off() -> Response<Body> {
    let failing =
        futures::stream::once(async { Err::<String, _>(io::Error::other("dropped by a fault")) });
    Response::new(Body::from_stream(failing))
}

/// The body the platform gives with a status.
fn refusal(status: u16) -> ApiError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, message) = match status.as_u16() {
        401 => return ApiError::session(),
        403 => ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        404 => ("NOT_FOUND", "The requested resource does not exist"),
        400 => ("API_ERROR", "The request could not be processed"),
        420 | 429 => ("SERVER_UNAVAILABLE", "Too many requests, try again later"),
        502 | 504 => ("SERVER_UNAVAILABLE", "Service Not Available"),
        _ => (
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1 (1)",
        ),
    };
    ApiError::new(status, code, message)
}
