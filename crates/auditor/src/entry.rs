//! An outcome in the audit log's words.

use std::collections::BTreeMap;

use chrono::Utc;
use control::{
    Arrived, AuditEntry, LedgerBlob, MapKey, MapScope, NewChange, NewFailedRecord, NewIds,
    NewPlaceholder,
};
use model::{Envelope, Failure, Fate};
use record::{Outcome, encode_batch, hash_key, key_filter};
use serde_json::Value;
use service::{PinnedObject, PinnedRun};

/// The version of the ledger's encoding: one Arrow IPC stream, LZ4, columns key, target_id, fate, checksum, error.
const LEDGER_VERSION: i64 = 2;

pub(crate) fn of(envelope: &Envelope, outcome: &Outcome, auditor: &str) -> AuditEntry {
    let journey = &outcome.journey;
    let books = outcome.books();
    AuditEntry {
        chunk: envelope.chunk.clone(),
        attempt: envelope.attempt,
        books,
        started_at: journey.started_at,
        ended_at: Utc::now(),
        source_count: Some(journey.extracted),
        transformed_count: journey.transformed,
        loaded_count: books.succeeded() + books.failed,
        job_id: outcome.job.clone(),
        batch_id: None,
        file_path: journey.file.clone(),
        file_bytes: None,
        source_checksum: Some(journey.source_checksum.clone()),
        target_checksum: None,
        read_epoch: Some(journey.read_epoch.clone()),
        bytes: Some(journey.bytes),
        created_by: auditor.to_owned(),
        retried: outcome
            .ledger
            .rows
            .iter()
            .map(|row| row.key.clone())
            .collect(),
        changes: changes(outcome),
        ids: None,
        placeholders: Vec::new(),
        arrived: None,
    }
}

fn map_key(text: &str) -> MapKey {
    MapKey {
        hash: hash_key(&[text]).to_be_bytes(),
        text: text.to_owned(),
    }
}

/// The records that were made with the chunk, because its own miss them.
pub(crate) fn placeholders(object: &PinnedObject, outcome: &Outcome) -> Vec<NewPlaceholder> {
    let plan = &object.plan;
    let made = outcome.placeholders.iter().map(|made| NewPlaceholder {
        object: made.parent.clone(),
        system: plan.system.clone(),
        to_object: made.to.clone(),
        key: map_key(&made.key),
        target_id: made.id.clone(),
        child_object: plan.object.clone(),
        child_key: made.child.clone(),
    });
    made.collect()
}

/// The records that came now and that placeholders may have stood for.
pub(crate) fn arrived(
    run: &PinnedRun,
    object: &PinnedObject,
    outcome: &Outcome,
) -> Option<Arrived> {
    let plan = &object.plan;
    if !run.migration.has_placeholders(&plan.object) {
        return None;
    }
    let there = |fate| matches!(fate, Fate::Created | Fate::Updated | Fate::Unchanged);
    let rows = outcome.ledger.rows.iter();
    Some(Arrived {
        system: plan.system.clone(),
        to_object: plan.to.clone(),
        target_ids: rows
            .filter(|row| there(row.fate))
            .filter_map(|row| row.target_id.clone())
            .collect(),
    })
}

/// What the outcome changes among the ids that are kept; none where no object of the migration has its ids kept.
pub(crate) fn ids(run: &PinnedRun, object: &PinnedObject, outcome: &Outcome) -> Option<NewIds> {
    let plan = &object.plan;
    let is_mapped = run
        .migration
        .object(&plan.object)
        .is_some_and(|object| object.id_map);
    if plan.system.is_empty() || !(is_mapped || plan.operation.deletes()) {
        return None;
    }
    let mut ids = NewIds {
        scope: MapScope {
            migration: run.migration.migration.clone(),
            system: plan.system.clone(),
        },
        to_object: plan.to.clone(),
        moved: BTreeMap::new(),
        deleted: Vec::new(),
    };
    for row in &outcome.ledger.rows {
        let Some(id) = row.target_id.clone() else {
            continue;
        };
        match row.fate {
            Fate::Deleted => ids.deleted.push(id),
            Fate::Created | Fate::Updated | Fate::Unchanged if is_mapped => {
                ids.moved.insert(map_key(&row.key), id);
            }
            _ => {}
        }
    }
    Some(ids)
}

/// Of records that the target did not take, nothing was changed: a retry of them tells anew.
fn changes(outcome: &Outcome) -> Vec<NewChange> {
    outcome
        .changes_made()
        .map(|change| NewChange {
            key: change.key.clone(),
            field: change.field.clone(),
            code: change.code.clone(),
            was: change.was.clone(),
        })
        .collect()
}

/// What a person has to look at; skipped records were left out on purpose and stay in the ledger alone.
pub(crate) fn failed_records(outcome: &Outcome) -> Vec<NewFailedRecord> {
    outcome
        .refusals
        .iter()
        .filter(|refusal| refusal.fate != Fate::Skipped)
        .map(|refusal| NewFailedRecord {
            key: refusal.key.clone(),
            fate: refusal.fate,
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            fields: refusal.fields.clone(),
            data: (!refusal.data.is_empty()).then(|| Value::Object(refusal.data.clone())),
        })
        .collect()
}

pub(crate) fn ledger(outcome: &Outcome) -> Result<LedgerBlob, Failure> {
    let keys = outcome.ledger.rows.iter().map(|row| row.key.as_str());
    Ok(LedgerBlob {
        records: outcome.ledger.rows.len() as u64,
        encoding_version: LEDGER_VERSION,
        key_filter: key_filter(keys),
        blob: encode_batch(&outcome.ledger.to_batch()?)?,
    })
}
