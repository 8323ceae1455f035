//! `compare FILE`: the source's schema against the target's. `--metadata DIR` writes what the target lacks as files that its own tools deploy.

use std::path::{Component, Path};

use api::{Becomes, CompareReport, ComparedObject, Metadata};
use model::{Failure, Grade};

use super::{Desk, run};
use crate::args::CompareArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, table};

/// Names that are listed for people; the JSON document has them all.
const LISTED: usize = 12;

pub(crate) async fn compare(
    desk: &Desk,
    output: &Output,
    args: CompareArgs,
) -> Result<u8, Failure> {
    let mut request = run::request(&args.look.file)?;
    request.connections = args.look.connection;
    request.only = args.look.only;
    request.phases = args.look.phase;
    let reached = desk.reach(Want::Look).await?;
    let report = reached.client.compare(&request).await?;
    let written = match &args.metadata {
        Some(folder) => Some((folder, write(&report, folder)?)),
        None => None,
    };
    output.print(&report, || {
        let mut text = people(&report);
        if let Some((folder, files)) = written {
            text += &format!("\n{files} files written below {}\n", folder.display());
            if files > 0 {
                text += "  look them over, then: sf project deploy start --source-dir force-app\n";
            }
        }
        text
    });
    Ok(exit::DONE)
}

/// Writes the descriptions of missing fields; a field that several objects of the file fill is written once.
fn write(report: &CompareReport, folder: &Path) -> Result<usize, Failure> {
    let mut written: Vec<&str> = Vec::new();
    let missing = report
        .objects
        .iter()
        .flat_map(|object| &object.missing_fields);
    for metadata in missing.filter_map(|field| field.metadata.as_ref()) {
        if written.contains(&metadata.path.as_str()) {
            continue;
        }
        write_one(metadata, folder)?;
        written.push(&metadata.path);
    }
    Ok(written.len())
}

fn write_one(metadata: &Metadata, folder: &Path) -> Result<(), Failure> {
    let relative = Path::new(&metadata.path);
    // The path came over the wire: it stays below the folder.
    let below = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !below {
        return Err(Failure::bug(format!(
            "the coordinator names a file outside the folder: {}",
            metadata.path
        )));
    }
    let path = folder.join(relative);
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, &metadata.content));
    written.map_err(|error| {
        Failure::usage(
            "unwritable_file",
            format!("{} can't be written: {error}", path.display()),
        )
        .hint("name another folder with --metadata")
    })
}

fn people(report: &CompareReport) -> String {
    let mut text = format!(
        "{}: {} -> {}\n",
        report.migration, report.source, report.target
    );
    for object in &report.objects {
        text += &of(object);
    }
    text
}

fn of(object: &ComparedObject) -> String {
    let mut text = format!(
        "\n{}: {} -> {} {}",
        object.name, object.from, object.operation, object.to
    );
    if let Some(looked_at) = object.looked_at {
        let which = if looked_at.all { "all" } else { "the first" };
        text += &format!(" ({which} {} records looked at)", looked_at.records);
    }
    text.push('\n');
    let before = text.len();
    for finding in &object.not_compared {
        let word = match finding.grade {
            Grade::Problem => "not compared",
            _ => "note",
        };
        text += &format!("  {word}: {}\n", finding.what);
        if let Some(hint) = &finding.hint {
            text += &format!("    {hint}\n");
        }
    }
    text += &missing(object);
    text += &differences(object);
    text += &left_over(object);
    if text.len() == before {
        text += "  no differences\n";
    }
    text
}

fn missing(object: &ComparedObject) -> String {
    if object.missing_fields.is_empty() {
        return String::new();
    }
    let rows = object.missing_fields.iter().map(|field| {
        vec![
            field.field.clone(),
            field.data_type.clone().unwrap_or_default(),
            field.filled_by.clone(),
            field.hint.clone().unwrap_or_default(),
        ]
    });
    format!(
        "  missing in {}\n{}",
        object.to,
        indented(&table(&["field", "holds", "filled by", ""], rows))
    )
}

fn differences(object: &ComparedObject) -> String {
    let types = object.types.iter().map(|difference| {
        let what = if difference.never {
            "no value fits".to_owned()
        } else if difference.lost > 0 {
            format!(
                "do not fit{}: {} values",
                then(difference.becomes),
                difference.lost
            )
        } else if object.looked_at.is_some() {
            "all fit".to_owned()
        } else {
            "what does not fit would be refused".to_owned()
        };
        let types = format!("{} -> {}", difference.source, difference.target);
        vec![difference.field.clone(), types, what]
    });
    let lengths = object.lengths.iter().map(|difference| {
        let declared = difference.source;
        let from = declared.map_or_else(|| "text".to_owned(), |length| format!("text of {length}"));
        let longest = difference.longest;
        let longest = longest.map_or_else(String::new, |longest| {
            format!("; the longest has {longest}")
        });
        vec![
            difference.field.clone(),
            format!("{from} -> {}", difference.target),
            format!(
                "too long{}: {} values{longest}",
                then(difference.becomes),
                difference.too_long
            ),
        ]
    });
    let values = object.values.iter().map(|gap| {
        let by = match gap.by.as_str() {
            "map" => "not listed in `values`",
            _ => "not allowed in the target",
        };
        vec![
            gap.field.clone(),
            by.to_owned(),
            format!(
                "{} (in {} records{})",
                listed(&gap.values),
                gap.records,
                then(gap.becomes)
            ),
        ]
    });
    let nulls = object.nulls.iter().map(|difference| {
        vec![
            difference.field.clone(),
            "must have a value".to_owned(),
            format!(
                "null{}: {} records",
                then(difference.becomes),
                difference.nulls
            ),
        ]
    });
    let rows: Vec<_> = types.chain(lengths).chain(values).chain(nulls).collect();
    if rows.is_empty() {
        return String::new();
    }
    let rows = table(
        &["field", "difference", "records looked at"],
        rows.into_iter(),
    );
    format!("  differences\n{}", indented(&rows))
}

/// What becomes of such values.
fn then(becomes: Becomes) -> String {
    format!(", {}", becomes.as_str())
}

fn left_over(object: &ComparedObject) -> String {
    let mut text = String::new();
    let mut line = |head: &str, names: Vec<String>| {
        if !names.is_empty() {
            text += &format!("  {head}: {}\n", listed(&names));
        }
    };
    let columns = object.unused_columns.iter();
    line(
        "columns that no field uses",
        columns
            .map(|column| format!("{} {}", column.column, column.native))
            .collect(),
    );
    let unfilled = |required: bool| {
        let fields = object.unfilled_fields.iter();
        fields
            .filter(move |field| field.required == required)
            .map(|field| field.field.clone())
            .collect()
    };
    line("REQUIRED fields that nothing fills", unfilled(true));
    line("other fields that nothing fills", unfilled(false));
    text
}

fn listed(names: &[String]) -> String {
    let mut text = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        text += &format!(" and {} more", names.len() - LISTED);
    }
    text
}

fn indented(table: &str) -> String {
    table.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_written_outside_the_folder() {
        let metadata = |path: &str| Metadata {
            path: path.to_owned(),
            content: String::new(),
        };
        for path in ["../x", "/etc/x", "a/../../x"] {
            let folder = Path::new("nowhere");
            assert!(write_one(&metadata(path), folder).is_err(), "{path}");
            assert!(!folder.exists());
        }
    }
}
