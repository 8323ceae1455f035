//! The ids that the target gave to records whose children look them up by id. The map is a migration's, and outlives its runs; a record that is made anew
//! takes its place in it, and one that is deleted leaves it.

use std::collections::{BTreeMap, HashMap};

use crate::db::{Arg, Tx, args, list};
use crate::{AuditEntry, Control, Result};

/// Keys asked for in one statement.
const AT_ONCE: usize = 500;

/// A record's key in the source, with its hash, by which it is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MapKey {
    pub hash: [u8; 16],
    pub text: String,
}

/// Whose ids: one migration's, in one target system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapScope {
    pub migration: String,
    /// What tells the target from any other.
    pub system: String,
}

/// What a chunk's outcome changes in the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIds {
    pub scope: MapScope,
    /// The target's object.
    pub to_object: String,
    /// Records that are there now, with their ids.
    pub moved: BTreeMap<MapKey, String>,
    /// Ids of records that are gone.
    pub deleted: Vec<String>,
}

impl Control {
    /// The ids of an object's records, by their keys; those that are not known are left out.
    pub async fn target_ids(
        &self,
        scope: &MapScope,
        object: &str,
        keys: &[MapKey],
    ) -> Result<HashMap<String, String>> {
        let mut found = HashMap::new();
        for keys in keys.chunks(AT_ONCE) {
            let sql = format!(
                "select record_key, target_id from id_map where migration = $1 and system = $2 and object = $3 and key_hash in ({})",
                list(4, keys.len())
            );
            let mut values = args![&scope.migration, &scope.system, object];
            values.extend(keys.iter().map(|key| Arg::from(key.hash.as_slice())));
            for row in self.db.read(&sql, values).await? {
                found.insert(row.text("record_key")?, row.text("target_id")?);
            }
        }
        Ok(found)
    }
}

pub(crate) async fn store(tx: &mut Tx, entry: &AuditEntry) -> Result<()> {
    let Some(ids) = &entry.ids else { return Ok(()) };
    let scope = &ids.scope;
    // In the order of their hashes, so that two outcomes never wait for one another.
    let rows = ids.moved.iter().map(|(key, id)| {
        args![
            &scope.migration,
            &scope.system,
            &entry.chunk.object,
            key.hash.as_slice(),
            &key.text,
            &ids.to_object,
            id,
            &entry.chunk.run,
        ]
    });
    let head = "insert into id_map (migration, system, object, key_hash, record_key, to_object, target_id, run_id)";
    let tail = "on conflict (migration, system, object, key_hash) do update set record_key = excluded.record_key,
                to_object = excluded.to_object, target_id = excluded.target_id, run_id = excluded.run_id, updated_at = {now}";
    tx.insert_many(head, 8, rows.collect(), tail).await?;
    for gone in ids.deleted.chunks(AT_ONCE) {
        let sql = format!(
            "delete from id_map where system = $1 and to_object = $2 and target_id in ({}) returning target_id",
            list(3, gone.len())
        );
        let mut values = args![&scope.system, &ids.to_object];
        values.extend(gone.iter().map(Arg::from));
        tx.fetch_once(&sql, values).await?;
    }
    Ok(())
}
