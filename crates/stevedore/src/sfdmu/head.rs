//! The head of the file: where it comes from, what to set before a run, what of the project's own settings is lost, and the connections.

use std::path::Path;

use model::migration::{Page, scalar};

use super::Project;
use super::loss::Loss;
use super::source::{Org, Source};

pub(super) struct Head<'a> {
    pub(super) project: &'a Project,
    pub(super) source: &'a Source,
    pub(super) losses: &'a [Loss],
    pub(super) to: &'a Path,
    /// Whether files of its objects lie beside export.json.
    pub(super) has_files: bool,
}

/// Environment variables that the services need.
pub(super) fn variables(source: &Source) -> Vec<&'static str> {
    let of_source: &[_] = if source.is_files() {
        &[]
    } else {
        &["SOURCE_URL", "SOURCE_TOKEN"]
    };
    [of_source, &["TARGET_URL", "TARGET_TOKEN"]].concat()
}

pub(super) fn write(page: &mut Page, head: &Head<'_>) {
    let source = head.source;
    let file = head
        .project
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    page.comment(
        0,
        &format!(
            "Written by `stevedore import sfdmu` from {file} of {}, a project of SFDMU.",
            head.project.name()
        ),
    );
    page.comment(0, "Before a run, set where Stevedore's services run:");
    if !source.is_files() {
        org(page, "SOURCE", "read", &source.source_org);
    }
    org(page, "TARGET", "written", &source.target_org);
    page.comment(
        0,
        "`stevedore check` then compares it with both ends, and moves nothing.",
    );
    page.line("#");
    page.comment(
        0,
        "SFDMU asks the orgs about every field; this was written from the project alone. So:",
    );
    page.comment(0, "- fields that can't be written (formulas, auto-numbers, roll-ups) SFDMU leaves out by itself; here `check` names them, and they are to be taken out.");
    page.comment(0, "- a custom lookup that is not called after its object stands as a plain field; `{ lookup: OBJECT, by: COLUMN }` makes it one.");
    page.comment(0, "- a custom field by which SFDMU finds records is taken for an External ID that is unique; `check` says if it is none.");
    page.comment(0, "- SFDMU leaves records alone that are the same at both ends; here every record is written.");
    if source.is_files() {
        page.comment(
            0,
            "- SFDMU takes cells like #N/A for empty; here only an empty cell is null.",
        );
    }
    if head.has_files && !source.is_files() {
        page.comment(0, "- CSV files lie beside export.json. If they are the source, import it again with `--sourceusername csvfile`.");
    }
    let number = head.losses.len();
    page.line("#");
    match number {
        0 => page.comment(0, "All of the project's settings are carried over."),
        _ => page.comment(0, &format!("Not carried over: {number} in all, each at its place under NOT CARRIED OVER. Those of the project as a whole:")),
    }
    let of_all: Vec<_> = head
        .losses
        .iter()
        .filter(|loss| loss.object.is_none())
        .collect();
    if number > 0 && of_all.is_empty() {
        page.comment(0, "- none");
    }
    for loss in of_all {
        page.comment(0, &format!("- {}", loss.comment()));
    }
    page.line(&format!("migration: {}", scalar(&head.project.name())));
    page.line("connections:");
    if source.is_files() {
        let folder = scalar(&relative(&head.project.folder, head.to));
        let delimiter = match source.folder.delimiter {
            ',' => String::new(),
            other => format!(", delimiter: {}", scalar(&other.to_string())),
        };
        page.line(&format!(
            "  source: {{ kind: csv, folder: {folder}{delimiter} }}"
        ));
    } else {
        connection(page, "source", "SOURCE", source);
    }
    connection(page, "target", "TARGET", source);
    page.line("source: source");
    page.line("target: target");
    page.line("objects:");
}

/// SFDMU's `allOrNone` stops at the first failure; what was written until then it takes back only in part.
pub(super) fn limits(page: &mut Page, all_or_none: bool) {
    if all_or_none {
        page.line("");
        page.comment(
            0,
            "allOrNone: the run pauses when a record fails; what is written by then stays.",
        );
        page.line("limits: { pause_at_failed: 0 }");
    }
}

fn org(page: &mut Page, prefix: &str, what: &str, org: &Org) {
    let name = org
        .name
        .as_ref()
        .map(|name| format!(", {name} to SFDMU"))
        .unwrap_or_default();
    let login = org.name.as_deref().unwrap_or("ALIAS");
    let url = match &org.instance_url {
        Some(url) => format!("{prefix}_URL={url}"),
        None => format!("{prefix}_URL=https://….my.salesforce.com"),
    };
    page.comment(0, &format!("- {url}, {prefix}_TOKEN=… the address and an access token of the org that is {what}{name}; or, in the place of both settings of the connection, `target_org: {login}`, where the Salesforce CLI is logged in to it."));
}

fn connection(page: &mut Page, name: &str, prefix: &str, source: &Source) {
    let version = source
        .api_version
        .as_ref()
        .map(|version| format!(", api_version: {}", scalar(version)));
    page.line(&format!(
        "  {name}: {{ kind: salesforce, instance_url: \"${{{prefix}_URL}}\", access_token: \"${{{prefix}_TOKEN}}\"{} }}",
        version.unwrap_or_default()
    ));
}

/// The folder as it is found from the migration file, which resolves a relative one against its own.
fn relative(folder: &Path, file: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let base = file
        .parent()
        .filter(|base| !base.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let inside = base
        .canonicalize()
        .ok()
        .and_then(|base| whole.strip_prefix(base).ok().map(Path::to_owned));
    match inside {
        Some(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        Some(inside) => inside.display().to_string(),
        None => whole.display().to_string(),
    }
}
