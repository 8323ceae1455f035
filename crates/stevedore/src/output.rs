//! What is printed: for people, or one JSON document.

use api::{ErrorEnvelope, JobsView, ObjectView, RunView};
use model::{Books, Failure, RunKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(crate) use automation::{automation, switched_off};

mod automation;

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a document, or what `people` makes of it.
    pub(crate) fn print(self, document: &impl Serialize, people: impl FnOnce() -> String) {
        if self.json {
            // Types of ours, without maps by other keys than text, always serialise.
            println!(
                "{}",
                serde_json::to_string_pretty(document).unwrap_or_default()
            );
        } else {
            print!("{}", people());
        }
    }

    pub(crate) fn failure(self, failure: Failure) {
        if self.json {
            let envelope = ErrorEnvelope::from(failure);
            println!(
                "{}",
                serde_json::to_string_pretty(&envelope).unwrap_or_default()
            );
            return;
        }
        eprintln!("error: {failure}");
        if let Some(hint) = failure.hint {
            eprintln!("  hint: {hint}");
        }
    }
}

/// The document that `run --json` ends with.
pub(crate) fn summary(run: &RunView) -> Value {
    let objects: Vec<_> = run
        .objects
        .iter()
        .map(|object| {
            let mut said = Map::from_iter([("name".to_owned(), object.name.as_str().into())]);
            let counts = counts(run.summary.kind, &object.books).into_iter();
            said.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
            said.insert("changed".to_owned(), object.changed.into());
            said.insert("placeholders".to_owned(), object.placeholders.into());
            said.insert("seconds".to_owned(), object.seconds.into());
            said
        })
        .collect();
    json!({
        "run": run.summary.run,
        "migration": run.summary.migration,
        "kind": run.summary.kind,
        "scope": run.summary.scope,
        "follows": run.summary.follows,
        "status": run.summary.status,
        "reason": run.summary.reason,
        "balanced": run.balanced,
        "objects": objects,
        "reconciliation": run.reconciliation,
        "automation": run.automation,
    })
}

/// A run in full, as one document. The counts of a dry run are named for what they are here as well.
pub(crate) fn document(run: &RunView) -> Value {
    let mut document = json!(run);
    if run.summary.kind.writes() {
        return document;
    }
    let objects = document.get_mut("objects").and_then(Value::as_array_mut);
    for (said, object) in objects.into_iter().flatten().zip(&run.objects) {
        let Some(said) = said.as_object_mut() else {
            continue;
        };
        let done = counts(RunKind::Full, &object.books);
        said.retain(|name, _| done.iter().all(|(count, _)| count != name));
        let counts = counts(run.summary.kind, &object.books).into_iter();
        said.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
    }
    document
}

