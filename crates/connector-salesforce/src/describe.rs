//! What the org says of an object, as a target object: fields with what a batch must hold for them, lookups, keys.
//! Source of the meaning of each property: REST guide, "sObject Describe".

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use connector::{Relation, TargetField, TargetObject};
use model::Failure;
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::columns::{listed, near};
use crate::soql::is_name;

/// Fields of this type name their object's own records; the first key of every object.
pub(crate) const ID: &str = "Id";
/// What a file would be; Bulk API 2.0 carries none.
pub(crate) const BASE64: &str = "base64";

/// An object with what only this connector needs of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    pub(crate) object: TargetObject,
    /// Fields by which a child's lookup may find a record; external ids among them.
    pub(crate) finders: HashSet<String>,
    /// Fields marked External ID. They need not be unique.
    pub(crate) external_ids: HashSet<String>,
    /// Text fields of which no two records have the same value; not all of them are external ids.
    pub(crate) unique: HashSet<String>,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) deletable: bool,
    /// What people call it; the org's flows name it so.
    pub(crate) label: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    name: String,
    createable: bool,
    updateable: bool,
    deletable: bool,
    #[serde(default)]
    label: String,
    fields: Vec<FieldAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldAnswer {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    nillable: bool,
    createable: bool,
    updateable: bool,
    #[serde(default)]
    defaulted_on_create: bool,
    #[serde(default)]
    length: u32,
    #[serde(default)]
    digits: u32,
    #[serde(default)]
    precision: u32,
    #[serde(default)]
    scale: u32,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    id_lookup: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    restricted_picklist: bool,
    #[serde(default)]
    picklist_values: Option<Vec<PicklistValue>>,
    #[serde(default)]
    reference_to: Option<Vec<String>>,
    #[serde(default)]
    relationship_name: Option<String>,
    /// A number for master-detail, nothing for a lookup.
    #[serde(default)]
    relationship_order: Option<u32>,
}

#[derive(Deserialize)]
struct PicklistValue {
    active: bool,
    value: String,
}

#[derive(Deserialize)]
struct Global {
    sobjects: Vec<GlobalEntry>,
}

/// An object as the list of all of them has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GlobalEntry {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) createable: bool,
    #[serde(default)]
    pub(crate) queryable: bool,
    #[serde(default)]
    pub(crate) custom: bool,
    /// People have pages for its records.
    #[serde(default)]
    pub(crate) layoutable: bool,
    #[serde(default)]
    pub(crate) deprecated_and_hidden: bool,
}

/// Who uses the org and how it is set up, which another org has its own of.
const SETUP: &[&str] = &[
    "Group",
    "GroupMember",
    "Organization",
    "PermissionSet",
    "PermissionSetAssignment",
    "Profile",
    "QueueSobject",
    "RecordType",
    "User",
    "UserRole",
];

impl GlobalEntry {
    /// Whether its records are a company's own, and can be written.
    pub(crate) fn is_business(&self) -> bool {
        self.createable
            && self.queryable
            && !self.deprecated_and_hidden
            && (self.custom || self.layoutable)
            && !SETUP.contains(&self.name.as_str())
    }
}

/// All objects that the user may see.
pub(crate) async fn global(client: &Client) -> Result<Vec<GlobalEntry>, Failure> {
    let global: Global = client.json(Call::get(&["sobjects"])).await?;
    Ok(global.sobjects)
}

