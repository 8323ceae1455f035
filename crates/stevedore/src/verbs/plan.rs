//! `plan FILE`: what a run would do, in its order, and what it would cost. Nothing is moved.

use std::collections::BTreeMap;

use api::{Known, LookedThrough, PlanQuery, PlanReport, PlannedObject};
use model::Failure;

use super::{Desk, run};
use crate::args::PlanArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, bytes, span, table};

/// Calls of a query, of a job and of a small set in the order in which they are made.
const CALLS: [&str; 12] = [
    "describe",
    "count",
    "id_range",
    "create",
    "state",
    "upload",
    "close",
    "polls",
    "pages",
    "results",
    "look-ups",
    "collections",
];

pub(crate) async fn plan(desk: &Desk, output: &Output, args: PlanArgs) -> Result<u8, Failure> {
    let mut request = run::request(&args.look.file)?;
    request.connections = args.look.connection;
    request.only = args.look.only;
    request.phases = args.look.phase;
    let query = PlanQuery { count: args.count };
    let reached = desk.reach(Want::Look).await?;
    let report = reached.client.plan(&request, query).await?;
    output.print(&report, || people(&report));
    Ok(exit::DONE)
}

fn people(report: &PlanReport) -> String {
    let objects = || report.phases.iter().flat_map(|phase| &phase.objects);
    let mut text = format!(
        "{}: {} -> {}\n",
        report.migration, report.source, report.target
    );
    let rows = report.phases.iter().flat_map(|phase| {
        let shown = match &phase.name {
            Some(name) => format!("{} {name}", phase.phase),
            None => phase.phase.to_string(),
        };
        let row = move |object| row(shown.clone(), object);
        phase.objects.iter().map(row)
    });
    let head = [
        "phase",
        "object",
        "from",
        "to",
        "records",
        "there now",
        "chunks",
        "jobs",
        "read calls",
        "write calls",
        "time",
    ];
    text += &table(&head, rows);
    let totals = &report.totals;
    let all_counted = |known: fn(&PlannedObject) -> Known| {
        let estimated = objects().any(|object| known(object) == Known::Estimated);
        if estimated {
            Known::Estimated
        } else {
            Known::Counted
        }
    };
    text += &format!(
        "\n  in all {} records, {} chunks",
        number(totals.records, all_counted(|object| object.records_are)),
        number(totals.chunks, all_counted(|object| object.chunks_are))
    );
    if totals.jobs > 0 {
        text += &format!(", ~{} bulk jobs", totals.jobs);
    }
    if totals.read_calls > 0 {
        text += &format!(", ~{} API calls to read", totals.read_calls);
    }
    if totals.calls > 0 {
        text += &format!(
            ", ~{} API calls to write (and a few for each object, to describe and count)",
            totals.calls
        );
    }
    text += &format!(
        "; about {} when objects are moved one after another\n",
        span(totals.seconds)
    );
    for object in objects() {
        text += &details(object);
    }
    text += &said_once(
        "\nThe time rests on",
        objects().map(|object| (object, object.rests_on.clone())),
    );
    text += &said_once(
        "\nJobs rest on",
        objects().filter_map(|object| {
            let jobs = object.jobs.as_ref()?;
            Some((
                object,
                format!("{} of rows, by {}", bytes(jobs.bytes), jobs.bytes_rest_on),
            ))
        }),
    );
    let lasting = objects().flat_map(|object| {
        object
            .lasting
            .iter()
            .map(move |what| (object, what.clone()))
    });
    text += &said_once("\nCan't be undone later", lasting);
    text
}

fn row(phase: String, object: &PlannedObject) -> Vec<String> {
    let (jobs, calls) = match &object.jobs {
        Some(jobs) => (format!("~{}", jobs.jobs), format!("~{}", jobs.calls)),
        None => ("0".to_owned(), "0".to_owned()),
    };
    vec![
        phase,
        object.name.clone(),
        object.from.clone(),
        format!("{} {}", object.operation, object.to),
        number(object.records, object.records_are),
        object.target_records.to_string(),
        number(object.chunks, object.chunks_are),
        jobs,
        match object.read_calls.values().sum::<u64>() {
            0 => "0".to_owned(),
            calls => format!("~{calls}"),
        },
        calls,
        span(object.seconds),
    ]
}

/// `~` stands before what was estimated.
fn number(value: u64, known: Known) -> String {
    match known {
        Known::Counted => value.to_string(),
        Known::Estimated => format!("~{value}"),
    }
}

fn details(object: &PlannedObject) -> String {
    let mut text = format!("\n  {}\n", object.name);
    if !object.key.is_empty() {
        text += &format!("    key      {}\n", object.key.join(", "));
    }
    if !object.chunk_by.is_empty() {
        text += &format!(
            "    chunks   are cut along {}, then the source's key\n",
            object.chunk_by.join(", ")
        );
    }
    for lookup in &object.lookups {
        text += &format!(
            "    lookup   {} finds its parent among {} by {}\n",
            lookup.field, lookup.parent, lookup.by
        );
    }
    if object.key_pass {
        text += "    keys     all are read first, to find duplicates\n";
    }
    if !object.read_calls.is_empty() {
        text += &format!("    reading  {}\n", calls(&object.read_calls));
    }
    if let Some(jobs) = &object.jobs {
        text += &format!("    writing  {}\n", calls(&jobs.calls_by_kind));
    }
    if let Some(looked_through) = &object.looked_through {
        text += &fates(looked_through);
    }
    text
}

/// API calls by what they do, in the order in which they are made.
fn calls(by_kind: &BTreeMap<String, u64>) -> String {
    let mut calls: Vec<_> = by_kind.iter().filter(|(_, calls)| **calls > 0).collect();
    calls.sort_by_key(|(kind, _)| CALLS.iter().position(|known| known == kind));
    let calls: Vec<_> = calls
        .into_iter()
        .map(|(kind, calls)| format!("{calls} {}", kind.replace('_', " ")))
        .collect();
    format!("{} calls", calls.join(", "))
}

/// What a run would refuse and change; nothing where all first records would go as they are.
fn fates(looked_through: &LookedThrough) -> String {
    let all = looked_through.records;
    let mut text = String::new();
    for refused in &looked_through.refused {
        let field = refused.field.as_deref().unwrap_or("the record");
        text += &format!(
            "    {:<8} {} of the first {all} records: {} ({field})\n",
            refused.fate, refused.records, refused.code
        );
    }
    for changed in &looked_through.changed {
        text += &format!(
            "    {:<8} {} values of {} in the first {all} records: {}\n",
            changed.becomes.as_str(),
            changed.values,
            changed.field,
            changed.code
        );
    }
    text
}

/// What holds for several objects is told once, with their names.
fn said_once<'a>(head: &str, said: impl Iterator<Item = (&'a PlannedObject, String)>) -> String {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for (object, what) in said {
        match all.iter_mut().find(|(known, _)| *known == what) {
            Some((_, objects)) => objects.push(&object.name),
            None => all.push((what, vec![&object.name])),
        }
    }
    if all.is_empty() {
        return String::new();
    }
    let mut text = format!("{head}\n");
    for (what, objects) in all {
        text += &format!("  {}: {what}\n", objects.join(", "));
    }
    text
}
