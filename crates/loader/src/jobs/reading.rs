//! The results of a job, matched with the records that were sent, whatever order they come in. Of a record that was written only its id is kept: jobs have
//! hundreds of thousands of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use connector::{Jobs, LoadPlan, Sent, SmallRow, Verdict};
use control::JobChunk;
use hashbrown::HashTable;
use model::{Attempt, ChunkNumber, Failure, Fate};
use record::{Change, Outcome, Refusal};
use serde_json::Value;

use super::manifest::{Manifest, Rows};

/// Jobs in a row that may end with records of a chunk that others held; then those count as failed.
const PATIENCE: u32 = 8;

/// The records of a job, each with what is known of it.
pub(crate) struct Reading {
    parts: Vec<Part>,
    /// The first record of each part among all.
    starts: Vec<usize>,
    told: Vec<Told>,
    /// The ids of those that were written, one behind the other.
    ids: String,
    by_key: HashTable<u32>,
    hasher: RandomState,
    /// What the job did not come to, it did not for the records that others held.
    gave_way: bool,
    unprocessed: usize,
    contended: usize,
    orphans: usize,
}

/// One chunk of the job.
pub(crate) struct Part {
    pub(crate) chunk: ChunkNumber,
    pub(crate) attempt: Attempt,
    pub(crate) manifest: Manifest,
}

enum Told {
    Nothing,
    Written {
        fate: Fate,
        id: u32,
        length: u16,
    },
    Failed(Box<Sent>),
    Again(Box<Sent>),
    /// Parents of it are missing; what is done about it is not decided yet, or it is sent again after that was.
    Orphan(Box<Sent>),
}

