//! Lookups: a parent is found by its own target key, so the child computes that key from its reference to the parent.
//! It is the parent's external-id expression with the parent's key put in the place of its key column.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{Expr, visit_expressions_mut};
use model::Failure;
use model::migration::Migration;

use crate::columns;

/// A parent's key as its child computes it.
pub(crate) struct ParentKey {
    /// Over the child's columns, names not resolved yet.
    pub(crate) expr: Expr,
    /// The parent's field that holds the key.
    pub(crate) external_id: String,
    /// The target's object that the parent goes to.
    pub(crate) object: String,
}

pub(crate) fn parent_key(
    migration: &Migration,
    parent: &str,
    by: &str,
) -> Result<ParentKey, Failure> {
    let parent = migration
        .object(parent)
        .ok_or_else(|| Failure::bug("a lookup names no object"))?;
    let external_id = parent
        .external_id
        .first()
        .ok_or_else(|| Failure::bug("a lookup's parent has no external id"))?;
    let by = columns::parse(by)?;
    let written = parent
        .fields
        .as_ref()
        .and_then(|fields| fields.get(external_id))
        .map_or(external_id.as_str(), |field| field.expression());
    let mut expr = columns::parse(written)?;
    let mut other = None;
    let _ = visit_expressions_mut(&mut expr, |expr| {
        let Expr::Identifier(name) = &*expr else {
            return ControlFlow::<()>::Continue(());
        };
        let is_key = match parent.key.as_slice() {
            [key] => key.to_lowercase() == name.value.to_lowercase(),
            // Its only column is its key, whatever it is called: a parent without `key` has its table's primary key.
            _ => parent.key.is_empty(),
        };
        if !is_key {
            other = Some(name.value.clone());
        }
        ControlFlow::Continue(())
    });
    if let Some(other) = other {
        return Err(Failure::usage(
            "parent_key_not_known",
            format!(
                "the key of `{}` is computed from `{other}`, which its child does not have",
                parent.name
            ),
        )
        .hint(format!(
            "compute `{external_id}` of `{0}` from its single `key` column alone, or write `id_map: true` on `{0}`, so that its ids are kept",
            parent.name
        )));
    }
    expr = replace(expr, &by);
    Ok(ParentKey {
        expr,
        external_id: external_id.clone(),
        object: parent.to.clone(),
    })
}

/// Puts `by` in the place of every name.
fn replace(mut expr: Expr, by: &Expr) -> Expr {
    if let Expr::Identifier(_) = expr {
        return by.clone();
    }
    let by = Expr::Nested(Box::new(by.clone()));
    // Visited from the leaves up, so that what is put in is not visited itself.
    let _ = visit_expressions_mut(&mut expr, |expr| {
        if let Expr::Identifier(_) = expr {
            *expr = by.clone();
        }
        ControlFlow::<()>::Continue(())
    });
    expr
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(external_id: &str, by: &str) -> Result<String, Failure> {
        let file = format!(
            "migration: m
connections:
  a: {{ kind: sqlite, url: \"sqlite:///x\" }}
source: a
target: a
objects:
  - {{ name: p, from: {{ table: p }}, key: id, to: P, operation: upsert, external_id: K, fields: {{ K: \"{external_id}\" }} }}
  - {{ name: c, from: {{ table: c }}, to: C, fields: {{ P: {{ lookup: p, by: \"{by}\" }} }} }}
"
        );
        let migration = Migration::parse(&file, "m.yaml")?;
        let child = migration
            .object("c")
            .and_then(|object| object.fields.clone())
            .expect("a child");
        let key = parent_key(&migration, "p", child["P"].expression())?;
        Ok(key.expr.to_string())
    }

    #[test]
    fn the_childs_reference_takes_the_place_of_the_parents_key() {
        assert_eq!(key("id", "parent_id").expect("a key"), "parent_id");
        assert_eq!(key("'L_' || id", "pid").expect("a key"), "'L_' || (pid)");
        assert_eq!(
            key("'L_' || ID", "a || id").expect("a key"),
            "'L_' || (a || id)"
        );
        assert_eq!(
            key("code || id", "pid").expect_err("code").code,
            "parent_key_not_known"
        );
    }
}
