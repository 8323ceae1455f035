//! Parents before children: the order of the objects, worked out from their lookups, within the phases that the file names.

use std::collections::HashSet;

use super::{Migration, Object};
use crate::Failure;

/// Objects that may be moved at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// As the file names it; several phases share a name where lookups ask for an order within it.
    pub name: Option<String>,
    pub objects: Vec<String>,
}

/// The phases in their order; an object's parents are all in earlier ones. Within a phase the file's order stands.
pub fn phases(migration: &Migration) -> Result<Vec<Phase>, Failure> {
    let (phases, stuck) = order(migration);
    match stuck.first() {
        None => Ok(phases),
        Some(first) => Err(Failure::usage(
            "cyclic_order",
            format!("these objects wait for one another: {}", stuck.join(", ")),
        )
        .object(first)
        .hint("an entry of `after`, or the order of `phases`, contradicts a lookup")),
    }
}

/// The phases as far as they can be had, and the objects that wait for one another.
pub(super) fn order(migration: &Migration) -> (Vec<Phase>, Vec<String>) {
    let mut placed: HashSet<&str> = HashSet::new();
    let mut phases = Vec::new();
    let mut names: Vec<Option<&str>> = migration.phases.keys().map(|n| Some(n.as_str())).collect();
    if names.is_empty() {
        names.push(None);
    }
    for name in names {
        let of_phase =
            |object: &Object| name.is_none_or(|name| migration.phase_of(object) == Some(name));
        loop {
            let ready: Vec<&str> = migration
                .objects
                .iter()
                .filter(|object| of_phase(object) && !placed.contains(object.name.as_str()))
                .filter(|object| parents(object).all(|parent| placed.contains(parent)))
                .map(|object| object.name.as_str())
                .collect();
            if ready.is_empty() {
                break;
            }
            placed.extend(&ready);
            phases.push(Phase {
                name: name.map(str::to_owned),
                objects: ready.into_iter().map(str::to_owned).collect(),
            });
        }
    }
    let stuck = migration.objects.iter().map(|object| object.name.as_str());
    let stuck = stuck.filter(|name| !placed.contains(name));
    let stuck = stuck.map(str::to_owned).collect();
    (phases, stuck)
}

/// The objects that must be moved before this one.
pub(super) fn parents(object: &Object) -> impl Iterator<Item = &str> {
    lookups(object)
        .map(|(_, parent)| parent)
        .chain(object.after.iter().map(String::as_str))
        .chain(object.second_pass_of.as_deref())
}

/// The fields that are lookups and set when the object is moved, with the parent objects that each names.
pub(super) fn lookups(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    object
        .fields
        .iter()
        .flatten()
        .filter(|(_, field)| !field.second_pass())
        .flat_map(|(name, field)| {
            let parents = field.parents().iter();
            parents.map(move |parent| (name.as_str(), parent.as_str()))
        })
}

impl Migration {
    /// The named phase that an object belongs to. A second pass belongs to the latest among its object's and its parents'.
    fn phase_of(&self, object: &Object) -> Option<&str> {
        let named = |name: &str| {
            self.phases
                .iter()
                .position(|(_, objects)| objects.iter().any(|object| object == name))
        };
        let place = match &object.second_pass_of {
            None => named(&object.name),
            Some(_) => parents(object).filter_map(named).max(),
        };
        place.and_then(|place| self.phases.get_index(place).map(|(name, _)| name.as_str()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn migration(objects: &str) -> Result<Migration, Failure> {
        let head = "migration: m\nconnections:\n  a: { kind: sqlite, url: \"sqlite:///x\" }\nsource: a\ntarget: a\nobjects:\n";
        Migration::parse(&format!("{head}{objects}"), "m.yaml")
    }

    fn told(migration: &Migration) -> Vec<String> {
        let phases = phases(migration).unwrap();
        let told = |phase: Phase| {
            let name = phase.name.map(|name| format!("{name}: "));
            format!("{}{}", name.unwrap_or_default(), phase.objects.join(" "))
        };
        phases.into_iter().map(told).collect()
    }

    const OBJECTS: &str = "  - { name: lines, from: { table: l }, key: id, to: L, fields: { id: id, Order: { lookup: orders, by: order_id } } }
  - { name: orders, from: { table: o }, key: id, to: O, operation: upsert, external_id: id, fields: { id: id, Who: { lookup: people, by: p } } }
  - { name: people, from: { table: p }, key: id, to: P, operation: upsert, external_id: id, fields: { id: id } }
  - { name: audit, from: { table: x }, to: X, after: lines }
";

    #[test]
    fn parents_come_before_children() {
        let migration = migration(OBJECTS).unwrap();
        assert_eq!(told(&migration), ["people", "orders", "lines", "audit"]);
    }

    #[test]
    fn named_phases_come_in_their_order_and_parents_first_within_each() {
        let phases =
            "phases: { master: [people], history: [audit], transactions: [orders, lines] }\n";
        let failure = migration(&format!("{OBJECTS}{phases}")).unwrap_err();
        assert_eq!(failure.code, "cyclic_order", "{failure}");
        let phases = phases.replace(
            "history: [audit], transactions: [orders, lines]",
            "transactions: [lines, orders], history: [audit]",
        );
        let migration = migration(&format!("{OBJECTS}{phases}")).unwrap();
        assert_eq!(
            told(&migration),
            [
                "master: people",
                "transactions: orders",
                "transactions: lines",
                "history: audit"
            ]
        );
    }

    #[test]
    fn every_object_is_in_one_phase() {
        for phases in [
            "phases: { a: [people, orders] }",
            "phases: { a: [people, orders, lines, audit], b: [people] }",
            "phases: { a: [nobody] }",
        ] {
            let failure = migration(&format!("{OBJECTS}{phases}\n")).unwrap_err();
            assert_eq!(failure.code, "incomplete_phases", "{failure}");
            assert!(failure.place.line.is_some(), "{failure}");
        }
    }
}