/// An object's books, each count by its name.
fn counts(kind: RunKind, books: &Books) -> [(&'static str, u64); 8] {
    let name = |done, would_be| if kind.writes() { done } else { would_be };
    [
        ("extracted", books.extracted),
        (name("created", "would_create"), books.created),
        (name("updated", "would_update"), books.updated),
        (name("unchanged", "would_leave_unchanged"), books.unchanged),
        (name("deleted", "would_delete"), books.deleted),
        (name("rejected", "would_reject"), books.rejected),
        (name("failed", "would_fail"), books.failed),
        (name("skipped", "would_skip"), books.skipped),
    ]
}

/// A run in full, for people.
pub(crate) fn describe(run: &RunView) -> String {
    let summary = &run.summary;
    let dry = !summary.kind.writes();
    let mut text = format!(
        "{} {}  {}  {}\n",
        if dry { "DRY RUN" } else { "run" },
        summary.run,
        summary.migration,
        summary.status.as_str()
    );
    if let Some(reason) = &summary.reason {
        text += &format!("  {reason}\n");
    }
    if let Some(scope) = &summary.scope {
        text += &format!(
            "  not all records: {scope}, with their parents; the source's are not counted\n"
        );
    }
    if let Some(sample) = &summary.follows {
        text += &format!("  follows on the sample {sample}, whose records are left out\n");
    }
    let names = counts(summary.kind, &Books::default()).map(|(name, _)| name.replace('_', " "));
    let mut head = vec!["object", "to", "state"];
    head.extend(names.iter().map(String::as_str));
    head.extend(["changed", "placeholders", "chunks", "seconds"]);
    text += &table(&head, run.objects.iter().map(row));
    text += &run.jobs.as_ref().map(jobs).unwrap_or_default();
    for object in &run.objects {
        if let Some(failure) = &object.failure {
            text += &format!(
                "  {}: {} of its chunks failed, for example: {failure}\n",
                object.name, object.chunks_failed
            );
            if let Some(hint) = &failure.hint {
                text += &format!("    {hint}\n");
            }
        }
    }
    for check in &run.reconciliation {
        let (source, target) = (
            check.source.as_deref().unwrap_or("-"),
            check.target.as_deref().unwrap_or("-"),
        );
        let word = if check.passed { "agrees" } else { "DIFFERS" };
        text += &format!(
            "  {} {} {word}: expected {source}, found {target} ({})\n",
            check.object, check.check, check.scope
        );
    }
    if let Some(of_target) = &run.automation {
        text += &automation(&summary.run, of_target);
    }
    text += if run.balanced {
        "  books balance\n"
    } else {
        "  books do not balance (yet)\n"
    };
    if dry {
        text += "  a dry run: nothing was written; the target was asked what it holds, and its records were not counted\n";
    }
    text
}

fn jobs(jobs: &JobsView) -> String {
    let mut text = format!(
        "  jobs: {} on their way; {} at once, of {} that {} loader{} may have\n",
        jobs.on_their_way,
        jobs.at_once,
        jobs.at_most,
        jobs.loaders,
        if jobs.loaders == 1 { "" } else { "s" }
    );
    for lowered in &jobs.lowered {
        let why = match lowered.because_of.as_str() {
            "locks" => "records were locked by others",
            "throttling" => "the target asked to be left alone",
            other => other,
        };
        text += &format!(
            "    {} at once in {} since {}: {why}\n",
            lowered.at_once,
            lowered.loader,
            lowered.since.format("%Y-%m-%d %H:%M:%S UTC")
        );
    }
    text
}

fn row(object: &ObjectView) -> Vec<String> {
    let mut row = vec![
        object.name.clone(),
        object.to.clone(),
        object.state.as_str().to_owned(),
    ];
    row.extend(counts(RunKind::Full, &object.books).map(|(_, count)| count.to_string()));
    row.extend([
        object.changed.to_string(),
        object.placeholders.to_string(),
        format!("{}/{}", object.chunks_done, object.chunks_total),
        format!("{:.1}", object.seconds),
    ]);
    row
}

/// A message that a terminal's line holds; values in it may have line breaks.
pub(crate) fn shortened(message: &str) -> String {
    const LENGTH: usize = 100;
    let line = message.replace(['\r', '\n', '\t'], " ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Columns wide enough for what is in them; columns of numbers to the right. Columns that hold nothing but zeros are left out.
pub(crate) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let shown: Vec<usize> = (0..head.len())
        .filter(|column| rows.is_empty() || rows.iter().any(|row| row[*column] != "0"))
        .collect();
    // An estimate has a `~` before it.
    let is_number = |text: &str| {
        let digits = text.trim_start_matches('~');
        digits.chars().next().is_some_and(|c| c.is_ascii_digit())
    };
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max();
        longest.unwrap_or_default().max(head[column].len())
    };
    let mut text = String::new();
    let mut line = |cells: &dyn Fn(usize) -> String| {
        for column in &shown {
            let right = rows.iter().any(|row| is_number(&row[*column]));
            let (cell, width) = (cells(*column), width(*column));
            text += &if right {
                format!("  {cell:>width$}")
            } else {
                format!("  {cell:<width$}")
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    line(&|column| head[column].to_owned());
    for row in &rows {
        line(&|column| row[column].clone());
    }
    text
}

/// A time as people say it.
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "under 1 s".to_owned(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A size as people say it.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        b if b < 10_000 => format!("{b} bytes"),
        b if b < 10_000_000 => format!("{} kB", b / 1_000),
        b => format!("{} MB", b / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_leaves_zeros_out() {
        let rows = [["a", "10", "0"], ["long", "7", "0"]];
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(
            table(&["name", "count", "none"], rows),
            "  name  count\n  a        10\n  long      7\n"
        );
    }

    #[test]
    fn jobs_at_once_are_told_with_why_there_are_fewer() {
        let since = "2027-01-15T08:00:00Z".parse();
        let shown = jobs(&JobsView {
            on_their_way: 3,
            at_once: 5,
            at_most: 8,
            loaders: 2,
            lowered: vec![api::LoweredView {
                loader: "host-1".to_owned(),
                at_once: 1,
                because_of: "locks".to_owned(),
                since: since.unwrap_or_default(),
            }],
        });
        assert_eq!(
            shown,
            "  jobs: 3 on their way; 5 at once, of 8 that 2 loaders may have\n    1 at once in host-1 since 2027-01-15 08:00:00 UTC: records were locked by others\n"
        );
    }

    #[test]
    fn times_and_sizes_are_told_in_words() {
        let spans = [0.2, 59.4, 200.0, 9_000.0].map(span);
        assert_eq!(spans, ["under 1 s", "59 s", "3 min", "2.5 h"]);
        assert_eq!(
            [7, 70_000, 70_000_000].map(bytes),
            ["7 bytes", "70 kB", "70 MB"]
        );
    }
}
