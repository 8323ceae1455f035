//! One org over HTTP: addresses, the session, time-outs, and which calls may be repeated.
//! A call that the org may have acted on is repeated only where acting twice does no harm.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connector::JobBody;
use futures::future::BoxFuture;
use futures::stream;
use model::Failure;
use model::migration::SalesforceSettings;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::auth::{Auth, Token};
use crate::errors::{self, CallError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Counting a large object may take the org's whole two minutes.
const CALL_TIMEOUT: Duration = Duration::from_secs(130);
/// A hundred megabytes over a slow line.
pub(crate) const TRANSFER_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Tries of a call that may be repeated; beyond these the line's own back-off takes over.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What the org may ask us to wait within one call.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What needs no escape in a path segment or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(crate) struct Client {
    connection: String,
    http: reqwest::Client,
    /// Scheme, host and port, without a slash at the end.
    host: String,
    version: String,
    auth: Auth,
    usage: Mutex<Option<String>>,
}

/// The reading of an answer's body.
pub(crate) type Reading<T> = BoxFuture<'static, Result<T, CallError>>;

/// A call to make.
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Body,
    repeat: Repeat,
    timeout: Duration,
}

#[derive(Clone)]
enum Body {
    None,
    Json(Bytes),
    /// A header and rows, which are read while they are sent.
    Csv(Bytes, JobBody),
}

/// When a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Reads, and writes of which a second does no harm.
    Freely,
    /// Only while it is sure that the org has not acted, which is when it said so or was never reached; and not later than this after the
    /// first try, for calls that somebody's leave stands behind.
    Unacted { within: Option<Duration> },
}

impl Call {
    /// `segments` are escaped and joined behind `/services/data/vXX.X`.
    fn new(method: Method, segments: &[&str]) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, PLAIN));
        }
        Self {
            method,
            path,
            body: Body::None,
            repeat: Repeat::Freely,
            timeout: CALL_TIMEOUT,
        }
    }

    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    pub(crate) fn post(segments: &[&str], body: &serde_json::Value) -> Self {
        let mut call = Self::new(Method::POST, segments);
        call.body = Body::Json(body.to_string().into());
        call
    }

    pub(crate) fn patch(segments: &[&str], body: &serde_json::Value) -> Self {
        let mut call = Self::new(Method::PATCH, segments);
        call.body = Body::Json(body.to_string().into());
        call
    }

    pub(crate) fn put_csv(segments: &[&str], header: String, rows: JobBody) -> Self {
        let mut call = Self::new(Method::PUT, segments);
        call.body = Body::Csv(header.into(), rows);
        call.timeout = TRANSFER_TIMEOUT;
        call
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push('?');
        self.path.push_str(name);
        self.path.push('=');
        self.path.extend(utf8_percent_encode(value, PLAIN));
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Not again once the org may have acted, nor later than `within` after the first try.
    pub(crate) fn unless_acted(mut self, within: Option<Duration>) -> Self {
        self.repeat = Repeat::Unacted { within };
        self
    }
}

impl Client {
    pub(crate) fn new(name: &str, settings: &SalesforceSettings) -> Result<Self, Failure> {
        Self::build(name, settings).map_err(|failure| failure.connection(name))
    }

