//! One org over HTTP: addresses, the session, time-outs, and which calls may be repeated.
//! A call that the org may have acted on is repeated only where acting twice does no harm.

use std::time::{Duration, Instant};

use bytes::Bytes;
use connector::JobBody;
use futures::future::BoxFuture;
use futures::stream;
use model::Failure;
use model::migration::SalesforceSettings;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::address;
use crate::auth::{Auth, Token};
use crate::budget::{Budget, Permit, Purpose};
use crate::errors::{self, CallError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Counting a large object may take the org's whole two minutes.
const CALL_TIMEOUT: Duration = Duration::from_secs(130);
/// A look at the org's limits.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
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
    version: String,
    auth: Auth,
    budget: Budget,
    /// Held by the one call that looks at the limits while the others wait for what it finds.
    looking: Mutex<()>,
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
    purpose: Purpose,
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
            purpose: Purpose::Work { calls: 1 },
        }
    }

    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    pub(crate) fn post(segments: &[&str], body: &serde_json::Value) -> Self {
        Self::post_bytes(segments, body.to_string().into())
    }

    pub(crate) fn patch(segments: &[&str], body: &serde_json::Value) -> Self {
        Self::patch_bytes(segments, body.to_string().into())
    }

    /// With a body that is JSON already.
    pub(crate) fn post_bytes(segments: &[&str], body: Bytes) -> Self {
        let mut call = Self::new(Method::POST, segments);
        call.body = Body::Json(body);
        call
    }

    /// With a body that is JSON already.
    pub(crate) fn patch_bytes(segments: &[&str], body: Bytes) -> Self {
        let mut call = Self::new(Method::PATCH, segments);
        call.body = Body::Json(body);
        call
    }

    pub(crate) fn delete(segments: &[&str]) -> Self {
        Self::new(Method::DELETE, segments)
    }

    pub(crate) fn put_csv(segments: &[&str], header: String, rows: JobBody) -> Self {
        let mut call = Self::new(Method::PUT, segments);
        call.body = Body::Csv(header.into(), rows);
        call.timeout = TRANSFER_TIMEOUT;
        call
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        let more = self.path.contains('?');
        self.path.push(if more { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        self.path.extend(utf8_percent_encode(value, PLAIN));
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// It leads to others, so many with itself, and is of no use without them.
    pub(crate) fn leading_to(mut self, calls: u64) -> Self {
        self.purpose = Purpose::Work { calls };
        self
    }

    /// It ends what has begun, and so is made beyond the budget too.
    pub(crate) fn settling(mut self) -> Self {
        self.purpose = Purpose::Settle;
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
        let sf = std::env::var("STEVEDORE_SF").unwrap_or_else(|_| "sf".to_owned());
        Self::build(name, settings, &sf).map_err(|failure| failure.connection(name))
    }

    /// `sf` is the Salesforce CLI's program.
    fn build(name: &str, settings: &SalesforceSettings, sf: &str) -> Result<Self, Failure> {
        let version = address::version(&settings.api_version)?;
        let auth = Auth::new(settings, sf)?;
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
            version,
            auth,
            budget: Budget::new(settings),
            looking: Mutex::new(()),
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
                let renewal = self.auth.renew(&refused, error, &self.http);
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
            None => token.insert(self.auth.token(&self.http).await?),
        };
        let permit = self.admit(call, token).await?;
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
        let url = format!(
            "{}/services/data/v{}{}",
            token.host, self.version, call.path
        );
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
            .map_err(|error| errors::unanswered(&error, &token.host))?;
        note_usage(&permit, &answer);
        drop(permit);
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
        let usage = self.budget.said();
        let mut error = errors::refused(status.as_u16(), &body, usage.as_deref());
        error.retry_after = retry_after;
        Err(error)
    }

    /// Completes an error that is handed out: its connection, and that trying again did not help.
    fn tell(&self, mut error: CallError, tries: u32) -> CallError {
        if error.failure.code == "unreachable" && tries >= TRIES {
            error.failure = Failure::pause("unreachable", error.failure.message)
                .hint("check the address and the network; then resume");
        }
        error.failure = error.failure.connection(&self.connection);
        error
    }

    /// Lets a call through where the budget has room. An old count is asked for anew before it forbids anything: nothing else would tell that the
    /// window has moved on.
    async fn admit(&self, call: &Call, token: &Token) -> Result<Permit<'_>, CallError> {
        if let Ok(permit) = self.budget.admit(call.purpose) {
            return Ok(permit);
        }
        let _looking = self.looking.lock().await;
        let refused = match self.budget.admit(call.purpose) {
            Ok(permit) => return Ok(permit),
            Err(refused) => refused,
        };
        if !self.budget.look_is_due() {
            return Err(CallError::before(refused));
        }
        let permit = self.budget.look();
        let look = self
            .http
            .get(self.url(token, "/limits"))
            .header(AUTHORIZATION, token.header.as_ref().clone())
            .timeout(LOOK_TIMEOUT);
        // What else the answer says does not matter: that a session has ended is for the call itself to find.
        let counted = look.send().await;
        if !counted.is_ok_and(|answer| note_usage(&permit, &answer)) {
            self.budget.forget();
        }
        drop(permit);
        self.budget.admit(call.purpose).map_err(CallError::before)
    }

    fn url(&self, token: &Token, path: &str) -> String {
        format!("{}/services/data/v{}{path}", token.host, self.version)
    }
}

/// How many API calls were used of how many comes with the answers; says whether it came with this one.
fn note_usage(permit: &Permit<'_>, answer: &Response) -> bool {
    let usage = answer.headers().get("Sforce-Limit-Info");
    usage
        .and_then(|usage| usage.to_str().ok())
        .is_some_and(|usage| permit.answered(usage))
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

#[cfg(test)]
mod tests;
