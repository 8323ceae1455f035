//! Works through a job in the background: states at the org's pace, rows in chunks of 200, each chunk one
//! transaction. An abort takes hold between chunks; what was written stays.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::csv::Fields;
use super::job::{Job, RowOutcome, Spec, State, Upload};
use super::table::Table;
use crate::errors::bulk_text;
use crate::org::Org;
use crate::rest::locked;
use crate::values::Value;
use crate::values::moment::now;
use crate::write::draft::{Draft, Reader, Sent};
use crate::write::save::save;
use crate::write::{CHUNK, Operation, Outcome, delete};

/// Brings a job from `UploadComplete` to its end.
pub(super) async fn drive(org: Arc<Org>, job: Arc<Job>) {
    tokio::time::sleep(org.pace().queued).await;
    if !job.progress().enter(State::InProgress) {
        return;
    }
    let failing_after = org.faults.take_job_failure();
    let Some(table) = prepare(&org, &job).await else {
        return;
    };
    let in_progress = || job.state() == State::InProgress;
    let mut from = 0;
    while from < table.len() {
        wait_while_held(&org, &job.wake, in_progress, from).await;
        let to = (from + CHUNK).min(table.len());
        if failing_after.is_some_and(|rows| from >= rows) {
            fail(
                &job,
                "InternalServerError : The job could not be completed after several retries"
                    .to_owned(),
            );
            return;
        }
        {
            let _gate = job.gate.lock().await;
            if job.state() != State::InProgress {
                return;
            }
            let started = Instant::now();
            let work = {
                let (job, table) = (Arc::clone(&job), Arc::clone(&table));
                org.blocking(move |org| chunk(org, &job.spec, &table, from..to))
            };
            match work.await {
                Ok(outcomes) => record(&job, from, outcomes, started),
                Err(_) => return fail(&job, "Unknown : An unexpected error occurred".to_owned()),
            }
        }
        from = to;
        let pause = org.pace().per_chunk;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    if failing_after.is_some() {
        return fail(
            &job,
            "InternalServerError : The job could not be completed after several retries".to_owned(),
        );
    }
    wait_while_held(&org, &job.wake, in_progress, table.len()).await;
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
            progress.outcomes = vec![RowOutcome::Unprocessed; table.len()];
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

fn record(job: &Job, from: usize, outcomes: Vec<Outcome>, started: Instant) {
    let mut progress = job.progress();
    progress.processed += outcomes.len();
    progress.failed += outcomes.iter().filter(|o| o.is_err()).count();
    progress.busy += started.elapsed();
    progress.modified = now();
    for (place, outcome) in outcomes.into_iter().enumerate() {
        progress.outcomes[from + place] = match outcome {
            Ok(saved) if saved.created => RowOutcome::Created(saved.id),
            Ok(saved) => RowOutcome::Updated(saved.id),
            Err(errors) => RowOutcome::Failed(bulk_text(&errors).into_boxed_str()),
        };
    }
}

/// Writes one chunk of an upload's rows, in one transaction.
pub(super) fn chunk(org: &Org, spec: &Spec, table: &Table, rows: Range<usize>) -> Vec<Outcome> {
    let mut fields = Fields::default();
    if let Operation::Delete | Operation::HardDelete = spec.operation {
        let ids = rows.map(|row| {
            table.fields(row, &mut fields);
            fields.get(0).unwrap_or_default().to_owned()
        });
        return delete_chunk(org, spec, ids.collect());
    }
    save_chunk(org, spec, rows, |reader, row| {
        table.fields(row, &mut fields);
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
    spec: &Spec,
    rows: impl ExactSizeIterator<Item = T>,
    mut read: impl FnMut(&Reader<'_>, T) -> Draft,
) -> Vec<Outcome> {
    let locks = org.faults.take_locks(rows.len());
    let object = org.catalogue.at(spec.object);
    let mut store = org.write();
    let reader = Reader {
        catalogue: &org.catalogue,
        store: &store,
        object,
        operation: spec.operation,
    };
    let drafts = rows.enumerate().map(|(place, row)| {
        let mut draft = read(&reader, row);
        if place < locks {
            lock(org, &mut draft);
        }
        draft
    });
    let drafts = drafts.collect();
    save(&org.catalogue, &mut store, object, drafts, now(), None)
}

/// Somebody else holds the record's parent, or the record.
fn lock(org: &Org, draft: &mut Draft) {
    let parent = draft.cells.iter().find_map(|(_, value)| match value {
        Value::Ref(id) => Some(*id),
        _ => None,
    });
    let id = org.catalogue.id_text(parent.unwrap_or(org.catalogue.user));
    draft.errors.insert(0, locked(&id).unreadable());
}

/// Deletes the records with these ids.
pub(super) fn delete_chunk(org: &Org, spec: &Spec, ids: Vec<String>) -> Vec<Outcome> {
    let locks = org.faults.take_locks(ids.len());
    let object = org.catalogue.at(spec.object);
    let hard = spec.operation == Operation::HardDelete;
    let (held, free) = ids.split_at(locks);
    let free: Vec<&str> = free.iter().map(String::as_str).collect();
    let refused = held.iter().map(|id| -> Outcome { Err(vec![locked(id)]) });
    let mut store = org.write();
    let mut outcomes: Vec<Outcome> = refused.collect();
    let (deleted, _) = delete::delete(
        &org.catalogue,
        &mut store,
        Some(object),
        &free,
        hard,
        false,
        now(),
    );
    outcomes.extend(deleted);
    outcomes
}
