//! `stop`, `pause`, `resume`, `retry`.

use api::Halt;
use model::Failure;

use super::{Desk, follow};
use crate::args::{FollowArgs, HaltArgs};
use crate::embedded::Want;
use crate::exit;
use crate::output::{self, Output};

/// Sets the kill switch and returns; services obey it by themselves.
pub(crate) async fn halt(
    desk: &Desk,
    output: &Output,
    verb: &str,
    args: HaltArgs,
    drain: bool,
) -> Result<u8, Failure> {
    let reached = desk.reach(Want::Look).await?;
    let halt = Halt {
        drain,
        ..follow::by(args.reason)
    };
    let view = reached.client.command(&args.run, verb, &halt).await?;
    let switched = view
        .automation
        .as_ref()
        .filter(|automation| automation.owed() > 0);
    output.print(&output::summary(&view), || {
        let run = &args.run;
        let mut text = format!("run {run}: {verb} accepted; no write starts from now on\n  stevedore resume {run}   goes on with it\n");
        if switched.is_some() {
            // Nobody works in this folder: what was switched off stays so until somebody does.
            let way = if reached.serving.is_some() { " --restore" } else { "" };
            text += &format!("  stevedore automation {run}{way}   what it switched off in the target, and having it on again\n");
        }
        text
    });
    Ok(exit::DONE)
}

/// Sets a run going again and follows it.
pub(crate) async fn go_on(
    desk: &Desk,
    output: &Output,
    verb: &str,
    args: FollowArgs,
) -> Result<u8, Failure> {
    if args.detach && desk.server.is_none() {
        super::serve::in_background(&desk.settings).await?;
    }
    let reached = desk.reach(Want::Work).await?;
    let view = reached
        .client
        .command(&args.run, verb, &follow::by(None))
        .await?;
    if args.detach {
        output.print(&output::summary(&view), || {
            format!("run {}: {verb} accepted\n", args.run)
        });
        return Ok(exit::DONE);
    }
    follow::to_end(reached, output, &args.run, follow::Looks::Two).await
}
