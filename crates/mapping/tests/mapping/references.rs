//! Lookups, record types, stamps, and columns that are carried as they are.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use record::meta;

use crate::bed::{Bed, field, object, some, texts};

#[test]
fn a_child_names_its_parent_by_the_parents_own_key() {
    let mut bed = Bed::new("").relation("Owner", "OwnerId");
    bed.objects = object("owners", "Id: \"'LEGACY_' || id\"")
        + &object("things", "Id: id, Owner: { lookup: owners, by: Name }");
    let mapper = bed.compile().unwrap();
    assert_eq!(mapper.fields(), ["Id", "Owner.Id"]);
    let mapped = bed.apply(&bed.records(&[(1, Some("7")), (2, None)]));
    assert_eq!(texts(&mapped, "Owner"), [Some("LEGACY_7".to_owned()), None]);
    let schema = mapped.records.schema();
    let column = schema.field_with_name("Owner").unwrap();
    assert_eq!(meta::lookup(column), Some("Id"));
}

#[test]
fn a_polymorphic_lookup_names_the_parents_object() {
    let mut bed = Bed::new("").relation("What", "WhatId");
    bed.objects = object("owners", "Id: \"'O' || id\"")
        + &object("things", "Id: id, What: { lookup: owners, by: Name }");
    assert_eq!(bed.compile().unwrap().fields()[1], "Thing:What.Id");
    bed.objects = object("owners", "Id: \"'O' || id\"")
        + &object("parts", "Id: \"'P' || id\"").replace("to: Thing", "to: Account")
        + &object(
            "things",
            "Id: id, What: { lookup: [owners, parts], which: \"case when id = 1 then 'owners' when id = 2 then 'parts' else 'x' end\", by: Name }",
        );
    let mapped =
        bed.apply(&bed.records(&[(1, Some("7")), (2, Some("8")), (3, None), (4, Some("9"))]));
    assert_eq!(
        bed.compile().unwrap().fields()[1..],
        ["Thing:What.Id", "Account:What.Id"]
    );
    let none = || None::<String>;
    assert_eq!(
        texts(&mapped, "Thing:What.Id"),
        [Some("O7".to_owned()), none(), none()]
    );
    assert_eq!(
        texts(&mapped, "Account:What.Id"),
        [none(), Some("P8".to_owned()), none()]
    );
    assert_eq!(mapped.refusals.len(), 1, "an object that is none of them");
    assert_eq!(
        (
            mapped.refusals[0].key.as_str(),
            mapped.refusals[0].code.as_str()
        ),
        ("4", "unmapped_value")
    );
    assert_eq!(mapped.refusals[0].fields, ["What"]);
}

#[test]
fn a_reference_is_found_by_a_field_of_a_record_that_is_there_already() {
    let bed = Bed::new("Id: id, Owner: { reference: Thing.Login, by: Name }")
        .relation("Owner", "OwnerId");
    let mapped = bed.apply(&bed.records(&[(1, Some("ann"))]));
    assert_eq!(bed.compile().unwrap().fields()[1], "Owner.Login");
    assert_eq!(texts(&mapped, "Owner"), some(&["ann"]));
    let failure = |field: &str| {
        let bed = Bed::new(field).relation("Owner", "OwnerId");
        bed.compile().err().unwrap().code
    };
    assert_eq!(
        failure("Id: id, Owner: { reference: User.Login, by: Name }"),
        "wrong_parent"
    );
    assert_eq!(
        failure("Id: id, Name: { reference: User.Login, by: Name }"),
        "not_a_lookup"
    );
}

