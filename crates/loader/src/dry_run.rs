//! One chunk of a dry run: the target is asked what it holds, and what would become of each record follows from that. Nothing is written to it.

use std::collections::{HashMap, HashSet};
use std::slice::from_ref;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use connector::{LoadPlan, Target, Writing};
use connectors::Connections;
use model::migration::{Field as Mapped, Operation};
use model::{ChunkRef, Envelope, Failure, Fate, Kind};
use queue::Queue;
use record::{Checksum, Outcome, Payload, Refusal, meta, record_json};
use service::{Handler, Line, Next, PinnedRun};

use crate::foreseen_keys::hashes;

pub(crate) struct DryRun {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
}

#[async_trait]
impl Handler for DryRun {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let payload = Payload::decode(&envelope.body)?;
        let run = self.line.catalog.run(&envelope.chunk.run).await?;
        let target = self.connections.target(&run.migration).await?;
        let mut look = Look {
            line: &self.line,
            run: &run,
            plan: &run.object(&envelope.chunk.object)?.plan,
            chunk: &envelope.chunk,
            target: target.as_ref(),
            calls: 0,
        };
        let outcome = look.outcome(payload).await?;
        tracing::info!(chunk = %envelope.chunk, calls = look.calls, "the target was asked");
        let body = outcome.encode()?;
        let outcome = Envelope::new(
            Kind::Outcome,
            envelope.chunk.clone(),
            envelope.attempt,
            body,
        );
        Ok(vec![(Queue::Audit, outcome)])
    }
}

/// What is looked at for one chunk.
struct Look<'a> {
    line: &'a Line,
    run: &'a PinnedRun,
    plan: &'a LoadPlan,
    chunk: &'a ChunkRef,
    target: &'a dyn Target,
    /// The calls that the target was asked by.
    calls: u64,
}

