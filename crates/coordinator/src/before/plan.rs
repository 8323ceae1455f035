//! `plan`: the phases with their objects, and what each costs.

mod looked_through;

use std::collections::BTreeMap;

use api::{
    PlanQuery, PlanReport, PlanTotals, PlannedJobs, PlannedLookup, PlannedObject, PlannedPhase,
    StartRun,
};
use arrow::array::RecordBatch;
use chrono::Utc;
use connector::{Jobs, Reading, Source, Target, Writing};
use connectors::Connections;
use mapping::{Duplicates, Mapped, Mapper, ParentIds, Spec};
use model::migration::{Migration, Object, Operation, phases};
use model::{Failure, RunId};
use service::{ChunkSettings, Line};

use super::rows;
use crate::preflight::{self, PreparedObject};

/// Records whose size stands for all.
const LOOKED_AT: u64 = 1_000;
/// Bytes of a field in a job, where no record could be looked at.
const BYTES_OF_A_FIELD: f64 = 20.0;

pub(crate) async fn plan(
    line: &Line,
    connections: &Connections,
    request: &StartRun,
    query: PlanQuery,
) -> Result<PlanReport, Failure> {
    let prepared = preflight::prepare(connections, request, &RunId::generate()).await?;
    let source = connections.source(&prepared.migration).await?;
    let target = connections.target(&prepared.migration).await?;
    let measured = measured(line, &prepared.migration.migration).await?;
    let planner = Planner {
        line,
        migration: &prepared.migration,
        source: source.as_ref(),
        target: target.as_ref(),
        measured,
        count: query.count,
    };
    let order = phases(&prepared.migration)?;
    let mut planned_phases: Vec<PlannedPhase> = Vec::new();
    for object in &prepared.objects {
        let planned = planner
            .object(object)
            .await
            .map_err(|failure| failure.object(&object.name).file(&request.file_name))?;
        match planned_phases.last_mut() {
            Some(last) if last.phase == object.phase => last.objects.push(planned),
            _ => {
                let of_file = order.iter().find(|of| of.objects.contains(&object.name));
                planned_phases.push(PlannedPhase {
                    phase: object.phase,
                    name: of_file.and_then(|of| of.name.clone()),
                    objects: vec![planned],
                });
            }
        }
    }
    Ok(PlanReport {
        totals: totals(&planned_phases),
        source: prepared.migration.source.clone(),
        target: prepared.migration.target.clone(),
        migration: prepared.migration.migration,
        phases: planned_phases,
    })
}

/// Records per second of each object, with the run that they were measured in: the last that completed.
type Measured = BTreeMap<String, (f64, String)>;

/// Runs whose rates are looked at.
const RUNS: u32 = 50;
/// Fewer records say nothing about a rate.
const ENOUGH: u64 = 1_000;

async fn measured(line: &Line, migration: &str) -> Result<Measured, Failure> {
    let mut measured = Measured::new();
    let runs = line.control.runs(RUNS).await?;
    let done = |run: &&control::Run| {
        run.migration == migration && run.status == model::RunStatus::Completed
    };
    let Some(run) = runs.iter().find(done) else {
        return Ok(measured);
    };
    let view = crate::api::view::run(line, &run.id).await?;
    for object in view.objects {
        if object.books.extracted >= ENOUGH && object.seconds > 0.0 {
            let rate = object.books.extracted as f64 / object.seconds;
            measured.insert(object.name, (rate, format!("measured in run {}; where the connections led elsewhere then, it was another system's", run.id)));
        }
    }
    Ok(measured)
}

struct Planner<'a> {
    line: &'a Line,
    migration: &'a Migration,
    source: &'a dyn Source,
    target: &'a dyn Target,
    measured: Measured,
    count: bool,
}

