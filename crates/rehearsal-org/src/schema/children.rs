//! The names by which a parent's children are asked for in inner queries and trees: `Contacts`, `Invoices__r`.

use std::collections::HashSet;

use super::catalogue::{Field, Home, Object};
use super::labels;

/// One such name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildRelationship {
    pub(crate) name: String,
    /// The children's object, and their reference to the parent.
    pub(crate) object: u16,
    pub(crate) field: u16,
}

/// Finds the names for all references to a parent; the first of several that would have the same name has it.
pub(super) fn relationships(objects: &[Object], children: &[(u16, u16)]) -> Vec<ChildRelationship> {
    let mut taken = HashSet::new();
    let mut found = Vec::new();
    for (object, field) in children {
        let child = &objects[usize::from(*object)];
        let Some(name) = name(child, child.at(*field)) else {
            continue;
        };
        if taken.insert(name.to_ascii_lowercase()) {
            found.push(ChildRelationship {
                name,
                object: *object,
                field: *field,
            });
        }
    }
    found
}

/// The schema's own name, else the one the platform would propose: the children's plural. Owners, record types and
/// a contact's superior have none there either.
fn name(object: &Object, field: &Field) -> Option<String> {
    if let Some(name) = &field.schema.child_relationship {
        return Some(name.clone());
    }
    if field.home != Home::Stored {
        return None;
    }
    let plural = object.plural.replace(' ', "");
    match (object.name.as_str(), field.name()) {
        (_, "OwnerId" | "RecordTypeId" | "ReportsToId") => None,
        ("Account", "ParentId") => Some("ChildAccounts".to_owned()),
        (_, name) if name.ends_with("__c") => {
            let own = labels::plural(&labels::label(&object.name)).replace(' ', "_");
            Some(format!("{own}__r"))
        }
        _ => Some(plural),
    }
}
