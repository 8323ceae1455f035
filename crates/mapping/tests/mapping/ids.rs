//! Lookups by the ids that the target gave: which ids are asked for, where they go, and what becomes of records whose parent is not known.

use arrow::datatypes::DataType;
use mapping::{Duplicates, Mapped, ParentIds};

use crate::bed::{Bed, field, object, some, texts};

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
