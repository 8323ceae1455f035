//! Which objects' records are found by the ids that the target gave them: parents without an external id that a lookup could use. Their ids are kept in a
//! map, from the key in the source to the id in the target.

use super::{Field, Lookup, Migration, Object, Operation};
use crate::Failure;

/// The entry of `fields`, and of `external_id`, that stands for the target's own id of a record, whatever the target calls it.
pub const OWN_ID: &str = "@id";

impl Migration {
    /// Has the ids of these objects' records kept as well, and their lookups and second passes go by them.
    pub fn keep_ids(&mut self, names: &[String]) -> Result<(), Failure> {
        for object in &mut self.objects {
            object.id_map |= object.second_pass_of.is_none() && names.contains(&object.name);
        }
        // A lookup goes by one kind of key, whichever object its parent is of.
        while let Some(other) = self.mixed() {
            for object in &mut self.objects {
                object.id_map |= object.name == other;
            }
        }
        for place in 0..self.objects.len() {
            let object = &self.objects[place];
            let first = object.second_pass_of.as_ref();
            let Some(first) = first.and_then(|name| self.object(name)) else {
                continue;
            };
            if first.id_map && object.operation != Operation::Update {
                let own = own_id(first)?;
                let links = &mut self.objects[place];
                if let Some(fields) = &mut links.fields {
                    for key in &links.external_id {
                        fields.shift_remove(key);
                    }
                    fields.shift_insert(0, OWN_ID.to_owned(), own);
                }
                links.operation = Operation::Update;
                links.external_id = vec![OWN_ID.to_owned()];
            }
        }
        Ok(())
    }

    /// An object that shares a lookup with one whose ids are kept, and whose own are not.
    fn mixed(&self) -> Option<String> {
        let fields = self.objects.iter().flat_map(|object| &object.fields);
        let parents = fields.flatten().map(|(_, field)| field.parents());
        let kept = |name: &String| self.object(name).is_some_and(|object| object.id_map);
        parents
            .filter(|parents| parents.iter().any(kept))
            .flatten()
            .find(|name| !kept(name))
            .cloned()
    }
}

/// Has ids kept where the file alone says that they are needed.
pub(super) fn decide(migration: &mut Migration) -> Result<(), (Failure, String)> {
    let target = migration.connections.get(&migration.target);
    let is_org = target.is_some_and(|target| target.kind() == "salesforce");
    let is_own = |name: &str| name == OWN_ID || (is_org && name.eq_ignore_ascii_case("Id"));
    let mut names = Vec::new();
    for object in &migration.objects {
        for (name, field) in object.fields.iter().flatten() {
            let found_by_id = |parent: &&String| {
                let parent = migration.object(parent);
                parent.is_some_and(|parent| is_own(name) || parent.external_id.len() != 1)
            };
            names.extend(field.parents().iter().filter(found_by_id).cloned());
        }
    }
    let kept = |object: &&Object| object.id_map;
    names.extend(
        migration
            .objects
            .iter()
            .filter(kept)
            .map(|o| o.name.clone()),
    );
    migration
        .keep_ids(&names)
        .map_err(|failure| (failure, "objects".to_owned()))
}

/// How a record of an object finds the id that it has in the target itself.
pub(super) fn own_id(object: &Object) -> Result<Field, Failure> {
    let [key] = object.key.as_slice() else {
        return Err(Failure::usage(
            "no_second_pass",
            format!(
                "records of `{}` are found again by the ids that the target gave them, and those are kept by a single key column of the source",
                object.name
            ),
        )
        .object(&object.name)
        .hint("name it under `key`, or give the object an `external_id`"));
    };
    Ok(Field::Lookup(Lookup {
        lookup: object.name.clone(),
        by: format!("\"{}\"", key.replace('"', "\"\"")),
        second_pass: false,
        on_missing_parent: None,
    }))
}
