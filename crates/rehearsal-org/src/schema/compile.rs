//! One object of a schema compiled: system fields added, names and references resolved, what its types imply filled
//! in, and contradictions refused.

use std::collections::HashMap;

use super::catalogue::{Field, Home, Object};
use super::{FieldKind, FieldSchema, ObjectSchema, RecordTypeSchema, labels, numbering, system};
use crate::error::Error;
use crate::ids::RecordId;

pub(super) fn prefix(object: &ObjectSchema) -> Result<[u8; 3], Error> {
    let bytes = object.key_prefix.as_bytes();
    match <[u8; 3]>::try_from(bytes) {
        Ok(prefix) if bytes.iter().all(u8::is_ascii_alphanumeric) => Ok(prefix),
        _ => Err(Error::Schema(format!(
            "key prefix {:?} of object {} must be three letters or digits",
            object.key_prefix, object.name
        ))),
    }
}

pub(super) fn object(
    index: u16,
    object: &ObjectSchema,
    record_types: Vec<(RecordTypeSchema, RecordId)>,
    objects: &HashMap<String, u16>,
) -> Result<Object, Error> {
    let mut schemas = system::leading();
    schemas.extend(object.fields.iter().cloned());
    schemas.extend(system::trailing(object));
    let mut by_name = HashMap::new();
    for (position, field) in schemas.iter().enumerate() {
        if by_name
            .insert(field.name.to_ascii_lowercase(), position as u16)
            .is_some()
        {
            return Err(Error::Schema(format!(
                "field {}.{} is there twice",
                object.name, field.name
            )));
        }
    }
    let mut by_relationship = HashMap::new();
    let mut keys = 0;
    let mut fields = Vec::with_capacity(schemas.len());
    for (position, schema) in schemas.into_iter().enumerate() {
        let schema = settle(object, schema)?;
        let mut references = Vec::new();
        for target in &schema.reference_to {
            references.push(*objects.get(&target.to_ascii_lowercase()).ok_or_else(|| {
                Error::Schema(format!(
                    "{}.{} refers to {target}, which is no object",
                    object.name, schema.name
                ))
            })?);
        }
        if let Some(name) = &schema.relationship
            && by_relationship
                .insert(name.to_ascii_lowercase(), position as u16)
                .is_some()
        {
            return Err(Error::Schema(format!(
                "relationship {name} of {} is there twice",
                object.name
            )));
        }
        let home = home(&schema, &by_name);
        let index = (schema.external_id || schema.unique || schema.id_lookup).then(|| {
            keys += 1;
            keys - 1
        });
        fields.push(Field {
            label: schema
                .label
                .clone()
                .unwrap_or_else(|| labels::label(&schema.name)),
            home,
            references,
            index,
            compound: None,
            schema,
        });
    }
    name_compounds(&mut fields);
    let numbered = numbering::compile(&fields, object.name.ends_with("__c"));
    let label = object
        .label
        .clone()
        .unwrap_or_else(|| labels::label(&object.name));
    Ok(Object {
        index,
        name: object.name.clone(),
        plural: labels::plural(&label),
        label,
        prefix: prefix(object)?,
        custom: object.name.ends_with("__c"),
        writable: object.writable,
        deletable: object.writable && object.deletable,
        numbered,
        rules: Vec::new(),
        door: object.door,
        fields,
        kind: kind(),
        by_name,
        by_relationship,
        defaults: Vec::new(),
        record_types,
        children: Vec::new(),
        child_relationships: Vec::new(),
    })
}

/// The object's name as a field.
fn kind() -> Field {
    Field {
        schema: FieldSchema::string("Type", 40).read_only(),
        label: "Type".to_owned(),
        home: Home::Kind,
        references: Vec::new(),
        index: None,
        compound: None,
    }
}

fn home(schema: &FieldSchema, by_name: &HashMap<String, u16>) -> Home {
    let place = |name: &str| by_name.get(&name.to_ascii_lowercase()).copied();
    match (schema.name.as_str(), schema.kind) {
        (_, FieldKind::Id) => Home::Id,
        ("IsDeleted", _) => Home::Deleted,
        ("CreatedDate", _) => Home::Created,
        ("LastModifiedDate" | "SystemModstamp", _) => Home::Modified,
        ("CreatedById" | "LastModifiedById", _) => Home::Actor,
        (name, FieldKind::Address) => {
            let prefix = name.strip_suffix("Address").unwrap_or(name);
            let part = |part: &str| place(&format!("{prefix}{part}"));
            Home::Address([
                part("Street"),
                part("City"),
                part("State"),
                part("PostalCode"),
                part("Country"),
            ])
        }
        ("Name", _) if !schema.createable => match (place("FirstName"), place("LastName")) {
            (Some(first), Some(last)) => Home::FullName { first, last },
            _ => Home::Stored,
        },
        _ => Home::Stored,
    }
}

fn name_compounds(fields: &mut [Field]) {
    let mut names = Vec::new();
    for field in fields.iter() {
        match field.home {
            Home::FullName { first, last } => {
                names.extend([first, last].map(|part| (part, field.name().to_owned())));
            }
            Home::Address(parts) => {
                names.extend(
                    parts
                        .into_iter()
                        .flatten()
                        .map(|part| (part, field.name().to_owned())),
                );
            }
            _ => {}
        }
    }
    for (part, name) in names {
        fields[usize::from(part)].compound = Some(name);
    }
}

/// Fills in what the type implies, and refuses what it can't be.
fn settle(object: &ObjectSchema, mut field: FieldSchema) -> Result<FieldSchema, Error> {
    use FieldKind as K;
    let wrong = |what: &str| {
        Err(Error::Schema(format!(
            "{}.{}: {what}",
            object.name, field.name
        )))
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if field.name.is_empty() || !field.name.chars().all(valid) {
        return wrong("a field's name is made of letters, digits and _");
    }
    if let Some(form) = &field.auto_number {
        if field.kind != K::String || numbering::split(form).is_none() {
            return wrong("an auto number is a string of a form such as INV-{0000}");
        }
        field.createable = false;
        field.updateable = false;
        field.length = field.length.max(30);
    }
    match field.kind {
        K::Double | K::Currency | K::Percent
            if field.precision > 18 || field.scale > field.precision.max(1) =>
        {
            return wrong(
                "a number has at most 18 digits, and not more after the point than in all",
            );
        }
        K::Reference if field.reference_to.is_empty() => {
            return wrong("a reference needs reference_to");
        }
        K::String | K::Textarea if field.length == 0 => return wrong("text needs a length"),
        _ => {}
    }
    if field.kind != K::Reference
        && (field.relationship.is_some() || !field.reference_to.is_empty())
    {
        return wrong("only a reference has reference_to and relationship");
    }
    let key = field.external_id || field.unique || field.id_lookup;
    if key && !matches!(field.kind, K::String | K::Email | K::Int | K::Double) {
        return wrong("only string, email, int and double fields can be keys");
    }
    if field.length == 0 {
        field.length = match field.kind {
            K::Id | K::Reference => 18,
            K::Phone => 40,
            K::Email => 80,
            K::Url | K::Picklist => 255,
            K::Multipicklist => 4099,
            _ => 0,
        };
    }
    if matches!(field.kind, K::Double | K::Currency | K::Percent) && field.precision == 0 {
        field.precision = 18;
    }
    Ok(field)
}
