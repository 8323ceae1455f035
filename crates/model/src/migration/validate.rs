//! What a migration file must be in itself, before any system is asked.
//! Each check returns the failure with the path of the entry at fault, from which its line is found.

use std::collections::HashSet;

use super::{Field, Migration, OWN_ID, Object, Rule, SHARED, environment};
use crate::Failure;

type Checked = Result<(), (Failure, String)>;

pub(super) fn validate(migration: &Migration) -> Checked {
    name(&migration.migration).map_err(|failure| (failure, "migration".to_owned()))?;
    connections(migration)?;
    migration.automation.check()?;
    let mut seen = HashSet::new();
    for (index, object) in migration.objects.iter().enumerate() {
        let path = format!("objects.{index}");
        let at = |failure: Failure, entry: &str| {
            (failure.object(&object.name), format!("{path}.{entry}"))
        };
        name(&object.name).map_err(|failure| at(failure, "name"))?;
        if !seen.insert(object.name.as_str()) {
            let failure = Failure::usage("duplicate_object", "two objects have this name");
            return Err(at(failure, "name"));
        }
        check_object(migration, object).map_err(|(failure, entry)| at(failure, &entry))?;
    }
    if migration.objects.is_empty() {
        let failure = Failure::usage("no_objects", "`objects` is empty: nothing would be moved");
        return Err((failure, "objects".to_owned()));
    }
    named_phases(migration)
}

/// Each object is in one of the named phases, or there are none.
fn named_phases(migration: &Migration) -> Checked {
    if migration.phases.is_empty() {
        return Ok(());
    }
    let wrong = |message: String, entry: &str| {
        let failure = Failure::usage("incomplete_phases", message)
            .hint("list every object of the file in one phase, or leave `phases` out");
        Err((failure, format!("phases{entry}")))
    };
    let mut seen = HashSet::new();
    for (phase, objects) in &migration.phases {
        for object in objects {
            if migration.object(object).is_none() {
                return wrong(
                    format!(
                        "the phase `{phase}` names `{object}`, which is not an object of this file"
                    ),
                    &format!(".{phase}"),
                );
            }
            if !seen.insert(object) {
                return wrong(format!("`{object}` is in two phases"), &format!(".{phase}"));
            }
        }
    }
    let listed = |object: &&Object| object.second_pass_of.is_none() && !seen.contains(&object.name);
    match migration.objects.iter().find(listed) {
        None => Ok(()),
        Some(object) => wrong(format!("`{}` is in no phase", object.name), ""),
    }
}

fn connections(migration: &Migration) -> Checked {
    for (name, template) in &migration.connections {
        environment::check(template)
            .map_err(|failure| (failure.connection(name), format!("connections.{name}")))?;
    }
    for (role, name) in [("source", &migration.source), ("target", &migration.target)] {
        migration
            .connection(name)
            .map_err(|failure| (failure, role.to_owned()))?;
    }
    Ok(())
}

/// Names become parts of queue names and of rows that people query.
fn name(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 60 || !name.chars().all(plain) {
        return Err(
            Failure::usage("invalid_name", format!("`{name}` can't be a name"))
                .hint("use up to 60 letters, digits, `-` and `_`"),
        );
    }
    Ok(())
}

fn check_object(migration: &Migration, object: &Object) -> Checked {
    let wrong = |entry: &str, code: &str, message: String, hint: &str| {
        Err((Failure::usage(code, message).hint(hint), entry.to_owned()))
    };
    if object
        .fields
        .as_ref()
        .is_some_and(indexmap::IndexMap::is_empty)
    {
        return wrong(
            "fields",
            "no_fields",
            "`fields` is empty: every record would be".to_owned(),
            "name at least one field, or leave `fields` out on an SQL target",
        );
    }
    object
        .check_chunk_by()
        .map_err(|failure| (failure, "chunk_by".to_owned()))?;
    for parent in &object.after {
        if migration.object(parent).is_none() {
            return wrong(
                "after",
                "unknown_object",
                format!("`after` names `{parent}`, which is not an object of this file"),
                "name another entry of `objects`",
            );
        }
    }
    if object.on_duplicate_key.ranks() && object.watermark.is_none() {
        return wrong(
            "on_duplicate_key",
            "no_watermark",
            "`keep_latest` and `merge` need to know which record is the latest".to_owned(),
            "add `watermark: <column>`",
        );
    }
    for (index, rule) in object.rules.iter().enumerate() {
        let before = &object.rules[..index];
        check_rule(rule, before).map_err(|failure| (failure, format!("rules.{index}")))?;
    }
    let fields = object.fields.iter().flatten();
    for (field, mapping) in fields {
        let entry = format!("fields.{field}");
        if field == SHARED && mapping.expression() != "same" {
            let failure = Failure::usage(
                "invalid_field",
                "`\"*\"` stands for all fields that both sides share, and its value is `same`",
            )
            .hint("write `\"*\": same`");
            return Err((failure.field(field), entry));
        }
        if field == OWN_ID && !is_others(object, mapping) {
            let failure = Failure::usage(
                "invalid_field",
                "`@id` is the id that the target gave a record when another object of this file moved it",
            )
            .hint("write `\"@id\": { lookup: <that object>, by: <column of its key> }`");
            return Err((failure.field(field), entry));
        }
        check_field(migration, mapping).map_err(|failure| (failure.field(field), entry))?;
    }
    for key in &object.external_id {
        let mapped = object
            .fields
            .as_ref()
            .is_none_or(|fields| fields.contains_key(key) || fields.contains_key(SHARED));
        if !mapped && !migration.stamp.contains_key(key) {
            return wrong(
                "external_id",
                "unmapped_external_id",
                format!("the external id `{key}` is not among the fields"),
                "add it to `fields`, computed from the source's key",
            );
        }
    }
    for (field, _) in &migration.stamp {
        if object
            .fields
            .as_ref()
            .is_some_and(|fields| fields.contains_key(field))
        {
            return wrong(
                &format!("fields.{field}"),
                "stamped_field",
                format!("`{field}` is set by `stamp` on every record"),
                "take it out of one of the two",
            );
        }
    }
    Ok(())
}

