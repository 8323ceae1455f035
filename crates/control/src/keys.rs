//! Duplicates of the target key over a whole object: every chunk's keys are stored as hashes, then those that occur once are thrown away.

use model::{ChunkNumber, ChunkRef, RunId};

use crate::db::{Row, args};
use crate::{Control, Error, Result, Term};

/// The target key of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub hash: [u8; 16],
    /// The source key as text.
    pub source_key: String,
    /// The watermark as text that sorts like it byte by byte; the highest is the latest.
    pub rank: Option<String>,
    /// The record's place in its chunk.
    pub position: i64,
}

/// A record whose target key occurs more than once in its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    pub chunk: ChunkNumber,
    pub key: KeyRow,
}

/// The latest record of each key first; then by place.
const ORDER: &str = "order by k.hash, k.rank desc nulls last, k.chunk, k.position";

/// Another record of the same object has the key as well.
const REPEATED: &str = "exists (select 1 from target_keys o where o.run_id = k.run_id and o.object = k.object and o.hash = k.hash
    and (o.chunk <> k.chunk or o.position <> k.position))";

impl Control {
    /// Stores a chunk's keys in place of those that an earlier attempt has stored. False, and nothing is changed, if the chunk's keys
    /// are not asked for (any more).
    pub async fn store_keys(&self, chunk: &ChunkRef, keys: &[KeyRow]) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let sql = "select chunk from chunks where run_id = $1 and object = $2 and chunk = $3 and pass = 'keys'
                   and state in ('pending', 'dispatched', 'failed') {keep}";
        let place = || args![&chunk.run, &chunk.object, chunk.chunk];
        if tx.fetch(sql, place()).await?.is_empty() {
            return Ok(false);
        }
        let sql = "delete from target_keys where run_id = $1 and object = $2 and chunk = $3";
        tx.execute(sql, place()).await?;
        let rows = keys.iter().map(|key| {
            args![
                &chunk.run,
                &chunk.object,
                chunk.chunk,
                key.position,
                key.hash.as_slice(),
                &key.source_key,
                &key.rank,
            ]
        });
        let head =
            "insert into target_keys (run_id, object, chunk, position, hash, source_key, rank)";
        // Two attempts at one chunk may store at once: the later rows are the same records'.
        let tail =
            "on conflict (run_id, object, chunk, position) do update set hash = excluded.hash,
                    source_key = excluded.source_key, rank = excluded.rank";
        tx.insert_many(head, 7, rows.collect(), tail).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Throws away the keys that occur once, and those of chunks that were split or superseded; gives how many are left. It walks all
    /// keys of the object, once its plan is closed and all its keys are read.
    ///
    /// Errors: `Deposed`.
    pub async fn fold_keys(&self, term: Term, run: &RunId, object: &str) -> Result<u64> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "delete from target_keys where run_id = $1 and object = $2 and chunk in (
                       select chunk from chunks where run_id = $1 and object = $2 and state in ('split', 'superseded'))";
        tx.execute_long(sql, args![run, object]).await?;
        let sql = format!(
            "delete from target_keys as k where run_id = $1 and object = $2 and not {REPEATED}"
        );
        tx.execute_long(&sql, args![run, object]).await?;
        let sql = "select count(*) as keys from target_keys where run_id = $1 and object = $2";
        let left = tx.fetch_one(sql, args![run, object]).await?;
        let left = left.map_or(Ok(0), |row| row.count("keys"))?;
        tx.commit().await?;
        Ok(left)
    }

    /// All records of an object whose target key occurs more than once, key by key, the latest of each key first. Held in memory.
    pub async fn duplicates(&self, run: &RunId, object: &str) -> Result<Vec<DuplicateKey>> {
        let sql = format!(
            "select k.* from target_keys k where k.run_id = $1 and k.object = $2 and {REPEATED} {ORDER}"
        );
        let rows = self.db.read(&sql, args![run, object]).await?;
        rows.iter().map(read_key).collect()
    }

    /// The same of those keys alone that occur in this chunk: as much as mapping it needs to know.
    pub async fn duplicates_in(&self, chunk: &ChunkRef) -> Result<Vec<DuplicateKey>> {
        let sql = format!(
            "select k.* from target_keys k where k.run_id = $1 and k.object = $2 and {REPEATED}
             and k.hash in (select hash from target_keys where run_id = $1 and object = $2 and chunk = $3) {ORDER}"
        );
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        let rows = self.db.read(&sql, values).await?;
        rows.iter().map(read_key).collect()
    }
}

fn read_key(row: &Row) -> Result<DuplicateKey> {
    let hash = row.bytes("hash")?;
    Ok(DuplicateKey {
        chunk: row.chunk("chunk")?,
        key: KeyRow {
            hash: hash
                .try_into()
                .map_err(|_| Error::Corrupt("column hash: not 16 bytes".to_owned()))?,
            source_key: row.text("source_key")?,
            rank: row.opt_text("rank")?,
            position: row.int("position")?,
        },
    })
}
