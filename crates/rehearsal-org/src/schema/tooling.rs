//! The objects in which an org tells of itself: its objects and fields, and the rules set up on them. Most of them
//! are seen through the tooling API only.

use super::FieldKind::{Boolean, Int, Picklist};
use super::pieces::unowned;
use super::{Door, FieldSchema as F, ObjectSchema};

/// Text of rules in JSON, as long as the platform lets text be.
const LONG: u32 = 131_072;

pub(super) fn objects() -> Vec<ObjectSchema> {
    let mut all = vec![
        seen(Door::Both, "EntityDefinition", "4ie").with([
            F::string("DurableId", 80),
            F::string("QualifiedApiName", 80),
            F::string("DeveloperName", 80),
            F::string("Label", 80),
            F::string("PluralLabel", 80),
            F::string("KeyPrefix", 3),
            F::new("IsCustomizable", Boolean),
        ]),
        seen(Door::Both, "FieldDefinition", "4fe").with([
            F::string("DurableId", 200),
            entity(),
            F::string("QualifiedApiName", 80),
            F::string("DeveloperName", 80),
            F::string("Label", 80),
            F::string("DataType", 80),
            F::new("Length", Int),
            F::new("IsNillable", Boolean),
            F::new("IsPolymorphicForeignKey", Boolean),
        ]),
        seen(Door::Tooling, "ValidationRule", "03d").with([
            F::string("ValidationName", 80),
            F::new("Active", Boolean),
            entity(),
            F::string("ErrorMessage", 255),
            F::string("ErrorDisplayField", 80),
            F::string("Description", 255),
            F::string("NamespacePrefix", 15),
            F::string("FullName", 255),
            F::textarea("Metadata", LONG),
        ]),
        seen(Door::Tooling, "WorkflowRule", "01Q").with([
            F::string("Name", 80),
            F::string("TableEnumOrId", 40),
            F::string("NamespacePrefix", 15),
            F::string("FullName", 255),
            F::textarea("Metadata", LONG),
        ]),
        seen(Door::Both, "ApexTrigger", "01q").with([
            F::string("Name", 80),
            F::string("TableEnumOrId", 40),
            F::new("Status", Picklist),
            F::string("NamespacePrefix", 15),
            F::new("IsValid", Boolean),
        ]),
        seen(Door::Tooling, "FlowDefinition", "300").with([
            F::string("DeveloperName", 80),
            F::string("MasterLabel", 80),
            F::string("NamespacePrefix", 15),
            F::reference("ActiveVersionId", "ActiveVersion", &["Flow"]),
            F::reference("LatestVersionId", "LatestVersion", &["Flow"]),
            F::string("FullName", 255),
            F::textarea("Metadata", LONG),
        ]),
        seen(Door::Tooling, "Flow", "301").with([
            F::string("MasterLabel", 80),
            F::reference("DefinitionId", "Definition", &["FlowDefinition"]),
            F::new("VersionNumber", Int),
            F::new("Status", Picklist),
            F::string("ProcessType", 40),
        ]),
        seen(Door::Data, "FlowDefinitionView", "3dd").with([
            F::string("DurableId", 18),
            F::string("ApiName", 80),
            F::string("Label", 80),
            F::string("ProcessType", 40),
            F::string("TriggerType", 40),
            F::string("TriggerObjectOrEventLabel", 80),
            F::new("IsActive", Boolean),
            F::string("ActiveVersionId", 18),
            F::string("LatestVersionId", 18),
            F::new("VersionNumber", Int),
            F::string("NamespacePrefix", 15),
        ]),
        seen(Door::Data, "DuplicateRule", "0Bm").with([
            F::string("DeveloperName", 80),
            F::string("MasterLabel", 80),
            F::new("SobjectType", Picklist),
            F::new("IsActive", Boolean),
            F::string("NamespacePrefix", 15),
        ]),
    ];
    for object in &mut all {
        if object.name == "ApexTrigger" {
            object
                .fields
                .extend(USAGES.map(|usage| F::new(usage, Boolean)));
        }
    }
    all
}

/// The columns that say what sets a trigger off.
pub(crate) const USAGES: [&str; 7] = [
    "UsageBeforeInsert",
    "UsageAfterInsert",
    "UsageBeforeUpdate",
    "UsageAfterUpdate",
    "UsageBeforeDelete",
    "UsageAfterDelete",
    "UsageAfterUndelete",
];

fn entity() -> F {
    F::reference(
        "EntityDefinitionId",
        "EntityDefinition",
        &["EntityDefinition"],
    )
}

fn seen(door: Door, name: &str, prefix: &str) -> ObjectSchema {
    ObjectSchema {
        writable: false,
        door,
        ..unowned(name, prefix)
    }
}
