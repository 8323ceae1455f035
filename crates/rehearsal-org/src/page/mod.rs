//! The org as a person sees it in a browser of this machine: what it holds, what its jobs did, which faults are
//! ordered. It only reads, needs no script and nothing from outside, and answers no name but this machine's, so that
//! no foreign page can be pointed at it.

mod faults;
mod html;
mod jobs;
mod overview;
mod records;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};

use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::Call;
use html::Html;

/// Whether a path is one of these pages.
pub(crate) fn owns(path: &str) -> bool {
    path == "/"
        || ["/objects/", "/records/", "/jobs/"]
            .iter()
            .any(|p| path.starts_with(p))
}

pub(crate) async fn answer(org: &Arc<Org>, call: Call) -> Reply {
    let page = match here(&call.headers) {
        false => Err(StatusCode::FORBIDDEN),
        true if call.only("GET,HEAD").is_err() => Err(StatusCode::METHOD_NOT_ALLOWED),
        true => match org.blocking(move |org| page(org, &call)).await {
            Ok(Some(page)) => Ok(page),
            Ok(None) => Err(StatusCode::NOT_FOUND),
            Err(ApiError { status, .. }) => Err(status),
        },
    };
    let (status, page) = match page {
        Ok(page) => (StatusCode::OK, page),
        Err(status) => (status, html::refusal(status)),
    };
    Reply::page(status, page.finish())
        .with("cache-control", "no-store")
        .with("x-frame-options", "DENY")
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        )
}

/// Whether the browser was pointed at this machine by its own name. The org listens nowhere else; a name that was made
/// to lead here is a foreign page's.
fn here(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let host = host.unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

fn page(org: &Org, call: &Call) -> Option<Html> {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Some(overview::page(org)),
        ["objects", name] => {
            let number = call.parameter("page").and_then(|p| p.parse().ok());
            records::list(org, name, number.unwrap_or(1))
        }
        ["records", id] => records::one(org, id),
        ["jobs", id] => jobs::one(org, id),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_here() {
        let with = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            here(&headers)
        };
        for own in [
            "127.0.0.1:7411",
            "localhost:1",
            "LOCALHOST",
            "127.0.0.1",
            "[::1]:80",
        ] {
            assert!(with(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "127.0.0.1.evil.example:7411",
            "localhost.evil:1",
            "",
            "127.0.0.1:80x",
            "10.0.0.1",
        ] {
            assert!(!with(foreign), "{foreign}");
        }
        assert!(!here(&HeaderMap::new()));
    }
}