impl Planner<'_> {
    async fn object(&self, prepared: &PreparedObject) -> Result<PlannedObject, Failure> {
        let object = &prepared.source.object;
        let records = rows::records(self.source, &prepared.source, self.count).await?;
        let first = rows::first(self.source, &prepared.source, LOOKED_AT).await?;
        let first = first.filter(|first| first.num_rows() > 0);
        let mapped = first
            .as_ref()
            .and_then(|first| self.mapped(prepared, first));
        let in_memory = first
            .as_ref()
            .map(|first| first.get_array_memory_size() as f64 / first.num_rows() as f64);
        let settings = &self.line.settings.chunks;
        let chunks = rows::chunks(
            self.source,
            &prepared.source,
            settings,
            records.value,
            in_memory,
        )
        .await?;
        let pace = self.target.pace();
        let jobs = match self.target.writing() {
            Writing::Transactions(_) => None,
            Writing::Jobs(jobs) => {
                Some(self.jobs(jobs, prepared, mapped.as_ref(), records.value, chunks.value))
            }
        };
        let job_count = jobs.as_ref().map_or(0, |jobs| jobs.jobs);
        let seconds = match self.measured.get(&prepared.name) {
            Some((rate, _)) => records.value as f64 / rate,
            None => pace.seconds(records.value, job_count),
        };
        let (records_per_second, rests_on) = match self.measured.get(&prepared.name) {
            Some((rate, run)) => (*rate, run.clone()),
            None => (pace.records_per_second, pace.rests_on.to_owned()),
        };
        let key_pass = prepared.needs_key_pass;
        let read_calls = self.source.calls(
            &prepared.source,
            Reading {
                records: records.value,
                chunks: chunks.value,
                times: if key_pass { 2 } else { 1 },
                counted: object.reconcile.counts,
            },
        );
        let looked_through = first.as_ref().zip(mapped.as_ref());
        let looked_through = looked_through
            .map(|(first, mapped)| looked_through::summary(object, first.num_rows(), mapped));
        Ok(PlannedObject {
            name: prepared.name.clone(),
            from: object.from.describe().to_owned(),
            to: prepared.target.name.clone(),
            operation: prepared.operation.as_str().to_owned(),
            key: prepared.plan.key.clone(),
            chunk_by: prepared.source.chunk_by.clone(),
            records: records.value,
            records_are: records.known,
            chunks: chunks.value,
            chunks_are: chunks.known,
            jobs,
            read_calls: read_calls.0,
            seconds,
            records_per_second,
            rests_on,
            target_records: prepared.target_before,
            lookups: lookups(object),
            key_pass,
            looked_through,
            lasting: self.lasting(prepared),
        })
    }

    fn jobs(
        &self,
        jobs: &dyn Jobs,
        prepared: &PreparedObject,
        mapped: Option<&Mapped>,
        records: u64,
        chunks: u64,
    ) -> PlannedJobs {
        let (bytes_per_record, rests_on) =
            match mapped.and_then(|mapped| encoded(jobs, prepared, mapped)) {
                Some((bytes, rows)) => (
                    bytes as f64 / rows as f64,
                    format!("the first {rows} records, encoded"),
                ),
                None => (
                    BYTES_OF_A_FIELD * prepared.plan.fields.len() as f64,
                    format!("a guess of {BYTES_OF_A_FIELD} bytes for each field"),
                ),
            };
        let bytes = (bytes_per_record * records as f64) as u64;
        let capacity = self.line.settings.chunks.job_capacity(jobs.capacity());
        if let Some(small) = jobs.small_sets()
            && small.is_small(&prepared.plan, records, bytes)
        {
            let calls = small.calls(&prepared.plan, records);
            return PlannedJobs {
                jobs: 0,
                bytes,
                bytes_rest_on: rests_on,
                calls: calls.total(),
                calls_by_kind: calls.0,
            };
        }
        let number = bytes
            .div_ceil(capacity.max(1) as u64)
            .max(chunks.div_ceil(ChunkSettings::OF_A_JOB as u64))
            // A job holds whole chunks.
            .min(chunks);
        let each = self.target.pace().seconds(records, number) / number.max(1) as f64;
        let calls = jobs.calls(number, each);
        PlannedJobs {
            jobs: number,
            bytes,
            bytes_rest_on: rests_on,
            calls: calls.total(),
            calls_by_kind: calls.0,
        }
    }

    /// The first records as a run would map them.
    fn mapped(&self, prepared: &PreparedObject, first: &RecordBatch) -> Option<Mapped> {
        let run = RunId::new("plan");
        let mapper = Mapper::compile(&Spec {
            migration: self.migration,
            object: &prepared.source.object,
            source: prepared.source.schema.clone(),
            key: &prepared.source.key,
            target: &prepared.target,
            run: &run,
            began: Utc::now(),
        });
        let mapper = mapper.ok()?;
        mapper
            .apply(first, &Duplicates::default(), &ParentIds::assumed())
            .ok()
    }

    fn lasting(&self, prepared: &PreparedObject) -> Vec<String> {
        let mut lasting = Vec::new();
        if matches!(prepared.operation, Operation::Update | Operation::Upsert)
            && prepared.target_before > 0
        {
            lasting.push(format!(
                "what {} records hold now in the fields that are filled: they are overwritten, and it is not kept",
                prepared.target.name
            ));
        }
        lasting.extend(self.target.lasting(&prepared.plan));
        lasting
    }
}

/// Bytes of the first records in a job, and how many of them can be sent. None where none can.
fn encoded(jobs: &dyn Jobs, prepared: &PreparedObject, mapped: &Mapped) -> Option<(u64, u64)> {
    let rows = mapped.records.num_rows() as u64;
    let bytes = jobs.encode(&prepared.plan, &mapped.records).ok()?;
    (rows > 0).then_some((bytes.len() as u64, rows))
}

fn lookups(object: &Object) -> Vec<PlannedLookup> {
    let fields = object.fields.iter().flatten();
    fields
        .flat_map(|(field, how)| {
            how.parents().iter().map(|parent| PlannedLookup {
                field: field.clone(),
                parent: parent.clone(),
                by: how.expression().to_owned(),
            })
        })
        .collect()
}

fn totals(phases: &[PlannedPhase]) -> PlanTotals {
    let mut totals = PlanTotals::default();
    for object in phases.iter().flat_map(|phase| &phase.objects) {
        totals.objects += 1;
        totals.records += object.records;
        totals.chunks += object.chunks;
        totals.read_calls += object.read_calls.values().sum::<u64>();
        totals.seconds += object.seconds;
        if let Some(jobs) = &object.jobs {
            totals.jobs += jobs.jobs;
            totals.calls += jobs.calls;
        }
    }
    totals
}
