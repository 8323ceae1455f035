//! The verbs, one file each. All but `import`, `serve` and `rehearse` speak to a coordinator by its API.

mod automation;
mod changes;
mod check;
mod compare;
mod control;
mod doctor;
mod failures;
mod follow;
mod import;
mod init;
mod placeholders;
mod plan;
mod record;
mod rehearse;
mod run;
mod serve;
mod status;
mod whole_list;

use api::Client;
use model::{Failure, Secret};
use service::Settings;

use crate::args::{Cli, Verb};
use crate::embedded::{self, Reached, Want};
use crate::output::Output;

pub(crate) async fn perform(cli: Cli, output: &Output) -> Result<u8, Failure> {
    let settings = Settings::load(cli.settings.as_deref())?;
    let quiet = match cli.verb {
        Verb::Serve { .. } => "info",
        _ => "error",
    };
    let _telemetry = service::telemetry::start(&settings.telemetry, "cli", quiet);
    let server = cli.server.or_else(|| settings.server.clone());
    let desk = Desk { settings, server };
    match cli.verb {
        Verb::Run(args) => run::run(&desk, output, args).await,
        Verb::Status { run } => status::status(&desk, output, run).await,
        Verb::Stop { halt, drain } => control::halt(&desk, output, "stop", halt, drain).await,
        Verb::Pause(halt) => control::halt(&desk, output, "pause", halt, false).await,
        Verb::Resume(args) => control::go_on(&desk, output, "resume", args).await,
        Verb::Retry(args) => control::go_on(&desk, output, "retry", args).await,
        Verb::Failures(args) => failures::failures(&desk, output, args).await,
        Verb::Record(args) => record::record(&desk, output, args).await,
        Verb::Automation(args) => automation::automation(&desk, output, args).await,
        Verb::Init(args) => init::init(&desk, output, args).await,
        Verb::Check(args) => check::check(&desk, output, args).await,
        Verb::Doctor(args) => doctor::doctor(&desk, output, args).await,
        Verb::Compare(args) => compare::compare(&desk, output, args).await,
        Verb::Plan(args) => plan::plan(&desk, output, args).await,
        Verb::Import(from) => import::import(output, from),
        Verb::Serve { roles } => serve::serve(desk.settings, &roles).await,
        Verb::Rehearse(args) => rehearse::rehearse(output, args).await,
    }
}

/// How a verb comes to its coordinator.
pub(crate) struct Desk {
    settings: Settings,
    server: Option<String>,
}

impl Desk {
    pub(crate) async fn reach(&self, want: Want) -> Result<Reached, Failure> {
        if let Some(server) = &self.server {
            let token: Option<Secret> = self.settings.api.token.clone();
            return Ok(Reached {
                client: Client::new(server, token)?,
                serving: None,
            });
        }
        embedded::reach(self.settings.clone(), want).await
    }
}

/// Who asks, for the records.
pub(crate) fn asker() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
        .or_else(|| Some("cli".to_owned()))
}
