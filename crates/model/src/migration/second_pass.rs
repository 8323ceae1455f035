//! Lookups that form a cycle, and those of an object to itself, are set in a second pass: its objects are moved without them, then an object of its own, which
//! comes after them all, sets nothing but the lookups.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::id_map::own_id;
use super::phases::{lookups, order};
use super::{Migration, OWN_ID, Object, Operation, Reconcile};
use crate::Failure;

/// What the name of a second pass ends in.
const SUFFIX: &str = "-links";

/// Splits objects until none waits for itself. A file that went through this comes out of it again as it is.
pub(super) fn split(migration: &mut Migration) -> Result<(), (Failure, String)> {
    while let Some((place, fields)) = next(migration) {
        put_off(&mut migration.objects[place], &fields);
    }
    for place in 0..migration.objects.len() {
        if let Some(links) = links(migration, place)? {
            migration.objects.push(links);
        }
    }
    Ok(())
}

/// The object whose lookups are to wait, and which of them: one that refers to itself, whose lookup has to wait in any case; then the one that sets the most
/// others free, by the fewest lookups, the first in the file of those.
fn next(migration: &Migration) -> Option<(usize, Vec<String>)> {
    let objects = || migration.objects.iter().enumerate();
    let to_itself = objects().find_map(|(place, object)| {
        let fields = names(object, |parent| parent == object.name);
        (!fields.is_empty()).then_some((place, fields))
    });
    if to_itself.is_some() {
        return to_itself;
    }
    let (_, stuck) = order(migration);
    let stuck: HashSet<&str> = stuck.iter().map(String::as_str).collect();
    let candidates = objects().filter_map(|(place, object)| {
        let fields = names(object, |parent| {
            // Put off in vain where the object waits for that parent anyway.
            let waits = object.after.iter().any(|after| after == parent);
            !waits && is_reached(migration, &stuck, parent, &object.name)
        });
        let mut without = migration.clone();
        put_off(&mut without.objects[place], &fields);
        let left = order(&without).1.len();
        (!fields.is_empty()).then_some(((left, fields.len()), place, fields))
    });
    let (_, place, fields) = candidates.min_by_key(|(cost, place, _)| (*cost, *place))?;
    Some((place, fields))
}

/// The lookups of an object to such parents.
fn names(object: &Object, which: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<_> = lookups(object)
        .filter(|(_, parent)| which(parent))
        .map(|(field, _)| field.to_owned())
        .collect();
    names.dedup();
    names
}

fn put_off(object: &mut Object, lookups: &[String]) {
    for (name, field) in object.fields.iter_mut().flatten() {
        if lookups.contains(name) {
            field.set_second_pass();
        }
    }
}

/// Whether `from` waits for `to`, by way of others perhaps.
fn is_reached(migration: &Migration, stuck: &HashSet<&str>, from: &str, to: &str) -> bool {
    if !stuck.contains(to) {
        return false;
    }
    let mut seen = HashSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name)
            && let Some(object) = migration.object(name)
        {
            next.extend(super::phases::parents(object).filter(|parent| stuck.contains(parent)));
        }
    }
    false
}

