//! Duplicates of the target key over a whole object, as `fold_keys` has found them.

use std::collections::BTreeSet;

use model::{ChunkNumber, ChunkRef, RunId};

use crate::db::{Row, args, list};
use crate::{Control, Error, Result};

/// A record whose target key occurs more than once in its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    pub hash: [u8; 16],
    pub chunk: ChunkNumber,
    /// The source key as text.
    pub source_key: String,
    /// Which of the records of its chunk with this source and target key it is, from 0.
    pub occurrence: u64,
    /// The chunk that was asked for has records with this target key, or had when its keys were read.
    pub is_in_chunk: bool,
}

/// Another record of the same object has the key as well.
const REPEATED: &str = "exists (select 1 from target_keys o where o.run_id = k.run_id and o.object = k.object and o.hash = k.hash
    and (o.chunk <> k.chunk or o.position <> k.position))";

/// Keys that are asked for in one statement.
const AT_ONCE: usize = 4_000;

impl Control {
    /// Whether any target key of an object occurs more than once.
    pub async fn has_duplicates(&self, run: &RunId, object: &str) -> Result<bool> {
        let sql = format!(
            "select 1 as repeated from target_keys k where k.run_id = $1 and k.object = $2 and {REPEATED} limit 1"
        );
        Ok(self.db.read_one(&sql, args![run, object]).await?.is_some())
    }

    /// The source keys of all records that have the same target key as one of these, up to `most`; they themselves are among them.
    pub async fn rivals(
        &self,
        chunk: &ChunkRef,
        source_keys: &[&str],
        most: i64,
    ) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for keys in source_keys.chunks(AT_ONCE) {
            let sql = format!(
                "select distinct o.source_key from target_keys k
                 join target_keys o on o.run_id = k.run_id and o.object = k.object and o.hash = k.hash
                 where k.run_id = $1 and k.object = $2 and k.source_key in ({}) limit $3",
                list(4, keys.len())
            );
            let mut values = args![&chunk.run, &chunk.object, most];
            values.extend(keys.iter().map(|key| (*key).into()));
            for row in self.db.read(&sql, values).await? {
                found.insert(row.text("source_key")?);
            }
        }
        Ok(found)
    }

    /// The records of a chunk's object that have one of these target keys, of those keys that occur more than once: the latest of each key first, then by
    /// place, and of each key no more than `most`.
    pub async fn duplicates(
        &self,
        chunk: &ChunkRef,
        hashes: &[[u8; 16]],
        most: i64,
    ) -> Result<Vec<DuplicateKey>> {
        let mut found = Vec::new();
        for hashes in hashes.chunks(AT_ONCE) {
            let sql = format!(
                "select hash, chunk, source_key, occurrence, is_in_chunk from (
                     select k.hash, k.chunk, k.source_key,
                         count(*) over (partition by k.hash) as members,
                         cast(max(case when k.chunk = $3 then 1 else 0 end) over (partition by k.hash) as bigint) as is_in_chunk,
                         row_number() over (partition by k.hash order by k.rank desc nulls last, c.root, k.chunk, k.position) as place,
                         row_number() over (partition by k.hash, k.chunk, k.source_key order by k.position) - 1 as occurrence
                     from target_keys k join chunks c on c.run_id = k.run_id and c.object = k.object and c.chunk = k.chunk
                     where k.run_id = $1 and k.object = $2 and k.hash in ({})
                 ) as ranked where members > 1 and place <= $4 order by hash, place",
                list(5, hashes.len())
            );
            let mut values = args![&chunk.run, &chunk.object, chunk.chunk, most];
            values.extend(hashes.iter().map(|hash| hash.as_slice().into()));
            for row in self.db.read(&sql, values).await? {
                found.push(read_key(&row)?);
            }
        }
        Ok(found)
    }
}

fn read_key(row: &Row) -> Result<DuplicateKey> {
    let hash = row.bytes("hash")?;
    Ok(DuplicateKey {
        hash: hash
            .try_into()
            .map_err(|_| Error::Corrupt("column hash: not 16 bytes".to_owned()))?,
        chunk: row.chunk("chunk")?,
        source_key: row.text("source_key")?,
        occurrence: row.count("occurrence")?,
        is_in_chunk: row.int("is_in_chunk")? == 1,
    })
}