impl Reading {
    pub(crate) fn of(chunks: Vec<JobChunk>, gave_way: bool) -> Result<Self, Failure> {
        let parts = chunks
            .into_iter()
            .map(|chunk| {
                Ok(Part {
                    chunk: chunk.chunk,
                    attempt: chunk.attempt,
                    manifest: Manifest::decode(&chunk.manifest)?,
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let hasher = RandomState::new();
        let records = parts.iter().map(|part| part.manifest.rows.len()).sum();
        let mut by_key = HashTable::with_capacity(records);
        let mut starts = Vec::with_capacity(parts.len());
        let mut next = 0u32;
        for part in &parts {
            starts.push(next as usize);
            let rows = &part.manifest.rows;
            for row in 0..rows.len() {
                let hash = hasher.hash_one(rows.target_key(row));
                // Never rehashed: the table is as large as it will be.
                by_key.insert_unique(hash, next, |_| 0);
                next += 1;
            }
        }
        let mut told = Vec::with_capacity(records);
        told.resize_with(records, || Told::Nothing);
        Ok(Self {
            parts,
            starts,
            told,
            ids: String::new(),
            by_key,
            hasher,
            gave_way,
            unprocessed: 0,
            contended: 0,
            orphans: 0,
        })
    }

    /// Notes a result. One that no record of ours waits for is let go.
    pub(crate) fn note(&mut self, sent: Sent) {
        let hash = self.hasher.hash_one(sent.key.as_str());
        let found = self.by_key.find(hash, |record| {
            let record = *record as usize;
            matches!(self.told[record], Told::Nothing) && self.key(record) == sent.key
        });
        let Some(record) = found.map(|record| *record as usize) else {
            tracing::warn!("a result is about no record of the job");
            return;
        };
        self.told[record] = match sent.verdict {
            Verdict::Created { ref id } => self.written(Fate::Created, id),
            Verdict::Updated { ref id } => self.written(Fate::Updated, id),
            Verdict::Deleted { ref id } => self.written(Fate::Deleted, id),
            Verdict::Failed { .. } => Told::Failed(Box::new(sent)),
            Verdict::NoParent { .. }
                if self.parts[self.part(record)].manifest.orphaned >= PATIENCE =>
            {
                Told::Failed(Box::new(sent))
            }
            Verdict::NoParent { .. } => {
                self.orphans += 1;
                Told::Orphan(Box::new(sent))
            }
            Verdict::Contended { .. } if self.parts[self.part(record)].is_out_of_patience() => {
                Told::Failed(Box::new(sent))
            }
            Verdict::Contended { .. } => {
                self.contended += 1;
                Told::Again(Box::new(sent))
            }
            Verdict::Unprocessed if self.gave_way => {
                let sent = Sent {
                    verdict: gave_way(),
                    ..sent
                };
                if self.parts[self.part(record)].is_out_of_patience() {
                    Told::Failed(Box::new(sent))
                } else {
                    self.contended += 1;
                    Told::Again(Box::new(sent))
                }
            }
            Verdict::Unprocessed => {
                self.unprocessed += 1;
                Told::Again(Box::new(sent))
            }
        };
    }

    fn written(&mut self, fate: Fate, id: &str) -> Told {
        let place = (u32::try_from(self.ids.len()), u16::try_from(id.len()));
        let (Ok(start), Ok(length)) = place else {
            // No target has ids of 64 KiB, and no job four gigabytes of them.
            return Told::Nothing;
        };
        self.ids.push_str(id);
        Told::Written {
            fate,
            id: start,
            length,
        }
    }

    fn part(&self, record: usize) -> usize {
        self.starts.partition_point(|start| *start <= record) - 1
    }

    fn key(&self, record: usize) -> &str {
        let part = self.part(record);
        self.parts[part]
            .manifest
            .rows
            .target_key(record - self.starts[part])
    }

    /// The records as they are to be sent, where they are with the job.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.parts
            .iter()
            .filter_map(|part| part.manifest.rest.as_deref())
    }

    /// The keys of these that the target had before anything was sent.
    pub(crate) fn there_before(&self, rows: &[SmallRow]) -> BTreeSet<String> {
        let keys: BTreeSet<_> = rows.iter().map(|row| row.key.as_str()).collect();
        let manifests = self.parts.iter().map(|part| &part.manifest);
        let known = manifests.flat_map(|manifest| manifest.rows.keys().zip(&manifest.there));
        known
            .filter(|(key, there)| **there && keys.contains(key))
            .map(|(key, _)| key.to_owned())
            .collect()
    }

    /// Records that the job did not come to.
    pub(crate) fn unprocessed(&self) -> usize {
        self.unprocessed
    }

    /// Records that others held.
    pub(crate) fn contended(&self) -> usize {
        self.contended
    }

    /// Records whose parents are missing.
    pub(crate) fn orphans(&self) -> usize {
        self.orphans
    }

    /// Each record whose parents are missing, with its source key.
    pub(crate) fn each_orphan<'a>(&'a self, mut each: impl FnMut(&'a str, &'a Sent)) {
        for (record, told) in self.told.iter().enumerate() {
            if let Told::Orphan(sent) = told {
                let part = self.part(record);
                let row = record - self.starts[part];
                each(self.parts[part].manifest.rows.source_key(row), sent);
            }
        }
    }

    /// Counts those among them as failed for which `why` has a reason.
    pub(crate) fn fail_orphans(&mut self, why: impl Fn(&Sent) -> Option<String>) {
        for told in &mut self.told {
            let Told::Orphan(sent) = told else { continue };
            let Some(reason) = why(sent) else { continue };
            let mut sent = std::mem::replace(sent, Box::new(nobody()));
            if let Verdict::NoParent { message, .. } = &mut sent.verdict {
                *message = reason;
            }
            *told = Told::Failed(sent);
            self.orphans -= 1;
        }
    }

    /// How many jobs in a row, this one included, ended with records that others held.
    pub(crate) fn rounds(&self) -> u32 {
        let rounds = self.parts.iter().map(|part| part.manifest.contended + 1);
        rounds.max().unwrap_or_default()
    }

    /// Every part, its records settled but for those that are to be sent again; these are encoded in its manifest.
    pub(crate) fn settled(
        self,
        jobs: &dyn Jobs,
        plan: &LoadPlan,
    ) -> impl Iterator<Item = Result<Part, Failure>> {
        let mut told = self.told.into_iter();
        let ids = self.ids;
        self.parts.into_iter().map(move |mut part| {
            let manifest = &mut part.manifest;
            let rows = &manifest.rows;
            let mut again = Vec::new();
            let mut left = Vec::new();
            let mut contended = false;
            let mut orphaned = false;
            for (row, told) in (0u32..).zip(told.by_ref().take(rows.len())) {
                if let Told::Orphan(mut sent) = told {
                    orphaned = true;
                    let changes = clear(&mut sent, jobs, plan, rows.source_key(row as usize));
                    manifest.settled.changes.extend(changes);
                    again.push(*sent);
                    left.push(row);
                } else if let Told::Again(sent) = told {
                    contended |= matches!(sent.verdict, Verdict::Contended { .. });
                    again.push(*sent);
                    left.push(row);
                } else {
                    settle(&mut manifest.settled, rows, row as usize, told, &ids);
                }
            }
            manifest.rows = rows.only(left)?;
            manifest.there = Vec::new();
            manifest.contended = if contended { manifest.contended + 1 } else { 0 };
            manifest.orphaned += u32::from(orphaned);
            manifest.rest = match again.as_slice() {
                [] => None,
                again => Some(jobs.encode_again(plan, again)?),
            };
            Ok(part)
        })
    }
}

impl Part {
    fn is_out_of_patience(&self) -> bool {
        self.manifest.contended + 1 >= PATIENCE
    }
}

/// Has the lookups sent as null whose missing parents the plan does without, and tells of it.
fn clear(sent: &mut Sent, jobs: &dyn Jobs, plan: &LoadPlan, source_key: &str) -> Vec<Change> {
    let Verdict::NoParent { lookups, .. } = &sent.verdict else {
        return Vec::new();
    };
    let lookups = lookups.clone();
    let rules = plan
        .missing
        .iter()
        .filter(|rule| rule.placeholder.is_none() && lookups.contains(&rule.field));
    rules
        .map(|rule| {
            let was = sent.fields.get(&rule.field).cloned();
            jobs.clear(sent, &rule.field);
            Change::new(source_key, &rule.name, "missing_parent", was.as_deref())
        })
        .collect()
}

/// Takes a record's place while it is moved.
fn nobody() -> Sent {
    Sent {
        key: String::new(),
        verdict: Verdict::Unprocessed,
        fields: BTreeMap::new(),
    }
}

/// What is told of a record that a job which gave way did not come to.
fn gave_way() -> Verdict {
    Verdict::Contended {
        code: "too_many_locks".to_owned(),
        message: "the target gave the job up, again and again, because others held too many of its records".to_owned(),
        fields: Vec::new(),
    }
}

/// Enters what became of one record.
fn settle(settled: &mut Outcome, rows: &Rows, row: usize, told: Told, ids: &str) {
    let (source_key, checksum) = (rows.source_key(row), rows.checksum(row));
    let (code, message, fields, data) = match told {
        Told::Written { fate, id, length } => {
            let start = id as usize;
            let id = ids.get(start..start + usize::from(length));
            let id = id.map(str::to_owned);
            settled.ledger.push(source_key, id, fate, checksum);
            return;
        }
        Told::Failed(sent) | Told::Again(sent) | Told::Orphan(sent) => match sent.verdict {
            Verdict::Failed {
                code,
                message,
                fields,
            }
            | Verdict::Contended {
                code,
                message,
                fields,
            }
            | Verdict::NoParent {
                code,
                message,
                fields,
                ..
            } => (code, message, fields, sent.fields),
            _ => return,
        },
        Told::Nothing => (
            "result_missing".to_owned(),
            "the target's results do not mention this record".to_owned(),
            Vec::new(),
            BTreeMap::new(),
        ),
    };
    let data = data
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)));
    let refusal = Refusal {
        key: source_key.to_owned(),
        fate: Fate::Failed,
        code,
        message,
        fields,
        data: data.collect(),
    };
    settled.refuse(refusal, checksum);
}
