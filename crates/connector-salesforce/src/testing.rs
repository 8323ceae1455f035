//! A contact to test with: one field of each type, two lookups, an external id.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use arrow::datatypes::{DataType, TimeUnit};
use connector::{LoadPlan, Relation, TargetField, TargetObject};
use model::RunId;
use model::migration::Operation;

pub(crate) fn field(name: &str, native: &str, data_type: DataType) -> TargetField {
    TargetField {
        name: name.to_owned(),
        data_type,
        native: native.to_owned(),
        nullable: true,
        required: false,
        createable: true,
        updateable: true,
        max_length: None,
        values: None,
        case_sensitive: false,
    }
}

pub(crate) fn plan(operation: Operation, key: &str, fields: &[&str]) -> LoadPlan {
    let relation = |name: &str, field: &str, to: &[&str]| Relation {
        name: name.to_owned(),
        field: field.to_owned(),
        to: to.iter().map(|to| (*to).to_owned()).collect(),
    };
    LoadPlan {
        run: RunId::new("run"),
        object: "contacts".to_owned(),
        to: "Contact".to_owned(),
        operation,
        key: vec![key.to_owned()],
        fields: fields.iter().map(|name| (*name).to_owned()).collect(),
        target: TargetObject {
            name: "Contact".to_owned(),
            fields: vec![
                field("Id", "id", DataType::Utf8),
                field("External_Id__c", "string", DataType::Utf8),
                field("Number_Id__c", "double", DataType::Decimal128(18, 0)),
                field("LastName", "string", DataType::Utf8),
                field("Active__c", "boolean", DataType::Boolean),
                field("Amount__c", "currency", DataType::Decimal128(18, 2)),
                field("Ratio__c", "double", DataType::Float64),
                field("Count__c", "int", DataType::Int32),
                field("Birthdate", "date", DataType::Date32),
                field(
                    "Seen__c",
                    "datetime",
                    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                ),
                field("Opens__c", "time", DataType::Time64(TimeUnit::Microsecond)),
                field("AccountId", "reference", DataType::Utf8),
                field("WhoId", "reference", DataType::Utf8),
            ],
            relations: vec![
                relation("Account", "AccountId", &["Account"]),
                relation("Who", "WhoId", &["Contact", "Lead"]),
            ],
            keys: vec![vec!["Id".to_owned()], vec!["External_Id__c".to_owned()]],
            carries_columns: false,
        },
    }
}