/// Whether a field takes the id of a record that another object has moved.
fn is_others(object: &Object, field: &Field) -> bool {
    matches!(field, Field::Lookup(lookup) if lookup.lookup != object.name && !lookup.second_pass)
}

fn check_rule(rule: &Rule, before: &[Rule]) -> Result<(), Failure> {
    name(&rule.name)?;
    if before.iter().any(|other| other.name == rule.name) {
        let message = format!("two rules have the name `{}`", rule.name);
        return Err(Failure::usage("duplicate_rule", message)
            .hint("refused records are told apart by the names of rules: give each its own"));
    }
    if rule.require.trim().is_empty() {
        let message = format!("the rule `{}` requires nothing", rule.name);
        return Err(Failure::usage("empty_expression", message)
            .hint("write a condition in SQL, like `amount >= 0`"));
    }
    Ok(())
}

fn check_field(migration: &Migration, field: &Field) -> Result<(), Failure> {
    if field.expression().trim().is_empty() {
        return Err(
            Failure::usage("empty_expression", "the expression is empty")
                .hint("write a column's name or an SQL expression; `null` for none"),
        );
    }
    if let Field::Reference(reference) = field
        && !reference
            .reference
            .split_once('.')
            .is_some_and(|(object, by)| !object.is_empty() && !by.is_empty() && !by.contains('.'))
    {
        return Err(Failure::usage(
            "invalid_reference",
            format!("`{}` names no field of an object", reference.reference),
        )
        .hint(
            "write the target's object and the field by which it is found, such as User.Username",
        ));
    }
    if let Field::AnyLookup(lookup) = field
        && lookup.which.trim().is_empty()
    {
        return Err(Failure::usage("empty_expression", "`which` is empty").hint(
            "write an SQL expression that gives the name of one of the objects under `lookup`",
        ));
    }
    field
        .parents()
        .iter()
        .try_for_each(|parent| check_parent(migration, parent))
}

fn check_parent(migration: &Migration, name: &str) -> Result<(), Failure> {
    if migration.object(name).is_none() {
        return Err(Failure::usage(
            "unknown_object",
            format!("the lookup names `{name}`, which is not an object of this file"),
        )
        .hint(
            "name another entry of `objects`; a value that needs no lookup is a plain expression",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "migration: m
connections:
  a: { kind: sqlite, url: \"sqlite:///x\" }
source: a
target: a
objects:
";

    fn failure(objects: &str) -> Failure {
        Migration::parse(&format!("{HEAD}{objects}"), "m.yaml").expect_err("is wrong")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    colour: red\n",
                "invalid_file",
                10,
            ),
            (
                "  - name: x y\n    from: { table: t }\n    to: T\n",
                "invalid_name",
                7,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    after: y\n",
                "unknown_object",
                10,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    fields:\n      A: a\n      B: { lookup: y, by: b }\n",
                "unknown_object",
                12,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    external_id: K\n    fields: { A: a }\n",
                "unmapped_external_id",
                10,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    on_duplicate_key: keep_latest\n",
                "no_watermark",
                10,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    on_duplicate_key: merge\n",
                "no_watermark",
                10,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    rules:\n      - { name: a, require: n > 0 }\n      - { name: a, require: m > 0 }\n",
                "duplicate_rule",
                12,
            ),
            (
                "  - name: x\n    from: { table: t }\n    to: T\n    rules:\n      - { name: a, require: \"\" }\n",
                "empty_expression",
                11,
            ),
            (
                "  - name: x\n    from: { file: t.csv }\n    to: T\n    chunk_by: parent\n",
                "no_chunk_by",
                10,
            ),
            (
                "  - name: x\n    from: { table: t }\n    key: [id, parent]\n    to: T\n    chunk_by: parent\n",
                "repeated_column",
                11,
            ),
        ];
        for (objects, code, line) in cases {
            let failure = failure(objects);
            assert_eq!(failure.code, code, "{failure}");
            assert_eq!(failure.place.line, Some(line), "{failure}");
            assert_eq!(failure.place.file.as_deref(), Some("m.yaml"));
            assert!(failure.hint.is_some(), "{failure}");
        }
    }

    #[test]
    fn unknown_keys_at_the_top_are_errors_too() {
        let failure =
            Migration::parse(&format!("colour: red\n{HEAD}"), "m.yaml").expect_err("is wrong");
        assert_eq!(
            (failure.code.as_str(), failure.place.line),
            ("invalid_file", Some(1))
        );
        assert!(failure.message.contains("colour"), "{failure}");
    }
}
