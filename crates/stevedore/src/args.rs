//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use model::Secret;
use rehearsal_org::FaultPlan;

/// Moves a company's records from the systems it is leaving into the systems it is going to, and proves what happened to each.
#[derive(Debug, Parser)]
#[command(name = "stevedore", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// The coordinator's address; without it the embedded line in the folder is used.
    #[arg(long, global = true, env = "STEVEDORE__SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Prints one JSON document on standard output and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A settings file in place of ./stevedore.yaml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Starts a run and follows it to its end.
    Run(RunArgs),
    /// Shows all runs, newest first, or one.
    Status { run: Option<String> },
    /// Halts a run: no write starts any more. `resume` goes on.
    Stop {
        #[command(flatten)]
        halt: HaltArgs,
        /// Lets jobs under way in the target finish instead of aborting them.
        #[arg(long)]
        drain: bool,
    },
    /// Halts a run for a while.
    Pause(HaltArgs),
    /// Goes on with a paused or stopped run, and follows it to its end.
    Resume(FollowArgs),
    /// Sends failed and rejected records, and failed chunks, again, and follows the run to its end.
    Retry(FollowArgs),
    /// Lists what was rejected or failed, or which values were changed.
    Failures(FailuresArgs),
    /// Tells what happened to one record of a run.
    Record(RecordArgs),
    /// Lists what a run has switched off of what its target does by itself, or has it on again now.
    Automation(AutomationArgs),
    /// Drafts a migration file from a source and a target; without a source, writes a template of one.
    Init(InitArgs),
    /// Reads a migration file against its systems; moves nothing.
    Check(CheckArgs),
    /// Says what a run would do and cost; moves nothing.
    Plan(PlanArgs),
    /// Looks for what stands in the way of a run: logins, limits, rights, keys, triggers and rules.
    Doctor(LookArgs),
    /// Compares the source's schema with the target's.
    Compare(CompareArgs),
    /// Writes a migration file from a project of another tool, and lists what could not be carried over.
    #[command(subcommand)]
    Import(ImportFrom),
    /// Runs services: the roles named, or all of them.
    Serve {
        /// coordinator, extractor, transformer, loader, auditor, reconciler
        roles: Vec<String>,
    },
    /// Starts a rehearsal org, prints its URL and an access token, and runs until interrupted.
    Rehearse(RehearseArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The migration file.
    pub(crate) file: PathBuf,
    /// The scheduler's own key: the same key joins or resumes the same run.
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
    /// Returns as soon as the run is accepted.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Does all but the write: says what would become of each record, by the target as it is. Nothing is written to it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only a share of each object, as 1%, or so many records, always the same ones, with their parents. Completed under an --id, the same
    /// without --sample moves the rest.
    #[arg(long, value_name = "SHARE|NUMBER", conflicts_with = "keys")]
    pub(crate) sample: Option<String>,
    /// Only the records of these keys, with their parents: OBJECT=KEY,KEY or OBJECT=@FILE with a key on each line; may be repeated. Keys are written as `failures` writes them.
    #[arg(long, value_name = "OBJECT=KEYS", value_parser = keys)]
    pub(crate) keys: Vec<(String, Vec<String>)>,
    /// Only this object; may be repeated.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) only: Vec<String>,
    /// Only the objects of this phase of the file; may be repeated.
    #[arg(long, value_name = "PHASE")]
    pub(crate) phase: Vec<String>,
    /// Another address for a connection of the file; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = connection)]
    pub(crate) connection: Vec<(String, String)>,
    /// Answers the question that a target which looks like production asks.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// postgres://…, sqlite:///…, a CSV file, folder or pattern, https://….my.salesforce.com, an alias of the Salesforce CLI, or a connection as it
    /// stands in a migration file: { kind: …, … }. Passwords go into variables, not into the file.
    #[arg(value_parser = secret)]
    pub(crate) source: Option<Secret>,
    /// Where it goes: objects and fields are matched by their names.
    #[arg(long, value_name = "SYSTEM", value_parser = secret)]
    pub(crate) target: Option<Secret>,
    /// The migration file to be written; by default it is called after the source.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Only this object of the source, or file; may be repeated.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) only: Vec<String>,
    /// Writes over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What is looked at before a run.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// The migration file.
    pub(crate) file: PathBuf,
    /// Only this object; may be repeated.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) only: Vec<String>,
    /// Only the objects of this phase of the file; may be repeated.
    #[arg(long, value_name = "PHASE")]
    pub(crate) phase: Vec<String>,
    /// Another address for a connection of the file; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = connection)]
    pub(crate) connection: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Counts the source's records where they would be estimated; large tables take their time.
    #[arg(long)]
    pub(crate) count: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Writes missing custom fields below this folder, as source metadata that the Salesforce CLI deploys.
    #[arg(long, value_name = "DIR")]
    pub(crate) metadata: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HaltArgs {
    pub(crate) run: String,
    /// Kept with the run and shown by `status`.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    pub(crate) run: String,
    /// Returns at once.
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FailuresArgs {
    pub(crate) run: String,
    #[arg(long)]
    pub(crate) object: Option<String>,
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Lists, in their place, the values that were changed on their way, as the file's `on_invalid` says.
    #[arg(long)]
    pub(crate) changed: bool,
    /// Lists, in their place, the records that were made for missing parents, as the file's `on_missing_parent: placeholder` says.
    #[arg(long, conflicts_with_all = ["changed", "code"])]
    pub(crate) placeholders: bool,
    /// Writes every failed record, with its data, as CSV; with --changed, every changed value; with --placeholders, every placeholder.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    pub(crate) run: String,
    /// As the migration file names it.
    pub(crate) object: String,
    /// The key in the source; of several columns a JSON list, like '[1,"a"]'.
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
}

#[derive(Debug, Args)]
pub(crate) struct AutomationArgs {
    pub(crate) run: String,
    /// Switches it on again now, and waits for that: for a run that is paused, or whose target could not be reached at its end.
    #[arg(long)]
    pub(crate) restore: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The migration file.
    #[arg(required_unless_present = "schema")]
    pub(crate) file: Option<PathBuf>,
    /// Another address for a connection of the file; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = connection)]
    pub(crate) connection: Vec<(String, String)>,
    /// Prints the JSON Schema of migration files, for editors.
    #[arg(long)]
    pub(crate) schema: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// From an export.json of SFDMU (`sf sfdmu run`).
    Sfdmu(SfdmuArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SfdmuArgs {
    /// The export.json, or the folder that holds it.
    pub(crate) project: PathBuf,
    /// The migration file to be written; by default it is called after the folder. One that is there is not written over.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// As given to `sf sfdmu run`: an org's name, or `csvfile`. By default the first of the project's orgs.
    #[arg(long, value_name = "NAME")]
    pub(crate) sourceusername: Option<String>,
    /// Likewise; by default the second of the project's orgs.
    #[arg(long, value_name = "NAME")]
    pub(crate) targetusername: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// 0 takes a free one.
    #[arg(long, default_value_t = 7411)]
    pub(crate) port: u16,
    /// Something to go wrong, such as lock-rows=500, calls-503=1% or a JSON document of faults; may be repeated.
    #[arg(long, value_name = "FAULT", value_parser = FaultPlan::parse)]
    pub(crate) fault: Vec<FaultPlan>,
    /// A JSON file of objects, fields and record types to add to the standard ones; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Vec<PathBuf>,
    /// A file that keeps its records, and gives them back at the next start; without one they are gone at the end.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Speaks https, and writes the certificate that clients must trust to this file.
    #[arg(long, value_name = "CA.PEM")]
    pub(crate) tls: Option<PathBuf>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// `OBJECT=KEY,KEY`, `OBJECT=["a","b"]` for one key of several columns, `OBJECT=@FILE`.
fn keys(text: &str) -> Result<(String, Vec<String>), String> {
    let (object, keys) = text
        .split_once('=')
        .ok_or("it is OBJECT=KEY,KEY or OBJECT=@FILE")?;
    let keys: Vec<String> = match keys.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| format!("the file of keys can't be read: {file}: {error}"))?
            .lines()
            .map(|line| line.trim_end_matches('\r').to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        None if keys.starts_with('[') => vec![keys.to_owned()],
        None => keys.split(',').map(str::to_owned).collect(),
    };
    if keys.is_empty() || keys.iter().any(String::is_empty) {
        return Err(format!("no key is named for `{object}`, or an empty one"));
    }
    Ok((object.to_owned(), keys))
}

fn connection(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| {
            "it is NAME=VALUE, the name of an entry of `connections` and its address".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
