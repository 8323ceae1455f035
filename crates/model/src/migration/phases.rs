//! Parents before children: the order of the objects, worked out from their lookups.

use super::{Migration, Object};
use crate::Failure;

/// The objects' names by phase; an object's parents are all in earlier phases. Within a phase the file's order stands.
pub fn phases(migration: &Migration) -> Result<Vec<Vec<String>>, Failure> {
    let mut placed: Vec<&str> = Vec::new();
    let mut phases = Vec::new();
    while placed.len() < migration.objects.len() {
        let ready: Vec<&str> = migration
            .objects
            .iter()
            .filter(|object| !placed.contains(&object.name.as_str()))
            .filter(|object| parents(object).all(|parent| placed.contains(&parent)))
            .map(|object| object.name.as_str())
            .collect();
        if ready.is_empty() {
            return Err(cycle(migration, &placed));
        }
        placed.extend(&ready);
        phases.push(ready.into_iter().map(str::to_owned).collect());
    }
    Ok(phases)
}

/// The objects that must be moved before this one.
fn parents(object: &Object) -> impl Iterator<Item = &str> {
    lookups(object)
        .map(|(_, parent)| parent)
        .chain(object.after.iter().map(String::as_str))
}

/// The fields that are lookups, with the parent object that each names.
fn lookups(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    object.fields.iter().flatten().filter_map(|(name, field)| {
        field
            .lookup()
            .map(|lookup| (name.as_str(), lookup.lookup.as_str()))
    })
}

/// Follows unplaced parents from any unplaced object until one comes round again.
fn cycle(migration: &Migration, placed: &[&str]) -> Failure {
    let unplaced = |name: &&str| !placed.contains(name);
    let mut path: Vec<&str> = Vec::new();
    let mut next = migration
        .objects
        .iter()
        .map(|o| o.name.as_str())
        .find(unplaced);
    while let Some(name) = next {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            path.drain(..start);
            break;
        }
        path.push(name);
        next = migration
            .object(name)
            .and_then(|object| parents(object).find(unplaced));
    }
    let first = path.first().copied().unwrap_or_default();
    let field = migration
        .object(first)
        .and_then(|object| lookups(object).find(|(_, parent)| path.contains(parent)))
        .map(|(field, _)| field)
        .unwrap_or("after");
    let round = path
        .iter()
        .chain([&first])
        .copied()
        .collect::<Vec<_>>()
        .join(" -> ");
    Failure::usage("cyclic_lookup", format!("lookups form a cycle: {round}"))
        .object(first)
        .field(field)
        .hint(format!(
            "take `{field}` out of `{first}`, and add a second object from the same table that comes `after` it, \
             with `operation: upsert`, the same external id, and only the lookup among its fields"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(objects: &str) -> Result<Migration, Failure> {
        let head = "migration: m\nconnections:\n  a: { kind: sqlite, url: \"sqlite:///x\" }\nsource: a\ntarget: a\nobjects:\n";
        Migration::parse(&format!("{head}{objects}"), "m.yaml")
    }

    #[test]
    fn parents_come_before_children() {
        let migration = migration(
            "  - { name: lines, from: { table: l }, key: id, to: L, fields: { id: id, Order: { lookup: orders, by: order_id } } }
  - { name: orders, from: { table: o }, key: id, to: O, operation: upsert, external_id: id, fields: { id: id, Who: { lookup: people, by: p } } }
  - { name: people, from: { table: p }, key: id, to: P, operation: upsert, external_id: id, fields: { id: id } }
  - { name: audit, from: { table: x }, to: X, after: lines }",
        )
        .expect("is valid");
        assert_eq!(
            phases(&migration).expect("no cycle"),
            [vec!["people"], vec!["orders"], vec!["lines"], vec!["audit"]]
        );
    }

    #[test]
    fn a_cycle_is_named_with_its_line_and_the_way_out() {
        let failure = migration(
            "  - { name: a, from: { table: a }, key: id, to: A, operation: upsert, external_id: id, fields: { id: id, B: { lookup: b, by: b } } }
  - { name: b, from: { table: b }, key: id, to: B, operation: upsert, external_id: id, fields: { id: id, A: { lookup: a, by: a } } }",
        )
        .expect_err("a cycle");
        assert_eq!(failure.code, "cyclic_lookup");
        assert!(failure.message.contains("a -> b -> a"));
        assert_eq!(failure.place.line, Some(7));
        assert!(
            failure
                .hint
                .expect("a hint")
                .contains("take `B` out of `a`")
        );
    }
}
