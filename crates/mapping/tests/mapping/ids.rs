//! Lookups by the ids that the target gave: which ids are asked for, where they go, and what becomes of records whose parent is not known.

use arrow::datatypes::DataType;
use mapping::{Duplicates, Mapped, ParentIds};
use model::RunId;
use model::migration::Migration;

use crate::bed::{Bed, began, field, object, some, texts};

/// Things with an owner, whose ids are kept.
fn bed(things: &str) -> Bed {
    let mut bed = Bed::new("").relation("Owner", "OwnerId");
    bed.target.fields.push(field("OwnerId", DataType::Utf8));
    bed.objects = object("owners", "Id: id").replace("key: id", "key: id, id_map: true")
        + &object("things", things);
    bed
}

fn ids(known: &[(&str, &str, &str)]) -> ParentIds {
    let mut ids = ParentIds::default();
    for (parent, key, id) in known {
        ids.insert(parent, (*key).to_owned(), (*id).to_owned());
    }
    ids
}

fn apply(bed: &Bed, records: &[(i64, Option<&str>)], ids: &ParentIds) -> Mapped {
    let mapper = bed.compile().unwrap_or_else(|failure| panic!("{failure}"));
    let records = bed.records(records);
    mapper.apply(&records, &Duplicates::none(), ids).unwrap()
}

#[test]
fn a_child_has_the_id_of_its_parent() {
    let bed = bed("Id: id, Owner: { lookup: owners, by: Name }");
    let mapper = bed.compile().unwrap();
    assert_eq!(mapper.fields(), ["Id", "OwnerId"]);
    let records = [(1, Some("7")), (2, None), (3, Some("8")), (4, Some("7"))];
    let wanted = mapper.parent_keys(&bed.records(&records)).unwrap();
    let wanted: Vec<_> = wanted["owners"].iter().map(String::as_str).collect();
    assert_eq!(wanted, ["7", "8"]);
    let mapped = apply(
        &bed,
        &records,
        &ids(&[("owners", "7", "a7"), ("others", "8", "x")]),
    );
    let owners = texts(&mapped, "OwnerId");
    assert_eq!(owners, [Some("a7".to_owned()), None, Some("a7".to_owned())]);
    let refused = &mapped.refusals[0];
    assert_eq!(
        (
            refused.key.as_str(),
            refused.code.as_str(),
            mapped.refusals.len()
        ),
        ("3", "missing_parent", 1)
    );
    assert_eq!(refused.fields, ["OwnerId"]);
    assert_eq!(
        texts(&apply(&bed, &records, &ParentIds::assumed()), "OwnerId")[2],
        Some("8".to_owned())
    );
}

#[test]
fn ids_are_of_the_object_that_is_named() {
    let mut bed = bed("");
    bed.objects = object("owners", "Id: id").replace("key: id", "key: id, id_map: true")
        + &object("parts", "Id: id")
        + &object(
            "things",
            "Id: id, Owner: { lookup: [owners, parts], which: \"case when id = 1 then 'owners' when id = 2 then 'parts' else 'x' end\", by: Name }",
        );
    let known = ids(&[("owners", "7", "o7"), ("parts", "7", "p7")]);
    let records = [(1, Some("7")), (2, Some("7")), (3, Some("7")), (4, None)];
    let mapped = apply(&bed, &records, &known);
    assert_eq!(
        texts(&mapped, "OwnerId"),
        [Some("o7".to_owned()), Some("p7".to_owned()), None]
    );
    assert_eq!(mapped.refusals[0].code, "unmapped_value");
}

#[test]
fn records_are_found_by_their_own_ids() {
    let mut bed = bed("");
    bed.target.fields[0].data_type = DataType::Int64;
    bed.objects = object("owners", "Id: id")
        + &object("things", "'@id': { lookup: owners, by: id }, Name: Name").replace(
            "operation: upsert, external_id: Id",
            "operation: update, external_id: '@id'",
        );
    let mapper = bed.compile().unwrap();
    assert_eq!(
        (mapper.fields(), mapper.key_fields()),
        (
            &["Id".to_owned(), "Name".to_owned()][..],
            &["Id".to_owned()][..]
        )
    );
    assert!(!mapper.needs_key_pass(true) && mapper.needs_key_pass(false));
    let records = bed.records(&[(1, Some("a")), (2, Some("b"))]);
    let hashes = mapper.key_hashes(&records).unwrap().keys;
    assert_ne!(
        hashes[0].hash, hashes[1].hash,
        "by the keys: ids are not known yet"
    );
    let mapped = apply(
        &bed,
        &[(1, Some("a")), (2, Some("b"))],
        &ids(&[("owners", "1", "41")]),
    );
    assert_eq!(texts(&mapped, "Id"), some(&["41"]));
    assert_eq!(mapped.refusals[0].code, "missing_parent");
}