#[test]
fn a_second_pass_sets_lookups_and_nothing_else() {
    let mut bed = Bed::new("").relation("Owner", "OwnerId");
    let things = object(
        "things",
        "Id: id, Name: Name, Owner: { lookup: things, by: Name }",
    );
    bed.objects = things.replace("operation: upsert", "operation: insert");
    assert_eq!(
        bed.compile().unwrap().fields(),
        ["Id", "Owner.Id"],
        "the last object is the second pass"
    );
    let mapped = bed.apply(&bed.records(&[(1, Some("2")), (2, None)]));
    assert_eq!(texts(&mapped, "Owner"), some(&["2"]));
    assert_eq!(mapped.refusals[0].code, "nothing_to_link");
    assert_eq!(mapped.refusals[0].fate, model::Fate::Skipped);
    bed.objects = things;
    let mapped = bed.apply(&bed.records(&[(1, Some("2")), (2, None)]));
    assert_eq!(
        mapped.records.num_rows(),
        2,
        "of records that may have been there, links are cleared"
    );
}

#[test]
fn a_lookup_fills_a_plain_field_where_the_target_has_no_relations() {
    let mut bed = Bed::new("");
    bed.target.fields.push(field("owner_id", DataType::Int64));
    bed.objects = object("owners", "Id: id")
        + &object(
            "things",
            "Id: id, owner_id: { lookup: owners, by: \"cast(Name as bigint)\" }",
        );
    let mapped = bed.apply(&bed.records(&[(1, Some("7"))]));
    assert_eq!(texts(&mapped, "owner_id"), some(&["7"]));
}

#[test]
fn a_record_type_is_named_by_its_developer_name() {
    let bed = Bed::new(
        "Id: id, RecordType: { developer_name: \"case when name = 'V' then 'Vendor' else 'Customer' end\" }",
    )
    .relation("RecordType", "RecordTypeId");
    let mapped = bed.apply(&bed.records(&[(1, Some("V")), (2, None)]));
    assert_eq!(texts(&mapped, "RecordType"), some(&["Vendor", "Customer"]));
    assert_eq!(
        bed.compile().unwrap().fields()[1],
        "RecordType.DeveloperName"
    );
}

#[test]
fn stamps_are_the_same_in_every_record_and_no_part_of_checksums() {
    let records = [(1, Some("a")), (2, None)];
    let mut bed = Bed::new("Id: id");
    let plain = bed.apply(&bed.records(&records));
    bed.target.fields.push(field("Run", DataType::Utf8));
    bed.target.fields.push(field("Source", DataType::Utf8));
    bed.stamp = "Run: run_id, Source: \"'Legacy'\"".to_owned();
    let stamped = bed.apply(&bed.records(&records));
    assert_eq!(texts(&stamped, "Run"), some(&["run-1", "run-1"]));
    assert_eq!(texts(&stamped, "Source"), some(&["Legacy", "Legacy"]));
    let sums = |mapped: &mapping::Mapped| mapped.records[meta::CHECKSUM_COLUMN].to_data();
    assert_eq!(sums(&stamped), sums(&plain));
}

#[test]
fn a_null_clears_a_field_or_leaves_it() {
    let bed = Bed::new("Id: id, Name: { from: Name, on_null: keep }");
    let schema = bed.apply(&bed.records(&[(1, None)])).records.schema();
    assert!(meta::keeps_on_null(schema.field_with_name("Name").unwrap()));
    let bed = Bed::new("Id: id, Name: Name");
    let schema = bed.apply(&bed.records(&[(1, None)])).records.schema();
    assert!(!meta::keeps_on_null(
        schema.field_with_name("Name").unwrap()
    ));
}

#[test]
fn columns_are_carried_as_they_are_where_no_fields_are_listed() {
    let mut bed = Bed::new("").column("NAME", DataType::Utf8);
    bed.objects =
        "  - { name: things, from: { table: things }, key: id, to: Thing, operation: upsert }\n"
            .to_owned();
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let mapped = bed.apply(&bed.values(values));
    assert_eq!(texts(&mapped, "Id"), some(&["1", "2"]));
    assert_eq!(texts(&mapped, "Name"), some(&["a", "b"]));
    assert_eq!(bed.compile().unwrap().key_fields(), ["Id"]);
    let failure = bed
        .column("colour", DataType::Utf8)
        .compile()
        .err()
        .unwrap();
    assert_eq!(failure.code, "unmatched_column");
    assert_eq!(failure.place.field.as_deref(), Some("colour"));
}
