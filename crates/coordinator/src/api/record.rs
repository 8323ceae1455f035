//! `GET /api/runs/{run}/record`: what happened to one record, from the ledgers of its object's chunks.

use api::{Passage, RecordChange, RecordError, RecordQuery, RecordView};
use axum::Json;
use axum::extract::{Path, Query, State};
use control::{Changes, Control, FailedRecord, Failures, StoredChange};
use model::{ChunkNumber, ChunkRef, Failure, RunId};
use record::{Ledger, LedgerRow, decode_batch, may_hold};

use super::Office;
use super::answer::Answer;

/// Filters of keys that are looked at in one go: a million records have fifty, of a megabyte.
const FILTERS: u32 = 500;
/// Failures and changes of one record at most.
const MOST: u32 = 1_000;

pub(crate) async fn one(
    State(office): State<Office>,
    Path(run): Path<String>,
    Query(query): Query<RecordQuery>,
) -> Answer<RecordView> {
    let (run, control) = (RunId::new(run), &office.line.control);
    control.run(&run).await?;
    let RecordQuery { object, key } = query;
    control.object(&run, &object).await?;
    let found = found(control, &run, &object, &key).await?;
    if found.is_empty() {
        let message =
            format!("no chunk of {object} that was audited in run {run} had a record {key}");
        let failure = Failure::usage("not_found", message).object(object).hint(
            "a key is written as the source has it, `stevedore failures` shows how; a key of several columns is a JSON list, like [1,\"a\"]",
        );
        return Err(failure.into());
    }
    let (object_name, key_text) = (Some(object.as_str()), Some(key.as_str()));
    let failed = Failures {
        object: object_name,
        key: key_text,
        limit: MOST,
        ..Failures::default()
    };
    let failed = control.failures(&run, &failed).await?;
    let changed = Changes {
        object: object_name,
        key: key_text,
        limit: MOST,
        ..Changes::default()
    };
    let changed = control.changes(&run, &changed).await?;
    let mut passages = Vec::new();
    for (chunk, row) in found {
        passages.push(passage(control, &chunk, row, &failed, &changed).await?);
    }
    // A retry's chunk may have a lower number than the parts of one that was split late.
    passages.sort_by_key(|passage| (passage.at, passage.chunk));
    Ok(Json(RecordView {
        run: run.to_string(),
        object,
        key,
        passages,
    }))
}

/// The chunks that had the record, each with its ledger's row of it.
async fn found(
    control: &Control,
    run: &RunId,
    object: &str,
    key: &str,
) -> Result<Vec<(ChunkRef, LedgerRow)>, Failure> {
    let (mut found, mut after) = (Vec::new(), ChunkNumber(0));
    loop {
        let filters = control.key_filters(run, object, after, FILTERS).await?;
        let Some((last, _)) = filters.last() else {
            return Ok(found);
        };
        after = *last;
        for (number, filter) in filters {
            if let Some(filter) = filter
                && !may_hold(&filter, key)?
            {
                continue;
            }
            let chunk = ChunkRef {
                run: run.clone(),
                object: object.to_owned(),
                chunk: number,
            };
            let Some(stored) = control.ledger(&chunk).await? else {
                continue;
            };
            let ledger = Ledger::from_batch(&decode_batch(&stored.blob)?)?;
            let rows = ledger.rows.into_iter().filter(|row| row.key == key);
            found.extend(rows.map(|row| (chunk.clone(), row)));
        }
    }
}

async fn passage(
    control: &Control,
    chunk: &ChunkRef,
    row: LedgerRow,
    failed: &[FailedRecord],
    changed: &[StoredChange],
) -> Result<Passage, Failure> {
    let audited = control
        .outcome(chunk)
        .await?
        .ok_or_else(|| Failure::bug(format!("{chunk} has a ledger and no outcome")))?;
    let failed = failed.iter().find(|failed| failed.chunk == *chunk);
    let error = row.error.or(failed.map(|failed| failed.code.clone()));
    Ok(Passage {
        chunk: chunk.chunk.0,
        attempt: audited.attempt.0,
        job: audited.job_id,
        at: audited.ended_at,
        fate: row.fate.as_str().to_owned(),
        target_id: row.target_id,
        checksum: row.checksum.map(|checksum| checksum.to_string()),
        error: error.map(|code| RecordError {
            code,
            message: failed.map(|failed| failed.message.clone()),
            fields: failed
                .map(|failed| failed.fields.clone())
                .unwrap_or_default(),
        }),
        changed: changed
            .iter()
            .filter(|change| change.chunk == *chunk)
            .map(|change| RecordChange {
                field: change.field.clone(),
                code: change.code.clone(),
                was: change.was.clone(),
            })
            .collect(),
    })
}
