//! What a dry run would have created by now, as hashed target keys: to the rest of the same run such records are there.

use std::collections::HashSet;

use model::{ChunkRef, RunId};

use crate::db::{args, list};
use crate::{Control, Error, Result};

/// Keys that are asked for in one statement.
const AT_ONCE: usize = 4_000;

impl Control {
    /// Notes keys of records that a chunk of a dry run would create in the target's object. Noted twice is noted once.
    pub async fn foresee(&self, chunk: &ChunkRef, target: &str, keys: &[[u8; 16]]) -> Result<()> {
        let rows = keys
            .iter()
            .map(|key| args![&chunk.run, target, key.as_slice(), &chunk.object]);
        let head = "insert into foreseen_keys (run_id, target, hash, object)";
        let mut tx = self.db.begin().await?;
        tx.insert_many(head, 4, rows.collect(), "on conflict do nothing")
            .await?;
        tx.commit().await
    }

    /// Those of the keys that the dry run would have created, by another object than `unless`.
    pub async fn foreseen(
        &self,
        run: &RunId,
        target: &str,
        unless: &str,
        keys: &[[u8; 16]],
    ) -> Result<HashSet<[u8; 16]>> {
        let mut found = HashSet::new();
        for keys in keys.chunks(AT_ONCE) {
            let sql = format!(
                "select distinct hash from foreseen_keys where run_id = $1 and target = $2 and object <> $3 and hash in ({})",
                list(4, keys.len())
            );
            let mut values = args![run, target, unless];
            values.extend(keys.iter().map(|key| key.as_slice().into()));
            for row in self.db.read(&sql, values).await? {
                let hash = row.bytes("hash")?.try_into();
                found.insert(
                    hash.map_err(|_| Error::Corrupt("column hash: not 16 bytes".to_owned()))?,
                );
            }
        }
        Ok(found)
    }
}
