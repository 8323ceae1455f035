//! What the org says when it refuses, in any of its forms, and which kind of failure that is.
//! Every failure of this crate that comes from an answer or a connection is made here.

use std::error::Error as _;
use std::time::Duration;

use connector::THROTTLED;
use model::{Failure, FailureKind};
use serde::Deserialize;

/// Characters of the org's own text that a message repeats.
const SHOWN: usize = 500;

/// A call that brought no result.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{failure}")]
pub(crate) struct CallError {
    /// The HTTP status, where there was an answer.
    pub(crate) status: Option<u16>,
    /// The org's own code, where it gave one.
    pub(crate) code: String,
    pub(crate) failure: Failure,
    /// Whether the org may have done what was asked all the same.
    pub(crate) may_have_acted: bool,
    /// How long the org asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl CallError {
    /// Something went wrong before the org could be asked.
    pub(crate) fn before(failure: Failure) -> Self {
        Self {
            status: None,
            code: String::new(),
            failure,
            may_have_acted: false,
            retry_after: None,
        }
    }

    /// Whether the same again may work soon.
    pub(crate) fn passes(&self) -> bool {
        self.failure.kind == FailureKind::Retry
    }

    /// The session has ended, and a new login mends it. The two other texts of a 401 are not about the session's age.
    pub(crate) fn is_session(&self) -> bool {
        self.status == Some(401)
            && self.code == "INVALID_SESSION_ID"
            && !["not valid for use with", "not attached to Agent"]
                .iter()
                .any(|text| self.failure.message.contains(text))
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        error.failure
    }
}

/// What a refusal's body says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// REST's `{message, errorCode}`, OAuth's `{error, error_description}` or Bulk 1.0's `{exceptionCode, exceptionMessage}`.
#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "error_description", alias = "exceptionMessage", default)]
    message: Option<String>,
    #[serde(
        rename = "errorCode",
        alias = "error",
        alias = "exceptionCode",
        alias = "statusCode",
        default
    )]
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entries {
    Several(Vec<Entry>),
    One(Entry),
}

impl Refusal {
    /// Reads a body that may be an array, an object, a page or nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let entries = match serde_json::from_slice(body) {
            Ok(Entries::Several(entries)) => entries,
            Ok(Entries::One(entry)) => vec![entry],
            Err(_) => return Self::of_text(body),
        };
        let code = entries.iter().find_map(|entry| entry.code.clone());
        let messages: Vec<_> = entries
            .into_iter()
            .filter_map(|entry| entry.message.or(entry.code))
            .collect();
        Self {
            code: code.unwrap_or_default(),
            message: shorten(&messages.join("; ")),
        }
    }

    fn of_text(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let message = if text.starts_with('<') {
            title(text).map_or_else(
                || "a web page".to_owned(),
                |t| format!("a web page, \"{t}\""),
            )
        } else {
            shorten(text)
        };
        Self {
            code: String::new(),
            message,
        }
    }
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    page.get(start..end)
        .map(|title| shorten(title.trim()))
        .filter(|title| !title.is_empty())
}

pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The failure for an answer that is not a success. `usage` is the org's last word on the API calls used.
pub(crate) fn refused(status: u16, body: &[u8], usage: Option<&str>) -> CallError {
    let Refusal { code, message } = Refusal::read(body);
    let said = match (code.is_empty(), message.is_empty()) {
        (true, true) => format!("HTTP {status}, without a word"),
        (true, false) => format!("HTTP {status}: {message}"),
        (false, _) => format!("{code}: {message}"),
    };
    let failure = classify(status, &code, &message, &said, usage);
    CallError {
        status: Some(status),
        code,
        failure,
        // A gateway that gives up says nothing about what the org behind it did.
        may_have_acted: status >= 500,
        retry_after: None,
    }
}

fn classify(status: u16, code: &str, message: &str, said: &str, usage: Option<&str>) -> Failure {
    let target_code = if code.is_empty() {
        format!("http_{status}")
    } else {
        code.to_owned()
    };
    match (status, code) {
        (_, "REQUEST_LIMIT_EXCEEDED") if message.contains("Concurrent") => Failure::retry(
            THROTTLED,
            format!("the org has too much to do at once ({said})"),
        ),
        (_, "REQUEST_LIMIT_EXCEEDED" | "EXCEEDEDQUOTA" | "LIMIT_EXCEEDED" | "API_LIMIT_EXCEEDED") => {
            let usage = usage.map(|usage| format!("; {usage}")).unwrap_or_default();
            Failure::pause(
                "api_limit",
                format!("the org takes no more calls for now ({said}{usage})"),
            )
            .hint("resume when the 24-hour window has moved on, or ask Salesforce for a higher limit")
        }
        (420 | 429, _) => Failure::retry(
            THROTTLED,
            format!("the org asks to be left alone for a while ({said})"),
        ),
        (_, "QUERY_TIMEOUT" | "SERVER_UNAVAILABLE" | "UNABLE_TO_LOCK_ROW") | (408 | 500.., _) => {
            Failure::retry(target_code, format!("the org could not answer ({said})"))
        }
        (401, _) => login_refused(said),
        (403, _) => Failure::pause("no_access", format!("the org does not allow this ({said})"))
            .hint("the user needs the permission \"API Enabled\" and rights on the object; see its profile and permission sets"),
        (300..=399, _) => Failure::usage(
            "wrong_instance_url",
            format!("the address leads elsewhere ({said})"),
        )
        .hint("`instance_url` is the org's own address, https://<my domain>.my.salesforce.com"),
        (410, _) => Failure::usage(
            "retired_api_version",
            format!("the org does not speak this API version ({said})"),
        )
        .hint("leave `api_version` out of the connection, or name a newer one"),
        (
            _,
            "INVALIDENTITY" | "INVALIDJOB" | "FEATURENOTENABLED" | "INVALIDOPERATION"
            | "INVALID_FIELD" | "INVALID_TYPE" | "MALFORMED_QUERY",
        ) => Failure::usage(target_code, format!("the org refuses this: {said}")),
        _ => Failure::chunk(target_code, format!("the org refuses this: {said}")),
    }
}

