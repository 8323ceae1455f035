//! The ids that the target gave to the parents of a chunk's records: kept by the control database, and remembered here up to a bound.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use control::{Control, MapKey, MapScope};
use mapping::{ParentIds, ParentKeys};
use model::Failure;
use record::hash_key;

/// Ids that are remembered for one object; some twenty megabytes.
const REMEMBERED: usize = 100_000;

/// What one object of a run has asked for. Its parents are moved before it is, so that ids do not change meanwhile; what was not known may be later.
pub(crate) struct Parents {
    scope: MapScope,
    /// Of a dry run: the objects whose records would have ids.
    foreseen: BTreeSet<String>,
    known: Mutex<HashMap<(String, String), String>>,
}

impl Parents {
    pub(crate) fn new(scope: MapScope, foreseen: BTreeSet<String>) -> Self {
        Self {
            scope,
            foreseen,
            known: Mutex::default(),
        }
    }

    pub(crate) async fn ids(
        &self,
        control: &Control,
        wanted: ParentKeys,
    ) -> Result<ParentIds, Failure> {
        let mut ids = ParentIds::foreseen(self.foreseen.clone());
        for (parent, keys) in wanted {
            let mut unknown = Vec::new();
            for text in keys {
                let name = (parent.clone(), text);
                match self.known().get(&name) {
                    Some(id) => ids.insert(&parent, name.1, id.clone()),
                    None => unknown.push(MapKey {
                        hash: hash_key(&[&name.1]).to_be_bytes(),
                        text: name.1,
                    }),
                }
            }
            let found = control.target_ids(&self.scope, &parent, &unknown).await?;
            let mut known = self.known();
            if known.len() + found.len() > REMEMBERED {
                known.clear();
            }
            for (key, id) in found {
                known.insert((parent.clone(), key.clone()), id.clone());
                ids.insert(&parent, key, id);
            }
        }
        Ok(ids)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, String), String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
