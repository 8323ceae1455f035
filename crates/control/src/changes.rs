//! Values that were changed on their way, as the migration file says: storing them with their chunk's outcome, counting and listing them.

use std::collections::{BTreeMap, HashSet};

use model::{ChunkRef, RunId};

use crate::chunks::read_ref;
use crate::db::{Arg, Row, Tx, args};
use crate::{AuditEntry, Control, Result};

/// A value that was changed, to be stored with its chunk's audit row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// The source key as text.
    pub key: String,
    /// The target's field.
    pub field: String,
    /// Why the target would have refused the value.
    pub code: String,
    /// None where it was null.
    pub was: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// Rises with time; where a listing goes on.
    pub id: i64,
    pub chunk: ChunkRef,
    pub key: String,
    pub field: String,
    pub code: String,
    pub was: Option<String>,
}

/// Which changed values to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    pub object: Option<&'a str>,
    pub code: Option<&'a str>,
    /// The source key.
    pub key: Option<&'a str>,
    /// Goes on after this id.
    pub after: Option<i64>,
    pub limit: u32,
}

/// The changed values of one field that share a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeGroup {
    pub object: String,
    pub field: String,
    pub code: String,
    pub count: u64,
    pub sample_key: String,
    pub sample_was: Option<String>,
}

impl Control {
    /// In the order in which they were stored.
    pub async fn changes(&self, run: &RunId, which: &Changes<'_>) -> Result<Vec<StoredChange>> {
        let mut sql =
            "select * from changed_records where run_id = $1 and changed_id > $2".to_owned();
        let mut values: Vec<Arg> = args![run, which.after.unwrap_or(0)];
        for (column, wanted) in [
            ("object", which.object),
            ("code", which.code),
            ("record_key", which.key),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                sql.push_str(&format!(" and {column} = ${}", values.len()));
            }
        }
        values.push(which.limit.into());
        sql.push_str(&format!(" order by changed_id limit ${}", values.len()));
        let rows = self.db.read(&sql, values).await?;
        rows.iter().map(read_change).collect()
    }

    /// Changed values by object, field and code, the most frequent first.
    pub async fn change_summary(&self, run: &RunId) -> Result<Vec<ChangeGroup>> {
        let sql = "
            select g.object, g.field, g.code, g.changes, c.record_key, c.was
            from (select object, field, code, count(*) as changes, min(changed_id) as first
                  from changed_records where run_id = $1 group by object, field, code) g
            join changed_records c on c.changed_id = g.first
            order by g.changes desc, g.object, g.field, g.code";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| {
                Ok(ChangeGroup {
                    object: row.text("object")?,
                    field: row.text("field")?,
                    code: row.text("code")?,
                    count: row.count("changes")?,
                    sample_key: row.text("record_key")?,
                    sample_was: row.opt_text("was")?,
                })
            })
            .collect()
    }

    /// How many records of each object have a changed value; objects without any are left out.
    pub async fn changed(&self, run: &RunId) -> Result<BTreeMap<String, u64>> {
        let sql = "select object, cast(sum(changed_count) as bigint) as changed from audit_log
                   where run_id = $1 and outcome and changed_count > 0 group by object";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| Ok((row.text("object")?, row.count("changed")?)))
            .collect()
    }
}

/// Records with a changed value.
pub(crate) fn count(changes: &[NewChange]) -> u64 {
    let keys: HashSet<&str> = changes.iter().map(|change| change.key.as_str()).collect();
    keys.len() as u64
}

pub(crate) async fn insert(tx: &mut Tx, entry: &AuditEntry, audit_id: i64) -> Result<()> {
    let chunk = &entry.chunk;
    let rows = entry.changes.iter().map(|change| {
        args![
            audit_id,
            &chunk.run,
            &chunk.object,
            chunk.chunk,
            &change.key,
            &change.field,
            &change.code,
            &change.was,
        ]
    });
    let head = "insert into changed_records (audit_id, run_id, object, chunk, record_key, field, code, was)";
    tx.insert_many(head, 8, rows.collect(), "")
        .await
        .map(|_| ())
}

fn read_change(row: &Row) -> Result<StoredChange> {
    Ok(StoredChange {
        id: row.int("changed_id")?,
        chunk: read_ref(row)?,
        key: row.text("record_key")?,
        field: row.text("field")?,
        code: row.text("code")?,
        was: row.opt_text("was")?,
    })
}
