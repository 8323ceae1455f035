//! `run FILE`: starts a run, or joins the one of the same key, and follows it to its end.

use std::io::IsTerminal;
use std::path::Path;

use api::StartRun;
use model::{Failure, RunStatus};
use serde_json::json;

use super::follow::Looks;
use super::{Desk, asker, follow};
use crate::args::RunArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::Output;

pub(crate) async fn run(desk: &Desk, output: &Output, args: RunArgs) -> Result<u8, Failure> {
    let mut request = request(&args.file)?;
    request.id = args.id.clone();
    request.only = args.only;
    request.phases = args.phase;
    request.connections = args.connection;
    request.dry_run = args.dry_run;
    request.sample = args.sample;
    request.keys = args.keys;
    confirm(&request, args.yes || args.dry_run)?;
    if args.detach && desk.server.is_none() {
        super::serve::in_background(&desk.settings).await?;
    }
    let reached = desk.reach(Want::Work).await?;
    let started = reached.client.start(&request).await?;
    if started.joined {
        go_on(&reached.client, &started.run).await?;
    }
    if args.detach {
        output.print(
            &json!({ "run": started.run, "joined": started.joined }),
            || {
                format!(
                    "run {run}\n  stevedore status {run}\n  stevedore stop {run}\n",
                    run = started.run
                )
            },
        );
        return Ok(exit::DONE);
    }
    let looks = if started.joined {
        Looks::Two
    } else {
        Looks::One
    };
    follow::to_end(reached, output, &started.run, looks).await
}

/// A joined run that was stopped or paused goes on: that is what a scheduler's retry asks for.
async fn go_on(client: &api::Client, run: &str) -> Result<(), Failure> {
    let found = client.run(run).await?;
    if matches!(found.summary.status, RunStatus::Paused | RunStatus::Stopped) {
        client.command(run, "resume", &follow::by(None)).await?;
    }
    Ok(())
}

/// Reads a migration file into a request.
pub(crate) fn request(file: &Path) -> Result<StartRun, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(
            "unreadable_file",
            format!("the migration file can't be read: {error}"),
        )
        .file(&name)
    })?;
    let folder = file
        .canonicalize()
        .ok()
        .and_then(|path| path.parent().map(|folder| folder.display().to_string()));
    Ok(StartRun {
        file: text,
        file_name: name,
        folder,
        requested_by: asker(),
        ..StartRun::default()
    })
}

/// A target that looks like production asks before it is written to.
fn confirm(request: &StartRun, yes: bool) -> Result<(), Failure> {
    let migration = model::migration::Migration::parse(&request.file, &request.file_name)?;
    let name = migration.target.to_lowercase();
    let looks_so = ["prod", "production", "live"]
        .iter()
        .any(|word| name.split(['-', '_']).any(|part| part == *word));
    if !looks_so || yes {
        return Ok(());
    }
    let refused = || {
        Failure::usage(
            "not_confirmed",
            format!("the target `{}` looks like production", migration.target),
        )
        .hint("say --yes to write to it")
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    eprint!(
        "The target `{}` looks like production. Write to it? [y/N] ",
        migration.target
    );
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|_| refused())?;
    if answer.trim().eq_ignore_ascii_case("y") {
        Ok(())
    } else {
        Err(refused())
    }
}
