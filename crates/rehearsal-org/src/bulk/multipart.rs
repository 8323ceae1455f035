//! Jobs created together with their rows, as `multipart/form-data`: a part `job`, a part `content`, and the job is
//! under way at once.

use axum::http::{HeaderMap, header};

use super::create::invalid;
use crate::errors::ApiError;

/// The most characters of rows.
const MOST_CONTENT: usize = 100_000;
/// The most bytes of a whole body: rows of four bytes a character, and what goes with them.
pub(super) const MOST: usize = 4 * MOST_CONTENT + 64 * 1024;

/// A job as JSON, and its rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) job: &'a [u8],
    pub(super) content: &'a [u8],
}

/// The boundary of a multipart body; `None` when the call has another body.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = kind.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_boundary = name.trim().eq_ignore_ascii_case("boundary");
        is_boundary.then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (!value.is_empty()).then_some(value)
}

/// Takes a body apart.
pub(super) fn read<'a>(body: &'a [u8], boundary: &str) -> Result<Parts<'a>, ApiError> {
    let (mut job, mut content) = (None, None);
    for part in split(body, boundary) {
        let (head, data) = part;
        match name(head).as_deref() {
            Some("job") => job = Some(data),
            Some("content") => content = Some(data),
            _ => {}
        }
    }
    let job = job.ok_or_else(|| invalid("The part job is missing"))?;
    let content = content.ok_or_else(|| invalid("The part content is missing"))?;
    if String::from_utf8_lossy(content).chars().count() > MOST_CONTENT {
        return Err(invalid(format!(
            "The part content has more than {MOST_CONTENT} characters; create the job first, then upload"
        )));
    }
    Ok(Parts { job, content })
}

/// The head and data of each part. Lines may end in LF alone.
fn split<'a>(body: &'a [u8], boundary: &str) -> Vec<(&'a [u8], &'a [u8])> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let Some(first) = find(body, mark.as_bytes()) else {
        return parts;
    };
    let inner = format!("\n{mark}");
    let mut rest = &body[first + mark.len()..];
    while !rest.starts_with(b"--") {
        let Some(end) = find(rest, inner.as_bytes()) else {
            break;
        };
        let part = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let blank = [&b"\r\n\r\n"[..], b"\n\n"].into_iter();
        let blank = blank.filter_map(|blank| Some((find(part, blank)?, blank.len())));
        if let Some((at, length)) = blank.min() {
            parts.push((&part[..at], &part[at + length..]));
        }
        rest = &rest[end + inner.len()..];
    }
    parts
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|at| at == wanted)
}

/// The name in a part's `Content-Disposition`.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| {
        let key = line.split(':').next().unwrap_or_default();
        key.trim().eq_ignore_ascii_case("content-disposition")
    })?;
    line.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_whatever_ends_their_lines() {
        let body = "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{}\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\nName\nA\n\r\n\
                    --B--\r\n";
        let parts = read(body.as_bytes(), "B").unwrap();
        assert_eq!((parts.job, parts.content), (&b"{}"[..], &b"Name\nA\n"[..]));
        let plain = body.replace("\r\n", "\n");
        let parts = read(plain.as_bytes(), "B").unwrap();
        assert_eq!((parts.job, parts.content), (&b"{}"[..], &b"Name\nA\n"[..]));
    }

    #[test]
    fn a_part_that_is_missing_is_named() {
        for (body, what) in [
            ("", "job"),
            ("--B\n\n--B--", "job"),
            (
                "--B\nContent-Disposition: form-data; name=job\n\n{}\n--B--",
                "content",
            ),
        ] {
            let error = read(body.as_bytes(), "B").unwrap_err();
            let message = error.body[0]["message"].as_str().unwrap().to_owned();
            assert!(
                message.contains(&format!("part {what} is missing")),
                "{message}"
            );
        }
    }
}
