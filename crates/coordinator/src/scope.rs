//! Which records a request asks for, where not for all: read, and seen to be possible, before anything is started.

use std::collections::HashSet;

use api::StartRun;
use connector::{Read, Source, SourceObject};
use control::PickedKey;
use model::migration::Migration;
use model::{Failure, FailureKind, Sample, Scope};
use record::{key_texts, pick_hash};

/// Keys that are looked for at a time.
const AT_ONCE: usize = 2_000;
/// Missing keys that a message names.
const NAMED: usize = 20;

pub(crate) fn of(request: &StartRun) -> Result<Option<Scope>, Failure> {
    match (&request.sample, request.keys.as_slice()) {
        (None, []) => Ok(None),
        (Some(sample), []) => Ok(Some(Scope::Sample(Sample::parse(sample)?))),
        (None, keys) => {
            let mut chosen: Vec<(String, Vec<String>)> = Vec::new();
            for (object, keys) in keys {
                match chosen.iter_mut().find(|(known, _)| known == object) {
                    Some((_, known)) => known.extend(keys.iter().cloned()),
                    None => chosen.push((object.clone(), keys.clone())),
                }
            }
            // The same choice is the same scope, in whichever order it is made.
            for (_, keys) in &mut chosen {
                keys.sort_unstable();
                keys.dedup();
            }
            chosen.sort_unstable();
            Ok(Some(Scope::Keys(chosen)))
        }
        (Some(_), _) => Err(Failure::usage(
            "invalid_scope",
            "`--sample` and `--keys` are two ways to choose records",
        )
        .hint("give one of them")),
    }
}

/// Whether an object has to do with a choice of keys: it is named there, or holds parents of those that are.
pub(crate) fn concerns(migration: &Migration, request: &StartRun, name: &str) -> bool {
    let mut known: Vec<&str> = request.keys.iter().map(|(name, _)| name.as_str()).collect();
    let mut next = 0;
    while let Some(child) = known.get(next).copied() {
        next += 1;
        let passes = migration
            .objects
            .iter()
            .filter(|pass| pass.name == child || pass.second_pass_of.as_deref() == Some(child));
        for (_, field) in passes.flat_map(|pass| pass.fields.iter().flatten()) {
            for parent in field.parents() {
                if !known.contains(&parent.as_str()) {
                    known.push(parent);
                }
            }
        }
    }
    known.contains(&name)
}

/// Refuses a scope that can't be: of records without a key, or of keys that the source does not have. Gives the records that it names.
pub(crate) async fn named(
    migration: &Migration,
    scope: Option<&Scope>,
    source: &dyn Source,
    objects: &[&SourceObject],
) -> Result<Vec<PickedKey>, Failure> {
    let Some(scope) = scope else {
        return Ok(Vec::new());
    };
    if let Some(keyless) = objects.iter().find(|object| object.key.is_empty()) {
        return Err(Failure::usage(
            "no_key",
            "it has no key, so that its records can't be told apart and picked",
        )
        .object(&keyless.object.name)
        .hint("name the source's columns that do under `key`, or choose other objects by --only"));
    }
    let Scope::Keys(chosen) = scope else {
        return Ok(Vec::new());
    };
    let mut picked = Vec::new();
    for (name, keys) in chosen {
        let Some(object) = objects.iter().find(|found| found.object.name == *name) else {
            let known: Vec<_> = objects
                .iter()
                .map(|found| found.object.name.as_str())
                .collect();
            return Err(Failure::usage(
                "unknown_object",
                format!("the run has no object `{name}`"),
            )
            .hint(format!(
                "--keys takes OBJECT=KEY,KEY; its objects are: {}",
                known.join(", ")
            )));
        };
        let missing = missing(source, object, keys).await?;
        if !missing.is_empty() {
            let more = missing.len().saturating_sub(NAMED);
            let shown: Vec<_> = missing.into_iter().take(NAMED).collect();
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(Failure::usage(
                "unknown_key",
                format!(
                    "the source has no record of these keys: {}{more}",
                    shown.join(", ")
                ),
            )
            .object(name)
            .hint("keys are written as `stevedore failures` writes them"));
        }
        picked.extend(keys.iter().map(|key| PickedKey {
            object: name.clone(),
            hash: pick_hash(&migration.migration, name, key).to_be_bytes(),
            key: key.clone(),
            wanted: true,
        }));
    }
    Ok(picked)
}

/// The keys that the source has no record of. One that can't even be a key there is none either.
async fn missing(
    source: &dyn Source,
    object: &SourceObject,
    keys: &[String],
) -> Result<Vec<String>, Failure> {
    let mut found = HashSet::new();
    let mut refused: Option<Failure> = None;
    let mut stretches: Vec<&[String]> = keys.chunks(AT_ONCE).collect();
    while let Some(stretch) = stretches.pop() {
        match there(source, object, stretch).await {
            Ok(there) => found.extend(there),
            // The whole source may be at fault, or one of the keys.
            Err(failure) if failure.kind == FailureKind::FailChunk => {
                if stretch.len() > 1 {
                    let (one, other) = stretch.split_at(stretch.len() / 2);
                    stretches.extend([one, other]);
                }
                refused = Some(failure);
            }
            Err(failure) => return Err(failure.object(&object.object.name)),
        }
    }
    if let (Some(failure), true) = (refused, found.is_empty()) {
        return Err(failure.object(&object.object.name));
    }
    let missing = keys.iter().filter(|key| !found.contains(*key));
    Ok(missing.cloned().collect())
}

/// Those of the keys that records of the source have.
async fn there(
    source: &dyn Source,
    object: &SourceObject,
    keys: &[String],
) -> Result<Vec<String>, Failure> {
    let slice = source.slice_of_keys(object, keys)?;
    match source.read(object, &slice, usize::MAX).await? {
        Read::Whole {
            records, rejected, ..
        } => {
            let texts = key_texts(&records, &object.key)?;
            let texts = texts.iter().flatten().map(str::to_owned);
            let rejected = rejected.into_iter().map(|refusal| refusal.key);
            Ok(texts.chain(rejected).collect())
        }
        Read::TooBig(_) => Err(Failure::bug("a slice passed a budget without end")),
    }
}
