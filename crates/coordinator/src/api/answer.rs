//! Failures as HTTP answers: `{"error":{…}}`, with a status that follows from the failure's kind.

use api::ErrorEnvelope;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Failure, FailureKind};

/// What every route returns.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) struct Refusal(pub(crate) Failure);

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match (self.0.code.as_str(), self.0.kind) {
            ("not_found", _) => StatusCode::NOT_FOUND,
            ("illegal_state", _) => StatusCode::CONFLICT,
            ("unauthorized", _) => StatusCode::UNAUTHORIZED,
            ("forbidden_origin", _) => StatusCode::FORBIDDEN,
            (_, FailureKind::Usage | FailureKind::RejectRecord | FailureKind::FailChunk) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            (_, FailureKind::Retry | FailureKind::RetryAlone | FailureKind::Halted) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            (_, FailureKind::PauseRun) => StatusCode::BAD_GATEWAY,
            (_, FailureKind::Bug) => {
                tracing::error!(failure = %self.0, "a request met a fault of ours");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(ErrorEnvelope::from(self.0))).into_response()
    }
}
