//! Jobs, batches and errors as XML or JSON, whichever the client speaks.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value as Json;

use crate::errors::ApiError;
use crate::rest::Reply;
use crate::values::moment::{moment_text, write_moment_z};
use crate::values::output;
use crate::xml::write_element;

/// The namespace of all that is written as XML.
pub(super) const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";
// Without the letters they are in: there are clients that compare these as a whole.
pub(super) const XML: &str = "application/xml";
pub(super) const JSON: &str = "application/json";
pub(super) const CSV: &str = "text/csv";

/// The language of jobs, batches and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    Json,
}

impl Format {
    /// What a call's own content is in; `None` where that says nothing.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.to_ascii_lowercase();
        if kind.contains("json") {
            Some(Self::Json)
        } else if kind.contains("xml") {
            Some(Self::Xml)
        } else {
            None
        }
    }

    pub(super) fn reply(self, status: StatusCode, body: String) -> Reply {
        match self {
            Self::Xml => Reply::whole(status, XML, body),
            Self::Json => Reply::whole(status, JSON, body),
        }
    }
}

/// A value of a job or batch.
pub(super) enum Told {
    Text(String),
    Number(u64),
    Version(f64),
    /// Seconds from the epoch.
    Moment(i64),
}

/// What is told of a job or batch, in the order that XML gives a meaning to.
pub(super) type Info = Vec<(&'static str, Told)>;

/// A document of one job or batch.
pub(super) fn one(format: Format, name: &str, info: &Info) -> String {
    let mut out = String::new();
    match format {
        Format::Xml => write_xml(name, true, info, &mut out),
        Format::Json => write_json(info, &mut out),
    }
    out
}

/// A document of several batches.
pub(super) fn several(format: Format, infos: &[Info]) -> String {
    let mut out = String::new();
    match format {
        Format::Xml => {
            out.push_str(&format!(
                "{DECLARATION}<batchInfoList xmlns=\"{NAMESPACE}\">"
            ));
            for info in infos {
                write_xml("batchInfo", false, info, &mut out);
            }
            out.push_str("</batchInfoList>");
        }
        Format::Json => {
            out.push_str("{\"batchInfo\":[");
            for (place, info) in infos.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_json(info, &mut out);
            }
            out.push_str("]}");
        }
    }
    out
}

pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

fn write_xml(name: &str, root: bool, info: &Info, out: &mut String) {
    if root {
        out.push_str(&format!("{DECLARATION}<{name} xmlns=\"{NAMESPACE}\">"));
    } else {
        out.push_str(&format!("<{name}>"));
    }
    for (key, value) in info {
        let text = match value {
            Told::Text(text) => text.clone(),
            Told::Number(number) => number.to_string(),
            Told::Version(version) => format!("{version:?}"),
            Told::Moment(seconds) => {
                let mut text = String::new();
                write_moment_z(*seconds, &mut text);
                text
            }
        };
        write_element(key, &text, out);
    }
    out.push_str(&format!("</{name}>"));
}

fn write_json(info: &Info, out: &mut String) {
    out.push('{');
    for (place, (key, value)) in info.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        output::write_text(key, out);
        out.push(':');
        match value {
            Told::Text(text) => output::write_text(text, out),
            Told::Number(number) => out.push_str(&number.to_string()),
            Told::Version(version) => out.push_str(&format!("{version:?}")),
            Told::Moment(seconds) => output::write_text(&moment_text(*seconds), out),
        }
    }
    out.push('}');
}

/// A call that was refused.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) status: StatusCode,
    code: String,
    message: String,
}

impl Exception {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn reply(&self, format: Format) -> Reply {
        let mut body = String::new();
        match format {
            Format::Xml => {
                body.push_str(&format!("{DECLARATION}<error xmlns=\"{NAMESPACE}\">"));
                write_element("exceptionCode", &self.code, &mut body);
                write_element("exceptionMessage", &self.message, &mut body);
                body.push_str("</error>");
            }
            Format::Json => {
                body.push_str("{\"exceptionCode\":");
                output::write_text(&self.code, &mut body);
                body.push_str(",\"exceptionMessage\":");
                output::write_text(&self.message, &mut body);
                body.push('}');
            }
        }
        format.reply(self.status, body)
    }
}

/// The same fault as Bulk API 2.0 tells it: `InvalidJob : text` holds the code of this API.
impl From<ApiError> for Exception {
    fn from(error: ApiError) -> Self {
        let text = |key: &str| error.body[0][key].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_default();
        let (code, message) = match message.split_once(" : ") {
            Some((code, rest)) if code.bytes().all(|b| b.is_ascii_alphabetic()) => {
                (code.to_owned(), rest.to_owned())
            }
            _ => {
                let code = match text("errorCode").as_deref() {
                    Some("METHOD_NOT_ALLOWED") => "MethodNotAllowed",
                    Some("NOT_FOUND") => "InvalidUrl",
                    Some("REQUEST_TOO_LARGE" | "REQUEST_LIMIT_EXCEEDED") => "ExceededQuota",
                    Some("UNKNOWN_EXCEPTION" | "SERVER_UNAVAILABLE") => "Unknown",
                    _ => "ClientInputError",
                };
                (code.to_owned(), message)
            }
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message,
        }
    }
}

/// A text or number of a JSON object as text; `None` where it is neither.
pub(super) fn plain(value: Option<&Json>) -> Option<String> {
    match value? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
