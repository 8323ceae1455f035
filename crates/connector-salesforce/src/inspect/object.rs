//! One object of the org: what the user may do to it, whether it has what the file fills, and the field by which records are found.

use connector::Intent;
use model::Finding;
use model::migration::Operation;

use crate::client::Client;
use crate::columns::listed;
use crate::describe::{Described, ID};
use crate::query::rows;
use crate::soql::is_name;

pub(super) async fn inspect(
    client: &Client,
    intent: &Intent,
    described: &Described,
) -> Vec<Finding> {
    let mut findings = vec![rights(intent, described)];
    findings.extend(fields(intent, described));
    for key in &intent.key {
        findings.extend(key_field(intent, described, key));
        if described.object.field(key).is_some() && !key.eq_ignore_ascii_case(ID) {
            findings.push(index(client, described, key).await);
        }
    }
    if intent.key.is_empty() {
        findings.push(
            Finding::problem(
                "no_key_field",
                format!(
                    "no field of {} is named that carries our key",
                    described.object.name
                ),
            )
            .hint("name an External ID that is unique under `external_id`, and fill it"),
        );
    }
    findings
}

fn rights(intent: &Intent, described: &Described) -> Finding {
    let needed: &[(&str, bool)] = match intent.operation {
        Operation::Insert => &[("create", described.createable)],
        Operation::Update => &[("update", described.updateable)],
        Operation::Upsert => &[
            ("create", described.createable),
            ("update", described.updateable),
        ],
        Operation::Delete | Operation::HardDelete => &[("delete", described.deletable)],
    };
    let verbs = |allowed: bool| {
        let verbs = needed.iter().filter(move |(_, may)| *may == allowed);
        verbs
            .map(|(verb, _)| *verb)
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let object = &described.object.name;
    match verbs(false) {
        refused if refused.is_empty() => Finding::ok(
            "rights",
            format!("the user may {} {object} records", verbs(true)),
        ),
        refused => Finding::problem(
            "rights",
            format!("the user may not {refused} {object} records"),
        )
        .hint("give the right in the user's profile or in a permission set"),
    }
}

/// Fields that the file fills and the user can't.
fn fields(intent: &Intent, described: &Described) -> Vec<Finding> {
    let object = &described.object;
    let mut missing = Vec::new();
    let mut closed = Vec::new();
    let mut lasting = Vec::new();
    for name in &intent.fields {
        // A key that is missing has a finding of its own.
        let is_key = intent.key.iter().any(|key| key.eq_ignore_ascii_case(name));
        let relation = object.relation(name).map(|relation| &relation.field);
        let field = object
            .field(name)
            .or_else(|| relation.and_then(|field| object.field(field)));
        match field {
            None if !is_key => missing.push(name.as_str()),
            None => {}
            Some(_) if intent.operation.deletes() || name.eq_ignore_ascii_case(ID) => {}
            Some(field) => {
                let open = match intent.operation {
                    Operation::Update => field.updateable,
                    _ => field.createable,
                };
                if !open {
                    closed.push(name.as_str());
                } else if intent.operation == Operation::Upsert && !field.updateable {
                    lasting.push(name.as_str());
                }
            }
        }
    }
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let names = listed(missing.into_iter());
        findings.push(
            Finding::problem(
                "missing_fields",
                format!("{} has no such fields, or the user may not see them: {names}", object.name),
            )
            .hint("`stevedore compare --metadata DIR` writes custom fields that are missing, to be deployed; the user needs the right to see them"),
        );
    }
    if !closed.is_empty() {
        let names = listed(closed.into_iter());
        findings.push(
            Finding::problem(
                "not_writable",
                format!("the user may not fill these fields of {}: {names}", object.name),
            )
            .hint("formulas, roll-ups and system fields are the org's own; others need edit rights in the user's profile or permission sets"),
        );
    }
    if !lasting.is_empty() {
        let names = listed(lasting.into_iter());
        findings.push(
            Finding::warning(
                "set_for_good",
                format!("{} records take these fields when they are created and never again, so the org refuses records that it has already: {names}", object.name),
            )
            .hint("upsert what is new alone, or tick `Allow reparenting` where the org's setup has it for a master-detail field"),
        );
    }
    findings
}

fn key_field(intent: &Intent, described: &Described, key: &str) -> Option<Finding> {
    let object = &described.object.name;
    let by_id = key.eq_ignore_ascii_case(ID);
    if by_id && intent.operation == Operation::Insert {
        return Some(
            Finding::problem(
                "key",
                format!(
                    "the Id of a new {object} is the org's to give, and carries no key of ours"
                ),
            )
            .hint("name an External ID that is unique under `external_id`, and fill it"),
        );
    }
    if by_id {
        return Some(Finding::ok(
            "key",
            format!("{object} records are found by their Id"),
        ));
    }
    let Some(field) = described.object.field(key) else {
        return Some(
            Finding::problem("key", format!("{object} has no field `{key}` to find records by, or the user may not see it"))
                .hint(format!(
                    "add a Text(80) field `{key}` marked External ID and Unique; `stevedore compare --metadata DIR` writes it, to be deployed"
                )),
        );
    };
    let name = &field.name;
    let unique = described
        .object
        .keys
        .iter()
        .any(|key| matches!(key.as_slice(), [only] if only == name));
    let external = described.external_ids.contains(name);
    Some(match (intent.operation, external, unique) {
        (Operation::Update | Operation::Delete | Operation::HardDelete, ..) => Finding::problem(
            "key",
            format!("records of {object} are found by Id to {}, not by `{name}`", intent.operation.as_str()),
        )
        .hint("map `Id` and name it under `external_id`, or use upsert"),
        (_, true, true) => Finding::ok("key", format!("`{name}` of {object} is an External ID and unique")),
        (Operation::Insert, false, true) => Finding::ok("key", format!("`{name}` of {object} is unique")),
        (_, false, _) => Finding::problem("key", format!("`{name}` of {object} is no External ID"))
            .hint(format!("tick External ID and Unique on `{name}` in the org's setup")),
        (_, true, false) => Finding::problem(
            "key",
            format!("`{name}` of {object} is an External ID but not unique: several records could have one key"),
        )
        .hint(format!("tick Unique on `{name}` in the org's setup")),
    })
}

