//! What makes a plan hopeless, found before a byte is sent: keys that name no one record, fields that can't be written, lookups that find nobody.
//! Everything here is judged by the org's present description, not by the one that the run began with.

use std::sync::Arc;

use connector::{LoadPlan, Relation};
use model::Failure;
use model::migration::Operation;

use crate::columns::{Column, Fills, columns, listed};
use crate::describe::{BASE64, Described, ID};
use crate::descriptions::Descriptions;

/// The org reads no longer header (Bulk API 2.0 guide, "Limits").
const LONGEST_HEADER: usize = 32_000;

pub(crate) async fn prepare(descriptions: &Descriptions, plan: &LoadPlan) -> Result<(), Failure> {
    let now = descriptions.of(&plan.to).await?;
    let mut present = plan.clone();
    present.target = now.object.clone();
    let columns = columns(&present)?;
    check_key(&present, &now)?;
    check_fields(&present, &now, &columns)?;
    for column in &columns {
        let Fills::Lookup {
            relation,
            of_type,
            key,
        } = &column.fills
        else {
            continue;
        };
        let parent = parent_of(relation, *of_type)
            .map_err(|failure| failure.object(&plan.object).field(column.written()))?;
        let parent = descriptions.of(parent).await?;
        check_finder(&parent, key)
            .map_err(|failure| failure.object(&plan.object).field(column.written()))?;
    }
    Ok(())
}

/// The field by which results are matched, and records found.
fn check_key(plan: &LoadPlan, now: &Described) -> Result<(), Failure> {
    let object = &now.object.name;
    let refuse = |code: &str, message: String, hint: String| {
        Err(Failure::usage(code, message)
            .hint(hint)
            .object(&plan.object))
    };
    let add = format!(
        "add a Text(80) field marked External ID and Unique, such as Legacy_Key__c, to {object} in the org's setup, fill it under `fields`, and name it under \
         `external_id`; {object} has now: {}",
        listed(unique_fields(now))
    );
    let [key] = plan.key.as_slice() else {
        return if plan.key.is_empty() {
            refuse(
                "no_key_field",
                format!(
                    "no field of {object} carries our key, so that results could not be matched with records"
                ),
                add,
            )
        } else {
            refuse(
                "no_key_field",
                format!(
                    "{object} can be found by one field, not by {}",
                    plan.key.len()
                ),
                "name a single external id; an expression can join several columns into it"
                    .to_owned(),
            )
        };
    };
    if plan.operation == Operation::Update || plan.operation.deletes() {
        return if key == ID {
            Ok(())
        } else {
            refuse(
                "no_key_field",
                format!("Bulk API 2.0 finds records to {} by `Id` alone, not by `{key}`", plan.operation.as_str()),
                "map `Id` and name it under `external_id`; records with an external id of yours can be upserted instead".to_owned(),
            )
        };
    }
    let is_key = |fields: &Vec<String>| matches!(fields.as_slice(), [field] if field == key);
    let unique = now.object.keys.iter().any(is_key);
    match plan.operation {
        // It need not be an external id: results are matched by it, and children may go by the ids that the org gives.
        Operation::Insert if key == ID || !(unique || now.unique.contains(key)) => refuse(
            "no_key_field",
            format!("`{key}` of {object} can't carry our key: it must be unique and ours to fill"),
            add,
        ),
        Operation::Upsert if !unique && now.external_ids.contains(key) => refuse(
            "no_unique_key",
            format!(
                "`{key}` of {object} is an External ID but not unique: an upsert could meet several records with one key"
            ),
            format!(
                "tick Unique on `{key}` in the org's setup, or name a unique one; {object} has: {}",
                listed(unique_fields(now))
            ),
        ),
        Operation::Upsert if key != ID && !(unique && now.finders.contains(key)) => refuse(
            "no_unique_key",
            format!("`{key}` of {object} is no External ID"),
            add,
        ),
        _ => Ok(()),
    }
}

fn unique_fields(now: &Described) -> impl Iterator<Item = &str> {
    now.object
        .keys
        .iter()
        .filter_map(|key| key.first().map(String::as_str))
        .filter(|key| *key != ID)
}

