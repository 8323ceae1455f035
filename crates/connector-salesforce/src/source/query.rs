//! One query job, from its creation to its end.

use std::time::Duration;

use model::Failure;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Call, Client};

/// The first pause between two looks at a job; then half as long again as it has taken, and no longer than `LATE`.
const SOON: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(20);
/// Rows of a page as an org cuts them, about.
pub(super) const PAGE: u64 = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobInfo {
    id: String,
    state: String,
    #[serde(default)]
    created_date: String,
    #[serde(default)]
    error_message: Option<String>,
}

/// A query that has been answered.
pub(crate) struct Answered {
    pub(crate) job: String,
    /// When it was asked.
    pub(super) epoch: String,
    /// The calls that it took.
    pub(crate) calls: u64,
}

pub(crate) async fn run(client: &Client, soql: &str, all_rows: bool) -> Result<Answered, Failure> {
    let operation = if all_rows { "queryAll" } else { "query" };
    let body = json!({
        "operation": operation,
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    });
    // Asked twice, a query is answered twice: no harm is done when an answer is lost.
    let job: JobInfo = client.json(Call::post(&["jobs", "query"], &body)).await?;
    let begun = Instant::now();
    let mut calls = 1;
    loop {
        calls += 1;
        let info: JobInfo = client.json(Call::get(&["jobs", "query", &job.id])).await?;
        match info.state.as_str() {
            "JobComplete" => break,
            "Failed" | "Aborted" => {
                let why = info
                    .error_message
                    .unwrap_or_else(|| "without a reason".to_owned());
                return Err(Failure::chunk(
                    "query_failed",
                    format!("the org ended the query as {}: {why}", info.state),
                )
                .hint("mend the query, or `stevedore retry` asks again"));
            }
            _ => {}
        }
        tokio::time::sleep((begun.elapsed() / 2).clamp(SOON, LATE)).await;
    }
    Ok(Answered {
        job: job.id,
        epoch: job.created_date,
        calls,
    })
}
