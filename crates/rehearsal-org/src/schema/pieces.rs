//! What objects of the default schema have in common.

use super::FieldKind::Boolean;
use super::{FieldSchema as F, ObjectSchema};

/// What a migration marks its records with.
pub(super) fn migration() -> Vec<F> {
    vec![
        F::external_id("External_Id__c"),
        F::external_id("Legacy_Key__c"),
        F::string("Migration_Id__c", 80),
        F::string("Migration_Source__c", 80),
    ]
}

/// An owner that may be a queue as well as a person.
pub(super) fn queue_owner() -> F {
    F::reference("OwnerId", "Owner", &["Group", "User"])
}

pub(super) fn unowned(name: &str, prefix: &str) -> ObjectSchema {
    ObjectSchema {
        owned: false,
        ..ObjectSchema::new(name, prefix)
    }
}

/// A field that is on by default, as `IsActive` is on users.
pub(super) fn on(name: &str) -> F {
    F {
        default: Some("true".to_owned()),
        ..F::new(name, Boolean)
    }
}
