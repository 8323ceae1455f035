//! The objects of a run: what is moved to what, and how far each is.

use chrono::{DateTime, Utc};
use model::{ObjectState, RunId};
use serde_json::{Value, json};

use crate::db::{Arg, Row, args};
use crate::{Control, Error, Result, Term};

#[derive(Debug, Clone, PartialEq)]
pub struct NewObject {
    pub name: String,
    /// Its place in the migration file, from 0.
    pub position: i64,
    /// Objects of a phase wait for those of the phases before, from 0.
    pub phase: i64,
    pub to_object: String,
    pub operation: String,
    /// The source as it was described when the run began, pinned.
    pub source: Value,
    /// The target as it was described, pinned.
    pub target: Value,
    /// Its chunks are first read for their target keys alone.
    pub needs_key_pass: bool,
    /// The source's columns that this needs of each record; all where none is named.
    pub key_pass_columns: Vec<String>,
    pub estimated_records: Option<i64>,
    /// Records that the target held before.
    pub target_before: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub run: RunId,
    pub name: String,
    pub position: i64,
    pub phase: i64,
    pub to_object: String,
    pub operation: String,
    pub source: Value,
    pub target: Value,
    pub needs_key_pass: bool,
    pub key_pass_columns: Vec<String>,
    pub estimated_records: Option<i64>,
    pub target_before: Option<i64>,
    pub state: ObjectState,
    /// How far it is planned; only its source understands it. None at the beginning.
    pub plan_cursor: Option<Value>,
    pub plan_closed: bool,
    /// How often its plan was carried on; `save_plan` wants to hear it.
    pub plan_step: i64,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl NewObject {
    pub(crate) fn args(&self, run: &RunId) -> Vec<Arg> {
        args![
            run,
            &self.name,
            self.position,
            self.phase,
            &self.to_object,
            &self.operation,
            &self.source,
            &self.target,
            self.needs_key_pass,
            &json!(self.key_pass_columns),
            self.estimated_records,
            self.target_before,
        ]
    }
}

impl Control {
    /// In the order in which they are moved: by phase, then by place in the file.
    pub async fn objects(&self, run: &RunId) -> Result<Vec<Object>> {
        let sql = "select * from objects where run_id = $1 order by phase, position";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter().map(read_object).collect()
    }

    pub async fn object(&self, run: &RunId, name: &str) -> Result<Object> {
        let sql = "select * from objects where run_id = $1 and name = $2";
        let row = self.db.read_one(sql, args![run, name]).await?;
        read_object(&row.ok_or_else(|| unknown(run, name))?)
    }

    /// Errors: `Deposed`, `NotFound`.
    pub async fn set_object_state(
        &self,
        term: Term,
        run: &RunId,
        object: &str,
        state: ObjectState,
    ) -> Result<()> {
        let rows = self
            .db
            .write_as(
                term,
                "update objects set state = $4, updated_at = {now},
                    started_at = case when $4 = 'waiting' then started_at else coalesce(started_at, {now}) end,
                    ended_at = case when $4 = 'moved' then {now} end
                 where run_id = $2 and name = $3 and {leads} returning name",
                args![term, run, object, state.as_str()],
            )
            .await?;
        if rows.is_empty() {
            Err(unknown(run, object))
        } else {
            Ok(())
        }
    }
}

pub(crate) fn unknown(run: &RunId, object: &str) -> Error {
    Error::NotFound(format!("object {object} in run {run}"))
}

fn names(value: Value) -> Result<Vec<String>> {
    serde_json::from_value(value)
        .map_err(|error| Error::Corrupt(format!("column key_pass_columns: {error}")))
}

fn read_object(row: &Row) -> Result<Object> {
    Ok(Object {
        run: row.run("run_id")?,
        name: row.text("name")?,
        position: row.int("position")?,
        phase: row.int("phase")?,
        to_object: row.text("to_object")?,
        operation: row.text("operation")?,
        source: row.json("source")?,
        target: row.json("target")?,
        needs_key_pass: row.bool("needs_key_pass")?,
        key_pass_columns: names(row.json("key_pass_columns")?)?,
        estimated_records: row.opt_int("estimated_records")?,
        target_before: row.opt_int("target_before")?,
        state: row.word("state", ObjectState::parse)?,
        plan_cursor: row.opt_json("plan_cursor")?,
        plan_closed: row.bool("plan_closed")?,
        plan_step: row.int("plan_step")?,
        started_at: row.opt_time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
    })
}
