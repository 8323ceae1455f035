//! The target's own automation, switched off for a run: what was planned, what is off, and what is still to be switched on again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use model::migration::AutomationKind;
use model::{AutomationState, DesiredState, Failure, RunId, RunStatus, SwitchState};
use serde_json::Value;

use crate::db::{Arg, Row, Tx, args, millis};
use crate::{Control, Error, Result, Term};

const OWED: &str = "('planned', 'off', 'failed')";

/// A run's automation as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAutomation {
    pub run: RunId,
    pub state: AutomationState,
    /// What no API can switch off, as it was stored with the plan.
    pub by_hand: Option<Value>,
    /// Why the last try came to nothing.
    pub error: Option<Failure>,
    pub tries: u64,
    pub try_at: DateTime<Utc>,
    /// Somebody asked to have it on again now.
    pub restore_asked: bool,
}

/// A run's automation that somebody has to see to.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAutomation {
    pub automation: RunAutomation,
    pub status: RunStatus,
    /// The time to try again has come.
    pub due: bool,
    /// Jobs of the run that the target works on.
    pub jobs: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// The target's own.
    pub id: String,
    pub kind: AutomationKind,
    pub name: String,
    pub object: String,
    /// Its state before it is switched off.
    pub was: Value,
    /// What is sent to switch it off.
    pub off: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AutomationItem {
    pub run: RunId,
    pub item: NewItem,
    pub state: SwitchState,
    /// Why it failed, was left or was handed on.
    pub note: Option<String>,
}

