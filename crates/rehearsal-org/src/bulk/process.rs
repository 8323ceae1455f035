//! Works through a job in the background: states at the org's pace, rows in chunks of 200, each chunk one
//! transaction. An abort takes hold between chunks; what was written stays.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::csv::Fields;
use super::job::{Job, State, Upload};
use super::ledger::RowOutcome;
use super::spec::Spec;
use super::table::{Table, unreadable};
use crate::errors::bulk_text;
use crate::faults::locks::{delete_free, lock_drafts};
use crate::org::Org;
use crate::values::moment::now;
use crate::write::draft::{Draft, Reader, Sent};
use crate::write::save::save;
use crate::write::{CHUNK, Operation, Outcome};

/// Brings a job from `UploadComplete` to its end.
pub(super) async fn drive(org: Arc<Org>, job: Arc<Job>) {
    work(&org, &job).await;
    org.faults.release_parents(job.number);
}

async fn work(org: &Arc<Org>, job: &Arc<Job>) {
    tokio::time::sleep(org.pace().queued).await;
    if !job.progress().enter(State::InProgress) {
        return;
    }
    let failure = org.faults.take_job_failure();
    let Some(table) = prepare(org, job).await else {
        return;
    };
    let in_progress = || job.state() == State::InProgress;
    let mut from = 0;
    while from < table.len() {
        wait_while_held(org, &job.wake, in_progress, from).await;
        let to = (from + CHUNK).min(table.len());
        if let Some(failure) = failure.as_ref().filter(|f| from >= f.after_rows) {
            return fail(job, failure.message.clone());
        }
        {
            let _gate = job.gate.lock().await;
            if job.state() != State::InProgress {
                return;
            }
            let started = Instant::now();
            let work = {
                let (job, table) = (Arc::clone(job), Arc::clone(&table));
                org.blocking(move |org| noted(org, &job, &table, from..to))
            };
            match work.await {
                Ok(Ok(outcomes)) => record(job, &outcomes, started),
                Ok(Err(message)) => return fail(job, message),
                Err(_) => return fail(job, "Unknown : An unexpected error occurred".to_owned()),
            }
        }
        from = to;
        let pause = org.pace().per_chunk;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    if let Some(failure) = failure {
        return fail(job, failure.message);
    }
    wait_while_held(org, &job.wake, in_progress, table.len()).await;
    tokio::time::sleep(org.pace().finishing).await;
    job.progress().enter(State::JobComplete);
}

fn fail(job: &Job, message: String) {
    let mut progress = job.progress();
    if progress.enter(State::Failed) {
        progress.error = Some(message);
    }
}

/// Stands still while a fault says so and the job goes on.
pub(super) async fn wait_while_held(
    org: &Org,
    wake: &Notify,
    in_progress: impl Fn() -> bool,
    done: usize,
) {
    let mut hold = org.faults.hold();
    loop {
        let held = hold.borrow_and_update().is_some_and(|rows| done >= rows);
        if !held || !in_progress() {
            return;
        }
        tokio::select! {
            changed = hold.changed() => if changed.is_err() { return },
            () = wake.notified() => {}
        }
    }
}

/// Reads the upload; a fault of it as a whole fails the job.
async fn prepare(org: &Arc<Org>, job: &Arc<Job>) -> Option<Arc<Table>> {
    let _gate = job.gate.lock().await;
    let upload = std::mem::replace(&mut job.progress().upload, Upload::None);
    let Upload::Done(data) = upload else {
        fail(job, "InvalidBatch : No content was uploaded".to_owned());
        return None;
    };
    let spec = job.spec.clone();
    let read = org
        .blocking(move |org| Table::read(&org.catalogue, &spec, data))
        .await;
    match read {
        Ok(Ok(table)) => {
            let table = Arc::new(table);
            let mut progress = job.progress();
            progress.table = Some(Arc::clone(&table));
            org.jobs.count_batches(table.len());
            Some(table)
        }
        Ok(Err(message)) => {
            fail(job, message);
            None
        }
        Err(_) => {
            fail(job, "Unknown : An unexpected error occurred".to_owned());
            None
        }
    }
}

fn record(job: &Job, outcomes: &[RowOutcome], started: Instant) {
    let mut progress = job.progress();
    progress.processed += outcomes.len();
    progress.failed += outcomes
        .iter()
        .filter(|o| matches!(o, RowOutcome::Failed(_)))
        .count();
    progress.busy += started.elapsed();
    progress.modified = now();
}

/// Writes rows and notes what became of them. An error fails the job.
fn noted(
    org: &Org,
    job: &Job,
    table: &Table,
    rows: Range<usize>,
) -> Result<Vec<RowOutcome>, String> {
    let from = rows.start;
    let outcomes: Vec<RowOutcome> = chunk(org, job.number, &job.spec, table, rows)?
        .into_iter()
        .map(|outcome| match outcome {
            Ok(saved) if saved.created => RowOutcome::Created(saved.id),
            Ok(saved) => RowOutcome::Updated(saved.id),
            Err(errors) => RowOutcome::Failed(bulk_text(&errors).into_boxed_str()),
        })
        .collect();
    table.note(from, &outcomes).map_err(unreadable)?;
    Ok(outcomes)
}

/// Writes one chunk of an upload's rows, in one transaction. An error is of the org's: nobody knows what was stored.
pub(super) fn chunk(
    org: &Org,
    job: u64,
    spec: &Spec,
    table: &Table,
    rows: Range<usize>,
) -> Result<Vec<Outcome>, String> {
    let rows = table.rows(rows).map_err(unreadable)?;
    let delimiter = table.delimiter.byte;
    let mut fields = Fields::default();
    if let Operation::Delete | Operation::HardDelete = spec.operation {
        let ids = (0..rows.len()).map(|row| {
            fields.read(rows.text(row), delimiter);
            fields.get(0).unwrap_or_default().to_owned()
        });
        return delete_chunk(org, spec, ids.collect());
    }
    save_chunk(org, job, spec, 0..rows.len(), |reader, row| {
        fields.read(rows.text(row), delimiter);
        let mut draft = reader.start(table.columns.len());
        for (column, text) in table.columns.iter().zip(fields.iter()) {
            match text {
                "" => {}
                "#N/A" => reader.take(&mut draft, column, Sent::Clear),
                text => reader.take(&mut draft, column, Sent::Text(text)),
            }
        }
        reader.finish(&mut draft);
        draft
    })
}

/// Writes what `read` makes of each of these.
pub(super) fn save_chunk<T>(
    org: &Org,
    job: u64,
    spec: &Spec,
    rows: impl Iterator<Item = T>,
    mut read: impl FnMut(&Reader<'_>, T) -> Draft,
) -> Result<Vec<Outcome>, String> {
    let object = org.catalogue.at(spec.object);
    let mut store = org.write();
    let reader = Reader {
        catalogue: &org.catalogue,
        store: &store,
        object,
        operation: spec.operation,
    };
    let mut drafts: Vec<Draft> = rows.map(|row| read(&reader, row)).collect();
    lock_drafts(org, Some(job), &mut drafts);
    let outcomes = save(&org.catalogue, &mut store, object, drafts, now(), None);
    drop(store);
    org.still_sound().map(|()| outcomes)
}

/// Deletes the records with these ids.
pub(super) fn delete_chunk(
    org: &Org,
    spec: &Spec,
    ids: Vec<String>,
) -> Result<Vec<Outcome>, String> {
    let object = org.catalogue.at(spec.object);
    let hard = spec.operation == Operation::HardDelete;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut store = org.write();
    let (outcomes, _) = delete_free(org, &mut store, Some(object), &ids, hard, false);
    drop(store);
    org.still_sound().map(|()| outcomes)
}
