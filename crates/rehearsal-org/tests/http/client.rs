//! A client just big enough for the tests: calls with a token, and a whole ingest job in one go.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rehearsal_org::{Pace, RehearsalOrg, Settings};
use reqwest::{Method, Response};
use serde_json::{Value, json};

pub(crate) type Row = HashMap<String, String>;

pub(crate) struct Client {
    pub(crate) org: RehearsalOrg,
    pub(crate) http: reqwest::Client,
}

/// What a job left behind.
pub(crate) struct Finished {
    pub(crate) job: Value,
    pub(crate) successful: Vec<Row>,
    pub(crate) failed: Vec<Row>,
    pub(crate) unprocessed: Vec<Row>,
}

pub(crate) async fn start() -> Client {
    let pace = Pace::of(Duration::from_millis(4));
    start_with(Settings {
        pace,
        ..Settings::default()
    })
    .await
}

pub(crate) async fn start_with(settings: Settings) -> Client {
    // A second installation in the same process is refused, and needless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client {
        org: RehearsalOrg::start(settings).await.unwrap(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
    }
}

impl Client {
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/services/data/v66.0/{path}")
        };
        self.http
            .request(method, format!("{}{path}", self.org.url()))
            .bearer_auth(self.org.access_token())
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn query(&self, soql: &str) -> Value {
        let (status, body) = self.try_query(soql).await;
        assert_eq!(status, 200, "{soql}: {body}");
        body
    }

    pub(crate) async fn try_query(&self, soql: &str) -> (u16, Value) {
        let request = self.request(Method::GET, "query").query(&[("q", soql)]);
        read(request.send().await.unwrap()).await
    }

    /// The code and message with which a query is refused.
    pub(crate) async fn refused(&self, soql: &str) -> (String, String) {
        let (status, body) = self.try_query(soql).await;
        assert_eq!(status, 400, "{soql}: {body}");
        let text = |key: &str| body[0][key].as_str().unwrap().to_owned();
        (text("errorCode"), text("message"))
    }

    pub(crate) async fn create(&self, object: &str, record: Value) -> String {
        let (status, body) = self
            .send(Method::POST, &format!("sobjects/{object}"), Some(record))
            .await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Creates a job, and returns its id.
    pub(crate) async fn open_job(
        &self,
        object: &str,
        operation: &str,
        key: Option<&str>,
    ) -> String {
        let mut body = json!({"object": object, "operation": operation, "contentType": "CSV"});
        if let Some(key) = key {
            body["externalIdFieldName"] = json!(key);
        }
        let (status, job) = self.send(Method::POST, "jobs/ingest", Some(body)).await;
        assert_eq!(status, 200, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn upload(&self, job: &str, csv: impl Into<reqwest::Body>) {
        let path = format!("jobs/ingest/{job}/batches");
        let request = self
            .request(Method::PUT, &path)
            .header("content-type", "text/csv");
        let response = request.body(csv).send().await.unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.text().await.unwrap(), "");
    }

    pub(crate) async fn set_state(&self, job: &str, state: &str) -> (u16, Value) {
        self.send(
            Method::PATCH,
            &format!("jobs/ingest/{job}"),
            Some(json!({"state": state})),
        )
        .await
    }

    pub(crate) async fn job(&self, job: &str) -> Value {
        self.get(&format!("jobs/ingest/{job}")).await
    }

    /// Waits until the job is as wanted.
    pub(crate) async fn wait(&self, job: &str, until: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let info = self.job(job).await;
            if until(&info) {
                return info;
            }
            assert!(Instant::now() < deadline, "job did not get there: {info}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn results(&self, job: &str, file: &str) -> Vec<Row> {
        let path = format!("jobs/ingest/{job}/{file}");
        let response = self.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/csv")
        );
        rows(&response.text().await.unwrap())
    }

    pub(crate) async fn finish(&self, job: &str) -> Finished {
        let ended = |job: &Value| {
            matches!(
                job["state"].as_str(),
                Some("JobComplete" | "Failed" | "Aborted")
            )
        };
        Finished {
            job: self.wait(job, ended).await,
            successful: self.results(job, "successfulResults").await,
            failed: self.results(job, "failedResults").await,
            unprocessed: self.results(job, "unprocessedrecords").await,
        }
    }

    /// A whole job.
    pub(crate) async fn ingest(
        &self,
        object: &str,
        operation: &str,
        key: Option<&str>,
        csv: &str,
    ) -> Finished {
        let job = self.open_job(object, operation, key).await;
        self.upload(&job, csv.to_owned()).await;
        let (status, body) = self.set_state(&job, "UploadComplete").await;
        assert_eq!(status, 200, "{body}");
        self.finish(&job).await
    }
}

impl Finished {
    /// How many rows were successful, failed and were not processed.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (
            self.successful.len(),
            self.failed.len(),
            self.unprocessed.len(),
        )
    }

    /// Each failed row's error, by the value of a column.
    pub(crate) fn errors(&self, column: &str) -> HashMap<String, String> {
        self.failed
            .iter()
            .map(|row| (row[column].clone(), row["sf__Error"].clone()))
            .collect()
    }
}

pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

pub(crate) async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
