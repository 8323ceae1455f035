//! The client of the coordinator's API.

use std::time::Duration;

use model::{Failure, Secret};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    AutomationView, Changes, CheckReport, CompareReport, DoctorReport, Draft, Drafted,
    ErrorEnvelope, Failures, FailuresQuery, Halt, Placeholders, PlanQuery, PlanReport, RecordQuery,
    RecordView, RunList, RunView, StartRun, Started,
};

/// Talks to one coordinator.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<Secret>,
}

impl Client {
    /// `base` is `http://host:port`.
    pub fn new(base: &str, token: Option<Secret>) -> Result<Self, Failure> {
        // Starting a run asks source and target first, which takes its time.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(300))
            .build()
            .map_err(|error| Failure::bug(format!("no HTTP client: {error}")))?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token,
        })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn health(&self) -> Result<serde_json::Value, Failure> {
        self.send(self.request(Method::GET, "/health")).await
    }

    pub async fn start(&self, run: &StartRun) -> Result<Started, Failure> {
        self.post("/api/runs", run).await
    }

    pub async fn check(&self, run: &StartRun) -> Result<CheckReport, Failure> {
        self.post("/api/check", run).await
    }

    pub async fn plan(&self, run: &StartRun, query: PlanQuery) -> Result<PlanReport, Failure> {
        let request = self.request(Method::POST, "/api/plan");
        self.send(request.query(&query).json(run)).await
    }

    pub async fn compare(&self, run: &StartRun) -> Result<CompareReport, Failure> {
        self.post("/api/compare", run).await
    }

    pub async fn doctor(&self, run: &StartRun) -> Result<DoctorReport, Failure> {
        self.post("/api/doctor", run).await
    }

    pub async fn init(&self, draft: &Draft) -> Result<Drafted, Failure> {
        self.post("/api/init", draft).await
    }

    pub async fn runs(&self) -> Result<RunList, Failure> {
        self.send(self.request(Method::GET, "/api/runs")).await
    }

    pub async fn run(&self, run: &str) -> Result<RunView, Failure> {
        self.send(self.request(Method::GET, &format!("/api/runs/{run}")))
            .await
    }

    pub async fn failures(&self, run: &str, query: &FailuresQuery) -> Result<Failures, Failure> {
        let request = self.request(Method::GET, &format!("/api/runs/{run}/failures"));
        self.send(request.query(query)).await
    }

    pub async fn changes(&self, run: &str, query: &FailuresQuery) -> Result<Changes, Failure> {
        let request = self.request(Method::GET, &format!("/api/runs/{run}/changes"));
        self.send(request.query(query)).await
    }

    pub async fn placeholders(
        &self,
        run: &str,
        query: &FailuresQuery,
    ) -> Result<Placeholders, Failure> {
        let request = self.request(Method::GET, &format!("/api/runs/{run}/placeholders"));
        self.send(request.query(query)).await
    }

    /// What happened to one record.
    pub async fn record(&self, run: &str, query: &RecordQuery) -> Result<RecordView, Failure> {
        let request = self.request(Method::GET, &format!("/api/runs/{run}/record"));
        self.send(request.query(query)).await
    }

    /// What of its target's own automation a run has switched off; none if it switches nothing off.
    pub async fn automation(&self, run: &str) -> Result<Option<AutomationView>, Failure> {
        let path = format!("/api/runs/{run}/automation");
        self.send(self.request(Method::GET, &path)).await
    }

    /// Asks to have it on again now.
    pub async fn restore(&self, run: &str) -> Result<Option<AutomationView>, Failure> {
        let path = format!("/api/runs/{run}/automation");
        self.send(self.request(Method::POST, &path)).await
    }

    /// `verb` is `stop`, `pause`, `resume` or `retry`.
    pub async fn command(&self, run: &str, verb: &str, halt: &Halt) -> Result<RunView, Failure> {
        self.post(&format!("/api/runs/{run}/{verb}"), halt).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let unreachable = |error: reqwest::Error| {
            Failure::retry(
                "coordinator_unreachable",
                format!(
                    "the coordinator at {} does not answer: {}",
                    self.base,
                    error.without_url()
                ),
            )
            .hint("start it with `stevedore serve`, or name another with --server")
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|error| self.not_ours(&error.to_string()));
        }
        Err(match serde_json::from_slice::<ErrorEnvelope>(&body) {
            Ok(envelope) => envelope.into(),
            Err(_) => self.not_ours(&format!("HTTP {status}")),
        })
    }

    fn not_ours(&self, what: &str) -> Failure {
        Failure::usage(
            "not_a_coordinator",
            format!(
                "what answers at {} is no coordinator of this version: {what}",
                self.base
            ),
        )
        .hint("check the address, and bring CLI and coordinator to one version")
    }
}
