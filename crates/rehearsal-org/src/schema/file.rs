//! A schema file: objects, fields and record types that are added to the standard ones, in JSON. What is wrong with
//! it is told with the file, the object and the field.

use std::collections::HashSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::catalogue::Catalogue;
use super::{FieldKind, FieldSchema, ObjectSchema, RecordTypeSchema, Schema, system};
use crate::error::Error;

const OBJECT_KEYS: &[&str] = &[
    "name",
    "label",
    "key_prefix",
    "writable",
    "deletable",
    "owned",
    "fields",
    "record_types",
];
const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Schema {
    /// Adds what a file declares: new objects, and to objects that are there new fields and record types. A field or
    /// record type of the same name is replaced.
    ///
    /// # Errors
    /// When the file can't be read, is not a schema, or contradicts itself or what it is added to.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_json(&file, &text),
            Err(error) => Err(Error::SchemaFile {
                file,
                problem: format!("can't be read: {error}"),
            }),
        }
    }

    /// Adds what a text declares; `file` is what it is called in errors.
    ///
    /// # Errors
    /// As [`Schema::add_file`].
    pub fn add_json(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let wrong = |problem: String| Error::SchemaFile {
            file: file.to_owned(),
            problem,
        };
        let mut added = self.clone();
        let document = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        added.add(document).map_err(wrong)?;
        // Tried out here, so that a contradiction is told with the file's name.
        Catalogue::compile(&added).map_err(|error| match error {
            Error::Schema(problem) => wrong(problem),
            other => other,
        })?;
        *self = added;
        Ok(())
    }

    fn add(&mut self, document: Map<String, Json>) -> Result<(), String> {
        for (key, value) in document {
            match key.as_str() {
                "objects" => {
                    for object in list("objects", value)? {
                        self.add_object(object)?;
                    }
                }
                "automation" => self.automation.extend(read("automation", value)?),
                other => {
                    return Err(format!(
                        "unknown key {other:?}; there are objects and automation"
                    ));
                }
            }
        }
        Ok(())
    }

    fn add_object(&mut self, declared: Json) -> Result<(), String> {
        let Json::Object(mut declared) = declared else {
            return Err("objects: each is an object with a name".to_owned());
        };
        let Some(Json::String(name)) = declared.remove("name") else {
            return Err("objects: one has no name".to_owned());
        };
        if let Some(unknown) = declared.keys().find(|k| !OBJECT_KEYS.contains(&k.as_str())) {
            return Err(format!(
                "{name}: unknown key {unknown:?}; there are {}",
                OBJECT_KEYS.join(", ")
            ));
        }
        let fields = list("fields", declared.remove("fields").unwrap_or_default())
            .map_err(|e| format!("{name}: {e}"))?;
        let record_types = list(
            "record_types",
            declared.remove("record_types").unwrap_or_default(),
        )
        .map_err(|e| format!("{name}: {e}"))?;
        let place = self.place(&name, &mut declared)?;
        let object = &mut self.objects[place];
        for (key, value) in declared {
            let at = format!("{name}: {key}");
            match key.as_str() {
                "label" => object.label = read(&at, value)?,
                "key_prefix" => object.key_prefix = read(&at, value)?,
                "writable" => object.writable = read(&at, value)?,
                "deletable" => object.deletable = read(&at, value)?,
                _ => object.owned = read(&at, value)?,
            }
        }
        for field in fields {
            let at = format!(
                "{name}.{}",
                field["name"].as_str().unwrap_or("(a field without name)")
            );
            let field: FieldSchema = read(&at, field)?;
            check(&at, object, &field)?;
            replace(&mut object.fields, field, |f| &f.name);
        }
        for record_type in record_types {
            let at = format!("{name}, record type");
            let record_type: RecordTypeSchema = read(&at, record_type)?;
            replace(&mut object.record_types, record_type, |r| &r.developer_name);
        }
        Ok(())
    }

    /// Where an object is, which is added if there is none of the name.
    fn place(&mut self, name: &str, declared: &mut Map<String, Json>) -> Result<usize, String> {
        let same = |o: &ObjectSchema| o.name.eq_ignore_ascii_case(name);
        if let Some(place) = self.objects.iter().position(same) {
            return Ok(place);
        }
        let object = match system::objects().into_iter().find(same) {
            Some(object) => object,
            None => {
                let prefix = match declared.remove("key_prefix") {
                    Some(prefix) => read(&format!("{name}: key_prefix"), prefix)?,
                    None if name.ends_with("__c") => self.free_prefix(),
                    None => {
                        return Err(format!(
                            "{name}: an object that is not custom needs a key_prefix"
                        ));
                    }
                };
                let object = ObjectSchema::new(name, &prefix);
                match name.ends_with("__c") {
                    true => object.with([FieldSchema::string("Name", 80)]),
                    false => object,
                }
            }
        };
        self.objects.push(object);
        Ok(self.objects.len() - 1)
    }

    /// The first of the prefixes for custom objects that nobody has.
    fn free_prefix(&self) -> String {
        let system = system::objects();
        let taken: HashSet<&str> = self
            .objects
            .iter()
            .chain(&system)
            .map(|o| o.key_prefix.as_str())
            .collect();
        let letter = |b: u8| char::from(b);
        let all = DIGITS.iter().flat_map(|first| {
            DIGITS
                .iter()
                .map(move |second| format!("a{}{}", letter(*first), letter(*second)))
        });
        // With thousands of objects none is free, and the double prefix is then told.
        let mut free = all.filter(|p| !taken.contains(p.as_str()));
        free.next().unwrap_or_else(|| "a00".to_owned())
    }
}

fn list(name: &str, value: Json) -> Result<Vec<Json>, String> {
    match value {
        Json::Array(all) => Ok(all),
        Json::Null => Ok(Vec::new()),
        _ => Err(format!("{name} must be a list")),
    }
}

fn read<T: DeserializeOwned>(at: &str, value: Json) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{at}: {error}"))
}

/// What can't be a mistake in Rust code, but easily is one in a file.
fn check(at: &str, object: &ObjectSchema, field: &FieldSchema) -> Result<(), String> {
    use FieldKind as K;
    let standard = !field.name.ends_with("__c");
    let known = object
        .fields
        .iter()
        .any(|f| f.name.eq_ignore_ascii_case(&field.name));
    if standard && !known && object.name.ends_with("__c") {
        return Err(format!(
            "{at}: a field of a custom object is called Name or ends in __c"
        ));
    }
    let picks = matches!(field.kind, K::Picklist | K::Multipicklist);
    if !picks && (!field.picklist.is_empty() || field.restricted) {
        return Err(format!(
            "{at}: only a picklist or multipicklist has picklist and restricted"
        ));
    }
    if field.restricted && field.picklist.is_empty() {
        return Err(format!(
            "{at}: a restricted picklist needs its values in picklist"
        ));
    }
    Ok(())
}

fn replace<T>(all: &mut Vec<T>, new: T, name: impl Fn(&T) -> &String) {
    match all
        .iter_mut()
        .find(|old| name(old).eq_ignore_ascii_case(name(&new)))
    {
        Some(old) => *old = new,
        None => all.push(new),
    }
}
