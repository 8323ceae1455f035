//! A run as the API shows it.

use std::time::Duration;

use api::{JobsView, LoweredView, ObjectView, ReconciliationView, RunSummary, RunView};
use control::{ChunkCounts, Object, Run};
use model::migration::Migration;
use model::{Books, Failure, RunId};
use service::Line;

/// A loader that told nothing of its jobs for so long is not counted.
const HEARD: Duration = Duration::from_secs(20);

pub(crate) fn summary(run: &Run) -> RunSummary {
    RunSummary {
        run: run.id.to_string(),
        migration: run.migration.clone(),
        kind: run.kind,
        scope: run.scope.as_ref().map(ToString::to_string),
        follows: run.follows.as_ref().map(ToString::to_string),
        status: run.status,
        desired_state: run.desired,
        reason: run.status_reason.clone(),
        created_at: run.created_at,
        started_at: run.started_at,
        ended_at: run.ended_at,
    }
}

pub(crate) async fn run(line: &Line, id: &RunId) -> Result<RunView, Failure> {
    let control = &line.control;
    let run = control.run(id).await?;
    let counts = control.counts(id).await?;
    let books = control.books(id).await?;
    let changed = control.changed(id).await?;
    let placeholders = control.placeholder_counts(id).await?;
    let mut objects = Vec::new();
    for object in control.objects(id).await? {
        let counts = counts.get(&object.name).cloned().unwrap_or_default();
        let books = books
            .iter()
            .find(|(name, _)| *name == object.name)
            .map(|(_, books)| *books)
            .unwrap_or_default();
        let failure = match counts.failed {
            0 => None,
            _ => control.chunk_failure(id, &object.name).await?,
        };
        let changed = changed.get(&object.name).copied().unwrap_or_default();
        let made = placeholders.get(&object.name).map_or(0, |count| count.made);
        let mut object = view(object, &counts, books, changed, failure);
        object.placeholders = made;
        objects.push(object);
    }
    let mut total = Books::default();
    for object in &objects {
        total += object.books;
    }
    let pinned = line.catalog.run(id).await?;
    let limits = pinned.migration.limits.clone();
    let jobs = match run.status.is_final() {
        true => None,
        false => jobs(line, id, &pinned.migration).await?,
    };
    Ok(RunView {
        summary: summary(&run),
        balanced: objects.iter().all(|object| object.books.balanced()),
        over_limit: limits
            .accept_failed
            .is_exceeded(total.refused(), total.extracted),
        objects,
        reconciliation: reconciliation(line, id).await?,
        jobs,
        automation: super::automation::view(line, id).await?,
    })
}

/// None where the target takes no jobs, as far as anybody has heard.
async fn jobs(
    line: &Line,
    run: &RunId,
    migration: &Migration,
) -> Result<Option<JobsView>, Failure> {
    let control = &line.control;
    let on_their_way = control.open_jobs(run).await?.len() as u64;
    let rooms = control
        .rooms(&migration.migration, &migration.target, HEARD)
        .await?;
    if on_their_way == 0 && rooms.is_empty() {
        return Ok(None);
    }
    let mut view = JobsView {
        on_their_way,
        loaders: rooms.len() as u64,
        ..JobsView::default()
    };
    for room in rooms {
        view.at_once += room.at_once;
        view.at_most += room.at_most;
        view.lowered
            .extend(room.lowered.map(|(by, since)| LoweredView {
                loader: room.instance,
                at_once: room.at_once,
                because_of: by.as_str().to_owned(),
                since,
            }));
    }
    Ok(Some(view))
}

fn view(
    object: Object,
    counts: &ChunkCounts,
    books: Books,
    changed: u64,
    failure: Option<Failure>,
) -> ObjectView {
    let seconds = object.started_at.map_or(0.0, |started| {
        let ended = object.ended_at.unwrap_or_else(chrono::Utc::now);
        (ended - started).as_seconds_f64().max(0.0)
    });
    ObjectView {
        name: object.name,
        to: object.to_object,
        phase: u32::try_from(object.phase).unwrap_or_default(),
        state: object.state,
        books,
        changed,
        placeholders: 0,
        estimated: object.estimated_records.and_then(|n| u64::try_from(n).ok()),
        chunks_total: counts.total() - counts.split - counts.superseded,
        chunks_done: counts.done,
        chunks_failed: counts.failed,
        planned: object.plan_closed,
        seconds,
        failure,
    }
}

async fn reconciliation(line: &Line, run: &RunId) -> Result<Vec<ReconciliationView>, Failure> {
    let results = line.control.reconciliations(run).await?;
    Ok(results
        .into_iter()
        .map(|result| ReconciliationView {
            object: result.object,
            level: result.level,
            check: result.check,
            scope: result.scope,
            source: result.source_value,
            target: result.target_value,
            passed: result.passed,
        })
        .collect())
}
