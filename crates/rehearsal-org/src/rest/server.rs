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
use crate::errors::ApiError;
use crate::faults::CallFault;
use crate::org::Org;

pub(crate) fn router(org: Arc<Org>) -> Router {
    Router::new().fallback(take).with_state(org)
}

async fn take(State(org): State<Arc<Org>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let call = Call::new(parts, body);
    let headers = call.headers.clone();
    let method = call.method.clone();
    let path = call.path();
    let fault = org.faults.take_call(method.as_str(), &path);
    let reply = match fault {
        Some(CallFault::DropBefore) => return cut_off(),
        Some(CallFault::Status(status)) => {
            // Read to its end, so that the client gets the answer and not a broken pipe.
            let mut body = call.body.into_data_stream();
            while let Some(Ok(_)) = body.next().await {}
            refusal(status)
        }
        Some(CallFault::DropAfter) | None => answer(&org, call).await.unwrap_or_else(Reply::from),
    };
    if fault == Some(CallFault::DropAfter) {
        return cut_off();
    }
    let reply = if org.is_broken() {
        // Whatever was answered may not have been stored.
        refusal(500)
    } else {
        reply
    };
    let limited = path.starts_with("/services/data/") || path.starts_with("/services/async/");
    let reply = if limited {
        reply.with(
            "sforce-limit-info",
            &format!("api-usage={}/{}", org.calls(), super::misc::DAILY_CALLS),
        )
    } else {
        reply
    };
    let response = reply.finish(&headers);
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}

/// A response whose body fails before its first byte: the connection is closed with nothing of it sent.
fn cut_off() -> Response<Body> {
    let failing =
        futures::stream::once(async { Err::<String, _>(io::Error::other("dropped by a fault")) });
    Response::new(Body::from_stream(failing))
}

/// The body the platform gives with a status.
fn refusal(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, message) = match status.as_u16() {
        401 => return ApiError::session().into(),
        503 => {
            return Reply::html(
                status,
                "<html><head><title>Service Unavailable</title></head><body>Server is temporarily unavailable\
                 </body></html>",
            );
        }
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
    ApiError::new(status, code, message).into()
}