/// Records are looked up by it, so it wants an index. An External ID always has one.
async fn index(client: &Client, described: &Described, key: &str) -> Finding {
    let object = &described.object.name;
    let field = described.object.field(key);
    let name = field.map_or(key, |field| field.name.as_str());
    if is_name(object) && is_name(name) {
        let query = format!(
            "SELECT IsIndexed FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName='{object}' AND QualifiedApiName='{name}'"
        );
        let told = rows(client, &["tooling", "query"], &query).await;
        let indexed = told
            .ok()
            .and_then(|rows| rows.first()?.get("IsIndexed")?.as_bool());
        match indexed {
            Some(true) => return Finding::ok("index", format!("`{name}` of {object} is indexed")),
            Some(false) => {
                return Finding::warning("index", format!("`{name}` of {object} has no index"))
                    .hint("External IDs and unique fields have one; others Salesforce's support can index");
            }
            None => {}
        }
    }
    if described.external_ids.contains(name) {
        Finding::ok(
            "index",
            format!("`{name}` of {object} is indexed, as every External ID is"),
        )
    } else {
        Finding::warning(
            "index",
            format!("the org does not tell whether `{name}` of {object} is indexed"),
        )
        .hint("Setup > Object Manager > Fields & Relationships has a column Indexed")
    }
}

#[cfg(test)]
mod tests {
    use model::Grade;

    use super::*;
    use crate::testing;

    fn contact() -> Described {
        let object = testing::plan(Operation::Insert, "External_Id__c", &[]).target;
        Described {
            label: "Contact".to_owned(),
            finders: ["External_Id__c".to_owned(), "Loose__c".to_owned()].into(),
            external_ids: ["External_Id__c".to_owned(), "Number_Id__c".to_owned()].into(),
            unique: Default::default(),
            createable: true,
            updateable: false,
            deletable: false,
            object,
        }
    }

    fn intent(operation: Operation, key: &str, fields: &[&str]) -> Intent {
        Intent {
            object: "contacts".to_owned(),
            to: "Contact".to_owned(),
            operation,
            key: vec![key.to_owned()],
            fields: fields.iter().map(|name| (*name).to_owned()).collect(),
            records: None,
        }
    }

    #[test]
    fn rights_follow_from_the_operation() {
        let grade = |operation| rights(&intent(operation, "Id", &[]), &contact()).grade;
        assert_eq!(grade(Operation::Insert), Grade::Ok);
        for operation in [Operation::Upsert, Operation::Update, Operation::Delete] {
            assert_eq!(grade(operation), Grade::Problem);
        }
        let both = rights(&intent(Operation::Upsert, "Id", &[]), &contact());
        assert_eq!(both.what, "the user may not update Contact records");
    }

    #[test]
    fn a_key_must_name_one_record() {
        let grade = |operation, key| {
            key_field(&intent(operation, key, &[]), &contact(), key).map(|found| found.grade)
        };
        assert_eq!(grade(Operation::Upsert, "external_id__c"), Some(Grade::Ok));
        assert_eq!(grade(Operation::Update, "Id"), Some(Grade::Ok));
        // An External ID that is not unique, no External ID, and no field at all.
        for key in ["Number_Id__c", "LastName", "Nothing__c", "Id"] {
            assert_eq!(grade(Operation::Insert, key), Some(Grade::Problem), "{key}");
        }
    }

    #[test]
    fn fields_that_can_not_be_filled_are_listed() {
        let fill = [
            "LastName",
            "Account",
            "Nmae",
            "External_Id__c",
            "Gone_Key__c",
        ];
        let mut contact = contact();
        contact.object.fields[3].createable = false;
        let findings = fields(&intent(Operation::Insert, "Gone_Key__c", &fill), &contact);
        let [missing, closed] = findings.as_slice() else {
            panic!("{findings:?}")
        };
        assert!(missing.what.ends_with("Nmae"), "{missing:?}");
        assert!(closed.what.ends_with("LastName"), "{closed:?}");
        contact.object.fields[3].createable = true;
        contact.object.fields[3].updateable = false;
        let grades = |operation| {
            let findings = fields(&intent(operation, "Gone_Key__c", &["LastName"]), &contact);
            findings.iter().map(|found| found.grade).collect::<Vec<_>>()
        };
        assert_eq!(grades(Operation::Upsert), [Grade::Warning]);
        assert_eq!(grades(Operation::Insert), []);
        assert_eq!(grades(Operation::Update), [Grade::Problem]);
    }
}
