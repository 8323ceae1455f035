//! A run to try things on: its leader, its objects, its chunks.

use std::time::Duration;

use chrono::Utc;
use control::{
    AuditEntry, CreatedRun, Dispatched, NewFailedRecord, NewObject, NewRun, Term, Verdict,
};
use model::{Attempt, Books, ChunkNumber, ChunkRef, Fate, RunId, RunKind, Slice};
use serde_json::json;

use crate::bed::Bed;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const NOW: Duration = Duration::ZERO;

pub(crate) fn object(name: &str, phase: i64, position: i64) -> NewObject {
    NewObject {
        name: name.to_owned(),
        position,
        phase,
        to_object: format!("{name}_target"),
        operation: "upsert".to_owned(),
        source: json!({"table": name, "note": "a\u{0}b"}),
        target: json!({}),
        needs_key_pass: false,
        key_pass_columns: vec![],
        estimated_records: Some(100),
        target_before: None,
    }
}

pub(crate) fn new_run(objects: Vec<NewObject>) -> NewRun {
    NewRun {
        id: RunId::generate(),
        idempotency_key: None,
        migration: "legacy-crm".to_owned(),
        kind: RunKind::Full,
        scope: None,
        picked: Vec::new(),
        follows: None,
        file: "migration: legacy-crm\n".to_owned(),
        file_sha256: "0".repeat(64),
        requested_by: "tester".to_owned(),
        scheduler_run_id: Some("scheduled__1".to_owned()),
        objects,
    }
}

pub(crate) fn slices(count: usize) -> Vec<Slice> {
    (0..count).map(|n| Slice(json!({"from": n}))).collect()
}

/// A run of one object, `a`, whose plan is closed.
pub(crate) struct Fixture {
    pub run: RunId,
    pub term: Term,
}

impl Fixture {
    pub(crate) async fn planned(bed: &Bed, chunks: usize) -> Self {
        Self::of(bed, object("a", 0, 0), chunks).await
    }

    pub(crate) async fn of(bed: &Bed, object: NewObject, chunks: usize) -> Self {
        let name = object.name.clone();
        let term = bed.control.lead("leader", MINUTE).await.unwrap().unwrap();
        let run = new_run(vec![object]);
        let created = bed.control.create_run(&run).await.unwrap();
        assert_eq!(created, CreatedRun::Created(run.id.clone()));
        bed.control
            .save_plan(term, &run.id, &name, 0, &slices(chunks), None, true)
            .await
            .unwrap();
        Self { run: run.id, term }
    }

    pub(crate) fn chunk(&self, number: i64) -> ChunkRef {
        ChunkRef {
            run: self.run.clone(),
            object: "a".to_owned(),
            chunk: ChunkNumber(number),
        }
    }

    pub(crate) async fn dispatch(&self, bed: &Bed, limit: u32) -> Vec<Dispatched> {
        bed.control
            .dispatch(self.term, &self.run, &["a".to_owned()], limit)
            .await
            .unwrap()
    }

    pub(crate) async fn state(&self, bed: &Bed, number: i64) -> String {
        let chunk = bed.control.chunk(&self.chunk(number)).await.unwrap();
        format!("{} {}", chunk.state.as_str(), chunk.attempt)
    }

    /// Audits a chunk and marks it done.
    pub(crate) async fn finish(
        &self,
        bed: &Bed,
        number: i64,
        books: Books,
        failed: &[NewFailedRecord],
        read: &[&str],
    ) {
        let mut entry = entry(&self.chunk(number), Attempt(1), books);
        entry.retried = read.iter().map(|key| (*key).to_owned()).collect();
        bed.control.audit(&entry, failed, None).await.unwrap();
        let done = Verdict::Done(books);
        assert!(
            bed.control
                .settle(self.term, &self.chunk(number), Attempt(1), &done)
                .await
                .unwrap()
        );
    }
}

pub(crate) fn books(created: u64, rejected: u64, failed: u64) -> Books {
    Books {
        extracted: created + rejected + failed,
        created,
        rejected,
        failed,
        ..Books::default()
    }
}

pub(crate) fn failed(key: &str, fate: Fate) -> NewFailedRecord {
    NewFailedRecord {
        key: key.to_owned(),
        fate,
        code: "REQUIRED_FIELD_MISSING".to_owned(),
        message: format!("no name at {key}"),
        fields: vec!["Name".to_owned(), "Id".to_owned()],
        data: Some(json!({"id": key, "name": null})),
    }
}

pub(crate) fn entry(chunk: &ChunkRef, attempt: Attempt, books: Books) -> AuditEntry {
    let ended_at = Utc::now();
    AuditEntry {
        chunk: chunk.clone(),
        attempt,
        books,
        started_at: ended_at - chrono::Duration::milliseconds(2500),
        ended_at,
        source_count: Some(books.extracted),
        transformed_count: books.extracted - books.rejected,
        loaded_count: books.extracted - books.rejected,
        job_id: Some("750xx".to_owned()),
        batch_id: None,
        file_path: None,
        file_bytes: Some(1_048_576),
        source_checksum: Some("1:abc".to_owned()),
        target_checksum: None,
        read_epoch: Some("10:10:".to_owned()),
        bytes: Some(4096),
        created_by: "auditor-1".to_owned(),
        retried: Vec::new(),
        changes: Vec::new(),
        ids: None,
        placeholders: vec![],
        arrived: None,
    }
}

/// Waits for something to become true; fails after ten seconds.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come about"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
