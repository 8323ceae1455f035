//! `GET /api/runs/{run}/placeholders`: what was made in the target because children miss it.

use api::{FailuresQuery, PlaceholderGroup, PlaceholderView, Placeholders};
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
) -> Answer<Placeholders> {
    let run = RunId::new(run);
    let control = &office.line.control;
    control.run(&run).await?;
    let after = (query.after > 0).then_some(query.after);
    let limit = query.limit.unwrap_or(PAGE).min(PAGE);
    let records = control
        .placeholders(&run, query.object.as_deref(), after, limit)
        .await?;
    let groups = control.placeholder_counts(&run).await?;
    Ok(Json(Placeholders {
        run: run.to_string(),
        groups: groups.into_iter().map(group).collect(),
        records: records.into_iter().map(record).collect(),
    }))
}

fn group((object, count): (String, control::PlaceholderCount)) -> PlaceholderGroup {
    PlaceholderGroup {
        object,
        made: count.made,
        standing: count.standing,
    }
}

fn record(stored: control::StoredPlaceholder) -> PlaceholderView {
    PlaceholderView {
        id: stored.id,
        object: stored.object,
        to: stored.to_object,
        key: stored.key,
        target_id: stored.target_id,
        child_object: stored.child_object,
        child_key: stored.child_key,
        made_at: stored.made_at,
        replaced_at: stored.replaced_at,
    }
}
