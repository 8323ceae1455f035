//! `init [SOURCE]`: drafts a migration file from a source and a target, or writes a template of one. A file that is there is not written over.

mod system;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::{Draft, Drafted};
use model::migration::Migration;
use model::{Failure, Grade, Secret};
use serde_json::json;

use self::system::System;
use super::Desk;
use crate::args::InitArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, table};

/// What a migration file is made of, to be filled in by hand.
const TEMPLATE: &str = include_str!("template.yaml");

pub(crate) async fn init(desk: &Desk, output: &Output, args: InitArgs) -> Result<u8, Failure> {
    let Some(source) = &args.source else {
        return template(output, &args);
    };
    let source = System::read(source.expose(), "SOURCE")?;
    let target = match &args.target {
        Some(target) => Some(System::read(target.expose(), "TARGET")?),
        None => None,
    };
    let file = match &args.out {
        Some(file) => file.clone(),
        None => PathBuf::from(format!("{}.yaml", source.name)),
    };
    // Before anybody is asked.
    refuse_to_overwrite(&file, args.force)?;
    let mut variables: BTreeMap<String, Secret> = BTreeMap::new();
    for system in [Some(&source), target.as_ref()].into_iter().flatten() {
        variables.extend(system.variables.clone());
    }
    let draft = Draft {
        migration: source.name.clone(),
        source: source.template,
        target: target.map(|target| target.template),
        variables,
        only: match args.only.is_empty() {
            true => source.files,
            false => args.only.clone(),
        },
    };
    let reached = desk.reach(Want::Look).await?;
    let drafted = reached.client.init(&draft).await?;
    write(&file, &drafted.text, args.force)?;
    let document = json!({
        "file": file,
        "migration": drafted.migration,
        "text": drafted.text,
        "objects": drafted.objects,
        "findings": drafted.findings,
        "variables": drafted.variables,
    });
    output.print(&document, || people(&file, &drafted));
    Ok(exit::DONE)
}

fn template(output: &Output, args: &InitArgs) -> Result<u8, Failure> {
    if args.target.is_some() || !args.only.is_empty() {
        return Err(Failure::usage("no_source", "nothing is drafted without a source")
            .hint("name the source first: a URL, a CSV file or folder, an org; or leave --target and --only out for a template"));
    }
    let file = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("migration.yaml"));
    write(&file, TEMPLATE, args.force)?;
    let document = json!({
        "file": file,
        "migration": Migration::parse(TEMPLATE, "the template")?.migration,
        "text": TEMPLATE,
        "objects": [],
        "findings": [],
        "variables": ["SOURCE_URL", "TARGET_URL", "TARGET_TOKEN"],
    });
    output.print(&document, || {
        format!(
            "{} is written: a template, to be filled in by hand\nnext: name a source, and it is drafted for you: stevedore init SOURCE --target TARGET\n",
            file.display()
        )
    });
    Ok(exit::DONE)
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    refuse_to_overwrite(file, force)?;
    std::fs::write(file, text).map_err(|error| {
        Failure::usage("unwritable_file", format!("it can't be written: {error}"))
            .file(file.display().to_string())
            .hint("name another with --out")
    })
}

/// Somebody may have worked on a file that is there.
fn refuse_to_overwrite(file: &Path, force: bool) -> Result<(), Failure> {
    let is_there = std::fs::metadata(file).is_ok_and(|found| found.len() > 0);
    if !is_there || force {
        return Ok(());
    }
    Err(
        Failure::usage("file_exists", "there is a file of this name already")
            .file(file.display().to_string())
            .hint("name another with --out, or write over it with --force"),
    )
}

fn people(file: &Path, drafted: &Drafted) -> String {
    let rows = drafted.objects.iter().map(|object| {
        vec![
            object.name.clone(),
            match &object.put_aside {
                None => format!("{} {}", object.operation.as_str(), object.to),
                Some(_) => format!("PUT ASIDE, {}", object.to),
            },
            object.external_id.join(", "),
            format!("{} of {}", object.used, object.columns),
            object.matched.clone().unwrap_or_default(),
        ]
    });
    let mut text = format!("{} is written\n", file.display());
    text += &table(
        &["object", "to", "found by", "columns used", "matched"],
        rows,
    );
    let told = |grade: Grade| {
        drafted
            .findings
            .iter()
            .filter(move |finding| finding.grade == grade)
    };
    for grade in [Grade::Problem, Grade::Warning] {
        for finding in told(grade) {
            let object = finding.object.as_ref().map(|object| format!("{object}: "));
            text += &format!("  {}{}\n", object.unwrap_or_default(), finding.what);
            if let Some(hint) = &finding.hint {
                text += &format!("    {hint}\n");
            }
        }
    }
    let unused = told(Grade::Ok)
        .filter(|finding| finding.code == "column_unused")
        .count();
    if unused > 0 {
        text += &format!("  {unused} columns fill nothing; the file says which, and why\n");
    }
    let set = match drafted.variables.as_slice() {
        [] => String::new(),
        variables => format!("set {}, then: ", variables.join(", ")),
    };
    text + &format!(
        "next: read it over; {set}stevedore check {}\n",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_migration_file() {
        let migration = Migration::parse(TEMPLATE, "template.yaml");
        assert!(migration.is_ok(), "{migration:?}");
    }
}
