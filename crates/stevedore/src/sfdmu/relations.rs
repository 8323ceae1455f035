//! Lookups known by their names. SFDMU asks the orgs which field refers to what; a translation has only the project, so it goes by
//! Salesforce's own naming, by a table of standard fields, and by the objects that the project names.

/// What a field refers to.
#[derive(Debug, PartialEq)]
pub(super) enum Refers {
    /// To this object, by its API name.
    To(String),
    ToRecordType,
    /// To one of several objects, of those that the project names.
    ToSeveral(Vec<String>),
    /// To something that its name does not tell.
    ToUnknown,
}

/// Standard fields that are not called after the object that they refer to.
const STANDARD: &[(&str, &str)] = &[
    ("ActivatedById", "User"),
    ("AssistantId", "User"),
    ("BillToContactId", "Contact"),
    ("CompanyAuthorizedById", "User"),
    ("CompanySignedId", "User"),
    ("ConvertedAccountId", "Account"),
    ("ConvertedContactId", "Contact"),
    ("ConvertedOpportunityId", "Opportunity"),
    ("CreatedById", "User"),
    ("CustomerAuthorizedById", "Contact"),
    ("CustomerSignedId", "Contact"),
    ("DefaultGroupId", "Group"),
    ("LastModifiedById", "User"),
    ("ManagerId", "User"),
    ("OriginalOrderId", "Order"),
    ("OriginalOrderItemId", "OrderItem"),
    ("ParentWorkOrderId", "WorkOrder"),
    ("PrimaryContactId", "Contact"),
    ("ReportsToId", "Contact"),
    ("RootAssetId", "Asset"),
    ("ShipToContactId", "Contact"),
    ("SourceProductId", "Product2"),
    ("SyncedQuoteId", "Quote"),
];

/// Objects whose `ParentId` refers to one of their own.
const OF_THEIR_OWN: &[&str] = &[
    "Account", "Asset", "Campaign", "Case", "Location", "UserRole",
];

const POLYMORPHIC: &[&str] = &[
    "FeedItemId",
    "FirstPublishLocationId",
    "LinkedEntityId",
    "ParentId",
    "RelatedToId",
    "SourceObjectId",
    "TargetObjectId",
    "WhatId",
    "WhoId",
];

/// What activities can be about, custom objects apart.
const THINGS: &[&str] = &[
    "Account",
    "Asset",
    "Campaign",
    "Case",
    "Contract",
    "ContractLineItem",
    "Entitlement",
    "Opportunity",
    "Order",
    "OrderItem",
    "Product2",
    "Quote",
    "ServiceAppointment",
    "ServiceContract",
    "ServiceResource",
    "Solution",
    "WorkOrder",
    "WorkOrderLineItem",
];

/// Whether a polymorphic field can refer to records of an object.
fn may_refer(field: &str, parent: &str) -> bool {
    let is_of = |names: &[&str]| names.iter().any(|name| parent.eq_ignore_ascii_case(name));
    match field.to_lowercase().as_str() {
        "whoid" => is_of(&["Contact", "Lead"]),
        "whatid" | "relatedtoid" => is_of(THINGS) || custom(parent).is_some(),
        "feeditemid" => is_of(&["FeedItem"]),
        _ => true,
    }
}

/// What a field of an object refers to; none if it is taken for a field of its own. `project` are the objects that the project names.
pub(super) fn refers(object: &str, field: &str, project: &[&str]) -> Option<Refers> {
    let is = |name: &str| field.eq_ignore_ascii_case(name);
    let is_in_project = |name: &str| project.iter().any(|own| own.eq_ignore_ascii_case(name));
    if is("RecordTypeId") {
        return Some(Refers::ToRecordType);
    }
    if is("ParentId")
        && OF_THEIR_OWN
            .iter()
            .any(|own| object.eq_ignore_ascii_case(own))
    {
        return Some(Refers::To(object.to_owned()));
    }
    if is("OwnerId") {
        return Some(Refers::To("User".to_owned()));
    }
    if POLYMORPHIC.iter().any(|name| is(name)) {
        return Some(Refers::ToSeveral(any_of(object, field, project)));
    }
    if let Some((_, parent)) = STANDARD.iter().find(|(name, _)| is(name)) {
        return Some(Refers::To((*parent).to_owned()));
    }
    if let Some(base) = custom(field) {
        let named = [field, base].into_iter().find(|name| is_in_project(name));
        return named.map(|name| Refers::To(name.to_owned()));
    }
    let base = field.strip_suffix("Id").filter(|base| !base.is_empty())?;
    Some(if is_in_project(base) {
        Refers::To(base.to_owned())
    } else {
        Refers::ToUnknown
    })
}

