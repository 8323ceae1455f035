//! `GET /api/runs/{run}/changes`: what the target holds otherwise than it was computed, as the file says.

use api::{ChangeGroup, ChangedValue, Changes, FailuresQuery};
use axum::Json;
use axum::extract::{Path, Query, State};
use model::RunId;

use super::Office;
use super::answer::Answer;

/// Values of one page at most.
const PAGE: u32 = 1_000;

pub(crate) async fn list(
    State(office): State<Office>,
    Path(run): Path<String>,
    Query(query): Query<FailuresQuery>,
) -> Answer<Changes> {
    let run = RunId::new(run);
    let control = &office.line.control;
    control.run(&run).await?;
    let which = control::Changes {
        object: query.object.as_deref(),
        code: query.code.as_deref(),
        key: None,
        after: (query.after > 0).then_some(query.after),
        limit: query.limit.unwrap_or(PAGE).min(PAGE),
    };
    let values = control.changes(&run, &which).await?;
    let groups = control.change_summary(&run).await?;
    Ok(Json(Changes {
        run: run.to_string(),
        groups: groups.into_iter().map(group).collect(),
        values: values.into_iter().map(value).collect(),
    }))
}

fn group(group: control::ChangeGroup) -> ChangeGroup {
    ChangeGroup {
        object: group.object,
        field: group.field,
        code: group.code,
        values: group.count,
        example_key: group.sample_key,
        example_was: group.sample_was,
    }
}

fn value(change: control::StoredChange) -> ChangedValue {
    ChangedValue {
        id: change.id,
        object: change.chunk.object,
        key: change.key,
        field: change.field,
        code: change.code,
        was: change.was,
    }
}