pub(crate) fn login_refused(said: &str) -> Failure {
    Failure::pause(
        "login_refused",
        format!("the org refuses the login ({said})"),
    )
    .hint("give the connection a login that the org takes; then resume")
}

/// The failure for a call that got no answer, or only a part of one.
pub(crate) fn unanswered(error: &reqwest::Error, address: &str) -> CallError {
    let reason = reason(error);
    if let Some(tls) = tls_reason(error) {
        let failure = Failure::pause(
            "tls",
            format!("no secure connection to {address}: {tls}"),
        )
        .hint("check the address, this machine's clock and its certificate store (package ca-certificates)");
        return CallError::before(failure);
    }
    if error.is_connect() {
        let failure = Failure::retry("unreachable", format!("can't reach {address}: {reason}"));
        return CallError::before(failure);
    }
    if error.is_builder() {
        return CallError::before(Failure::bug(format!("a call could not be built: {reason}")));
    }
    let what = if error.is_timeout() {
        "did not answer in time"
    } else {
        "dropped the connection"
    };
    CallError {
        status: None,
        code: String::new(),
        failure: Failure::retry("no_answer", format!("{address} {what}: {reason}")),
        may_have_acted: true,
        retry_after: None,
    }
}

/// The innermost cause: what stands around it only repeats that a request failed, with the whole URL.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.source().is_none() {
        return "no reason given".to_owned();
    }
    shorten(&innermost.to_string())
}

fn tls_reason(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls.to_string());
    }
    // An I/O error names as its source what its inner error was caused by, not the inner error itself.
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        .and_then(|inner| tls_reason(inner));
    inner.or_else(|| error.source().and_then(tls_reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (String, String) {
        let Refusal { code, message } = Refusal::read(body.as_bytes());
        (code, message)
    }

    #[test]
    fn every_form_of_refusal_is_read() {
        let pair = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        assert_eq!(
            read(
                r#"[{"errorCode":"A","message":"one"},{"message":"two","errorCode":"B","fields":["X"]}]"#
            ),
            pair("A", "one; two")
        );
        assert_eq!(
            read(r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#),
            pair("invalid_client", "invalid client credentials")
        );
        assert_eq!(
            read(r#"{"exceptionCode":"InvalidJob","exceptionMessage":"x"}"#),
            pair("InvalidJob", "x")
        );
        assert_eq!(
            read("<!DOCTYPE html><html><head><TITLE> Down for maintenance </TITLE>"),
            pair("", "a web page, \"Down for maintenance\"")
        );
        assert_eq!(read(""), pair("", ""));
        assert_eq!(read("upstream timed out"), pair("", "upstream timed out"));
        assert_eq!(read("\"text\""), pair("", "\"text\""));
    }

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |status, code: &str, message: &str| {
            let body = serde_json::json!([{"errorCode": code, "message": message}]).to_string();
            let error = refused(status, body.as_bytes(), Some("api-usage=5/5"));
            (error.failure.kind, error.failure.code)
        };
        let is = |kind, code: &str| (kind, code.to_owned());
        assert_eq!(
            kind(
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded."
            ),
            is(FailureKind::PauseRun, "api_limit")
        );
        assert_eq!(
            kind(
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "ConcurrentPerOrgLongTxn Limit exceeded."
            ),
            is(FailureKind::Retry, THROTTLED)
        );
        assert_eq!(
            kind(401, "INVALID_SESSION_ID", "Session expired or invalid"),
            is(FailureKind::PauseRun, "login_refused")
        );
        assert_eq!(
            kind(403, "API_DISABLED_FOR_ORG", "no"),
            is(FailureKind::PauseRun, "no_access")
        );
        assert_eq!(
            kind(400, "INVALIDENTITY", "no"),
            is(FailureKind::Usage, "INVALIDENTITY")
        );
        for status in [420, 429, 500, 502, 503, 504] {
            let error = refused(status, b"<html>", None);
            assert_eq!(error.failure.kind, FailureKind::Retry, "{status}");
        }
    }

    #[test]
    fn the_limit_is_told_with_the_last_count() {
        let body = br#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#;
        let failure = refused(403, body, Some("api-usage=100000/100000")).failure;
        assert!(failure.message.contains("100000/100000"), "{failure}");
    }
}