/// The second pass of an object, its late lookups taken out of it.
fn links(migration: &mut Migration, place: usize) -> Result<Option<Object>, (Failure, String)> {
    let target = migration.connections.get(&migration.target);
    let is_org = target.is_some_and(|target| target.kind() == "salesforce");
    let taken: Vec<String> = migration.objects.iter().map(|o| o.name.clone()).collect();
    let object = &mut migration.objects[place];
    let Some(fields) = &object.fields else {
        return Ok(None);
    };
    let late: Vec<String> = fields
        .iter()
        .filter(|(_, field)| field.second_pass())
        .map(|(name, _)| name.clone())
        .collect();
    let Some(first) = late.first() else {
        return Ok(None);
    };
    let by_id = object.id_map || object.external_id.is_empty();
    // An org finds records by an external id in an upsert alone; those that are updated are found by their own.
    let operation = if is_org && object.operation != Operation::Update && !by_id {
        Operation::Upsert
    } else {
        Operation::Update
    };
    let name = format!("{}{SUFFIX}", object.name);
    let wrong = |code: &str, message: String, hint: String| {
        let failure = Failure::usage(code, message)
            .object(&object.name)
            .field(first)
            .hint(hint);
        (failure, format!("objects.{place}.fields.{first}"))
    };
    if taken.contains(&name) {
        return Err(wrong(
            "duplicate_object",
            format!(
                "the second pass of `{}` would be called `{name}`, as an object of this file is",
                object.name
            ),
            "rename the other object".to_owned(),
        ));
    }
    let mut linked = IndexMap::new();
    let external_id = if by_id {
        let own = own_id(object).map_err(|failure| {
            (
                failure.field(&late[0]),
                format!("objects.{place}.fields.{}", late[0]),
            )
        })?;
        linked.insert(OWN_ID.to_owned(), own);
        vec![OWN_ID.to_owned()]
    } else {
        object.external_id.clone()
    };
    object.id_map = by_id;
    let fields = object.fields.get_or_insert_default();
    for key in &external_id {
        if let Some(field) = fields.get(key) {
            linked.insert(key.clone(), field.clone());
        }
    }
    for field in &late {
        if let Some(lookup) = fields.shift_remove(field) {
            linked.insert(field.clone(), lookup.now());
        }
    }
    Ok(Some(Object {
        name,
        operation,
        external_id,
        id_map: false,
        fields: Some(linked),
        after: Vec::new(),
        second_pass_of: Some(object.name.clone()),
        // Its records were counted when they were moved.
        reconcile: Reconcile { counts: false },
        ..object.clone()
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::phases;
    use super::*;

    fn parse(kind: &str, objects: &str) -> Result<Migration, Failure> {
        let settings = match kind {
            "salesforce" => {
                "{ kind: salesforce, instance_url: \"http://127.0.0.1\", access_token: \"${T}\" }"
            }
            _ => "{ kind: sqlite, url: \"sqlite:///x\" }",
        };
        let head = format!(
            "migration: m\nconnections:\n  s: {{ kind: sqlite, url: \"sqlite:///x\" }}\n  t: {settings}\nsource: s\ntarget: t\nobjects:\n"
        );
        Migration::parse(&format!("{head}{objects}"), "m.yaml")
    }

    fn order_of(migration: &Migration) -> Vec<String> {
        let phases = phases(migration).unwrap();
        phases.iter().map(|phase| phase.objects.join(" ")).collect()
    }

    fn object(name: &str, lookups: &str) -> String {
        format!(
            "  - {{ name: {name}, from: {{ table: {name} }}, key: id, to: {name}, operation: upsert, external_id: K, fields: {{ K: id, N: n{lookups} }} }}\n"
        )
    }

    #[test]
    fn an_object_that_refers_to_itself_is_moved_and_then_linked() {
        let objects = object("people", ", Boss: { lookup: people, by: boss }")
            .replace("key: id", "key: id, chunk_by: team");
        let migration = parse("salesforce", &objects).unwrap();
        assert_eq!(order_of(&migration), ["people", "people-links"]);
        let first = migration.object("people").unwrap().fields.as_ref().unwrap();
        assert_eq!(first.keys().collect::<Vec<_>>(), ["K", "N"]);
        let links = migration.object("people-links").unwrap();
        let fields = links.fields.as_ref().unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["K", "Boss"]);
        assert_eq!(
            (links.operation, links.reconcile.counts),
            (Operation::Upsert, false)
        );
        assert_eq!(links.chunk_by, ["team"], "the same records, cut alike");
        let again = Migration::parse(&migration.to_yaml().unwrap(), "m.yaml").unwrap();
        assert_eq!(again, migration, "what is stored is read again as it is");
        let sql = parse("sqlite", &objects).unwrap();
        assert_eq!(
            sql.object("people-links").unwrap().operation,
            Operation::Update
        );
    }

    #[test]
    fn of_a_cycle_the_object_that_sets_the_most_others_free_is_linked_later() {
        let objects = object("a", ", B: { lookup: b, by: b }, C: { lookup: c, by: c }")
            + &object("b", ", C: { lookup: c, by: c }")
            + &object("c", ", A: { lookup: a, by: a }, D: { lookup: d, by: d }")
            + &object("d", "");
        let migration = parse("sqlite", &objects).unwrap();
        assert_eq!(order_of(&migration), ["d", "c", "b", "a", "c-links"]);
    }

    #[test]
    fn what_can_not_be_linked_later_is_refused_with_the_way_out() {
        let objects = object("p", "")
            + "  - { name: q, from: { table: q }, to: Q, fields: { N: n, P: { lookup: p, by: p, second_pass: true } } }\n";
        let failure = parse("sqlite", &objects).unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.place.line),
            ("no_second_pass", Some(9)),
            "{failure}"
        );
    }

    #[test]
    fn after_can_make_a_cycle_that_no_second_pass_mends() {
        let objects = object("a", ", B: { lookup: b, by: b }").replace("from:", "after: b, from:")
            + &object("b", ", A: { lookup: a, by: a }");
        let migration = parse("sqlite", &objects).unwrap();
        assert_eq!(order_of(&migration), ["b", "a", "b-links"]);
        let objects = object("a", "").replace("from:", "after: b, from:")
            + &object("b", "").replace("from:", "after: a, from:");
        assert_eq!(parse("sqlite", &objects).unwrap_err().code, "cyclic_order");
    }

    #[test]
    fn without_an_external_id_records_are_found_again_by_the_ids_that_were_kept() {
        let objects = object("people", ", Boss: { lookup: people, by: boss }")
            .replace("operation: upsert, external_id: K, ", "");
        for kind in ["sqlite", "salesforce"] {
            let migration = parse(kind, &objects).unwrap();
            let links = migration.object("people-links").unwrap();
            let fields: Vec<_> = links
                .fields
                .iter()
                .flatten()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(fields, [OWN_ID, "Boss"]);
            assert_eq!((links.operation, links.id_map), (Operation::Update, false));
            assert_eq!(links.external_id, [OWN_ID]);
            assert!(migration.object("people").unwrap().id_map);
            let again = Migration::parse(&migration.to_yaml().unwrap(), "m.yaml").unwrap();
            assert_eq!(again, migration);
        }
        let keyless = objects.replace("key: id, ", "");
        assert_eq!(
            parse("sqlite", &keyless).unwrap_err().code,
            "no_second_pass"
        );
    }

    #[test]
    fn ids_that_turn_out_to_be_needed_later_are_kept_from_then_on() {
        let objects = object(
            "people",
            ", Boss: { lookup: people, by: boss }, Team: { lookup: [people, teams], which: w, by: t }",
        ) + &object("teams", "");
        let mut migration = parse("salesforce", &objects).unwrap();
        assert_eq!(
            migration.object("people-links").unwrap().operation,
            Operation::Upsert
        );
        migration.keep_ids(&["people".to_owned()]).unwrap();
        let links = migration.object("people-links").unwrap();
        assert_eq!(
            (links.operation, links.external_id.as_slice()),
            (Operation::Update, &[OWN_ID.to_owned()][..])
        );
        assert_eq!(
            links.fields.as_ref().unwrap().keys().next().unwrap(),
            OWN_ID
        );
        assert!(
            migration.object("teams").unwrap().id_map,
            "a lookup goes by one kind of key"
        );
        let again = Migration::parse(&migration.to_yaml().unwrap(), "m.yaml").unwrap();
        assert_eq!(again, migration);
    }

    #[test]
    fn nobody_has_an_id_of_its_own_to_go_by() {
        let objects = object("people", ", '@id': { lookup: people, by: id }");
        let failure = parse("sqlite", &objects).unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.place.field.as_deref()),
            ("invalid_field", Some(OWN_ID))
        );
    }
}
