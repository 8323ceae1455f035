//! What a query's columns are, told by `columns=true` in place of its records: clients lay out tables by it.

use serde_json::{Value as Json, json};

use super::QueryError;
use super::ast::{Expression, Function, Query};
use super::parser::parse;
use super::plan::{Output, object, plan};
use super::shape::{Part, Shape};
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field, Object};
use crate::store::Store;

/// The columns of a query.
pub(crate) fn columns(
    catalogue: &Catalogue,
    store: &Store,
    text: &str,
) -> Result<Json, QueryError> {
    let query = parse(text)?;
    let of = object(catalogue, &query)?;
    let (columns, grouped) = match plan(catalogue, store, &query, false)?.output {
        Output::Count => (Vec::new(), false),
        Output::Records(shape) => (of_shape(catalogue, of, &shape), false),
        Output::Groups(_) => (of_groups(&query), true),
    };
    let prefix: String = of.prefix.iter().copied().map(char::from).collect();
    let id = columns.iter().any(|column| column["columnName"] == "Id");
    Ok(json!({
        "columnMetadata": columns,
        "entityName": of.name,
        "groupBy": grouped,
        "idSelected": id,
        "keyPrefix": prefix,
    }))
}

fn of_shape(catalogue: &Catalogue, object: &Object, shape: &Shape) -> Vec<Json> {
    let each = shape.parts.iter().map(|part| match part {
        Part::Field { leaves, name } => {
            let field = leaves.first().map(|(o, f)| catalogue.at(*o).at(*f));
            match field {
                Some(field) => of_field(field),
                None => column(name, name, false, Vec::new()),
            }
        }
        Part::Parent { hop, name, shape } => {
            let parent = object.at(*hop).references.first();
            let parent = parent.map_or(object, |parent| catalogue.at(*parent));
            column(name, name, false, of_shape(catalogue, parent, shape))
        }
        Part::Children(children) => {
            let of = catalogue.at(children.object);
            let joined = of_shape(catalogue, of, &children.shape);
            column(&children.name, &children.name, true, joined)
        }
    });
    each.collect()
}

fn of_field(field: &Field) -> Json {
    use FieldKind as K;
    let apex = match field.kind() {
        K::Id | K::Reference => "Id",
        K::Int => "Integer",
        K::Double | K::Currency | K::Percent => "Double",
        K::Boolean => "Boolean",
        K::Date => "Date",
        K::Datetime => "Datetime",
        _ => "String",
    };
    let mut told = column(field.name(), field.name(), false, Vec::new());
    told["apexType"] = json!(apex);
    told["booleanType"] = json!(apex == "Boolean");
    told["numberType"] = json!(matches!(apex, "Integer" | "Double"));
    told["textType"] = json!(apex == "String");
    told["custom"] = json!(field.custom());
    told["insertable"] = json!(field.schema.createable);
    told["updatable"] = json!(field.schema.updateable);
    told
}

/// Grouped fields by their names, aggregates by alias, or as `expr0`, `expr1`, ….
fn of_groups(query: &Query) -> Vec<Json> {
    let mut unnamed = 0;
    let each = query.select.iter().map(|item| match &item.expression {
        Expression::Field(name) => {
            let shown = item.alias.as_ref().unwrap_or(&name.text);
            column(shown, &name.text, false, Vec::new())
        }
        Expression::Aggregate(function, name) => {
            let shown = item.alias.clone().unwrap_or_else(|| {
                unnamed += 1;
                format!("expr{}", unnamed - 1)
            });
            let function = match function {
                Function::Count => "count",
                Function::CountDistinct => "count_distinct",
                Function::Sum => "sum",
                Function::Avg => "avg",
                Function::Min => "min",
                Function::Max => "max",
            };
            let display = format!("{function}({})", name.text);
            column(&shown, &display, true, Vec::new())
        }
    });
    each.collect()
}

fn column(name: &str, display: &str, aggregate: bool, joined: Vec<Json>) -> Json {
    json!({
        "aggregate": aggregate,
        "apexType": null,
        "booleanType": false,
        "columnName": name,
        "custom": false,
        "displayName": display,
        "foreignKeyName": null,
        "insertable": false,
        "joinColumns": joined,
        "numberType": false,
        "textType": false,
        "updatable": false,
    })
}
