//! Before a run: the migration file read against its source and target, so that what is wrong is told before anything moves.

use std::path::Path;

use api::StartRun;
use chrono::Utc;
use connector::{CountScope, LoadPlan, SourceObject, Target, TargetObject};
use connectors::Connections;
use control::PickedKey;
use mapping::{Mapper, Spec};
use model::migration::{Lines, Migration, Object, Operation, phases};
use model::{Failure, RunId, Scope};

use crate::scope;

/// A migration that can be run, each object as its systems describe it.
pub(crate) struct Prepared {
    pub(crate) migration: Migration,
    pub(crate) objects: Vec<PreparedObject>,
    /// Which records are asked for, where not all are, and those of them that are named.
    pub(crate) scope: Option<Scope>,
    pub(crate) named: Vec<PickedKey>,
}

pub(crate) struct PreparedObject {
    pub(crate) name: String,
    pub(crate) phase: u32,
    pub(crate) operation: Operation,
    pub(crate) source: SourceObject,
    pub(crate) target: TargetObject,
    pub(crate) plan: LoadPlan,
    pub(crate) needs_key_pass: bool,
    /// Records that the target holds now.
    pub(crate) target_before: u64,
}

/// Reads the file and asks every system. Changes nothing anywhere.
pub(crate) async fn prepare(
    connections: &Connections,
    request: &StartRun,
    run: &RunId,
) -> Result<Prepared, Failure> {
    let migration = read(request)?;
    let scope = scope::of(request)?;
    let lines = Lines::of(&request.file);
    let source = connections.source(&migration).await.map_err(|failure| {
        let line = lines.line(&format!("connections.{}", migration.source));
        failure.file(&request.file_name).line(line)
    })?;
    let target = connections.target(&migration).await.map_err(|failure| {
        let line = lines.line(&format!("connections.{}", migration.target));
        failure.file(&request.file_name).line(line)
    })?;
    let mut objects = Vec::new();
    for (phase, of_phase) in phases(&migration)?.into_iter().enumerate() {
        for (index, object) in migration.objects.iter().enumerate() {
            if !of_phase.objects.contains(&object.name) || !wanted(&migration, request, object) {
                continue;
            }
            let prepared = async {
                let found = source.describe(object).await?;
                prepare_object(&migration, object, found, target.as_ref(), run).await
            };
            let mut prepared: PreparedObject = prepared.await.map_err(|failure| {
                let path = place(index, &failure);
                failure
                    .object(&object.name)
                    .file(&request.file_name)
                    .line(lines.line(&path))
            })?;
            prepared.phase = u32::try_from(phase + 1).unwrap_or(u32::MAX);
            objects.push(prepared);
        }
    }
    let named = scope::named(&migration, scope.as_ref(), source.as_ref(), &objects).await?;
    Ok(Prepared {
        migration,
        objects,
        scope,
        named,
    })
}

/// Has the target make what writing needs. Changes no records.
pub(crate) async fn make_room(
    connections: &Connections,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let target = connections.target(&prepared.migration).await?;
    for object in &prepared.objects {
        let made = target.prepare(&object.plan).await;
        made.map_err(|failure| failure.object(&object.name))?;
    }
    Ok(())
}

pub(crate) fn read(request: &StartRun) -> Result<Migration, Failure> {
    let mut migration = Migration::parse(&request.file, &request.file_name)?;
    for (name, address) in &request.connections {
        migration
            .connections
            .get_mut(name)
            .ok_or_else(|| {
                Failure::usage(
                    "unknown_connection",
                    format!("the file has no connection `{name}`"),
                )
                .file(&request.file_name)
                .hint("--connection takes the name of an entry of `connections`")
            })?
            .set_address(address);
    }
    if let Some(folder) = &request.folder {
        migration.anchor(Path::new(folder));
    }
    for name in &request.only {
        if migration.object(name).is_none() {
            return Err(Failure::usage(
                "unknown_object",
                format!("the file has no object `{name}`"),
            )
            .file(&request.file_name)
            .hint("--only takes the name of an entry of `objects`"));
        }
    }
    for name in &request.phases {
        if !migration.phases.contains_key(name) {
            let known: Vec<_> = migration.phases.keys().map(String::as_str).collect();
            return Err(
                Failure::usage("unknown_phase", format!("the file has no phase `{name}`"))
                    .file(&request.file_name)
                    .hint(match known.as_slice() {
                        [] => "name phases under `phases`, each with its objects".to_owned(),
                        known => format!("its phases are: {}", known.join(", ")),
                    }),
            );
        }
    }
    Ok(migration)
}

/// A second pass is wanted with its object.
pub(crate) fn wanted(migration: &Migration, request: &StartRun, object: &Object) -> bool {
    let name = object.second_pass_of.as_ref().unwrap_or(&object.name);
    let all = request.only.is_empty() && request.phases.is_empty();
    let of_phase = |phase: &String| {
        let listed = migration.phases.get(phase);
        listed.is_some_and(|objects| objects.contains(name))
    };
    if !request.keys.is_empty() && !scope::concerns(migration, request, name) {
        return false;
    }
    all || request.only.contains(name) || request.phases.iter().any(of_phase)
}

/// The entry of the file that a failure is about.
fn place(index: usize, failure: &Failure) -> String {
    match (&failure.place.field, failure.code.as_str()) {
        (Some(field), _) => format!("objects.{index}.fields.{field}"),
        (None, "no_unique_key" | "no_key_field") => format!("objects.{index}.external_id"),
        (None, "invalid_rule") => format!("objects.{index}.rules"),
        (None, "unknown_table" | "unknown_file") => format!("objects.{index}.from"),
        (None, "unknown_object" | "unknown_target") => format!("objects.{index}.to"),
        (None, _) => format!("objects.{index}"),
    }
}

async fn prepare_object(
    migration: &Migration,
    object: &Object,
    source: SourceObject,
    target: &dyn Target,
    run: &RunId,
) -> Result<PreparedObject, Failure> {
    if let Some(first) = object
        .second_pass_of
        .as_ref()
        .filter(|_| source.key.is_empty())
    {
        return Err(Failure::usage(
            "no_second_pass",
            format!("lookups of `{first}` form a cycle, so its records are read twice, and nothing tells one from another"),
        )
        .hint("name the source's columns that do under `key`"));
    }
    let described = target.describe(&object.to).await?;
    let mapper = Mapper::compile(&Spec {
        migration,
        object,
        source: source.schema.clone(),
        key: &source.key,
        target: &described,
        run,
        began: Utc::now(),
    })?;
    let plan = load_plan(object, &described, &mapper, run);
    target.check(&plan).await?;
    Ok(PreparedObject {
        name: object.name.clone(),
        phase: 0,
        operation: object.operation,
        needs_key_pass: mapper.needs_key_pass(source.key_is_unique),
        target_before: target.count(&described.name, &CountScope::All).await?,
        source,
        target: described,
        plan,
    })
}

fn load_plan(object: &Object, target: &TargetObject, mapper: &Mapper, run: &RunId) -> LoadPlan {
    let mut key = mapper.key_fields().to_vec();
    if key.is_empty() && object.operation.needs_key() {
        key = target.keys.first().cloned().unwrap_or_default();
    }
    LoadPlan {
        run: run.clone(),
        object: object.name.clone(),
        to: target.name.clone(),
        operation: object.operation,
        key,
        fields: mapper.fields().to_vec(),
        target: target.clone(),
    }
}
