//! The file: what it needs at its head, then the objects, each with what was matched, and by what; what is left at its end.

use model::Finding;
use model::migration::{ConnectionTemplate, Entry, FieldLine, Page, scalar};
use serde_json::Value;

use super::draft::Draft;
use super::parents::some;

pub(super) struct Systems<'a> {
    pub(super) migration: &'a str,
    pub(super) source: &'a ConnectionTemplate,
    pub(super) target: &'a ConnectionTemplate,
    pub(super) target_is_known: bool,
}

pub(super) fn write(systems: &Systems<'_>, drafts: &[Draft], findings: &[Finding]) -> String {
    let mut page = Page::default();
    head(&mut page, systems);
    page.line(&format!("migration: {}", scalar(systems.migration)));
    page.line("connections:");
    page.line(&format!("  source: {}", connection(systems.source)));
    page.line(&format!("  target: {}", connection(systems.target)));
    page.line("source: source");
    page.line("target: target");
    match drafts.iter().any(|draft| draft.aside.is_none()) {
        true => page.line("objects:"),
        false => page.line("objects: []"),
    }
    for (place, draft) in drafts.iter().enumerate() {
        if place > 0 {
            page.line("");
        }
        object(&mut page, draft);
    }
    if !findings.is_empty() {
        page.line("");
        page.comment(0, "Not drafted:");
    }
    for finding in findings {
        let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})"));
        let object = finding.object.as_ref().map(|object| format!("{object}: "));
        page.comment(
            0,
            &format!(
                "- {}{}{}",
                object.unwrap_or_default(),
                finding.what,
                hint.unwrap_or_default()
            ),
        );
    }
    page.text()
}

/// The environment variables that the connections name.
pub(super) fn variables(systems: &Systems<'_>) -> Vec<String> {
    let mut variables: Vec<String> = Vec::new();
    for (_, _, name) in named(systems) {
        if !variables.contains(&name) {
            variables.push(name);
        }
    }
    variables
}

/// Each variable with the end and the setting that it is for.
fn named(systems: &Systems<'_>) -> Vec<(&'static str, String, String)> {
    let mut named = Vec::new();
    for (end, template) in [("source", systems.source), ("target", systems.target)] {
        for (setting, value) in &template.0 {
            let mut rest = value.as_str().unwrap_or_default();
            while let Some((_, behind)) = rest.split_once("${") {
                let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
                named.push((end, setting.clone(), name.to_owned()));
                rest = behind;
            }
        }
    }
    named
}

fn head(page: &mut Page, systems: &Systems<'_>) {
    page.comment(0, "Drafted by `stevedore init` from what both ends say of themselves. It is a draft: read it over; what was matched by more than a name says so.");
    let named = named(systems);
    if !named.is_empty() {
        page.comment(
            0,
            "Before a run, set where Stevedore's services run (no credential stands in this file):",
        );
    }
    for (end, setting, name) in named {
        let what = match setting.as_str() {
            "url" => format!("the address of the {end}, with its user and password"),
            "access_token" => format!(
                "an access token of the {end}; or, in the place of both settings of the connection, `target_org: ALIAS`, where the Salesforce CLI is logged in to it"
            ),
            setting => format!("the {end}'s {}", setting.replace('_', " ")),
        };
        page.comment(0, &format!("- {name}: {what}"));
    }
    if !systems.target_is_known {
        page.comment(0, "No target was named (`--target`): the file takes it for a PostgreSQL database with tables and columns of the same names.");
    }
    page.comment(
        0,
        "Then: `stevedore check`, `compare`, `plan`, and `run`, each with this file.",
    );
}

/// In one line, as it is written by hand.
fn connection(template: &ConnectionTemplate) -> String {
    let settings = template.0.iter().map(|(setting, value)| {
        let value = match value {
            Value::String(text) => scalar(text),
            other => other.to_string(),
        };
        (setting, value)
    });
    // The kind says how to read the rest.
    let (kind, rest): (Vec<_>, Vec<_>) = settings.partition(|(setting, _)| *setting == "kind");
    let settings: Vec<String> = kind
        .into_iter()
        .chain(rest)
        .map(|(setting, value)| format!("{setting}: {value}"))
        .collect();
    format!("{{ {} }}", settings.join(", "))
}

fn object(page: &mut Page, draft: &Draft) {
    let comments = comments(draft);
    let lines = draft.lines();
    let left = left(draft);
    let mut fields: Vec<FieldLine<'_>> = lines
        .iter()
        .map(|line| FieldLine::Field {
            name: &line.name,
            field: &line.field,
            remarks: line.risks.iter().map(String::as_str).collect(),
            note: line.note.as_deref(),
        })
        .collect();
    fields.extend(left.iter().map(|left| FieldLine::Comment(left)));
    let entry = Entry {
        comments: &comments,
        name: &draft.name,
        from: &draft.listed.from,
        key: &draft.key,
        watermark: draft.watermark.as_deref(),
        to: &draft.to,
        operation: draft.operation,
        external_id: &draft.external_id,
        id_map: false,
        after: &draft.after,
        fields,
    };
    match draft.aside {
        None => page.object(&entry),
        Some(_) => page.object_put_aside(&entry),
    }
}

fn comments(draft: &Draft) -> Vec<String> {
    let mut comments = Vec::new();
    let from = draft.listed.from.describe();
    if let Some(likeness) = draft.likeness {
        let lines = draft.lines();
        let guesses = lines
            .iter()
            .filter(|line| {
                line.note
                    .as_ref()
                    .is_some_and(|note| note.contains("guess"))
            })
            .count();
        let guesses = match guesses {
            0 => String::new(),
            guesses => format!(", {guesses} of them by a guess"),
        };
        comments.push(format!(
            "{from} -> {}: {}; {} of {} columns are used{guesses}.",
            draft.to,
            likeness.word(),
            draft.columns().count() - draft.unused().len(),
            draft.columns().count(),
        ));
    }
    comments.extend(draft.remarks.iter().cloned());
    comments.extend(draft.aside.iter().map(|why| format!("PUT ASIDE: {why}.")));
    comments
}

/// What neither end has a counterpart for.
fn left(draft: &Draft) -> Vec<String> {
    let mut left = Vec::new();
    let missing: Vec<String> = draft
        .missing()
        .iter()
        .map(|field| format!("{} ({})", field.name, field.native))
        .collect();
    if !missing.is_empty() {
        left.push(format!(
            "REQUIRED for new records, and nothing fills it: {}",
            missing.join(", ")
        ));
    }
    // Columns with one reason stand together.
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (column, why) in draft.unused() {
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, columns)) => columns.push(column),
            None => reasons.push((why, vec![column])),
        }
    }
    for (why, columns) in reasons {
        left.push(format!("not used: {}: {why}", columns.join(", ")));
    }
    if let Some(target) = &draft.target {
        let lines = draft.lines();
        let free = target.fields.iter().filter(|field| {
            let relation = |name: &str| {
                target
                    .relation(name)
                    .is_some_and(|of| of.field == field.name)
            };
            field.createable
                && !field.required
                && !lines
                    .iter()
                    .any(|line| line.name == field.name || relation(&line.name))
        });
        let free: Vec<&str> = free.map(|field| field.name.as_str()).collect();
        if !free.is_empty() {
            left.push(format!("not filled: {}", some(&free)));
        }
    }
    left
}
