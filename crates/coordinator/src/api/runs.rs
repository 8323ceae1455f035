//! `GET /api/runs…`, and the verbs on one run.

use api::{Halt, RunList, RunView};
use axum::Json;
use axum::extract::{Path, State};
use model::{DesiredState, Failure, RunId};

use super::answer::Answer;
use super::{Office, view};

/// How many runs a listing shows.
const SHOWN: u32 = 200;

pub(crate) async fn list(State(office): State<Office>) -> Answer<RunList> {
    let runs = office.line.control.runs(SHOWN).await?;
    Ok(Json(RunList {
        runs: runs.iter().map(view::summary).collect(),
    }))
}

pub(crate) async fn one(State(office): State<Office>, Path(run): Path<String>) -> Answer<RunView> {
    Ok(Json(view::run(&office.line, &RunId::new(run)).await?))
}

pub(crate) async fn command(
    State(office): State<Office>,
    Path((run, verb)): Path<(String, String)>,
    Json(halt): Json<Halt>,
) -> Answer<RunView> {
    let run = RunId::new(run);
    let control = &office.line.control;
    let by = halt.by.as_deref().or(Some("api"));
    let desired = match verb.as_str() {
        "retry" => {
            control.request_retry(&run, by).await?;
            DesiredState::Running
        }
        "stop" => DesiredState::Stopped,
        "pause" => DesiredState::Paused,
        "resume" => DesiredState::Running,
        _ => {
            let failure = Failure::usage("not_found", format!("a run can't be asked to `{verb}`"))
                .hint("it can be asked to stop, pause, resume or retry");
            return Err(failure.into());
        }
    };
    tracing::info!(%run, verb, by, reason = halt.reason, "asked");
    control
        .set_desired(Some(&run), desired, by, halt.reason.as_deref(), halt.drain)
        .await?;
    office.line.news.notify_one();
    Ok(Json(view::run(&office.line, &run).await?))
}