fn check_fields(plan: &LoadPlan, now: &Described, columns: &[Column<'_>]) -> Result<(), Failure> {
    let object = &now.object.name;
    if plan.operation.deletes() {
        return if now.deletable {
            Ok(())
        } else {
            Err(not_allowed(plan, object, "delete").object(&plan.object))
        };
    }
    let key = plan.key.first().map(String::as_str).unwrap_or_default();
    let mut filled: Vec<&str> = Vec::new();
    // A polymorphic lookup has a column for each kind of parent.
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    // Each as the file writes it.
    let mut closed = Vec::new();
    let mut files = Vec::new();
    for column in columns {
        let name = match &column.fills {
            Fills::Field(field) => field.name.as_str(),
            Fills::Lookup { relation, .. } => relation.field.as_str(),
        };
        let kind = match &column.fills {
            Fills::Lookup { of_type, .. } => *of_type,
            Fills::Field(_) => None,
        };
        let is_another_kind = kind.is_some_and(|kind| {
            let of_name = kinds.iter().filter(|(filled, _)| *filled == name);
            let mut known = of_name.map(|(_, kind)| *kind).peekable();
            known.peek().is_some() && known.all(|known| known != kind)
        });
        kinds.extend(kind.map(|kind| (name, kind)));
        if filled.contains(&name) && !is_another_kind {
            return Err(Failure::usage(
                "field_twice",
                format!("`{name}` of {object} is filled twice"),
            )
            .hint("a lookup and the field that it fills are one and the same; leave one out")
            .object(&plan.object)
            .field(column.written()));
        }
        filled.push(name);
        if name == ID && key == ID {
            continue;
        }
        let Some(field) = now.object.field(name) else {
            closed.push(column.written());
            continue;
        };
        if field.native == BASE64 {
            files.push(column.written());
        }
        let open = match plan.operation {
            Operation::Update => field.updateable,
            _ => field.createable,
        };
        if !open {
            closed.push(column.written());
        } else if plan.operation == Operation::Upsert && !field.updateable {
            // A master-detail field: records that are new take it, those that are there are refused.
            tracing::warn!(
                object,
                field = name,
                "records that exist are refused: the field is set for good when a record is created"
            );
        }
    }
    if let Some(first) = closed.first() {
        return Err(Failure::usage(
            "not_writable",
            format!("{object} does not let us {} these fields: {}", plan.operation.as_str(), listed(closed.iter().copied())),
        )
        .hint("formulas, roll-ups, system and compound fields are the org's own; others need edit rights in the user's profile or permission sets")
        .object(&plan.object)
        .field(*first));
    }
    if let Some(first) = files.first() {
        return Err(Failure::usage(
            "not_writable",
            format!(
                "Bulk API 2.0 carries no file contents: {}",
                listed(files.iter().copied())
            ),
        )
        .hint("leave them out of `fields`")
        .object(&plan.object)
        .field(*first));
    }
    if !filled.contains(&key) {
        return Err(Failure::usage(
            "unmapped_external_id",
            format!("the key `{key}` is not among `fields`"),
        )
        .hint("say under `fields` how it is computed")
        .object(&plan.object)
        .field(key));
    }
    check_required(plan, now, &filled)?;
    let header: usize = columns.iter().map(|column| column.header.len() + 1).sum();
    if header > LONGEST_HEADER {
        return Err(Failure::usage(
            "too_many_fields",
            format!("the names of the fields add up to {header} characters, of which the org reads {LONGEST_HEADER}"),
        )
        .hint("move the object in two passes with some of the fields each")
        .object(&plan.object));
    }
    Ok(())
}

fn check_required(plan: &LoadPlan, now: &Described, filled: &[&str]) -> Result<(), Failure> {
    if plan.operation != Operation::Insert {
        return Ok(());
    }
    let missing: Vec<_> = now
        .object
        .fields
        .iter()
        .filter(|field| field.required && !filled.contains(&field.name.as_str()))
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(
        "required_fields_missing",
        format!(
            "a new {} needs these fields: {}",
            now.object.name,
            missing.join(", ")
        ),
    )
    .hint("say under `fields` how each is computed")
    .object(&plan.object))
}

fn not_allowed(plan: &LoadPlan, object: &str, doing: &str) -> Failure {
    Failure::pause(
        "no_access",
        format!("the user may not {doing} records of {object}"),
    )
    .hint("give the right in the user's profile or permission sets; then resume")
    .object(&plan.object)
}

/// The one object that a lookup points to.
fn parent_of<'a>(relation: &'a Relation, of_type: Option<&'a str>) -> Result<&'a str, Failure> {
    match (relation.to.as_slice(), of_type) {
        ([only], None) => Ok(only),
        ([only], Some(_)) => Err(Failure::usage(
            "needless_type",
            format!("`{}` points to {only} alone and takes no type", relation.name),
        )
        .hint("leave out the type and its colon")),
        (several, Some(of_type)) => several
            .iter()
            .find(|to| *to == of_type)
            .map(String::as_str)
            .ok_or_else(|| {
                Failure::usage(
                    "unknown_object",
                    format!("`{}` can't point to `{of_type}`", relation.name),
                )
                .hint(format!("it points to: {}", several.join(", ")))
            }),
        (several, None) => Err(Failure::usage(
            "polymorphic_lookup",
            format!("`{}` may point to any of {}, and a lookup does not say to which", relation.name, several.join(", ")),
        )
        .hint(format!(
            "lookups of several kinds are not supported yet; fill `{}` with ids where they are known",
            relation.field
        ))),
    }
}

/// Whether a parent can be found by a field of its own.
fn check_finder(parent: &Arc<Described>, key: &str) -> Result<(), Failure> {
    // The org takes this one although describe does not call it a key.
    if parent.object.name == "RecordType" && key.eq_ignore_ascii_case("DeveloperName") {
        return Ok(());
    }
    if parent
        .finders
        .iter()
        .any(|finder| finder.eq_ignore_ascii_case(key))
    {
        return Ok(());
    }
    let mut finders: Vec<_> = parent.finders.iter().map(String::as_str).collect();
    finders.sort_unstable();
    Err(Failure::usage(
        "no_finder",
        format!(
            "{} can't be found by `{key}`: it is no External ID there",
            parent.object.name
        ),
    )
    .hint(format!(
        "mark it External ID in the org's setup, or use one of: {}",
        listed(finders.into_iter())
    )))
}
