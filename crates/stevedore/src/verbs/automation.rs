//! `automation RUN [--restore]`: what of the target's own automation a run has switched off, and having it on again now.

use std::time::Duration;

use api::{AutomationView, Client};
use model::{AutomationState, Failure, RunStatus};
use serde_json::json;

use super::Desk;
use crate::args::AutomationArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{self, Output};

const EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn automation(
    desk: &Desk,
    output: &Output,
    args: AutomationArgs,
) -> Result<u8, Failure> {
    let want = if args.restore { Want::Work } else { Want::Look };
    let reached = desk.reach(want).await?;
    let told = if args.restore {
        restored(&reached.client, &args.run).await
    } else {
        reached.client.automation(&args.run).await
    };
    if let Some(serving) = reached.serving {
        serving.leave().await;
    }
    let told = told?;
    let document = json!({ "run": args.run, "automation": told });
    output.print(&document, || match &told {
        None => "this run switches nothing of its target's automation off\n".to_owned(),
        Some(automation) => output::automation(&args.run, automation),
    });
    let open = |automation: &AutomationView| automation.state != AutomationState::On;
    Ok(if args.restore && told.as_ref().is_some_and(open) {
        exit::FAILED
    } else {
        exit::DONE
    })
}

/// Asks for it, and waits for what comes of it.
async fn restored(client: &Client, run: &str) -> Result<Option<AutomationView>, Failure> {
    let mut told = client.restore(run).await?;
    // Whatever the run's status, a wish that was heard is fulfilled or told to have failed.
    while told
        .as_ref()
        .is_some_and(|told| !told.rests(RunStatus::Stopped))
    {
        tokio::time::sleep(EVERY).await;
        told = client.automation(run).await?;
    }
    Ok(told)
}
