//! Before a run: the migration file read against its source and target, so that what is wrong is told before anything moves.

use std::collections::BTreeSet;
use std::path::Path;

use api::StartRun;
use chrono::Utc;
use connector::{
    CountScope, Intent, LoadPlan, MissingParent, Source, SourceObject, Target, TargetObject,
};
use connectors::Connections;
use control::PickedKey;
use mapping::{Mapper, Spec};
use model::migration::{Lines, Migration, Object, Operation, phases};
use model::{Failure, FailureKind, RunId, Scope};

use crate::{automation, scope};

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
    pub(crate) key_pass_columns: Vec<String>,
    /// Records that the target holds now.
    pub(crate) target_before: u64,
}

/// Reads the file and asks every system. Changes nothing anywhere.
pub(crate) async fn prepare(
    connections: &Connections,
    request: &StartRun,
    run: &RunId,
) -> Result<Prepared, Failure> {
    let mut migration = read(request)?;
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
    keep_ids(&mut migration, source.as_ref(), target.as_ref())
        .await
        .map_err(|failure| failure.file(&request.file_name))?;
    let is_kept = |object: &Object| object.id_map || migration.has_placeholders(&object.name);
    let system = match migration.objects.iter().any(is_kept) {
        true => target.identity().await?,
        false => String::new(),
    };
    let mut objects = Vec::new();
    for (phase, of_phase) in phases(&migration)?.into_iter().enumerate() {
        for (index, object) in migration.objects.iter().enumerate() {
            if !of_phase.objects.contains(&object.name) || !wanted(&migration, request, object) {
                continue;
            }
            let prepared = async {
                let found = source.describe(object).await?;
                prepare_object(&migration, object, found, target.as_ref(), run, &system).await
            };
            let mut prepared: PreparedObject = prepared.await.map_err(|failure| {
                // What a placeholder lacks, its own object can be given.
                let named = failure.place.object.as_ref();
                let named = migration
                    .objects
                    .iter()
                    .position(|of| Some(&of.name) == named);
                let path = place(&migration, named.unwrap_or(index), &failure);
                failure
                    .object(&object.name)
                    .file(&request.file_name)
                    .line(lines.line(&path))
            })?;
            prepared.phase = u32::try_from(phase + 1).unwrap_or(u32::MAX);
            objects.push(prepared);
        }
    }
    if migration.automation.asks() {
        let checked = check_automation(target.as_ref(), &migration).await;
        checked.map_err(|failure| {
            let line = lines.line("automation");
            failure.file(&request.file_name).line(line)
        })?;
    }
    let sources: Vec<_> = objects.iter().map(|object| &object.source).collect();
    let named = scope::named(&migration, scope.as_ref(), source.as_ref(), &sources).await?;
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

/// That the target has switches, and what the file names. All of the file's objects count, whichever of them are moved.
async fn check_automation(target: &dyn Target, migration: &Migration) -> Result<(), Failure> {
    let intents = migration.objects.iter().map(|object| Intent {
        object: object.name.clone(),
        to: object.to.clone(),
        operation: object.operation,
        key: object.external_id.clone(),
        fields: Vec::new(),
        records: None,
    });
    let intents: Vec<_> = intents.collect();
    automation::refuse_unknown_names(target, migration, &intents).await
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
fn place(migration: &Migration, index: usize, failure: &Failure) -> String {
    const OF_A_COLUMN: [&str; 5] = [
        "no_chunk_by",
        "repeated_column",
        "unknown_column",
        "ambiguous_column",
        "unsplittable_key",
    ];
    let cuts = |column: &str| {
        let mut chunk_by = migration.objects[index].chunk_by.iter();
        chunk_by.any(|name| name.eq_ignore_ascii_case(column))
    };
    match (&failure.place.field, failure.code.as_str()) {
        (Some(column), code) if OF_A_COLUMN.contains(&code) && cuts(column) => {
            format!("objects.{index}.chunk_by")
        }
        (_, "invalid_placeholder" | "placeholder_incomplete") => {
            format!("objects.{index}.placeholder")
        }
        (Some(field), _) => format!("objects.{index}.fields.{field}"),
        (None, "no_unique_key" | "no_key_field") => format!("objects.{index}.external_id"),
        (None, "invalid_rule") => format!("objects.{index}.rules"),
        (None, "unknown_table" | "unknown_file") => format!("objects.{index}.from"),
        (None, "unknown_object" | "unknown_target") => format!("objects.{index}.to"),
        (None, _) => format!("objects.{index}"),
    }
}

/// Has the ids of parents kept whose external id is none that the target finds records by.
async fn keep_ids(
    migration: &mut Migration,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<(), Failure> {
    let fields = migration.objects.iter().flat_map(|object| &object.fields);
    let parents: BTreeSet<&String> = fields
        .flatten()
        .flat_map(|(_, field)| field.parents())
        .collect();
    let mut names = Vec::new();
    for object in parents
        .into_iter()
        .filter_map(|name| migration.object(name))
    {
        let [key] = object.external_id.as_slice() else {
            continue;
        };
        if object.id_map {
            continue;
        }
        // What is not there is told when its own object is looked at, with its place in the file.
        let described = match target.describe(&object.to).await {
            Err(failure) if failure.kind == FailureKind::Usage => continue,
            described => described?,
        };
        if described
            .field(key)
            .is_some_and(|field| !field.finds_records)
        {
            names.push(object.name.clone());
        }
    }
    for name in &names {
        // A table's own key need not be written in the file; second passes, which are written, go by it.
        let object = migration
            .object(name)
            .filter(|object| object.key.is_empty());
        if let Some(object) = object {
            let key = source.describe(object).await?.key;
            let of_object = migration.objects.iter_mut().filter(|object| {
                object.name == *name || object.second_pass_of.as_ref() == Some(name)
            });
            for object in of_object {
                object.key.clone_from(&key);
            }
        }
    }
    migration.keep_ids(&names)
}

/// What has to be there for an object's ids to be kept.
fn check_id_map(source: &SourceObject, target: &TargetObject) -> Result<(), Failure> {
    if source.key.len() != 1 {
        return Err(Failure::usage(
            "no_source_key",
            format!(
                "children find records of {} by the ids that the target gave them, kept by a single key column of the source, and there are {}",
                target.name,
                source.key.len()
            ),
        )
        .hint("name one column under `key`, or give the object an `external_id`"));
    }
    if target.id_field().is_none() {
        return Err(Failure::usage(
            "no_single_id",
            format!(
                "records of `{}` have no id of a single field, by which children could find them",
                target.name
            ),
        )
        .hint("give the table a primary key of one column, or the object an `external_id`"));
    }
    Ok(())
}

async fn prepare_object(
    migration: &Migration,
    object: &Object,
    source: SourceObject,
    target: &dyn Target,
    run: &RunId,
    system: &str,
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
    if object.id_map {
        check_id_map(&source, &described)?;
    }
    let plan = LoadPlan {
        system: system.to_owned(),
        missing: missing_parents(migration, &mapper, target, run).await?,
        keeps_ids: object.id_map || migration.has_placeholders(&object.name),
        ..load_plan(object, &described, &mapper, run)
    };
    target.check(&plan).await?;
    Ok(PreparedObject {
        name: object.name.clone(),
        phase: 0,
        operation: object.operation,
        needs_key_pass: mapper.needs_key_pass(source.key_is_unique),
        key_pass_columns: mapper.key_pass_columns(),
        target_before: target.count(&described.name, &CountScope::All).await?,
        source,
        target: described,
        plan,
    })
}

/// What becomes of records whose parent is missing, in the target's words; and what placeholders have in them.
async fn missing_parents(
    migration: &Migration,
    mapper: &Mapper,
    target: &dyn Target,
    run: &RunId,
) -> Result<Vec<MissingParent>, Failure> {
    let mut missing = mapper.missing_parents();
    for missing in &mut missing {
        let described = target.describe(&missing.to).await?;
        missing.to = described.name.clone();
        missing.id = described.id_field().map(str::to_owned);
        if let Some(key) = described.field(&missing.key) {
            missing.key = key.name.clone();
        }
        let parent = migration.object(&missing.parent);
        if let (Some(placeholder), Some(parent)) = (&mut missing.placeholder, parent) {
            *placeholder = mapping::placeholder(migration, parent, &described, run, Utc::now())
                .map_err(|failure| failure.object(&parent.name))?;
        }
    }
    Ok(missing)
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
        missing: Vec::new(),
        system: String::new(),
        keeps_ids: false,
    }
}