#[test]
fn a_second_pass_goes_by_the_records_own_ids() {
    let mut bed = bed("");
    bed.objects = object(
        "things",
        "Id: id, Name: Name, Owner: { lookup: things, by: Name }",
    )
    .replace("key: id", "key: id, id_map: true");
    let mapper = bed.compile().unwrap();
    assert_eq!(mapper.fields(), ["Id", "OwnerId"]);
    let known = ids(&[("things", "1", "i1"), ("things", "3", "i3")]);
    let mapped = apply(
        &bed,
        &[(1, Some("3")), (2, Some("1")), (3, Some("9"))],
        &known,
    );
    assert_eq!(texts(&mapped, "Id"), some(&["i1"]));
    let told: Vec<_> = mapped
        .refusals
        .iter()
        .map(|refusal| {
            (
                refusal.key.as_str(),
                refusal.code.as_str(),
                refusal.fate.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("2", "not_moved", "skipped"),
            ("3", "missing_parent", "rejected")
        ]
    );
}

#[test]
fn a_child_may_go_without_a_parent_that_is_not_known() {
    let bed = bed("Id: id, Owner: { lookup: owners, by: Name, on_missing_parent: null }");
    let records = [(1, Some("7")), (2, Some("8")), (3, None)];
    let mapped = apply(&bed, &records, &ids(&[("owners", "7", "a7")]));
    assert_eq!(
        texts(&mapped, "OwnerId"),
        [Some("a7".to_owned()), None, None]
    );
    assert!(mapped.refusals.is_empty());
    let changes: Vec<_> = mapped
        .changes
        .iter()
        .map(|change| {
            (
                change.key.as_str(),
                change.field.as_str(),
                change.code.as_str(),
                change.was.as_deref(),
            )
        })
        .collect();
    assert_eq!(changes, [("2", "OwnerId", "missing_parent", Some("8"))]);
    let mut required = bed;
    required.field().nullable = false;
    assert_eq!(required.compile().err().unwrap().code, "required_parent");
}

#[test]
fn what_is_to_be_done_about_missing_parents_is_told_lookup_by_lookup() {
    let mut bed = bed("");
    let things = "Id: id, Owner: { lookup: owners, by: Name, on_missing_parent: POLICY }";
    let of = |bed: &mut Bed, policy: &str| {
        bed.objects = object("owners", "Id: \"'O' || id\"")
            + &object("things", &things.replace("POLICY", policy));
        bed.compile().map(|mapper| mapper.missing_parents())
    };
    assert!(of(&mut bed, "reject").unwrap().is_empty());
    let nulls = of(&mut bed, "null").unwrap();
    assert_eq!(
        (nulls[0].field.as_str(), nulls[0].name.as_str()),
        ("Owner.Id", "Owner")
    );
    assert_eq!(
        (nulls[0].to.as_str(), nulls[0].key.as_str()),
        ("Thing", "Id")
    );
    assert!(nulls[0].placeholder.is_none());
    assert!(
        of(&mut bed, "placeholder").unwrap()[0]
            .placeholder
            .is_some()
    );
    bed.objects = bed
        .objects
        .replacen("operation: upsert", "operation: insert", 1);
    assert_eq!(bed.compile().err().unwrap().code, "no_placeholder");
}

#[test]
fn a_placeholder_has_what_a_record_must_have() {
    let file = |placeholder: &str| {
        let text = format!(
            "migration: m\nconnections:\n  t: {{ kind: sqlite, url: \"sqlite:///x\" }}\nsource: t\ntarget: t\nstamp: {{ Run: run_id }}\nobjects:\n  \
             - {{ name: owners, from: {{ table: o }}, key: id, to: Thing, operation: upsert, external_id: Id, fields: {{ Id: id }}, placeholder: {{ {placeholder} }} }}\n"
        );
        Migration::parse(&text, "m.yaml").unwrap()
    };
    let mut target = Bed::new("").target;
    target.fields.push(field("Run", DataType::Utf8));
    target.fields.push(field("Size", DataType::Int64));
    for field in &mut target.fields {
        field.required = true;
    }
    let placeholder = |written: &str| {
        let migration = file(written);
        let owners = migration.object("owners").unwrap();
        mapping::placeholder(&migration, owners, &target, &RunId::new("run-1"), began())
    };
    let made = placeholder("Size: 3").unwrap().with_key("Id", "O7");
    let made: Vec<_> = made
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut sorted = made;
    sorted.sort();
    assert_eq!(
        sorted,
        ["Id \"O7\"", "Name \"O7\"", "Run \"run-1\"", "Size 3"]
    );
    let code = |written: &str| placeholder(written).unwrap_err().code;
    assert_eq!(code("Name: \"'x'\""), "placeholder_incomplete");
    assert_eq!(code("Size: \"'x'\""), "invalid_placeholder");
    assert_eq!(code("Colour: 1"), "invalid_placeholder");
    assert_eq!(code("Size: 1, Run: \"'x'\""), "field_twice");
}
