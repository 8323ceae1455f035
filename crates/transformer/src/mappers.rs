//! Compiled mappings, one per object of a run.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use control::MapScope;
use mapping::{Mapper, ParentRefs, Spec};
use model::migration::OnDuplicateKey;
use model::{ChunkRef, Failure, ObjectState, RunId};
use queue::Queue;
use service::Line;

use crate::parents::Parents;

/// How many compiled mappings are kept.
const KEPT: usize = 256;

/// What an object's records are mapped by, and where they go.
pub(crate) struct Mapping {
    pub(crate) mapper: Mapper,
    /// What is done with duplicates of the target key; none where it has none.
    pub(crate) duplicates: Option<OnDuplicateKey>,
    /// The ids of parents that are looked up by them.
    pub(crate) parents: Parents,
    pub(crate) load_queue: Queue,
    /// The source's key columns.
    pub(crate) key: Vec<String>,
    /// The object whose records this one only links.
    pub(crate) second_pass_of: Option<String>,
}

type Compiled = HashMap<(RunId, String), Arc<Mapping>>;

#[derive(Clone)]
pub(crate) struct Mappers {
    line: Line,
    compiled: Arc<Mutex<Compiled>>,
}

impl Mappers {
    pub(crate) fn new(line: Line) -> Self {
        Self {
            line,
            compiled: Arc::default(),
        }
    }

    pub(crate) async fn of(&self, chunk: &ChunkRef) -> Result<Arc<Mapping>, Failure> {
        let name = (chunk.run.clone(), chunk.object.clone());
        let known = self.compiled().get(&name).cloned();
        if let Some(mapping) = known {
            return Ok(mapping);
        }
        let (mapping, lasting) = self.compile(chunk).await?;
        let mapping = Arc::new(mapping);
        if lasting {
            let mut compiled = self.compiled();
            if compiled.len() >= KEPT {
                compiled.clear();
            }
            compiled.insert(name, mapping.clone());
        }
        Ok(mapping)
    }

    /// The lookups of an object to others of its run.
    pub(crate) async fn parents(&self, chunk: &ChunkRef) -> Result<ParentRefs, Failure> {
        let run = self.line.catalog.run(&chunk.run).await?;
        let key_of = |object: &str| {
            let source = &run.objects.get(object)?.source;
            let [key] = source.key.as_slice() else {
                return None;
            };
            let column = source.schema.field_with_name(key).ok()?;
            Some(column.data_type().clone())
        };
        let source = &run.object(&chunk.object)?.source.schema;
        ParentRefs::compile(&run.migration, &chunk.object, source, run.began, &key_of)
    }

    /// The mapping, and whether it may be kept: not while the object's keys are still being read, because its duplicates are not known yet.
    async fn compile(&self, chunk: &ChunkRef) -> Result<(Mapping, bool), Failure> {
        let run = self.line.catalog.run(&chunk.run).await?;
        let pinned = run.object(&chunk.object)?;
        let object = run
            .migration
            .object(&chunk.object)
            .ok_or_else(|| Failure::bug("the pinned file has no such object"))?;
        let mapper = Mapper::compile(&Spec {
            migration: &run.migration,
            object,
            source: pinned.source.schema.clone(),
            key: &pinned.source.key,
            target: &pinned.plan.target,
            run: &run.id,
            began: run.began,
        })?;
        let mut lasting = true;
        let mut duplicates = None;
        if pinned.needs_key_pass {
            let control = &self.line.control;
            let stored = control.object(&chunk.run, &chunk.object).await?;
            lasting = stored.state != ObjectState::ReadingKeys;
            if lasting && control.has_duplicates(&chunk.run, &chunk.object).await? {
                duplicates = Some(object.on_duplicate_key);
            }
        }
        let scope = MapScope {
            migration: run.migration.migration.clone(),
            system: pinned.plan.system.clone(),
        };
        let foreseen = match run.kind.writes() {
            true => BTreeSet::new(),
            false => run.objects.keys().cloned().collect(),
        };
        let mapping = Mapping {
            mapper,
            duplicates,
            parents: Parents::new(scope, foreseen),
            key: pinned.source.key.clone(),
            second_pass_of: object.second_pass_of.clone(),
            load_queue: run.load_queue(),
        };
        Ok((mapping, lasting))
    }

    fn compiled(&self) -> std::sync::MutexGuard<'_, Compiled> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
