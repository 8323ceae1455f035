//! `init`: a migration file drafted from what both ends say of themselves. Objects and fields are matched by their names; what comes of it is compiled as
//! a run would, so that the draft passes `check`, and compared with the first records, so that it tells what is at risk.

mod draft;
mod keys;
mod names;
mod parents;
mod risks;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Draft as Request, Drafted, DraftedObject};
use chrono::Utc;
use connector::{Catalogue, Listed, Source, SourceObject, Target};
use mapping::{Mapper, Spec};
use model::migration::{ConnectionTemplate, From, Migration, resolve};
use model::{Failure, Finding, RunId};
use serde_json::json;

use super::rows;
use draft::Draft;
use names::Likeness;
use text::Systems;

/// Records in which a key and what is at risk are looked for.
const LOOKED_AT: u64 = 1_000;
/// What a draft is called in errors.
const FILE: &str = "the draft";

pub(crate) async fn init(request: &Request) -> Result<Drafted, Failure> {
    let mut template = request.source.clone();
    let mut source = open_source(request, &template).await?;
    let target = match &request.target {
        Some(template) => {
            Some(connectors::open_target("target", &settings(request, "target", template)?).await?)
        }
        None => None,
    };
    let mut catalogue = source.catalogue(&request.only).await?;
    if let Some(delimiter) = delimiter(&template, source.as_ref(), &catalogue).await? {
        template.0.insert("delimiter".to_owned(), delimiter.into());
        source = open_source(request, &template).await?;
        catalogue = source.catalogue(&request.only).await?;
    }
    if catalogue.objects.is_empty() {
        return Err(nothing(request, &catalogue));
    }
    let mut findings = catalogue.left_out;
    let drafts = drafts(
        source.as_ref(),
        target.as_deref(),
        catalogue.objects,
        &mut findings,
    )
    .await?;
    let unknown = ConnectionTemplate(
        json!({ "kind": "postgres", "url": "${TARGET_URL}" })
            .as_object()
            .cloned()
            .unwrap_or_default(),
    );
    let systems = Systems {
        migration: &request.migration,
        source: &template,
        target: request.target.as_ref().unwrap_or(&unknown),
        target_is_known: request.target.is_some(),
    };
    let (mut drafts, migration) = settled(&systems, drafts, &findings)?;
    if let (Some(target), Some(migration)) = (&target, &migration) {
        risks::tell(migration, &mut drafts, source.as_ref(), target.as_ref()).await?;
    }
    let text = text::write(&systems, &drafts, &findings);
    findings.extend(told(&drafts));
    Ok(Drafted {
        migration: request.migration.clone(),
        variables: text::variables(&systems),
        objects: drafts.iter().map(summary).collect(),
        findings,
        text,
    })
}

/// By the values that came with the request, then by the environment.
fn settings(
    request: &Request,
    name: &str,
    template: &ConnectionTemplate,
) -> Result<model::migration::Connection, Failure> {
    resolve(name, template, |variable| {
        let given = request.variables.get(variable);
        let given = given.map(|value| value.expose().to_owned());
        given.or_else(|| std::env::var(variable).ok())
    })
}

async fn open_source(
    request: &Request,
    template: &ConnectionTemplate,
) -> Result<Arc<dyn Source>, Failure> {
    connectors::open_source("source", &settings(request, "source", template)?).await
}

fn nothing(request: &Request, catalogue: &Catalogue) -> Failure {
    let left_out: Vec<&str> = catalogue
        .left_out
        .iter()
        .map(|finding| finding.what.as_str())
        .collect();
    let why = match left_out.as_slice() {
        [] => String::new(),
        several => format!(" ({})", several.join("; ")),
    };
    let hint = match request.only.as_slice() {
        [] => {
            "look whether it is the right database, folder or org, and whether its user may read it"
        }
        _ => "--only takes the names of the source's own objects or files",
    };
    Failure::usage(
        "nothing_to_move",
        format!("the source has nothing that could be moved{why}"),
    )
    .connection("source")
    .hint(hint)
}

/// What separates the columns of files, where it is not what was taken for it: every header is one column then, and has another such sign in it.
async fn delimiter(
    template: &ConnectionTemplate,
    source: &dyn Source,
    catalogue: &Catalogue,
) -> Result<Option<&'static str>, Failure> {
    if template.kind() != "csv" || template.0.contains_key("delimiter") {
        return Ok(None);
    }
    let mut found = BTreeSet::new();
    for listed in &catalogue.objects {
        let Ok(described) = source.describe(&draft::probe("file", listed)?).await else {
            continue;
        };
        let [only] = described.schema.fields().as_ref() else {
            return Ok(None);
        };
        let sign = [";", "\t", "|"]
            .into_iter()
            .find(|sign| only.name().contains(sign));
        found.extend(sign);
    }
    let mut found = found.into_iter();
    Ok(found.next().filter(|_| found.next().is_none()))
}

