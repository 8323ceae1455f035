//! The records that a run moves where it does not move all, by hashed source keys; and what a sample has moved, so that the run that follows leaves it out.

use std::collections::{BTreeMap, HashSet};

use model::{ChunkRef, Pass, RunId, Slice};

use crate::chunks::ChunkKind;
use crate::db::{Row, args, list};
use crate::plan::{Family, reserve};
use crate::{Control, Error, Result, Term};

/// A record that is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickedKey {
    pub object: String,
    pub hash: [u8; 16],
    /// The source key as text.
    pub key: String,
    /// It is moved for certain, and not only if it is among the lowest of a sample.
    pub wanted: bool,
}

/// Keys that are asked for in one statement.
const AT_ONCE: usize = 4_000;

impl Control {
    /// Notes records that a run is to move. Noted twice is noted once; wanted once is wanted.
    pub async fn pick(&self, run: &RunId, picked: &[PickedKey]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        pick(&mut tx, run, picked).await?;
        tx.commit().await
    }

    /// Throws away what an object's sample of so many records does not need: all but the lowest hashes. Doing it twice is doing it once.
    ///
    /// Errors: `Deposed`.
    pub async fn trim_picked(
        &self,
        term: Term,
        run: &RunId,
        object: &str,
        most: u64,
    ) -> Result<()> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "delete from picked_keys where run_id = $1 and object = $2 and wanted = false and hash not in (
                       select hash from picked_keys where run_id = $1 and object = $2 and sampled order by hash limit $3)";
        tx.execute_long(sql, args![run, object, most]).await?;
        tx.commit().await
    }

    /// Picked records whose parents are not known yet.
    pub async fn unread_picked(
        &self,
        run: &RunId,
        object: &str,
        limit: u32,
    ) -> Result<Vec<PickedKey>> {
        let sql = "select object, hash, source_key, wanted from picked_keys
                   where run_id = $1 and object = $2 and parents_read = false order by hash limit $3";
        let rows = self.db.read(sql, args![run, object, limit]).await?;
        rows.iter().map(read_picked).collect()
    }

    /// Marks picked records as being read for their parents, and adds the chunks that do so: all of it or nothing.
    ///
    /// Errors: `Deposed`.
    pub async fn read_parents(
        &self,
        term: Term,
        run: &RunId,
        object: &str,
        picked: &[PickedKey],
        slices: &[Slice],
    ) -> Result<()> {
        let mut tx = self.db.begin_as(term).await?;
        for picked in picked.chunks(AT_ONCE) {
            let sql = format!(
                "update picked_keys set parents_read = true where run_id = $1 and object = $2 and hash in ({})",
                list(3, picked.len())
            );
            let mut values = args![run, object];
            values.extend(picked.iter().map(|picked| picked.hash.as_slice().into()));
            tx.execute(&sql, values).await?;
        }
        let last = reserve(&mut tx, run, object, slices.len()).await?;
        let family = Family {
            run,
            object,
            kind: ChunkKind::Slice,
            pass: Pass::Parents,
            ancestors: &[],
        };
        family.insert(&mut tx, last, slices).await?;
        tx.commit().await
    }

    /// Picked records in the order of their hashes, after this one.
    pub async fn picked(
        &self,
        run: &RunId,
        object: &str,
        after: Option<[u8; 16]>,
        limit: u32,
    ) -> Result<Vec<PickedKey>> {
        // No hash has no bytes.
        let after = after.map_or_else(Vec::new, Vec::from);
        let sql = "select object, hash, source_key, wanted from picked_keys
                   where run_id = $1 and object = $2 and hash > $3 order by hash limit $4";
        let values = args![run, object, after.as_slice(), limit];
        let rows = self.db.read(sql, values).await?;
        rows.iter().map(read_picked).collect()
    }

    /// Ends the picking of a run: its objects are to be planned anew, from what was picked. Doing it twice is doing it once.
    ///
    /// Errors: `Deposed`.
    pub async fn end_picking(&self, term: Term, run: &RunId) -> Result<()> {
        let sql = "update objects set state = 'picked', plan_closed = false, plan_cursor = null, updated_at = {now}
                   where run_id = $2 and state = 'picking' and {leads} returning name";
        self.db.write_as(term, sql, args![term, run]).await?;
        Ok(())
    }

    /// Notes records that a chunk of a sample has moved.
    pub async fn note_moved(&self, chunk: &ChunkRef, hashes: &[[u8; 16]]) -> Result<()> {
        let rows = hashes
            .iter()
            .map(|hash| args![&chunk.run, &chunk.object, hash.as_slice()]);
        let mut tx = self.db.begin().await?;
        let head = "insert into moved_keys (run_id, object, hash)";
        tx.insert_many(head, 3, rows.collect(), "on conflict do nothing")
            .await?;
        tx.commit().await
    }

    /// Those of the records that a sample has moved.
    pub async fn moved(
        &self,
        run: &RunId,
        object: &str,
        hashes: &[[u8; 16]],
    ) -> Result<HashSet<[u8; 16]>> {
        let mut found = HashSet::new();
        for hashes in hashes.chunks(AT_ONCE) {
            let sql = format!(
                "select hash from moved_keys where run_id = $1 and object = $2 and hash in ({})",
                list(3, hashes.len())
            );
            let mut values = args![run, object];
            values.extend(hashes.iter().map(|hash| hash.as_slice().into()));
            for row in self.db.read(&sql, values).await? {
                found.insert(read_hash(&row)?);
            }
        }
        Ok(found)
    }

    /// How many records a sample has moved of an object.
    pub async fn moved_count(&self, run: &RunId, object: &str) -> Result<u64> {
        let sql = "select count(*) as moved from moved_keys where run_id = $1 and object = $2";
        let row = self.db.read_one(sql, args![run, object]).await?;
        row.map_or(Ok(0), |row| row.count("moved"))
    }
}

pub(crate) async fn pick(tx: &mut crate::db::Tx, run: &RunId, picked: &[PickedKey]) -> Result<()> {
    // A statement can't meet one row twice.
    let mut by_hash: BTreeMap<(&str, [u8; 16]), (&PickedKey, bool, bool)> = BTreeMap::new();
    for one in picked {
        let known = by_hash
            .entry((&one.object, one.hash))
            .or_insert((one, false, false));
        known.1 |= one.wanted;
        known.2 |= !one.wanted;
    }
    let rows = by_hash.into_values().map(|(picked, wanted, sampled)| {
        args![
            run,
            &picked.object,
            picked.hash.as_slice(),
            &picked.key,
            wanted,
            sampled,
        ]
    });
    let head = "insert into picked_keys (run_id, object, hash, source_key, wanted, sampled)";
    let tail = "on conflict (run_id, object, hash) do update set wanted = picked_keys.wanted or excluded.wanted,
                    sampled = picked_keys.sampled or excluded.sampled";
    tx.insert_many(head, 6, rows.collect(), tail)
        .await
        .map(|_| ())
}

fn read_picked(row: &Row) -> Result<PickedKey> {
    Ok(PickedKey {
        object: row.text("object")?,
        hash: read_hash(row)?,
        key: row.text("source_key")?,
        wanted: row.bool("wanted")?,
    })
}

fn read_hash(row: &Row) -> Result<[u8; 16]> {
    let hash = row.bytes("hash")?.try_into();
    hash.map_err(|_| Error::Corrupt("column hash: not 16 bytes".to_owned()))
}
