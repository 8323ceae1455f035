//! What a query's columns are, without its records: `query?columns=true`, which the Salesforce CLI asks after every
//! query to know how to show it.

use serde_json::{Value as Json, json};

use super::QueryError;
use super::parser::parse;
use super::plan::{Output, plan};
use super::shape::{Part, Shape};
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field, Object};
use crate::store::Store;

/// The columns of a query, in the order asked.
pub(crate) fn columns(
    catalogue: &Catalogue,
    store: &Store,
    text: &str,
) -> Result<Json, QueryError> {
    let query = parse(text)?;
    let plan = plan(catalogue, store, &query, false)?;
    let columns = match &plan.output {
        Output::Count => Vec::new(),
        Output::Records(shape) => of_shape(catalogue, plan.object, shape),
        Output::Groups(grouping) => grouping.columns(catalogue),
    };
    let id = columns.iter().any(|column| column["columnName"] == "Id");
    let prefix: String = plan.object.prefix.iter().copied().map(char::from).collect();
    Ok(json!({
        "columnMetadata": columns,
        "entityName": plan.object.name,
        "groupBy": !query.group_by.is_empty(),
        "idSelected": id,
        "keyPrefix": prefix,
    }))
}

fn of_shape(catalogue: &Catalogue, object: &Object, shape: &Shape) -> Vec<Json> {
    let parts = shape.parts.iter();
    parts
        .map(|part| match part {
            Part::Field { leaves, name } => {
                let (object, field) = leaves[0];
                of_field(name, catalogue.at(object).at(field))
            }
            Part::Parent { hop, name, shape } => {
                let reference = object.at(*hop);
                let parent = catalogue.at(reference.references[0]);
                let mut column = plain(name, false);
                column["foreignKeyName"] = json!(reference.name());
                column["joinColumns"] = Json::Array(of_shape(catalogue, parent, shape));
                column
            }
            Part::Children(children) => {
                let child = catalogue.at(children.object);
                let mut column = plain(&children.name, true);
                column["joinColumns"] = Json::Array(of_shape(catalogue, child, &children.shape));
                column
            }
        })
        .collect()
}

/// A column of one field.
pub(super) fn of_field(name: &str, field: &Field) -> Json {
    use FieldKind as K;
    let kind = field.kind();
    let apex = match kind {
        K::Id | K::Reference => "Id",
        K::Boolean => "Boolean",
        K::Int => "Integer",
        K::Double | K::Currency | K::Percent => "Double",
        K::Date => "Date",
        K::Datetime => "Datetime",
        K::Address => "Address",
        _ => "String",
    };
    let mut column = plain(name, false);
    column["apexType"] = json!(apex);
    column["booleanType"] = json!(kind == K::Boolean);
    column["custom"] = json!(field.custom());
    column["insertable"] = json!(field.schema.createable);
    column["numberType"] = json!(matches!(apex, "Integer" | "Double"));
    column["textType"] = json!(apex == "String");
    column["updatable"] = json!(field.schema.updateable);
    column
}

/// A column of which nothing is known but its name; `aggregate`: of a function, or a list of children.
pub(super) fn plain(name: &str, aggregate: bool) -> Json {
    json!({
        "aggregate": aggregate,
        "apexType": null,
        "booleanType": false,
        "columnName": name,
        "custom": name.ends_with("__r"),
        "displayName": name,
        "foreignKeyName": null,
        "insertable": false,
        "joinColumns": [],
        "numberType": false,
        "textType": false,
        "updatable": false,
    })
}
