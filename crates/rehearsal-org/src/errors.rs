//! Errors as the org tells them: one per record ([`RowError`]) in the two shapes of REST and Bulk, and one per
//! call ([`ApiError`]), always an array of `{message, errorCode}`.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use crate::xml::write_element;

/// What is wrong with one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
    /// The record could not even be read: reported alone, before all checks of its fields.
    pub(crate) unreadable: bool,
}

impl RowError {
    /// The error of a record that fails for another's.
    pub(crate) fn rolled_back() -> Self {
        Self::new(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    }

    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            unreadable: false,
        }
    }

    pub(crate) fn on(mut self, field: impl Into<String>) -> Self {
        self.fields.push(field.into());
        self
    }

    pub(crate) fn unreadable(mut self) -> Self {
        self.unreadable = true;
        self
    }

    /// The form in collections: `statusCode`, `message`, `fields`.
    pub(crate) fn to_collection_json(&self) -> Json {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }
}

/// The form in result files: `CODE:message:FIELD1 FIELD2 --`, without fields `CODE:message:--`; several one
/// after another.
pub(crate) fn bulk_text(errors: &[RowError]) -> String {
    let mut out = String::new();
    for error in errors {
        out.push_str(error.code);
        out.push(':');
        out.push_str(&error.message);
        out.push(':');
        for field in &error.fields {
            out.push_str(field);
            out.push(' ');
        }
        out.push_str("--");
    }
    out
}

/// A call that failed as a whole.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: Json,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            status,
            body: json!([{"message": message, "errorCode": code}]),
        }
    }

    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "The requested resource does not exist",
        )
    }

    pub(crate) fn session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_SESSION_ID",
            "Session expired or invalid",
        )
    }

    pub(crate) fn method(method: &str, allowed: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
        )
    }

    pub(crate) fn json(message: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", message)
    }

    /// The same in XML; not of those that are no lists of errors.
    pub(crate) fn to_xml(&self) -> Option<String> {
        let errors = self.body.as_array()?;
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Errors>");
        for error in errors {
            let text = |name: &str| error.get(name).and_then(Json::as_str);
            out.push_str("<Error>");
            write_element("errorCode", text("errorCode")?, &mut out);
            let fields = error.get("fields").and_then(Json::as_array);
            for field in fields.into_iter().flatten().filter_map(Json::as_str) {
                write_element("fields", field, &mut out);
            }
            write_element("message", text("message")?, &mut out);
            out.push_str("</Error>");
        }
        out.push_str("</Errors>");
        Some(out)
    }

    /// The form of a single-record call: one entry per error, each with its fields.
    pub(crate) fn record(errors: &[RowError]) -> Self {
        let status = match errors.first().map(|e| e.code) {
            Some("ENTITY_IS_DELETED" | "NOT_FOUND") => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = errors
            .iter()
            .map(|e| json!({"message": e.message, "errorCode": e.code, "fields": e.fields}))
            .collect();
        Self { status, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_joins_code_message_and_fields() {
        let required = RowError::new(
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
        )
        .on("LastName");
        let lookup = RowError::new("INVALID_FIELD", "Foreign key external ID: a:b not found");
        assert_eq!(
            bulk_text(&[required, lookup]),
            "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\
             INVALID_FIELD:Foreign key external ID: a:b not found:--"
        );
    }
}
