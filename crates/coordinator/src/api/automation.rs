//! `/api/runs/{run}/automation`: what of its target's own automation a run has switched off, and the wish to have it on again.

use api::{AutomationView, ByHand, SwitchedItem};
use axum::Json;
use axum::extract::{Path, State};
use control::AutomationItem;
use model::{Failure, RunId};
use service::Line;

use super::Office;
use super::answer::Answer;

pub(crate) async fn one(
    State(office): State<Office>,
    Path(run): Path<String>,
) -> Answer<Option<AutomationView>> {
    let run = RunId::new(run);
    office.line.control.run(&run).await?;
    Ok(Json(view(&office.line, &run).await?))
}

pub(crate) async fn restore(
    State(office): State<Office>,
    Path(run): Path<String>,
) -> Answer<Option<AutomationView>> {
    let run = RunId::new(run);
    office.line.control.run(&run).await?;
    office.line.control.ask_automation_back(&run).await?;
    tracing::info!(%run, "the automation is asked back");
    Ok(Json(view(&office.line, &run).await?))
}

pub(crate) async fn view(line: &Line, run: &RunId) -> Result<Option<AutomationView>, Failure> {
    let Some(automation) = line.control.automation(run).await? else {
        return Ok(None);
    };
    let items = line.control.automation_items(run).await?;
    let by_hand: Option<Vec<ByHand>> =
        automation
            .by_hand
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Failure::bug(format!("a stored checklist can't be read: {error}")))?;
    Ok(Some(AutomationView {
        state: automation.state,
        try_at: (automation.tries > 0).then_some(automation.try_at),
        error: automation.error,
        restore_asked: automation.restore_asked,
        jobs_under_way: line.control.jobs_under_way(run).await?,
        items: items.into_iter().map(item).collect(),
        by_hand: by_hand.unwrap_or_default(),
    }))
}

fn item(of: AutomationItem) -> SwitchedItem {
    SwitchedItem {
        kind: of.item.kind.as_str().to_owned(),
        name: of.item.name,
        object: of.item.object,
        id: of.item.id,
        state: of.state,
        note: of.note,
    }
}
