//! Who may come in: whoever has the token, and no web page.
//! On loopback a page in the user's own browser could reach the API, so Host and Origin are checked besides the token.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Failure, Secret};
use sha2::{Digest, Sha256};

use super::answer::Refusal;

/// The API's token and address.
#[derive(Clone)]
pub struct Door {
    token: [u8; 32],
    address: SocketAddr,
}

impl Door {
    pub fn new(token: Secret, address: SocketAddr) -> Self {
        Self {
            token: digest(token.expose()),
            address,
        }
    }

    fn admits(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Failure::usage(
                "forbidden_origin",
                "web pages may not drive this API",
            ));
        }
        if self.address.ip().is_loopback() && !self.is_ours(text(headers, header::HOST)) {
            return Err(Failure::usage(
                "forbidden_origin",
                "the request was meant for another host",
            ));
        }
        // Digests are compared, so that the time taken tells nothing of the token.
        let given =
            text(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if given.map(digest) == Some(self.token) {
            Ok(())
        } else {
            Err(
                Failure::usage("unauthorized", "the request has no valid token")
                    .hint("set STEVEDORE__API__TOKEN to the coordinator's token"),
            )
        }
    }

    fn is_ours(&self, host: Option<&str>) -> bool {
        let port = self.address.port();
        host.is_some_and(|host| {
            ["127.0.0.1", "localhost", "[::1]"]
                .iter()
                .any(|name| host == format!("{name}:{port}"))
        })
    }
}

pub(crate) async fn check(State(door): State<Door>, request: Request, next: Next) -> Response {
    match door.admits(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => Refusal(failure).into_response(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(entries: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        entries
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_the_token_opens_and_only_to_programs() {
        let door = Door::new(Secret::new("t"), SocketAddr::from(([127, 0, 0, 1], 7410)));
        let token = (header::AUTHORIZATION, "Bearer t");
        let host = (header::HOST, "127.0.0.1:7410");
        assert!(
            door.admits(&headers(&[token.clone(), host.clone()]))
                .is_ok()
        );
        let refused = |entries: &[_]| {
            door.admits(&headers(entries))
                .err()
                .map(|failure| failure.code)
        };
        assert_eq!(
            refused(std::slice::from_ref(&host)).as_deref(),
            Some("unauthorized")
        );
        let wrong = (header::AUTHORIZATION, "Bearer u");
        assert_eq!(
            refused(&[wrong, host.clone()]).as_deref(),
            Some("unauthorized")
        );
        let page = (header::ORIGIN, "http://127.0.0.1:7410");
        assert_eq!(
            refused(&[token.clone(), host, page]).as_deref(),
            Some("forbidden_origin")
        );
        let rebound = (header::HOST, "evil.example:7410");
        assert_eq!(
            refused(&[token, rebound]).as_deref(),
            Some("forbidden_origin")
        );
    }
}
