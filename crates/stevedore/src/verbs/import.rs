//! `import sfdmu PROJECT`: writes a migration file from a project of another tool, and tells what could not be carried over.

use std::path::{Path, PathBuf};

use model::Failure;
use serde_json::json;

use crate::args::{ImportFrom, SfdmuArgs};
use crate::exit;
use crate::output::{Output, table};
use crate::sfdmu::{Imported, Names, Project};

pub(crate) fn import(output: &Output, from: ImportFrom) -> Result<u8, Failure> {
    match from {
        ImportFrom::Sfdmu(args) => sfdmu(output, args),
    }
}

fn sfdmu(output: &Output, args: SfdmuArgs) -> Result<u8, Failure> {
    let project = Project::at(&args.project);
    let file = args
        .out
        .unwrap_or_else(|| PathBuf::from(format!("{}.yaml", project.name())));
    let names = Names {
        source: args.sourceusername,
        target: args.targetusername,
    };
    let imported = project.import(&names, &file)?;
    write(&file, &imported.text)?;
    let document = json!({
        "file": file,
        "objects": imported.objects,
        "not_carried_over": imported.losses,
    });
    output.print(&document, || describe(&file, &imported));
    Ok(exit::DONE)
}

/// Somebody may have worked on a file that is there: it is not written over.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let name = file.display().to_string();
    if std::fs::metadata(file).is_ok_and(|found| found.len() > 0) {
        return Err(
            Failure::usage("file_exists", "there is a file of this name already")
                .file(name)
                .hint("take it away, or name another with --out"),
        );
    }
    std::fs::write(file, text).map_err(|error| {
        Failure::usage("unwritable_file", format!("it can't be written: {error}")).file(name)
    })
}

fn describe(file: &Path, imported: &Imported) -> String {
    let rows = imported.objects.iter().map(|object| {
        vec![
            object.name.clone(),
            object.from.clone(),
            format!("{} {}", object.operation, object.to),
            object.fields.to_string(),
        ]
    });
    let mut text = format!("{} is written\n", file.display());
    text += &table(&["object", "from", "to", "fields"], rows);
    if imported.losses.is_empty() {
        text += "everything is carried over\n";
    } else {
        text += &format!("not carried over: {}\n", imported.losses.len());
    }
    for loss in &imported.losses {
        let object = loss.object.as_deref().unwrap_or("the project");
        text += &format!(
            "  {object}, {}\n    {}\n    way out: {}\n",
            loss.what, loss.why, loss.way_out
        );
    }
    text += &format!(
        "next: set {}, then: stevedore check {}\n",
        imported.variables.join(", "),
        file.display()
    );
    text
}
