//! Runs: made once per idempotency key, halted by their kill switch, moved along by the leader.

use chrono::{DateTime, Utc};
use model::{DesiredState, RunId, RunKind, RunStatus, Scope};

use crate::db::{Arg, Row, Tx, args};
use crate::objects::NewObject;
use crate::picked::{self, PickedKey};
use crate::{Control, Error, Result, Term};

/// An unfinished run: the leader, or somebody who asked for a retry, has something left to do with it. The index of that name holds these.
pub(crate) const UNFINISHED: &str =
    "(status not in ('completed', 'failed', 'mismatched') or retry_requested_at is not null)";

/// What a scheduler may call a run; it is indexed.
const LONGEST_KEY: usize = 500;

#[derive(Debug, Clone)]
pub struct NewRun {
    pub id: RunId,
    /// The same key joins the same run.
    pub idempotency_key: Option<String>,
    pub migration: String,
    pub kind: RunKind,
    /// The migration file's text. Holds no credentials.
    pub file: String,
    pub file_sha256: String,
    pub requested_by: String,
    pub scheduler_run_id: Option<String>,
    /// Which records it moves, where it is not all of them.
    pub scope: Option<Scope>,
    /// Of a scope that names records: these.
    pub picked: Vec<PickedKey>,
    /// The sample that it follows on, and whose idempotency key it takes over.
    pub follows: Option<RunId>,
    pub objects: Vec<NewObject>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreatedRun {
    Created(RunId),
    /// There was a run of that idempotency key; whether it is of the same migration is for the caller to see.
    Joined(RunId),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub idempotency_key: Option<String>,
    pub migration: String,
    pub kind: RunKind,
    pub file: String,
    pub file_sha256: String,
    pub requested_by: String,
    pub scheduler_run_id: Option<String>,
    pub scope: Option<Scope>,
    pub follows: Option<RunId>,
    pub status: RunStatus,
    pub status_reason: Option<String>,
    pub desired: DesiredState,
    pub desired_by: Option<String>,
    pub desired_reason: Option<String>,
    /// None if nobody has touched the switch, or somebody did by hand.
    pub desired_at: Option<DateTime<Utc>>,
    pub drain: bool,
    pub retry_requested_at: Option<DateTime<Utc>>,
    pub retry_requested_by: Option<String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// A run's kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    pub run: RunId,
    pub desired: DesiredState,
    /// At a stop, jobs under way are let finish.
    pub drain: bool,
}

impl Control {
    /// Stores a run with its objects, or joins the run of the same idempotency key.
    pub async fn create_run(&self, run: &NewRun) -> Result<CreatedRun> {
        if let Some(key) = &run.idempotency_key
            && (key.is_empty() || key.len() > LONGEST_KEY)
        {
            return Err(Error::Illegal(format!(
                "a run's own key has 1 to {LONGEST_KEY} bytes; this one has {}",
                key.len()
            )));
        }
        let mut tx = self.db.begin().await?;
        if let Some(sample) = &run.follows {
            let sql =
                "update runs set idempotency_key = null where id = $1 and idempotency_key = $2";
            tx.execute(sql, args![sample, &run.idempotency_key]).await?;
        }
        let scope = run.scope.as_ref().map(serde_json::to_value).transpose();
        let scope = scope
            .map_err(|error| Error::Corrupt(format!("a scope does not serialise: {error}")))?;
        let made = tx
            .fetch(
                "insert into runs (id, idempotency_key, migration, kind, file, file_sha256, requested_by, scheduler_run_id, scope, follows)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (idempotency_key) do nothing returning id",
                args![
                    &run.id,
                    &run.idempotency_key,
                    &run.migration,
                    run.kind.as_str(),
                    &run.file,
                    &run.file_sha256,
                    &run.requested_by,
                    &run.scheduler_run_id,
                    scope.as_ref(),
                    run.follows.as_ref().map(RunId::as_str),
                ],
            )
            .await?;
        if made.is_empty() {
            let sql = "select id from runs where idempotency_key = $1";
            let joined = tx.fetch_one(sql, args![&run.idempotency_key]).await?;
            let joined = joined.ok_or_else(|| Error::NotFound("run of that key".to_owned()))?;
            return Ok(CreatedRun::Joined(joined.run("id")?));
        }
        insert_objects(&mut tx, &run.id, &run.objects).await?;
        picked::pick(&mut tx, &run.id, &run.picked).await?;
        tx.commit().await?;
        Ok(CreatedRun::Created(run.id.clone()))
    }

    pub async fn run(&self, id: &RunId) -> Result<Run> {
        let row = self
            .db
            .read_one("select * from runs where id = $1", args![id])
            .await?;
        read_run(&row.ok_or_else(|| unknown(id))?)
    }

    /// The run of a scheduler's own key.
    pub async fn run_by_key(&self, key: &str) -> Result<Option<Run>> {
        let sql = "select * from runs where idempotency_key = $1";
        let row = self.db.read_one(sql, args![key]).await?;
        row.as_ref().map(read_run).transpose()
    }

    /// The newest first.
    pub async fn runs(&self, limit: u32) -> Result<Vec<Run>> {
        let sql = "select * from runs order by created_at desc, id desc limit $1";
        read_runs(&self.db.read(sql, args![limit]).await?)
    }

