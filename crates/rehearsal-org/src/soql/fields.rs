//! `FIELDS(ALL)`, `FIELDS(STANDARD)` and `FIELDS(CUSTOM)`: groups of fields, written out before a query is planned.

use std::borrow::Cow;

use super::QueryError;
use super::ast::{Expression, FieldGroup, Item, Name, Query};
use crate::schema::FieldKind;
use crate::schema::catalogue::{Field, Object};

/// The most rows of a query whose fields are not known beforehand.
const MOST: usize = 200;

/// Writes the groups out as the fields they stand for.
pub(super) fn expand<'q>(object: &Object, query: &'q Query) -> Result<Cow<'q, Query>, QueryError> {
    let Some(first) = query.fields.first() else {
        return Ok(Cow::Borrowed(query));
    };
    let refuse = |text: &str| Err(QueryError::new("MALFORMED_QUERY", text).at(first.at));
    let aggregate = |item: &Item| matches!(item.expression, Expression::Aggregate(..));
    if !query.group_by.is_empty() || query.select.iter().any(aggregate) {
        return refuse("The SOQL FIELDS function is not supported with aggregate expressions");
    }
    let open = |group| group != FieldGroup::Standard;
    if query.fields.iter().any(|f| open(f.group)) && query.limit.is_none_or(|l| l > MOST) {
        return refuse("The SOQL FIELDS function must have a LIMIT of at most 200");
    }
    written_out(object, query, &|_| true).map(Cow::Owned)
}

/// The same for bulk queries, which take groups of known fields only, and of them no compound ones.
pub(super) fn expand_flat<'q>(
    object: &Object,
    query: &'q Query,
) -> Result<Cow<'q, Query>, QueryError> {
    if query.fields.is_empty() {
        return Ok(Cow::Borrowed(query));
    }
    if let Some(group) = query
        .fields
        .iter()
        .find(|f| f.group != FieldGroup::Standard)
    {
        let text =
            "The SOQL FIELDS function is not supported with an unbounded set of fields in this API";
        return Err(QueryError::new("MALFORMED_QUERY", text).at(group.at));
    }
    let simple = |field: &Field| field.kind() != FieldKind::Address;
    written_out(object, query, &simple).map(Cow::Owned)
}

fn written_out(
    object: &Object,
    query: &Query,
    take: &dyn Fn(&Field) -> bool,
) -> Result<Query, QueryError> {
    let mut whole = query.clone();
    // From the last to the first, so that places stay true.
    for group in whole.fields.drain(..).rev() {
        let items: Vec<Item> = object
            .fields
            .iter()
            .filter(|field| take(field))
            .filter(|field| match group.group {
                FieldGroup::All => true,
                FieldGroup::Standard => !field.custom(),
                FieldGroup::Custom => field.custom(),
            })
            .map(|field| Item {
                expression: Expression::Field(Name {
                    text: field.name().to_owned(),
                    at: group.at,
                }),
                alias: None,
            })
            .collect();
        if items.is_empty() {
            let text = "The SOQL FIELDS function must resolve to at least one field";
            return Err(QueryError::new("MALFORMED_QUERY", text).at(group.at));
        }
        for (place, _) in &mut whole.children {
            if *place > group.place {
                *place += items.len();
            }
        }
        whole.select.splice(group.place..group.place, items);
    }
    Ok(whole)
}
