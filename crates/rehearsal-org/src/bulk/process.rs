//! Works through a job in the background: states at the org's pace, rows in chunks of 200, each chunk one
//! transaction. An abort takes hold between chunks; what was written stays.

use std::sync::Arc;
use std::time::Instant;

use super::csv::Fields;
use super::job::{Job, RowOutcome, State, Upload};
use super::ledger::Rows;
use super::table::{Table, unreadable};
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
    let mut from = 0;
    while from < table.len() {
        wait_while_held(&org, &job, from).await;
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
                org.blocking(move |org| chunk(org, &job, &table, from..to))
            };
            match work.await {
                Ok(Ok(outcomes)) => record(&job, &outcomes, started),
                Ok(Err(message)) => return fail(&job, message),
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
    wait_while_held(&org, &job, table.len()).await;
    tokio::time::sleep(org.pace().finishing).await;
    job.progress().enter(State::JobComplete);
}

fn fail(job: &Job, message: String) {
    let mut progress = job.progress();
    if progress.enter(State::Failed) {
        progress.error = Some(message);
    }
}

async fn wait_while_held(org: &Org, job: &Job, done: usize) {
    let mut hold = org.faults.hold();
    loop {
        let held = hold.borrow_and_update().is_some_and(|rows| done >= rows);
        if !held || job.state() != State::InProgress {
            return;
        }
        tokio::select! {
            changed = hold.changed() => if changed.is_err() { return },
            () = job.wake.notified() => {}
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
fn chunk(
    org: &Org,
    job: &Job,
    table: &Table,
    range: std::ops::Range<usize>,
) -> Result<Vec<RowOutcome>, String> {
    let rows = table.rows(range.clone()).map_err(unreadable)?;
    let locks = org.faults.take_locks(rows.len());
    let outcomes = match job.spec.operation {
        Operation::Delete | Operation::HardDelete => delete_chunk(org, job, table, &rows, locks),
        _ => save_chunk(org, job, table, &rows, locks),
    };
    if org.is_broken() {
        // What the database did not take is nobody's outcome.
        return Err("InternalServerError : The records could not be stored".to_owned());
    }
    let outcomes: Vec<RowOutcome> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(saved) if saved.created => RowOutcome::Created(saved.id),
            Ok(saved) => RowOutcome::Updated(saved.id),
            Err(errors) => RowOutcome::Failed(bulk_text(&errors).into_boxed_str()),
        })
        .collect();
    table.note(range.start, &outcomes).map_err(unreadable)?;
    Ok(outcomes)
}

fn save_chunk(org: &Org, job: &Job, table: &Table, rows: &Rows, locks: usize) -> Vec<Outcome> {
    let object = org.catalogue.at(job.spec.object);
    let mut fields = Fields::default();
    let mut store = org.write();
    let reader = Reader {
        catalogue: &org.catalogue,
        store: &store,
        object,
        operation: job.spec.operation,
    };
    let drafts = (0..rows.len())
        .map(|row| {
            fields.read(rows.text(row), table.delimiter.byte);
            let mut draft = reader.start(table.columns.len());
            for (column, text) in table.columns.iter().zip(fields.iter()) {
                match text {
                    "" => {}
                    "#N/A" => reader.take(&mut draft, column, Sent::Clear),
                    text => reader.take(&mut draft, column, Sent::Text(text)),
                }
            }
            reader.finish(&mut draft);
            if row < locks {
                lock(org, &mut draft);
            }
            draft
        })
        .collect();
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

fn delete_chunk(org: &Org, job: &Job, table: &Table, rows: &Rows, locks: usize) -> Vec<Outcome> {
    let object = org.catalogue.at(job.spec.object);
    let hard = job.spec.operation == Operation::HardDelete;
    let mut fields = Fields::default();
    let ids: Vec<String> = (0..rows.len())
        .map(|row| {
            fields.read(rows.text(row), table.delimiter.byte);
            fields.get(0).unwrap_or_default().to_owned()
        })
        .collect();
    let (held, free) = ids.split_at(locks);
    let free: Vec<&str> = free.iter().map(String::as_str).collect();
    let refused = held.iter().map(|id| -> Outcome { Err(vec![locked(id)]) });
    let mut store = org.write();
    let mut outcomes: Vec<Outcome> = refused.collect();
    outcomes.extend(delete::delete(
        &org.catalogue,
        &mut store,
        Some(object),
        &free,
        hard,
        false,
        now(),
    ));
    outcomes
}