impl Look<'_> {
    async fn outcome(&mut self, mut payload: Payload) -> Result<Outcome, Failure> {
        let mut failed: Vec<Option<Failure>> = Vec::new();
        match self.target.writing() {
            Writing::Jobs(jobs) => {
                let unsendable = jobs.unsendable(self.plan, &payload.records)?;
                payload = payload.reject(unsendable)?;
                failed.resize_with(payload.records.num_rows(), || None);
            }
            Writing::Transactions(transactions) => {
                failed.resize_with(payload.records.num_rows(), || None);
                for (row, failure) in transactions.unwritable(self.plan, &payload.records)? {
                    failed[row] = Some(failure);
                }
            }
        }
        let records = payload.records;
        if self.plan.operation.needs_key() {
            self.fail_twins(&records, &mut failed)?;
        }
        if !self.plan.operation.deletes() {
            self.fail_orphans(&records, &mut failed).await?;
        }
        let fates = self.fates(&records, &mut failed).await?;
        let missing = || Failure::bug("a mapped batch has no column of source keys");
        let keys = records
            .column_by_name(meta::KEY_COLUMN)
            .and_then(|column| column.as_string_opt::<i32>())
            .ok_or_else(missing)?;
        let checksums = records
            .column_by_name(meta::CHECKSUM_COLUMN)
            .and_then(|column| column.as_fixed_size_binary_opt());
        let mut outcome = Outcome::of_refused(payload.journey, payload.refusals, payload.changes);
        for (row, failed) in failed.into_iter().enumerate() {
            let checksum = checksums
                .filter(|sums| sums.is_valid(row))
                .and_then(|sums| Checksum::from_bytes(sums.value(row)));
            match failed {
                None => outcome
                    .ledger
                    .push(keys.value(row), None, fates[row], checksum),
                Some(failure) => {
                    let data = record_json(&records, row);
                    let refusal = Refusal::rejected(keys.value(row), failure, data);
                    let fate = Fate::Failed;
                    outcome.refuse(Refusal { fate, ..refusal }, checksum);
                }
            }
        }
        Ok(outcome)
    }

    /// Records of one chunk with one key can't both be right.
    fn fail_twins(
        &self,
        records: &RecordBatch,
        failed: &mut [Option<Failure>],
    ) -> Result<(), Failure> {
        let columns = columns(records, &self.plan.key)?;
        let keys = hashes(&self.plan.target, &self.plan.key, &columns)?;
        let mut times: HashMap<[u8; 16], u32> = HashMap::new();
        for key in keys.iter().flatten() {
            *times.entry(*key).or_default() += 1;
        }
        for (key, failed) in keys.iter().zip(failed) {
            if key.is_some_and(|key| times.get(&key).is_some_and(|times| *times > 1)) {
                failed.get_or_insert(self.failure(
                    "duplicate_key",
                    "another record of the chunk has the same key".to_owned(),
                    &self.plan.key,
                ));
            }
        }
        Ok(())
    }

    /// Fails records whose parent neither is in the target nor would be created by this run.
    async fn fail_orphans(
        &mut self,
        records: &RecordBatch,
        failed: &mut [Option<Failure>],
    ) -> Result<(), Failure> {
        // Lookups to the same parents are asked for together.
        let mut lookups: Vec<((String, String), Vec<usize>)> = Vec::new();
        for (place, field) in records.schema_ref().fields().iter().enumerate() {
            let (Some(object), Some(key)) = (meta::parent(field), meta::lookup(field)) else {
                continue;
            };
            // A missing parent is made, or the lookup becomes null: the record does not fail for it.
            let (name, addressed) = (field.name(), format!("{}.{key}", field.name()));
            let mut rules = self.plan.missing.iter();
            if rules.any(|rule| rule.field == *name || rule.field == addressed) {
                continue;
            }
            let parents = (object.to_owned(), key.to_owned());
            match lookups.iter_mut().find(|(known, _)| *known == parents) {
                Some((_, places)) => places.push(place),
                None => lookups.push((parents, vec![place])),
            }
        }
        let rows = records.num_rows();
        for ((object, key), places) in lookups {
            let all: Vec<&dyn Array> = places
                .iter()
                .map(|place| records.column(*place).as_ref())
                .collect();
            let all = concat(&all).map_err(broken)?;
            let there = self
                .there(&object, from_ref(&key), from_ref(&all), "")
                .await?;
            for (at, there) in there.iter().enumerate() {
                if *there || all.is_null(at) {
                    continue;
                }
                let field = records.schema_ref().field(places[at / rows]).name().clone();
                let value =
                    arrow::util::display::array_value_to_string(&all, at).map_err(broken)?;
                failed[at % rows].get_or_insert(self.failure(
                    "parent_not_found",
                    format!("no `{object}` with {key} `{value}` is in the target, and this dry run would create none"),
                    &[field],
                ));
            }
        }
        Ok(())
    }

    /// What would become of each record that does not fail for another reason.
    async fn fates(
        &mut self,
        records: &RecordBatch,
        failed: &mut [Option<Failure>],
    ) -> Result<Vec<Fate>, Failure> {
        let plan = self.plan;
        let mut fates = vec![Fate::Created; failed.len()];
        match plan.operation {
            Operation::Insert => {
                for key in unique_keys(plan, records) {
                    let columns = columns(records, &key)?;
                    let held = self.held(&plan.to, &key, &columns).await?;
                    for (held, failed) in held.into_iter().zip(failed.iter_mut()) {
                        if held {
                            let message = "the target has a record with this key already";
                            failed.get_or_insert(self.failure(
                                "duplicate_value",
                                message.to_owned(),
                                &key,
                            ));
                        }
                    }
                }
            }
            operation => {
                let columns = columns(records, &plan.key)?;
                let own = self.chunk.object.clone();
                let there = self.there(&plan.to, &plan.key, &columns, &own).await?;
                for (row, there) in there.into_iter().enumerate() {
                    fates[row] = match (operation, there) {
                        (Operation::Upsert, false) => continue,
                        (Operation::Upsert, true) => self.upserted(),
                        (Operation::Update, true) => Fate::Updated,
                        (_, true) => Fate::Deleted,
                        (_, false) => {
                            let message = "the target has no record of this key";
                            failed[row].get_or_insert(self.failure(
                                "not_found",
                                message.to_owned(),
                                &plan.key,
                            ));
                            Fate::Failed
                        }
                    };
                }
            }
        }
        if matches!(plan.operation, Operation::Insert | Operation::Upsert) {
            let new: Vec<bool> = fates.iter().map(|fate| *fate == Fate::Created).collect();
            for (row, failure) in self.target.lacking(plan, records, &new)? {
                failed[row].get_or_insert(failure);
            }
        }
        if self.is_awaited() && !plan.key.is_empty() {
            let keys = hashes(&plan.target, &plan.key, &columns(records, &plan.key)?)?;
            let created: Vec<[u8; 16]> = keys
                .into_iter()
                .enumerate()
                .filter(|(row, _)| failed[*row].is_none() && fates[*row] == Fate::Created)
                .filter_map(|(_, key)| key)
                .collect();
            self.line
                .control
                .foresee(self.chunk, &plan.to, &created)
                .await?;
        }
        Ok(fates)
    }

    /// With nothing but its key to send, a table's record stays as it is.
    fn upserted(&self) -> Fate {
        let only_key = self
            .plan
            .fields
            .iter()
            .all(|field| self.plan.key.contains(field));
        match self.target.writing() {
            Writing::Transactions(_) if only_key => Fate::Unchanged,
            _ => Fate::Updated,
        }
    }

    /// Whether the target has these keys, or would have them by another object of this run than `unless`.
    async fn there(
        &mut self,
        to: &str,
        key: &[String],
        columns: &[ArrayRef],
        unless: &str,
    ) -> Result<Vec<bool>, Failure> {
        let mut there = self.held(to, key, columns).await?;
        // A file may write a name another way than the target does.
        let is_it = |name: &String| {
            let object = self.run.migration.object(name);
            object.is_some_and(|object| object.to == to)
        };
        let mut objects = self.run.objects.iter();
        let found = objects.find(|(name, object)| object.plan.to == to || is_it(name));
        let Some((_, described)) = found else {
            return Ok(there);
        };
        let keys = hashes(&described.plan.target, key, columns)?;
        let asked = keys.iter().zip(&there).filter(|(_, there)| !**there);
        let asked: HashSet<[u8; 16]> = asked.filter_map(|(key, _)| *key).collect();
        let asked: Vec<[u8; 16]> = asked.into_iter().collect();
        let control = &self.line.control;
        let foreseen = control
            .foreseen(&self.run.id, &described.plan.to, unless, &asked)
            .await?;
        for (key, there) in keys.iter().zip(&mut there) {
            *there |= key.is_some_and(|key| foreseen.contains(&key));
        }
        Ok(there)
    }

    async fn held(
        &mut self,
        to: &str,
        key: &[String],
        columns: &[ArrayRef],
    ) -> Result<Vec<bool>, Failure> {
        let fields: Vec<Field> = key
            .iter()
            .zip(columns)
            .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
            .collect();
        let schema = std::sync::Arc::new(Schema::new(fields));
        let keys = RecordBatch::try_new(schema, columns.to_vec()).map_err(broken)?;
        let held = self.target.held(to, &keys).await?;
        self.calls += held.calls;
        Ok(held.there)
    }

    /// Whether others of this run look for what this object would create.
    fn is_awaited(&self) -> bool {
        let (own, to) = (&self.chunk.object, &self.plan.to);
        self.run.objects.iter().any(|(name, other)| {
            let shares = name != own && other.plan.to == *to;
            let mut fields = self.run.migration.object(name).into_iter();
            let mut fields = fields
                .by_ref()
                .flat_map(|object| object.fields.iter().flatten());
            shares
                || fields.any(|(_, field)| match field {
                    Mapped::Reference(found) => {
                        found.reference.split('.').next() == Some(to.as_str())
                    }
                    field => field.parents().contains(own),
                })
        })
    }

    fn failure(&self, code: &str, message: String, fields: &[String]) -> Failure {
        let failure = Failure::reject(code, message);
        match fields.first() {
            Some(field) => failure.field(field),
            None => failure,
        }
    }
}

/// The sets of fields that no two records may share, of those that are sent.
fn unique_keys(plan: &LoadPlan, records: &RecordBatch) -> Vec<Vec<String>> {
    let keys = plan.target.keys.iter();
    keys.filter(|key| {
        key.iter()
            .all(|name| records.column_by_name(name).is_some())
    })
    .cloned()
    .collect()
}

fn columns(records: &RecordBatch, names: &[String]) -> Result<Vec<ArrayRef>, Failure> {
    let column = |name: &String| {
        let column = records.column_by_name(name).cloned();
        column.ok_or_else(|| Failure::bug(format!("the key `{name}` is not among the records")))
    };
    names.iter().map(column).collect()
}

fn broken(error: arrow::error::ArrowError) -> Failure {
    Failure::bug(format!("a mapped batch does not hold together: {error}"))
}
