//! `GET /api/runs/{run}/failures`: what a person has to look at.

use api::{FailedRecord, FailureGroup, Failures, FailuresQuery};
use axum::Json;
use axum::extract::{Path, Query, State};
use model::RunId;

use super::Office;
use super::answer::Answer;

/// Records of one page at most.
const PAGE: u32 = 1_000;

pub(crate) async fn list(
    State(office): State<Office>,
    Path(run): Path<String>,
    Query(query): Query<FailuresQuery>,
) -> Answer<Failures> {
    let run = RunId::new(run);
    let control = &office.line.control;
    control.run(&run).await?;
    let which = control::Failures {
        object: query.object.as_deref(),
        code: query.code.as_deref(),
        key: None,
        unresolved_only: true,
        after: (query.after > 0).then_some(query.after),
        limit: query.limit.unwrap_or(PAGE).min(PAGE),
    };
    let records = control.failures(&run, &which).await?;
    let groups = control.failure_summary(&run).await?;
    Ok(Json(Failures {
        run: run.to_string(),
        groups: groups.into_iter().map(group).collect(),
        records: records.into_iter().map(record).collect(),
    }))
}

fn group(group: control::FailureGroup) -> FailureGroup {
    FailureGroup {
        object: group.object,
        fate: group.fate.as_str().to_owned(),
        code: group.code,
        records: group.count,
        example_key: group.sample_key,
        example_message: group.sample_message,
    }
}

fn record(failed: control::FailedRecord) -> FailedRecord {
    FailedRecord {
        id: failed.id,
        object: failed.chunk.object,
        key: failed.key,
        fate: failed.fate.as_str().to_owned(),
        code: failed.code,
        message: failed.message,
        fields: failed.fields,
        retries: failed.retry_count,
        data: failed
            .data
            .and_then(|data| data.as_object().cloned())
            .unwrap_or_default(),
    }
}