impl Control {
    /// Notes that a running run needs its target's automation off; nothing happens if it is, or is being switched off.
    ///
    /// Errors: `Deposed`.
    pub async fn want_automation_off(&self, term: Term, run: &RunId) -> Result<()> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "insert into automation (run_id, state) values ($1, 'wanted') on conflict (run_id) do nothing";
        tx.execute(sql, args![run]).await?;
        let sql = "update automation set state = 'wanted', error = null, tries = 0, try_at = {now}, restore_asked = $2, updated_at = {now}
                   where run_id = $1 and state in ('on', 'restoring') and exists (
                       select 1 from runs where id = $1 and status = 'running' and desired_state = 'running')";
        tx.execute(sql, args![run, false]).await?;
        tx.commit().await
    }

    /// Has it looked at again whether all is off that should be: others may have changed it while the run was halted.
    ///
    /// Errors: `Deposed`.
    pub async fn recheck_automation(&self, term: Term, run: &RunId) -> Result<()> {
        let sql =
            "update automation set state = 'wanted', tries = 0, try_at = {now}, updated_at = {now}
                   where run_id = $2 and state = 'off' and {leads} returning run_id";
        self.db
            .write_as(term, sql, args![term, run])
            .await
            .map(|_| ())
    }

    pub async fn automation(&self, run: &RunId) -> Result<Option<RunAutomation>> {
        let sql = "select * from automation where run_id = $1";
        let row = self.db.read_one(sql, args![run]).await?;
        row.as_ref().map(read_automation).transpose()
    }

    /// Every run's that has something off, or to be switched off; the oldest run first.
    pub async fn open_automation(&self) -> Result<Vec<OpenAutomation>> {
        let sql = "select a.*, r.status, a.try_at <= {now} as due,
                       (select count(*) from jobs j where j.run_id = a.run_id and j.state = 'uploaded') as jobs
                   from automation a join runs r on r.id = a.run_id where a.state <> 'on' order by a.run_id";
        let rows = self.db.read(sql, args![]).await?;
        let read = |row: &Row| {
            Ok(OpenAutomation {
                automation: read_automation(row)?,
                status: row.word("status", RunStatus::parse)?,
                due: row.bool("due")?,
                jobs: row.count("jobs")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How many jobs of a run the target works on.
    pub async fn jobs_under_way(&self, run: &RunId) -> Result<u64> {
        let sql = "select count(*) as jobs from jobs where run_id = $1 and state = 'uploaded'";
        let row = self.db.read_one(sql, args![run]).await?;
        row.map_or(Ok(0), |row| row.count("jobs"))
    }

    /// A run's items by kind and name.
    pub async fn automation_items(&self, run: &RunId) -> Result<Vec<AutomationItem>> {
        let sql = "select * from automation_items where run_id = $1 order by kind, name, id";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter().map(read_item).collect()
    }

    /// The items of one place that other runs have switched off, or are about to, and have to switch on again.
    pub async fn automation_owed_by_others(
        &self,
        place: &str,
        run: &RunId,
    ) -> Result<Vec<AutomationItem>> {
        let sql = format!(
            "select i.* from automation_items i join automation a on a.run_id = i.run_id
             where a.place = $1 and i.run_id <> $2 and i.state in {OWED} order by i.run_id, i.id"
        );
        let rows = self.db.read(&sql, args![place, run]).await?;
        rows.iter().map(read_item).collect()
    }

    /// Stores what is to be switched off, and what is for people to switch off. Of an item that is stored already, how it was is renewed: it was on
    /// again. False, and nothing is changed, if it is not wanted (any more).
    ///
    /// Errors: `Deposed`.
    pub async fn plan_automation(
        &self,
        term: Term,
        run: &RunId,
        place: &str,
        items: &[NewItem],
        by_hand: &Value,
    ) -> Result<bool> {
        let mut tx = self.db.begin_as(term).await?;
        let sql =
            "update automation set state = 'planned', place = $2, by_hand = $3, updated_at = {now}
                   where run_id = $1 and state = 'wanted' returning run_id";
        if tx.fetch(sql, args![run, place, by_hand]).await?.is_empty() {
            return Ok(false);
        }
        for item in items {
            store_item(&mut tx, run, item).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Errors: `Deposed`, `NotFound`.
    pub async fn set_automation_item(
        &self,
        term: Term,
        run: &RunId,
        id: &str,
        state: SwitchState,
        note: Option<&str>,
    ) -> Result<()> {
        let sql = "update automation_items set state = $4, note = $5, updated_at = {now}
                   where run_id = $2 and id = $3 and {leads} returning id";
        let values = args![term, run, id, state.as_str(), note];
        if self.db.write_as(term, sql, values).await?.is_empty() {
            return Err(Error::NotFound(format!("item {id} of run {run}")));
        }
        Ok(())
    }

    /// Moves a run's automation one step on. False if it is no longer where it was, or the step is to switch it on and the run is writing.
    ///
    /// Errors: `Deposed`.
    pub async fn set_automation(
        &self,
        term: Term,
        run: &RunId,
        from: AutomationState,
        to: AutomationState,
    ) -> Result<bool> {
        // With the run's row kept, a run that begins to write either comes before this and forbids it, or finds it done.
        let writing = match to {
            AutomationState::Restoring => {
                "and exists (select 1 from runs where id = $2 and status <> 'running' {keep})"
            }
            _ => "",
        };
        let sql = format!(
            "update automation set state = $4, error = null, tries = 0, try_at = {{now}}, updated_at = {{now}},
                 restore_asked = case when $4 = 'restoring' then restore_asked else $5 end
             where run_id = $2 and state = $3 and {{leads}} {writing} returning run_id"
        );
        let values = args![term, run, from.as_str(), to.as_str(), false];
        Ok(!self.db.write_as(term, &sql, values).await?.is_empty())
    }

    /// Notes that a try came to nothing, and when the next is due. A wish to have it on again is answered with that.
    ///
    /// Errors: `Deposed`.
    pub async fn automation_failed(
        &self,
        term: Term,
        run: &RunId,
        failure: &Failure,
        again_in: Duration,
    ) -> Result<()> {
        let sql = "update automation set error = $3, tries = tries + 1, try_at = {now+$4}, restore_asked = $5, updated_at = {now}
                   where run_id = $2 and {leads} returning run_id";
        let values = args![term, run, &told(failure)?, millis(again_in), false];
        self.db.write_as(term, sql, values).await.map(|_| ())
    }

    /// Pauses a run whose target's automation can't be switched off, and has what is off already switched on again.
    ///
    /// Errors: `Deposed`.
    pub async fn give_automation_up(
        &self,
        term: Term,
        run: &RunId,
        failure: &Failure,
        reason: &str,
    ) -> Result<()> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "update automation set state = 'restoring', error = $2, tries = 0, try_at = {now}, updated_at = {now} where run_id = $1";
        tx.execute(sql, args![run, &told(failure)?]).await?;
        let sql = "update runs set desired_state = $2, desired_by = 'stevedore', desired_reason = $3, desired_at = {now}, updated_at = {now}
                   where id = $1 and desired_state = 'running'";
        let paused = DesiredState::Paused.as_str();
        tx.execute(sql, args![run, paused, reason]).await?;
        tx.commit().await
    }

    /// Asks to have a run's automation on again now. Anyone may, with or without a leader. False if nothing of it is off.
    ///
    /// Errors: `Illegal` while the run is writing.
    pub async fn ask_automation_back(&self, run: &RunId) -> Result<bool> {
        let sql = "update automation set restore_asked = $2, updated_at = {now} where run_id = $1 and state <> 'on'
                   and exists (select 1 from runs where id = $1 and (status <> 'running' or desired_state <> 'running') and status <> 'pending')
                   returning run_id";
        if !self.db.write(sql, args![run, true]).await?.is_empty() {
            return Ok(true);
        }
        let automation = self.automation(run).await?;
        match automation.filter(|automation| automation.state != AutomationState::On) {
            None => Ok(false),
            Some(_) => Err(Error::Illegal(format!(
                "run {run} is under way and needs it off; it is switched on again at the run's end: stop or pause the run to have it on before"
            ))),
        }
    }
}

async fn store_item(tx: &mut Tx, run: &RunId, item: &NewItem) -> Result<()> {
    let values: Vec<Arg> = args![
        run,
        &item.id,
        item.kind.as_str(),
        &item.name,
        &item.object,
        &item.was,
        &item.off,
    ];
    let sql = "insert into automation_items (run_id, id, kind, name, object, was, off, state) values ($1, $2, $3, $4, $5, $6, $7, 'planned')
               on conflict (run_id, id) do update set name = excluded.name, object = excluded.object, was = excluded.was,
                   off = excluded.off, state = 'planned', note = null, updated_at = {now}";
    tx.execute(sql, values).await.map(|_| ())
}

fn told(failure: &Failure) -> Result<Value> {
    serde_json::to_value(failure)
        .map_err(|error| Error::Corrupt(format!("a failure does not serialise: {error}")))
}

fn read_automation(row: &Row) -> Result<RunAutomation> {
    let failure = |error| {
        serde_json::from_value(error)
            .map_err(|error| Error::Corrupt(format!("column error: {error}")))
    };
    Ok(RunAutomation {
        run: row.run("run_id")?,
        state: row.word("state", AutomationState::parse)?,
        by_hand: row.opt_json("by_hand")?,
        error: row.opt_json("error")?.map(failure).transpose()?,
        tries: row.count("tries")?,
        try_at: row.time("try_at")?,
        restore_asked: row.bool("restore_asked")?,
    })
}

fn read_item(row: &Row) -> Result<AutomationItem> {
    Ok(AutomationItem {
        run: row.run("run_id")?,
        item: NewItem {
            id: row.text("id")?,
            kind: row.word("kind", AutomationKind::parse)?,
            name: row.text("name")?,
            object: row.text("object")?,
            was: row.json("was")?,
            off: row.json("off")?,
        },
        state: row.word("state", SwitchState::parse)?,
        note: row.opt_text("note")?,
    })
}
