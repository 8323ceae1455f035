//! Objects and fields as describe tells them, with every key clients read.

use serde_json::{Map, Value as Json, json};

use super::catalogue::{Catalogue, Field, Home, Object};
use super::{FieldKind, OnDelete};

pub(crate) fn describe_global(catalogue: &Catalogue, version: &str) -> Json {
    let objects: Vec<Json> = catalogue
        .objects
        .iter()
        .filter(|o| catalogue.shows(o))
        .map(|o| entry(o, version))
        .collect();
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
}

/// What describe global and describe have in common.
pub(crate) fn entry(object: &Object, version: &str) -> Json {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    let writable = object.writable;
    json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": writable,
        "custom": object.custom,
        "customSetting": false,
        "deepCloneable": false,
        "deletable": object.deletable,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": prefix(object),
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": writable,
        "mergeable": false,
        "mruEnabled": writable,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": false,
        "updateable": writable,
        "urls": {
            "sobject": base,
            "describe": format!("{base}/describe"),
            "rowTemplate": format!("{base}/{{ID}}"),
        },
    })
}

fn prefix(object: &Object) -> String {
    object.prefix.iter().copied().map(char::from).collect()
}

pub(crate) fn describe(catalogue: &Catalogue, object: &Object, version: &str) -> Json {
    let fields: Vec<Json> = object
        .fields
        .iter()
        .map(|f| field(catalogue, object, f))
        .collect();
    let children: Vec<Json> = object
        .children
        .iter()
        .map(|(o, f)| {
            let named = &object.child_relationships;
            let named = named.iter().find(|c| (c.object, c.field) == (*o, *f));
            child(catalogue, *o, *f, named.map(|c| c.name.as_str()))
        })
        .collect();
    let mut whole = entry(object, version);
    let more = json!({
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": true,
        "defaultImplementation": null,
        "extendedBy": null,
        "extendsInterfaces": null,
        "fields": fields,
        "implementedBy": null,
        "implementsInterfaces": null,
        "listviewable": null,
        "lookupLayoutable": null,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": record_types(catalogue, object, version),
        "searchLayoutable": object.writable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": "All records", "name": "everything"}],
    });
    if let (Json::Object(whole), Json::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    whole
}

fn child(catalogue: &Catalogue, object: u16, field: u16, name: Option<&str>) -> Json {
    let object = catalogue.at(object);
    let field = object.at(field);
    json!({
        "cascadeDelete": field.schema.on_delete == OnDelete::Cascade,
        "childSObject": object.name,
        "deprecatedAndHidden": false,
        "field": field.name(),
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": name,
        "restrictedDelete": field.schema.on_delete == OnDelete::Restrict,
    })
}

fn record_types(catalogue: &Catalogue, object: &Object, version: &str) -> Vec<Json> {
    let info = |id: &str, developer_name: &str, name: &str, master: bool| {
        json!({
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": master,
            "developerName": developer_name,
            "master": master,
            "name": name,
            "recordTypeId": id,
            "urls": {"layout": format!("/services/data/v{version}/sobjects/{}/describe/layouts/{id}", object.name)},
        })
    };
    let own = object
        .record_types
        .iter()
        .map(|(rt, id)| info(&catalogue.id_text(*id), &rt.developer_name, &rt.name, false));
    own.chain(std::iter::once(info(
        "012000000000000AAA",
        "Master",
        "Master",
        true,
    )))
    .collect()
}

fn soap_type(kind: FieldKind) -> &'static str {
    use FieldKind as K;
    match kind {
        K::Id | K::Reference => "tns:ID",
        K::Int => "xsd:int",
        K::Double | K::Currency | K::Percent => "xsd:double",
        K::Boolean => "xsd:boolean",
        K::Date => "xsd:date",
        K::Datetime => "xsd:dateTime",
        K::Address => "urn:address",
        K::String | K::Textarea | K::Picklist | K::Multipicklist | K::Phone | K::Email | K::Url => {
            "xsd:string"
        }
    }
}

