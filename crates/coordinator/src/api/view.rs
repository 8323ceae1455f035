//! A run as the API shows it.

use api::{ObjectView, ReconciliationView, RunSummary, RunView};
use control::{ChunkCounts, Object, Run};
use model::{Books, Failure, RunId};
use service::Line;

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
        objects.push(view(object, &counts, books, changed, failure));
    }
    let mut total = Books::default();
    for object in &objects {
        total += object.books;
    }
    let limits = line.catalog.run(id).await?.migration.limits.clone();
    Ok(RunView {
        summary: summary(&run),
        balanced: objects.iter().all(|object| object.books.balanced()),
        over_limit: limits
            .accept_failed
            .is_exceeded(total.refused(), total.extracted),
        objects,
        reconciliation: reconciliation(line, id).await?,
    })
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