    /// Runs that are not final, and final ones of which a retry is asked; the oldest first.
    pub async fn active_runs(&self) -> Result<Vec<Run>> {
        let sql = format!("select * from runs where {UNFINISHED} order by id");
        read_runs(&self.db.read(&sql, args![]).await?)
    }

    /// Sets the kill switch of one run, or of every unfinished one, and gives those it was set on. Anyone may, with or without a leader.
    ///
    /// Errors: `Illegal` if the one run has ended, `NotFound`.
    pub async fn set_desired(
        &self,
        run: Option<&RunId>,
        desired: DesiredState,
        by: Option<&str>,
        reason: Option<&str>,
        drain: bool,
    ) -> Result<Vec<RunId>> {
        let mut values: Vec<Arg> = args![desired.as_str(), by, reason, drain];
        let mut sql = format!(
            "update runs set desired_state = $1, desired_by = $2, desired_reason = $3, drain = $4, desired_at = {{now}}, updated_at = {{now}}
             where {UNFINISHED}"
        );
        if let Some(run) = run {
            sql.push_str(" and id = $5");
            values.push(run.into());
        }
        sql.push_str(" returning id");
        let rows = self.db.write(&sql, values).await?;
        match run {
            Some(id) if rows.is_empty() => {
                let found = self.run(id).await?;
                Err(Error::Illegal(format!(
                    "run {id} has ended: it is {}; `retry` sends its failed records again",
                    found.status.as_str()
                )))
            }
            _ => rows.iter().map(|row| row.run("id")).collect(),
        }
    }

    /// The kill switch of every unfinished run. Cheap: meant to be asked twice a second by every service.
    pub async fn desired_states(&self) -> Result<Vec<Desired>> {
        let sql = format!("select id, desired_state, drain from runs where {UNFINISHED}");
        let rows = self.db.read(&sql, args![]).await?;
        let read = |row: &Row| {
            Ok(Desired {
                run: row.run("id")?,
                desired: row.word("desired_state", DesiredState::parse)?,
                drain: row.bool("drain")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Moves a run from one status to the next. Doing it twice is doing it once.
    ///
    /// Errors: `Deposed`; `Illegal` if the step is not allowed, or the run has another status by now; `NotFound`.
    pub async fn set_status(
        &self,
        term: Term,
        run: &RunId,
        from: RunStatus,
        to: RunStatus,
        reason: Option<&str>,
    ) -> Result<()> {
        if !from.may_become(to) {
            return Err(Error::Illegal(format!(
                "run {run} can't go from {} to {}",
                from.as_str(),
                to.as_str()
            )));
        }
        let rows = self
            .db
            .write_as(
                term,
                "update runs set status = $4, status_reason = $5, updated_at = {now},
                    started_at = case when $4 = 'running' then coalesce(started_at, {now}) else started_at end,
                    ended_at = case when $4 in ('completed', 'failed', 'mismatched') then {now} end
                 where id = $2 and status = $3 and {leads} returning id",
                args![term, run, from.as_str(), to.as_str(), reason],
            )
            .await?;
        if rows.is_empty() {
            let now = self.run(run).await?.status;
            if now != to {
                return Err(Error::Illegal(format!(
                    "run {run} is {}, not {}",
                    now.as_str(),
                    from.as_str()
                )));
            }
        }
        Ok(())
    }
}

async fn insert_objects(tx: &mut Tx, run: &RunId, objects: &[NewObject]) -> Result<()> {
    let rows = objects.iter().map(|object| object.args(run));
    let head = "insert into objects (run_id, name, position, phase, to_object, operation, source, target, needs_key_pass, \
                key_pass_columns, estimated_records, target_before)";
    tx.insert_many(head, 12, rows.collect(), "")
        .await
        .map(|_| ())
}

pub(crate) fn unknown(id: &RunId) -> Error {
    Error::NotFound(format!("run {id}"))
}

fn read_runs(rows: &[Row]) -> Result<Vec<Run>> {
    rows.iter().map(read_run).collect()
}

fn read_run(row: &Row) -> Result<Run> {
    Ok(Run {
        id: row.run("id")?,
        idempotency_key: row.opt_text("idempotency_key")?,
        migration: row.text("migration")?,
        kind: row.word("kind", RunKind::parse)?,
        file: row.text("file")?,
        file_sha256: row.text("file_sha256")?,
        requested_by: row.text("requested_by")?,
        scheduler_run_id: row.opt_text("scheduler_run_id")?,
        scope: row
            .opt_json("scope")?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::Corrupt(format!("column scope: {error}")))?,
        follows: row.opt_text("follows")?.map(RunId::new),
        status: row.word("status", RunStatus::parse)?,
        status_reason: row.opt_text("status_reason")?,
        desired: row.word("desired_state", DesiredState::parse)?,
        desired_by: row.opt_text("desired_by")?,
        desired_reason: row.opt_text("desired_reason")?,
        desired_at: row.opt_time("desired_at")?,
        drain: row.bool("drain")?,
        retry_requested_at: row.opt_time("retry_requested_at")?,
        retry_requested_by: row.opt_text("retry_requested_by")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
        updated_at: row.time("updated_at")?,
    })
}