/// The objects that have a counterpart, each with both ends described.
async fn drafts(
    source: &dyn Source,
    target: Option<&dyn Target>,
    listed: Vec<Listed>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Draft>, Failure> {
    let names = match target {
        Some(target) => Some(target.catalogue().await?),
        None => None,
    };
    let matched = matched(&listed, names.as_deref(), findings);
    let mut drafts: Vec<Draft> = Vec::new();
    for (listed, to) in listed.into_iter().zip(matched) {
        if names.is_some() && to.is_none() {
            continue;
        }
        let name = unique(&listed.name, &drafts);
        let described = match source.describe(&draft::probe(&name, &listed)?).await {
            Ok(described) => described,
            Err(failure) if failure.kind == model::FailureKind::Usage => {
                findings.push(Finding::from(failure).object(&listed.name));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let to = match (target, to) {
            (Some(target), Some((to, likeness))) => {
                let described = target.describe(&to).await?;
                Some((to, described, likeness))
            }
            _ => None,
        };
        let keyless = listed.keys.is_empty() && described.key.is_empty();
        let into_org = to
            .as_ref()
            .is_some_and(|(_, target, _)| !target.carries_columns);
        let first = match keyless || into_org {
            true => first(source, &described).await?,
            false => None,
        };
        let mut draft = Draft::new(name, listed, described, to)?;
        draft.settle_keys(first.as_ref());
        drafts.push(draft);
    }
    Ok(drafts)
}

/// Some records to look at; a source that can't show any has none.
async fn first(
    source: &dyn Source,
    described: &SourceObject,
) -> Result<Option<arrow::array::RecordBatch>, Failure> {
    match rows::first(source, described, LOOKED_AT).await {
        Ok(first) => Ok(first.filter(|first| first.num_rows() > 0)),
        Err(failure) if failure.kind == model::FailureKind::FailChunk => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Which object of the target each of the source goes to: the most alike first, and each only once.
fn matched(
    listed: &[Listed],
    names: Option<&[String]>,
    findings: &mut Vec<Finding>,
) -> Vec<Option<(String, Likeness)>> {
    let Some(names) = names else {
        return vec![None; listed.len()];
    };
    let mut pairs: Vec<(Likeness, usize, usize)> = Vec::new();
    for (place, one) in listed.iter().enumerate() {
        for (other, name) in names.iter().enumerate() {
            pairs.extend(names::objects(&one.name, name).map(|likeness| (likeness, place, other)));
        }
    }
    pairs.sort();
    let mut matched: Vec<Option<(String, Likeness)>> = vec![None; listed.len()];
    let mut taken = BTreeSet::new();
    for (likeness, place, other) in pairs {
        if matched[place].is_none() && taken.insert(other) {
            matched[place] = Some((names[other].clone(), likeness));
        }
    }
    for (one, _) in listed.iter().zip(&matched).filter(|(_, to)| to.is_none()) {
        let near = names.iter().zip(0..).find(|(name, other)| {
            taken.contains(other) && names::objects(&one.name, name).is_some()
        });
        let why = match near {
            Some((name, _)) => format!("{name} is filled by another object already"),
            None => "the target has no object of such a name".to_owned(),
        };
        let finding = Finding::warning("object_unmatched", why).object(&one.name);
        findings.push(finding.hint("write an entry for it by hand, where it is to be moved"));
    }
    matched
}

/// A name that the file takes for an object, as much like the source's as it can be.
fn unique(name: &str, drafts: &[Draft]) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            c
        } else {
            '_'
        }
    };
    // Second passes have longer names yet.
    let base: String = name.chars().map(plain).take(48).collect();
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names
        .find(|name| !drafts.iter().any(|draft| draft.name == *name))
        .unwrap_or(base)
}

/// Drafts that compile as a run would compile them. What does not is taken out, with the reason, until the rest does.
fn settled(
    systems: &Systems<'_>,
    mut drafts: Vec<Draft>,
    findings: &[Finding],
) -> Result<(Vec<Draft>, Option<Migration>), Failure> {
    // Each round takes something out, or is the last.
    let most: usize = drafts
        .iter()
        .map(|draft| 3 + 2 * draft.columns().count())
        .sum();
    for _ in 0..=most {
        parents::link(&mut drafts);
        if needs_more(&mut drafts) {
            continue;
        }
        drafts = parents::order(drafts);
        if drafts.iter().all(|draft| draft.aside.is_some()) {
            return Ok((drafts, None));
        }
        let written = text::write(systems, &drafts, findings);
        match compiled(&written, &drafts) {
            Ok(migration) => return Ok((drafts, Some(migration))),
            Err(failure) => take_out(&mut drafts, failure)?,
        }
    }
    Err(Failure::bug("a draft never came to compile"))
}

/// Puts aside what a table would refuse: rows without a value that they must have.
fn needs_more(drafts: &mut [Draft]) -> bool {
    let mut changed = false;
    for draft in drafts.iter_mut().filter(|draft| draft.aside.is_none()) {
        let into_table = draft
            .target
            .as_ref()
            .is_some_and(|target| target.carries_columns);
        let missing: Vec<String> = draft
            .missing()
            .iter()
            .map(|field| field.name.clone())
            .collect();
        let why = if into_table && !missing.is_empty() {
            format!(
                "{} wants values for {}, and no column of the source has such a name; fill it, and take the comment signs away",
                draft.to,
                missing.join(", ")
            )
        } else if draft.lines().is_empty() {
            "none of its columns has a counterpart".to_owned()
        } else {
            continue;
        };
        draft.aside = Some(why);
        changed = true;
    }
    changed
}

fn compiled(written: &str, drafts: &[Draft]) -> Result<Migration, Failure> {
    let migration = Migration::parse(written, FILE)?;
    let run = RunId::new("draft");
    for object in &migration.objects {
        let name = object.second_pass_of.as_ref().unwrap_or(&object.name);
        let Some(draft) = drafts.iter().find(|draft| draft.name == *name) else {
            return Err(Failure::bug("a draft has an object that nobody drafted"));
        };
        let Some(target) = &draft.target else {
            continue;
        };
        let late = object.second_pass_of.is_some();
        let fields = object.fields.iter().flatten();
        for (field, _) in fields.filter(|(name, _)| late && !object.external_id.contains(name)) {
            let relation = target
                .relation(field)
                .map_or(field.as_str(), |relation| relation.field.as_str());
            if target.field(relation).is_some_and(|field| field.required) {
                let why = "it must have a value from the first, and would get it in a second pass: its lookups go round in a circle";
                return Err(Failure::usage("late_but_required", why)
                    .object(name)
                    .field(field));
            }
        }
        Mapper::compile(&Spec {
            migration: &migration,
            object,
            source: draft.source.schema.clone(),
            key: &draft.key,
            target,
            run: &run,
            began: Utc::now(),
        })?;
    }
    Ok(migration)
}

/// Takes the field out that a failure names, or else its object.
fn take_out(drafts: &mut [Draft], failure: Failure) -> Result<(), Failure> {
    let named = failure.place.object.clone().unwrap_or_default();
    let is_it = |draft: &&mut Draft| {
        draft.name == named || named.strip_suffix("-links") == Some(&draft.name)
    };
    let Some(draft) = drafts.iter_mut().find(is_it) else {
        return Err(failure);
    };
    let field = failure
        .place
        .field
        .as_deref()
        .and_then(|field| draft.line_mut(field))
        .map(|line| line.name.clone());
    let is_link = |name: &String| draft.links.iter().any(|link| link.name == *name);
    match field {
        Some(field) if is_link(&field) && !draft.not_looked_up.contains(&field) => {
            // Its value may be carried all the same.
            let link = draft.links.iter().find(|link| link.name == field);
            if let Some(column) = link.map(|link| link.column.clone()) {
                draft.why_not.insert(column, failure.message);
            }
            draft.not_looked_up.insert(field);
        }
        Some(field)
            if !draft.external_id.contains(&field) && !draft.refused.contains_key(&field) =>
        {
            draft.refused.insert(field, failure.message);
        }
        _ => draft.aside = Some(failure.message),
    }
    Ok(())
}

fn summary(draft: &Draft) -> DraftedObject {
    let columns = draft.columns().count();
    DraftedObject {
        name: draft.name.clone(),
        from: match &draft.listed.from {
            From::Query(_) => draft.listed.name.clone(),
            from => from.describe().to_owned(),
        },
        to: draft.to.clone(),
        matched: draft.likeness.map(|likeness| likeness.word().to_owned()),
        operation: draft.operation,
        external_id: draft.external_id.clone(),
        columns: columns as u64,
        used: (columns - draft.unused().len()) as u64,
        put_aside: draft.aside.clone(),
    }
}

/// What somebody should look at, object by object.
fn told(drafts: &[Draft]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for draft in drafts {
        let mut found: Vec<Finding> = Vec::new();
        found.extend(
            draft
                .aside
                .iter()
                .map(|why| Finding::problem("put_aside", why)),
        );
        found.extend(
            draft
                .remarks
                .iter()
                .map(|remark| Finding::warning("remark", remark)),
        );
        for field in draft.missing() {
            let what = format!(
                "{} must have a value in new records, and nothing fills it",
                field.name
            );
            found.push(
                Finding::warning("required_field_unfilled", what).hint("fill it under `fields`"),
            );
        }
        for line in draft.lines() {
            if let Some(note) = line.note.as_ref().filter(|note| note.contains("guess")) {
                found.push(Finding::warning(
                    "guessed",
                    format!("{} is filled with {}: {note}", line.name, line.column),
                ));
            }
            found.extend(
                line.risks
                    .iter()
                    .map(|risk| Finding::warning("at_risk", format!("{}: {risk}", line.name))),
            );
        }
        for (column, why) in draft.unused() {
            found.push(Finding::ok("column_unused", format!("{column}: {why}")));
        }
        findings.extend(found.into_iter().map(|finding| finding.object(&draft.name)));
    }
    findings
}
