//! A run of that key is there: it is joined, followed on, or the request is refused because it asks for something else.

use std::collections::BTreeSet;

use api::{StartRun, Started};
use control::Control;
use model::migration::Migration;
use model::{Failure, RunId, RunKind, RunStatus, Scope};
use sha2::{Digest, Sha256};

use crate::{preflight, scope};

/// What becomes of a request whose key a run has.
pub(crate) enum Joining {
    Joined(Started),
    /// The sample of that key is completed, and this is the run that follows on it.
    Follows(RunId),
}

/// It must be of the same migration and ask for the same: a scheduler's retry does, a mistaken key does not.
pub(crate) async fn join(
    control: &Control,
    request: &StartRun,
    run: &control::Run,
) -> Result<Joining, Failure> {
    let migration = preflight::read(request)?;
    if migration.migration != run.migration {
        return Err(Failure::usage(
            "key_in_use",
            format!(
                "the key belongs to run {} of migration `{}`",
                run.id, run.migration
            ),
        )
        .hint("give each migration's runs keys of their own"));
    }
    let wanted = scope::of(request)?;
    let same_file = sha256(&request.file) == run.file_sha256;
    if let (Some(Scope::Sample(_)), None) = (&run.scope, &wanted)
        && (run.kind, kind_of(request)) == (RunKind::Full, RunKind::Full)
    {
        return follow(run, same_file);
    }
    let mut differs = Vec::new();
    if run.kind != kind_of(request) {
        differs.push(match run.kind {
            RunKind::DryRun => "it began with --dry-run".to_owned(),
            RunKind::Full => "it began without --dry-run".to_owned(),
        });
    }
    if run.scope != wanted {
        differs.push(match &run.scope {
            Some(scope) => format!("it began with {scope}"),
            None => "it began with neither --sample nor --keys".to_owned(),
        });
    }
    // What the file itself says may have changed since; the run keeps to what it began with.
    if same_file {
        let of_run: BTreeSet<String> = control
            .objects(&run.id)
            .await?
            .into_iter()
            .map(|object| object.name)
            .collect();
        let of_request = migration.objects.iter();
        let of_request: BTreeSet<String> = of_request
            .filter(|object| preflight::wanted(&migration, request, object))
            .map(|object| object.name.clone())
            .collect();
        if of_run != of_request && run.scope == wanted {
            let names: Vec<_> = of_run.into_iter().collect();
            differs.push(format!(
                "by --only and --phase it has these objects: {}",
                names.join(", ")
            ));
        }
        let stored = Migration::parse(&run.file, &run.migration)?;
        for (name, connection) in &migration.connections {
            if stored.connections.get(name) != Some(connection) {
                differs.push(format!("--connection {name} was another"));
            }
        }
    }
    if differs.is_empty() {
        return Ok(Joining::Joined(Started {
            run: run.id.to_string(),
            joined: true,
        }));
    }
    Err(Failure::usage(
        "other_run",
        format!(
            "the key belongs to run {}, which is another: {}",
            run.id,
            differs.join("; ")
        ),
    )
    .hint("join it with the options that it began with, or give this run a key of its own"))
}

pub(super) fn kind_of(request: &StartRun) -> RunKind {
    match request.dry_run {
        true => RunKind::DryRun,
        false => RunKind::Full,
    }
}

/// By which a file is known to be the same.
pub(super) fn sha256(file: &str) -> String {
    format!("{:x}", Sha256::digest(file.as_bytes()))
}

fn follow(run: &control::Run, same_file: bool) -> Result<Joining, Failure> {
    if run.status != RunStatus::Completed {
        return Err(Failure::usage(
            "sample_not_completed",
            format!(
                "the key belongs to run {}, a sample that is {}: the rest can't follow on it yet",
                run.id,
                run.status.as_str()
            ),
        )
        .hint(match run.status.is_final() {
            true => format!("`stevedore retry {}` tries again what failed", run.id),
            false => format!("`stevedore resume {}` finishes it", run.id),
        }));
    }
    if !same_file {
        return Err(Failure::usage(
            "file_changed",
            format!(
                "the file has changed since the sample, run {}: what that one moved would be left as the old file had it",
                run.id
            ),
        )
        .hint("give the run a key of its own; an upsert then sends the sample's records again, as the new file has them"));
    }
    Ok(Joining::Follows(run.id.clone()))
}