/// The objects of the project that a polymorphic field of an object can refer to.
pub(super) fn any_of(object: &str, field: &str, project: &[&str]) -> Vec<String> {
    let fits = |name: &&&str| !name.eq_ignore_ascii_case(object) && may_refer(field, name);
    let fitting = project.iter().filter(fits);
    fitting.map(|name| (*name).to_owned()).collect()
}

/// The relation of a lookup field: `Account` of `AccountId`, `Account__r` of `Account__c`.
pub(super) fn relation(field: &str) -> String {
    match custom(field) {
        Some(base) => format!("{base}__r"),
        None => field.strip_suffix("Id").unwrap_or(field).to_owned(),
    }
}

/// The lookup field of a relation.
pub(super) fn field_of(relation: &str) -> String {
    let lower = relation.to_lowercase();
    if lower.ends_with("__r") {
        format!("{}__c", &relation[..relation.len() - "__r".len()])
    } else {
        format!("{relation}Id")
    }
}

/// The name of a custom field without its ending.
pub(super) fn custom(field: &str) -> Option<&str> {
    let ends = field.to_lowercase().ends_with("__c");
    ends.then(|| &field[..field.len() - "__c".len()])
}

/// The field by which SFDMU knows an object's records unless told: its name, which is not called `Name` everywhere.
pub(super) fn name_field(object: &str) -> &'static str {
    match object.to_lowercase().as_str() {
        "case" => "CaseNumber",
        "contract" => "ContractNumber",
        "emailmessage" | "event" | "task" => "Subject",
        "order" => "OrderNumber",
        "solution" => "SolutionName",
        "workorder" => "WorkOrderNumber",
        _ => "Name",
    }
}

/// Fields that the org itself fills, unless it lets them be set.
pub(super) fn is_audit(field: &str) -> bool {
    const AUDIT: &[&str] = &[
        "CreatedById",
        "CreatedDate",
        "LastModifiedById",
        "LastModifiedDate",
    ];
    AUDIT.iter().any(|name| field.eq_ignore_ascii_case(name))
}

/// Fields that nobody can write.
pub(super) fn is_system(field: &str) -> bool {
    const SYSTEM: &[&str] = &[
        "IsDeleted",
        "IsPersonAccount",
        "LastActivityDate",
        "LastReferencedDate",
        "LastViewedDate",
        "MasterRecordId",
        "PhotoUrl",
        "SystemModstamp",
    ];
    SYSTEM.iter().any(|name| field.eq_ignore_ascii_case(name))
}

/// Fields that hold a file.
pub(super) fn is_file_content(object: &str, field: &str) -> bool {
    const CONTENTS: &[(&str, &str)] = &[
        ("Attachment", "Body"),
        ("ContentVersion", "VersionData"),
        ("Document", "Body"),
    ];
    let is = |(of, name): &(&str, &str)| {
        object.eq_ignore_ascii_case(of) && field.eq_ignore_ascii_case(name)
    };
    CONTENTS.iter().any(is)
}

/// Objects that SFDMU only reads, whatever the project says.
pub(super) fn is_only_read(object: &str) -> bool {
    ["Group", "RecordType", "User"]
        .iter()
        .any(|name| object.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_known_by_their_names() {
        let project = ["Account", "Contact", "Child__c", "Product2"];
        let of = |object: &str, field: &str| refers(object, field, &project);
        let to = |object: &str| Some(Refers::To(object.to_owned()));
        let several = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            Some(Refers::ToSeveral(names.collect()))
        };
        assert_eq!(of("Contact", "AccountId"), to("Account"));
        assert_eq!(of("Contact", "ReportsToId"), to("Contact"));
        assert_eq!(of("Account", "ParentId"), to("Account"));
        assert_eq!(of("Attachment", "ParentId"), several(&project));
        assert_eq!(of("Task", "WhoId"), several(&["Contact"]));
        assert_eq!(
            of("Event", "WhatId"),
            several(&["Account", "Child__c", "Product2"])
        );
        assert_eq!(of("Child__c", "Account__c"), to("Account"));
        assert_eq!(of("Account", "Child__c"), to("Child__c"));
        assert_eq!(of("Account", "Amount__c"), None);
        assert_eq!(of("Account", "PricebookId"), Some(Refers::ToUnknown));
        assert_eq!(of("Account", "RecordTypeId"), Some(Refers::ToRecordType));
        assert_eq!(of("Account", "Name"), None);
        assert_eq!(of("Account", "Id"), None);
    }

    #[test]
    fn fields_and_relations_are_called_after_each_other() {
        for (field, name) in [
            ("AccountId", "Account"),
            ("My__c", "My__r"),
            ("Product2Id", "Product2"),
        ] {
            assert_eq!(relation(field), name);
            assert_eq!(field_of(name), field);
        }
    }
}