/// What no field here is or has, but clients look for.
const NEVER: [&str; 13] = [
    "aiPredictionField",
    "calculated",
    "cascadeDelete",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "queryByDistance",
    "searchPrefilterable",
    "writeRequiresMasterRead",
];
const NOTHING: [&str; 9] = [
    "calculatedFormula",
    "controllerName",
    "defaultValueFormula",
    "filteredLookupInfo",
    "inlineHelpText",
    "mask",
    "maskType",
    "referenceTargetField",
    "relationshipOrder",
];

/// Whether a field is what a record is called by: `Name`, or the number or subject of objects without one.
fn names(object: &Object, field: &Field) -> bool {
    match object.field("Name") {
        Some(_) => field.name() == "Name",
        None => {
            let activity = matches!(object.name.as_str(), "Task" | "Event");
            field.schema.auto_number.is_some() || activity && field.name() == "Subject"
        }
    }
}

fn field(catalogue: &Catalogue, object: &Object, field: &Field) -> Json {
    use FieldKind as K;
    let schema = &field.schema;
    let kind = schema.kind;
    let long = kind == K::Textarea && schema.length > 255;
    let searchable = !long && kind != K::Address;
    let number = matches!(kind, K::Double | K::Currency | K::Percent);
    let is_id = field.home == Home::Id;
    let references: Vec<&str> = field
        .references
        .iter()
        .map(|o| catalogue.at(*o).name.as_str())
        .collect();
    let text = soap_type(kind) == "xsd:string";
    let picklist: Vec<Json> = schema
        .picklist
        .iter()
        .map(|value| {
            json!({
                "active": true,
                "defaultValue": schema.default.as_deref() == Some(value),
                "label": value,
                "validFor": null,
                "value": value,
            })
        })
        .collect();
    let default = match (kind, &schema.default) {
        (K::Boolean, default) => json!(default.as_deref() == Some("true")),
        (_, Some(text)) => json!(text),
        _ => Json::Null,
    };
    let mut told = Map::new();
    for name in NEVER {
        told.insert(name.to_owned(), json!(false));
    }
    for name in NOTHING {
        told.insert(name.to_owned(), Json::Null);
    }
    let more = json!({
        "aggregatable": searchable && kind != K::Boolean,
        "autoNumber": schema.auto_number.is_some(),
        "byteLength": if text { schema.length * 3 } else { schema.length },
        "caseSensitive": schema.case_sensitive,
        "compoundFieldName": field.compound,
        "createable": object.writable && schema.createable,
        "custom": field.custom(),
        "defaultValue": default,
        "defaultedOnCreate": field.defaulted_on_create(),
        "digits": if kind == K::Int { 8 } else { 0 },
        "externalId": schema.external_id,
        "extraTypeInfo": if kind == K::Textarea { json!("plaintextarea") } else { Json::Null },
        "filterable": searchable,
        "groupable": searchable && !number && !matches!(kind, K::Datetime | K::Multipicklist),
        "idLookup": is_id || schema.external_id || schema.id_lookup,
        "label": field.label,
        "length": schema.length,
        "name": field.name(),
        "nameField": names(object, field),
        "namePointing": field.references.len() > 1,
        "nillable": field.nillable(),
        "permissionable": field.nillable() && schema.createable,
        "picklistValues": picklist,
        "polymorphicForeignKey": field.references.len() > 1,
        "precision": if number { schema.precision } else { 0 },
        "referenceTo": references,
        "relationshipName": schema.relationship,
        "restrictedDelete": schema.on_delete == OnDelete::Restrict,
        "restrictedPicklist": schema.restricted,
        "scale": if number { schema.scale } else { 0 },
        "soapType": soap_type(kind),
        "sortable": searchable,
        "type": kind,
        "unique": schema.unique,
        "updateable": object.writable && schema.updateable,
    });
    if let Json::Object(more) = more {
        told.extend(more);
    }
    Json::Object(told)
}