/// Looks an object up.
pub(crate) async fn describe(client: &Client, to: &str) -> Result<Arc<Described>, Failure> {
    if is_name(to) {
        let call = Call::get(&["sobjects", to, "describe"]);
        match client.json::<Answer>(call).await {
            Ok(answer) => return Ok(Arc::new(described(answer))),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all = global(client).await?;
    let near = near(to, all.iter().map(|entry| entry.name.as_str()));
    Err(Failure::usage(
        "unknown_object",
        format!("the org has no object `{to}`, or the user may not see it"),
    )
    .hint(format!(
        "near are: {}; names of custom objects end in __c",
        listed(near.into_iter())
    )))
}

fn described(answer: Answer) -> Described {
    let names = |which: fn(&FieldAnswer) -> bool| {
        answer
            .fields
            .iter()
            .filter(|field| which(field))
            .map(|field| field.name.clone())
            .collect()
    };
    let finders = names(|field| field.kind == "id" || field.id_lookup || field.external_id);
    let external_ids = names(|field| field.external_id);
    let unique_texts = names(|field| field.unique && field.data_type() == DataType::Utf8);
    // `Id` names records even where its own flags do not say so; it comes first.
    let mut keys: Vec<Vec<String>> = vec![vec![ID.to_owned()]];
    let unique = |field: &&FieldAnswer| field.unique && (field.external_id || field.id_lookup);
    keys.extend(
        answer
            .fields
            .iter()
            .filter(unique)
            .filter(|field| field.name != ID)
            .map(|field| vec![field.name.clone()]),
    );
    let relations = answer
        .fields
        .iter()
        .filter_map(|field| {
            Some(Relation {
                name: field.relationship_name.clone()?,
                field: field.name.clone(),
                to: field.reference_to.clone().filter(|to| !to.is_empty())?,
                owned: field.relationship_order.is_some(),
            })
        })
        .collect();
    let (createable, updateable) = (answer.createable, answer.updateable);
    let fields = answer
        .fields
        .into_iter()
        .map(|mut field| {
            field.createable &= createable;
            field.updateable &= updateable;
            field.into_target()
        })
        .collect();
    Described {
        object: TargetObject {
            name: answer.name,
            fields,
            relations,
            keys,
            carries_columns: false,
        },
        finders,
        external_ids,
        unique: unique_texts,
        createable,
        updateable,
        deletable: answer.deletable,
        label: answer.label,
    }
}

impl FieldAnswer {
    fn into_target(self) -> TargetField {
        let data_type = self.data_type();
        let is_text = data_type == DataType::Utf8;
        let range = self.range();
        let values = self.picklist_values.unwrap_or_default().into_iter();
        TargetField {
            nullable: self.nillable,
            required: self.createable && !self.nillable && !self.defaulted_on_create,
            createable: self.createable,
            updateable: self.updateable,
            finds_records: self.kind == "id" || self.id_lookup || self.external_id,
            max_length: (is_text && self.length > 0).then_some(self.length),
            counts_utf16: true,
            empty_is_null: is_text,
            range,
            // Several of a multipicklist are joined into one text, which is no value of its list.
            values: (self.restricted_picklist && self.kind != "multipicklist").then(|| {
                values
                    .filter(|value| value.active)
                    .map(|value| value.value)
                    .collect()
            }),
            // Ids tell case apart whatever their flag says.
            case_sensitive: self.case_sensitive || matches!(self.kind.as_str(), "id" | "reference"),
            name: self.name,
            native: self.kind,
            data_type,
        }
    }

    fn data_type(&self) -> DataType {
        match self.kind.as_str() {
            "int" if self.digits <= 9 => DataType::Int32,
            "int" | "long" => DataType::Int64,
            "double" | "currency" | "percent" => self.decimal(),
            "boolean" => DataType::Boolean,
            "date" => DataType::Date32,
            "datetime" => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            "time" => DataType::Time64(TimeUnit::Microsecond),
            BASE64 => DataType::Binary,
            _ => DataType::Utf8,
        }
    }

    /// The years 1700 to 4000 are all there are. Source: SOAP guide, "Primitive Data Types".
    fn range(&self) -> Option<(String, String)> {
        let (from, to) = match self.kind.as_str() {
            "date" => ("1700-01-01", "4000-12-31"),
            "datetime" => ("1700-01-01T00:00:00Z", "4000-12-31T23:59:59.999Z"),
            _ => return None,
        };
        Some((from.to_owned(), to.to_owned()))
    }

    fn decimal(&self) -> DataType {
        let precision = u8::try_from(self.precision)
            .ok()
            .filter(|p| (1..=38).contains(p));
        let scale = i8::try_from(self.scale).ok();
        match (precision, scale) {
            (Some(precision), Some(scale)) if scale.unsigned_abs() <= precision => {
                DataType::Decimal128(precision, scale)
            }
            // The org keeps eighteen digits in all.
            (_, Some(scale @ 0..=18)) => DataType::Decimal128(18, scale),
            _ => DataType::Float64,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(name: &str, kind: &str, more: Value) -> Value {
        let mut field = json!({
            "name": name, "type": kind, "nillable": true, "createable": true, "updateable": true,
            "defaultedOnCreate": false, "length": 0, "digits": 0, "precision": 0, "scale": 0, "caseSensitive": false,
            "externalId": false, "idLookup": false, "unique": false, "restrictedPicklist": false, "picklistValues": [],
            "referenceTo": [], "relationshipName": null, "label": "anything", "extraTypeInfo": null,
        });
        field
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        field
    }

    fn account() -> Described {
        let answer = json!({
            "name": "Account", "createable": true, "updateable": true, "deletable": true, "label": "Account",
            "fields": [
                field("Id", "id", json!({"nillable": false, "createable": false, "updateable": false, "defaultedOnCreate": true, "idLookup": true, "length": 18})),
                field("Name", "string", json!({"nillable": false, "length": 255})),
                field("Active__c", "boolean", json!({"nillable": false, "defaultedOnCreate": true})),
                field("NumberOfEmployees", "int", json!({"digits": 8})),
                field("AnnualRevenue", "currency", json!({"precision": 18, "scale": 2})),
                field("Odd__c", "double", json!({"precision": 0, "scale": 4})),
                field("Founded__c", "date", json!({})),
                field("Seen__c", "datetime", json!({})),
                field("Opens__c", "time", json!({})),
                field("Body", "base64", json!({})),
                field("BillingAddress", "address", json!({"createable": false, "updateable": false})),
                field("Rating__c", "picklist", json!({"restrictedPicklist": true, "length": 255, "picklistValues": [
                    {"active": true, "value": "Hot", "label": "hot"}, {"active": false, "value": "Cold", "label": "cold"}]})),
                field("Tags__c", "multipicklist", json!({"restrictedPicklist": true, "length": 4099, "picklistValues": [{"active": true, "value": "a"}]})),
                field("External_Id__c", "string", json!({"externalId": true, "unique": true, "idLookup": true, "length": 80, "caseSensitive": true})),
                field("Loose_Id__c", "string", json!({"externalId": true, "idLookup": true, "length": 80})),
                field("ParentId", "reference", json!({"referenceTo": ["Account"], "relationshipName": "Parent", "length": 18})),
                field("Nameless__c", "reference", json!({"referenceTo": ["Contact"], "length": 18})),
            ],
        });
        described(serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn types_are_those_a_batch_must_hold() {
        let account = account();
        let kind = |name: &str| account.object.field(name).unwrap().data_type.clone();
        assert_eq!(kind("Name"), DataType::Utf8);
        assert_eq!(kind("Active__c"), DataType::Boolean);
        assert_eq!(kind("NumberOfEmployees"), DataType::Int32);
        assert_eq!(kind("AnnualRevenue"), DataType::Decimal128(18, 2));
        assert_eq!(kind("Odd__c"), DataType::Decimal128(18, 4));
        assert_eq!(kind("Founded__c"), DataType::Date32);
        assert_eq!(
            kind("Seen__c"),
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
        );
        assert_eq!(kind("Opens__c"), DataType::Time64(TimeUnit::Microsecond));
        assert_eq!(kind("Body"), DataType::Binary);
        assert_eq!(kind("ParentId"), DataType::Utf8);
    }

    #[test]
    fn requirements_are_read() {
        let account = account();
        let field = |name: &str| account.object.field(name).unwrap();
        assert!(field("Name").required && !field("Id").required && !field("Active__c").required);
        assert_eq!(field("Name").max_length, Some(255));
        assert_eq!(field("NumberOfEmployees").max_length, None);
        assert_eq!(field("Rating__c").values, Some(vec!["Hot".to_owned()]));
        assert_eq!(field("Tags__c").values, None);
        let range = |name: &str| field(name).range.clone().unwrap();
        assert_eq!(range("Founded__c").0, "1700-01-01");
        assert_eq!(range("Seen__c").1, "4000-12-31T23:59:59.999Z");
        assert_eq!(field("Opens__c").range, None);
        assert!(field("Name").empty_is_null && !field("Active__c").empty_is_null);
        assert!(field("External_Id__c").case_sensitive && !field("Name").case_sensitive);
        assert!(field("Id").case_sensitive);
        assert!(!field("BillingAddress").createable && !field("BillingAddress").updateable);
    }

    #[test]
    fn keys_are_unique_fields_and_relations_have_names() {
        let account = account();
        assert_eq!(account.object.keys, [["Id"], ["External_Id__c"]]);
        assert!(account.finders.contains("Loose_Id__c") && !account.finders.contains("Name"));
        assert_eq!(account.object.relations.len(), 1);
        assert_eq!(account.object.relations[0].name, "Parent");
        assert!(!account.object.carries_columns);
    }
}
