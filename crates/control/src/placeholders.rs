//! Records that were made in the target because children miss them: counted apart from the books, listed, and marked when the real ones come.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use model::RunId;

use crate::db::{Arg, Row, Tx, args, list};
use crate::{AuditEntry, Control, MapKey, Result};

/// Records named in one statement.
const AT_ONCE: usize = 500;

/// A record that is made, or about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlaceholder {
    /// The object of the migration file whose record it stands for.
    pub object: String,
    /// What tells the target from any other.
    pub system: String,
    /// The target's object.
    pub to_object: String,
    /// The key by which the target finds it.
    pub key: MapKey,
    /// None while it is being made, or where the target does not tell.
    pub target_id: Option<String>,
    /// A record that asked for it, by its object and source key.
    pub child_object: String,
    pub child_key: String,
}

/// Real records that came where placeholders may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub system: String,
    pub to_object: String,
    pub target_ids: Vec<String>,
}

/// A placeholder as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPlaceholder {
    /// Rises with time; where a listing goes on.
    pub id: i64,
    pub object: String,
    pub to_object: String,
    pub key: String,
    pub target_id: Option<String>,
    pub child_object: String,
    pub child_key: String,
    /// None while it is not known to be made.
    pub made_at: Option<DateTime<Utc>>,
    /// When the real record took its place.
    pub replaced_at: Option<DateTime<Utc>>,
}

/// Placeholders of one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlaceholderCount {
    pub made: u64,
    /// Of those, the ones that stand yet.
    pub standing: u64,
}

impl Control {
    /// Stores that these are about to be made, before they are: whoever goes on after a crash knows then that what is there is ours.
    pub async fn ask_placeholders(&self, run: &RunId, wanted: &[NewPlaceholder]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, run, wanted, false).await?;
        tx.commit().await
    }

    /// Stores that they are made. Those whose id is not known now keep the one that is.
    pub async fn placeholders_made(&self, run: &RunId, made: &[NewPlaceholder]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for made in made {
            let sql = "update placeholders set made_at = coalesce(made_at, {now}), target_id = coalesce(target_id, $4)
                       where run_id = $1 and object = $2 and key_hash = $3";
            let values = args![run, &made.object, made.key.hash.as_slice(), &made.target_id];
            tx.execute(sql, values).await?;
        }
        tx.commit().await
    }

    /// Forgets those that could not be made.
    pub async fn drop_placeholders(&self, run: &RunId, refused: &[NewPlaceholder]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for refused in refused {
            let sql = "delete from placeholders where run_id = $1 and object = $2 and key_hash = $3 and made_at is null";
            let values = args![run, &refused.object, refused.key.hash.as_slice()];
            tx.execute(sql, values).await?;
        }
        tx.commit().await
    }

    /// Those of a run, in the order in which they were asked for.
    pub async fn placeholders(
        &self,
        run: &RunId,
        object: Option<&str>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<StoredPlaceholder>> {
        let sql = "select * from placeholders where run_id = $1 and placeholder_id > $2 and ($3 is null or object = $3)
                   order by placeholder_id limit $4";
        let values = args![run, after.unwrap_or(0), object, limit];
        let rows = self.db.read(sql, values).await?;
        rows.iter().map(read).collect()
    }

    /// How many of each object; objects without any are left out.
    pub async fn placeholder_counts(
        &self,
        run: &RunId,
    ) -> Result<BTreeMap<String, PlaceholderCount>> {
        let sql = "select object, count(*) as made, sum(case when replaced_at is null then 1 else 0 end) as standing
                   from placeholders where run_id = $1 and made_at is not null group by object";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| {
                let count = PlaceholderCount {
                    made: row.count("made")?,
                    standing: row.count("standing")?,
                };
                Ok((row.text("object")?, count))
            })
            .collect()
    }
}

/// With a chunk's outcome: those that its transaction in the target made, and the real records that came.
pub(crate) async fn store(tx: &mut Tx, entry: &AuditEntry) -> Result<()> {
    insert(tx, &entry.chunk.run, &entry.placeholders, true).await?;
    let Some(arrived) = &entry.arrived else {
        return Ok(());
    };
    for ids in arrived.target_ids.chunks(AT_ONCE) {
        let sql = format!(
            "update placeholders set replaced_at = {{now}}, replaced_by_run = $3 where system = $1 and to_object = $2 and replaced_at is null
             and target_id in ({}) returning target_id",
            list(4, ids.len())
        );
        let mut values = args![&arrived.system, &arrived.to_object, &entry.chunk.run];
        values.extend(ids.iter().map(Arg::from));
        tx.fetch_once(&sql, values).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    run: &RunId,
    placeholders: &[NewPlaceholder],
    made: bool,
) -> Result<()> {
    let now = made.then(Utc::now);
    let mut sorted: Vec<_> = placeholders.iter().collect();
    // In one order everywhere, so that two who store the same never wait for one another.
    sorted.sort_by(|one, other| (&one.object, &one.key).cmp(&(&other.object, &other.key)));
    let rows = sorted.into_iter().map(|placeholder| {
        args![
            run,
            &placeholder.object,
            &placeholder.system,
            &placeholder.to_object,
            placeholder.key.hash.as_slice(),
            &placeholder.key.text,
            &placeholder.target_id,
            &placeholder.child_object,
            &placeholder.child_key,
            now,
        ]
    });
    let head = "insert into placeholders (run_id, object, system, to_object, key_hash, target_key, target_id, child_object, child_key, made_at)";
    let tail = "on conflict (run_id, object, key_hash) do nothing";
    tx.insert_many(head, 10, rows.collect(), tail)
        .await
        .map(|_| ())
}

fn read(row: &Row) -> Result<StoredPlaceholder> {
    Ok(StoredPlaceholder {
        id: row.int("placeholder_id")?,
        object: row.text("object")?,
        to_object: row.text("to_object")?,
        key: row.text("target_key")?,
        target_id: row.opt_text("target_id")?,
        child_object: row.text("child_object")?,
        child_key: row.text("child_key")?,
        made_at: row.opt_time("made_at")?,
        replaced_at: row.opt_time("replaced_at")?,
    })
}
