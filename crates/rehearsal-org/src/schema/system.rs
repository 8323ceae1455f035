//! What every org has whatever its schema: people, `Organization` and `RecordType`, and the system fields of each
//! object.

use super::FieldKind::{Address, Boolean, Datetime, Id, Picklist};
use super::{FieldSchema as F, ObjectSchema, people, tooling};

/// Objects added to a schema that lacks them.
pub(super) fn objects() -> Vec<ObjectSchema> {
    let read_only = |mut object: ObjectSchema| {
        object.writable = false;
        object.owned = false;
        object
    };
    let mut all = people::objects();
    all.extend(tooling::objects());
    all.extend([
        read_only(ObjectSchema::new("Organization", "00D").with([
            F::string("Name", 80).required(),
            F::string("OrganizationType", 40),
            F::string("InstanceName", 5),
            F::new("IsSandbox", Boolean),
            F::string("NamespacePrefix", 15),
            F::new("TrialExpirationDate", Datetime),
        ])),
        read_only(ObjectSchema::new("RecordType", "012").with([
            F::string("Name", 80).required(),
            F::string("DeveloperName", 80).required(),
            F::new("SobjectType", Picklist),
            F::new("IsActive", Boolean),
            F::string("Description", 255),
        ])),
    ]);
    all
}

/// Fields before those of the schema.
pub(super) fn leading() -> Vec<F> {
    vec![
        F::new("Id", Id).read_only(),
        F::new("IsDeleted", Boolean).read_only(),
    ]
}

/// Fields after those of the schema.
pub(super) fn trailing(object: &ObjectSchema) -> Vec<F> {
    let mut fields = Vec::new();
    let has = |name: &str| object.fields.iter().any(|f| f.name == name);
    if has("LastName") && has("FirstName") && !has("Name") {
        fields.push(F::string("Name", 121).read_only());
    }
    for field in &object.fields {
        let Some(prefix) = field.name.strip_suffix("Street") else {
            continue;
        };
        let whole = format!("{prefix}Address");
        if has(&format!("{prefix}City")) && !has(&whole) {
            fields.push(F::new(&whole, Address).read_only());
        }
    }
    if object.owned && !has("OwnerId") {
        fields.push(F::reference("OwnerId", "Owner", &["User"]));
    }
    if !object.record_types.is_empty() && !has("RecordTypeId") {
        fields.push(F::reference("RecordTypeId", "RecordType", &["RecordType"]));
    }
    fields.extend([
        F::new("CreatedDate", Datetime).read_only(),
        F::reference("CreatedById", "CreatedBy", &["User"]).read_only(),
        F::new("LastModifiedDate", Datetime).read_only(),
        F::reference("LastModifiedById", "LastModifiedBy", &["User"]).read_only(),
        F::new("SystemModstamp", Datetime).read_only(),
    ]);
    fields
}