    fn build(name: &str, settings: &SalesforceSettings) -> Result<Self, Failure> {
        let host = host_of(&settings.instance_url)?;
        let version = version_of(&settings.api_version)?;
        let auth = Auth::new(settings)?;
        // Whoever came first has set it; there is only one to choose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("stevedore/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Duration::from_secs(30))
            // A redirect would carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| {
                Failure::pause("tls", format!("no HTTP client can be made: {error}")).hint(
                    "this machine's certificate store may be missing (package ca-certificates)",
                )
            })?;
        Ok(Self {
            connection: name.to_owned(),
            http,
            host,
            version,
            auth,
            usage: Mutex::new(None),
        })
    }

    /// A call whose answer is JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        let path = call.path.clone();
        let body = self
            .send(call, |answer| Box::pin(read_whole(answer)))
            .await?;
        serde_json::from_slice(&body).map_err(|error| {
            CallError::before(
                Failure::retry(
                    "unreadable_answer",
                    format!("the org's answer to {path} can't be read: {error}"),
                )
                .connection(&self.connection),
            )
        })
    }

    /// A call whose answer does not matter.
    pub(crate) async fn done(&self, call: Call) -> Result<(), CallError> {
        self.send(call, |_| Box::pin(std::future::ready(Ok(()))))
            .await
    }

    /// A call whose answer is consumed by `read`, which is called again when the call is.
    pub(crate) async fn send<T>(
        &self,
        call: Call,
        read: impl Fn(Response) -> Reading<T> + Send + Sync,
    ) -> Result<T, CallError> {
        let begun = Instant::now();
        let mut tries = 0;
        let mut renewed = false;
        let mut token = None;
        loop {
            let error = match self.attempt(&call, &mut token, begun, &read).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if let (true, false, Some(refused)) = (error.is_session(), renewed, token.take()) {
                renewed = true;
                let renewal = self.auth.renew(&refused, error, &self.http, &self.host);
                match renewal.await {
                    Ok(fresh) => {
                        token = Some(fresh);
                        continue;
                    }
                    Err(error) => return Err(self.tell(error, tries)),
                }
            }
            tries += 1;
            if tries >= TRIES || !error.passes() || !call.may_repeat(&error) {
                return Err(self.tell(error, tries));
            }
            let pause = pause_after(tries, error.retry_after);
            tracing::debug!(connection = %self.connection, path = %call.path, tries, error = %error.failure, "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T>(
        &self,
        call: &Call,
        token: &mut Option<Token>,
        begun: Instant,
        read: &(impl Fn(Response) -> Reading<T> + Send + Sync),
    ) -> Result<T, CallError> {
        let token = match token {
            Some(token) => token,
            None => token.insert(self.auth.token(&self.http, &self.host).await?),
        };
        if let Repeat::Unacted {
            within: Some(limit),
        } = call.repeat
            && begun.elapsed() > limit
        {
            return Err(CallError::before(Failure::retry(
                "too_late",
                "logging in took so long that the leave to write has to be asked for again",
            )));
        }
        let url = format!("{}/services/data/v{}{}", self.host, self.version, call.path);
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header(AUTHORIZATION, token.header.as_ref().clone())
            .timeout(call.timeout);
        request = match &call.body {
            Body::None => request,
            Body::Json(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            Body::Csv(header, rows) => {
                let parts = std::iter::once(Ok(header.clone())).chain(rows.pieces());
                request
                    .header(CONTENT_TYPE, "text/csv; charset=UTF-8")
                    .body(reqwest::Body::wrap_stream(stream::iter(parts)))
            }
        };
        let answer = request
            .send()
            .await
            .map_err(|error| errors::unanswered(&error, &self.host))?;
        self.note_usage(&answer);
        let status = answer.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return read(answer).await;
        }
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        // A refusal whose body does not arrive is a refusal all the same.
        let body = answer.bytes().await.unwrap_or_default();
        let usage = self.usage();
        let mut error = errors::refused(status.as_u16(), &body, usage.as_deref());
        error.retry_after = retry_after;
        Err(error)
    }

    /// Completes an error that is handed out: its connection, and that trying again did not help.
    fn tell(&self, mut error: CallError, tries: u32) -> CallError {
        if error.failure.code == "unreachable" && tries >= TRIES {
            error.failure = Failure::pause("unreachable", error.failure.message)
                .hint("check `instance_url` and the network; then resume");
        }
        error.failure = error.failure.connection(&self.connection);
        error
    }

    fn note_usage(&self, answer: &Response) {
        let Some(usage) = answer.headers().get("Sforce-Limit-Info") else {
            return;
        };
        if let Ok(usage) = usage.to_str() {
            *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage.to_owned());
        }
    }

    /// How many API calls were used of how many, as the org last said it: `api-usage=10018/100000`.
    pub(crate) fn usage(&self) -> Option<String> {
        self.usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Call {
    fn may_repeat(&self, error: &CallError) -> bool {
        match self.repeat {
            Repeat::Freely => true,
            Repeat::Unacted { within: None } => !error.may_have_acted,
            // Whoever gave leave is asked again rather than waited for.
            Repeat::Unacted { within: Some(_) } => false,
        }
    }
}

/// Reads a small body.
async fn read_whole(answer: Response) -> Result<Bytes, CallError> {
    let address = answer.url().origin().ascii_serialization();
    answer
        .bytes()
        .await
        .map_err(|error| errors::unanswered(&error, &address))
}

/// Twice as long each time, and never the same for two that failed together.
pub(crate) fn pause_after(tries: u32, asked: Option<Duration>) -> Duration {
    let pause = FIRST_PAUSE * 2u32.saturating_pow(tries.saturating_sub(1));
    let jittered = pause.mul_f64(rand::random_range(0.5..1.5));
    jittered.max(asked.unwrap_or_default()).min(LONGEST_PAUSE)
}

fn host_of(instance_url: &str) -> Result<String, Failure> {
    let wrong = |what: &str| {
        Failure::usage("wrong_instance_url", format!("`instance_url` {what}"))
            .hint("it is the org's own address alone, https://<my domain>.my.salesforce.com")
    };
    // The address is not repeated: it might hold a password.
    let url = Url::parse(instance_url.trim())
        .map_err(|error| wrong(&format!("is no address: {error}")))?;
    let local = url
        .host_str()
        .is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => {
            tracing::warn!("the org's address is not secured by TLS: the login travels in the open")
        }
        _ => return Err(wrong("is neither https nor http")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or password"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("goes on after the host"));
    }
    Ok(url.origin().ascii_serialization())
}

fn version_of(api_version: &str) -> Result<String, Failure> {
    let version = api_version.trim().trim_start_matches('v');
    let wrong = |what: &str| {
        Failure::usage(
            "wrong_api_version",
            format!("`api_version` `{version}` {what}"),
        )
        .hint("leave it out, or write it as \"66.0\"")
    };
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major.parse::<u32>(), minor) {
        (Ok(..47), "0") => Err(wrong("is older than what this connector needs (47.0)")),
        (Ok(major), "0") => Ok(format!("{major}.0")),
        _ => Err(wrong("is no version")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_host_alone() {
        let host = |url: &str| host_of(url).map_err(|failure| failure.message);
        assert_eq!(
            host(" https://X.my.salesforce.com/ ").unwrap(),
            "https://x.my.salesforce.com"
        );
        assert_eq!(
            host("http://127.0.0.1:8080").unwrap(),
            "http://127.0.0.1:8080"
        );
        for wrong in [
            "x.my.salesforce.com",
            "ftp://x",
            "https://u:p@x.com",
            "https://x.com/services",
            "https://x.com/?a=b",
        ] {
            let message = host(wrong).unwrap_err();
            assert!(!message.contains("u:p"), "{message}");
        }
    }

    #[test]
    fn versions_are_read_as_people_write_them() {
        assert_eq!(version_of("v66.0").unwrap(), "66.0");
        assert_eq!(version_of("58").unwrap(), "58.0");
        for wrong in ["30.0", "latest", "66.5", ""] {
            assert_eq!(version_of(wrong).unwrap_err().code, "wrong_api_version");
        }
    }

    #[test]
    fn segments_and_queries_are_escaped() {
        let call = Call::get(&["sobjects", "../A b", "describe"]).query("q", "a='b+c'&d");
        assert_eq!(
            call.path,
            "/sobjects/..%2FA%20b/describe?q=a%3D%27b%2Bc%27%26d"
        );
    }

    #[test]
    fn pauses_grow_and_end() {
        for tries in 1..40 {
            assert!(pause_after(tries, None) <= LONGEST_PAUSE);
        }
        let asked = Duration::from_secs(3);
        assert!(pause_after(1, Some(asked)) >= asked);
    }
}
