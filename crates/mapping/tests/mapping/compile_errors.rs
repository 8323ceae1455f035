//! What is no mapping is told before anything is read: with object, field, and the way out.

use arrow::datatypes::{DataType, TimeUnit};
use model::{Failure, FailureKind};

use crate::bed::{Bed, object};

fn refused(bed: &Bed, code: &str, field: Option<&str>) -> Failure {
    let failure = bed.compile().err().expect(code);
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::Usage, code),
        "{failure}"
    );
    assert_eq!(failure.place.object.as_deref(), Some("things"), "{failure}");
    assert_eq!(failure.place.field.as_deref(), field, "{failure}");
    assert!(failure.hint.is_some(), "{failure}");
    failure
}

fn hint(failure: &Failure) -> &str {
    failure.hint.as_deref().unwrap_or_default()
}

#[test]
fn names_that_are_not_there_are_told_with_what_is_meant() {
    let failure = refused(
        &Bed::new("Id: id, Name: \"upper(nmae)\""),
        "unknown_column",
        Some("Name"),
    );
    assert_eq!(hint(&failure), "did you mean `Name`?");
    let failure = refused(
        &Bed::new("Id: id, Nmae: Name"),
        "unknown_field",
        Some("Nmae"),
    );
    assert_eq!(hint(&failure), "did you mean `Name`?");
    let relation = Bed::new("Id: id, Owner: Name").relation("Owner", "OwnerId");
    let failure = refused(&relation, "unknown_field", Some("Owner"));
    assert!(hint(&failure).contains("lookup"), "{failure}");
    refused(
        &Bed::new("Id: id, Name: \"nosuch(name)\""),
        "invalid_expression",
        Some("Name"),
    );
}

#[test]
fn an_expression_that_is_none_is_told() {
    for sql in [
        "name +",
        "select 1",
        "name; drop table x",
        "name name",
        "$1",
        "?",
    ] {
        let bed = Bed::new(&format!("Id: id, Name: \"{sql}\""));
        refused(&bed, "invalid_expression", Some("Name"));
    }
    for (sql, code) in [
        ("t.name", "qualified_name"),
        ("(select 1)", "subquery"),
        ("exists (select 1)", "subquery"),
        ("id in (select 1)", "subquery"),
        ("count(id)", "invalid_expression"),
        ("sum(id) over ()", "invalid_expression"),
        ("row_number() over (order by id)", "invalid_expression"),
        ("random()", "not_repeatable"),
        ("uuid()", "not_repeatable"),
    ] {
        let bed = Bed::new(&format!("Id: id, Name: \"{sql}\""));
        refused(&bed, code, Some("Name"));
    }
}

#[test]
fn types_that_do_not_meet_are_told() {
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
    for (from, into) in [
        (zoned.clone(), plain.clone()),
        (DataType::Date32, zoned.clone()),
        (DataType::Int64, plain.clone()),
        (DataType::Int32, DataType::Date32),
        (plain.clone(), DataType::Int64),
        (plain, zoned),
        (DataType::Binary, DataType::Int64),
        (DataType::Boolean, DataType::Date32),
    ] {
        let bed = Bed::new("Id: id, Name: v").column("v", from).of_type(into);
        refused(&bed, "incompatible_type", Some("Name"));
    }
}

#[test]
fn a_key_must_be_mapped_and_a_field_filled_once() {
    let mut bed = Bed::new("Name: Name");
    bed.objects = bed.objects.replace(", external_id: Id", "");
    refused(&bed, "unmapped_key", Some("Id"));
    refused(
        &Bed::new("Id: id, Name: Name, NAME: Name"),
        "field_twice",
        Some("Name"),
    );
    let mut bed = Bed::new("Id: id");
    bed.stamp = "Nmae: run_id".to_owned();
    refused(&bed, "unknown_field", Some("Nmae"));
    bed.stamp = "Name: \"upper(Name)\"".to_owned();
    refused(&bed, "unknown_column", Some("Name"));
    let mut bed = Bed::new("Id: id").of_type(DataType::Int64);
    bed.stamp = "Name: \"'Legacy'\"".to_owned();
    refused(&bed, "invalid_stamp", Some("Name"));
}

#[test]
fn a_parents_key_must_be_known_to_its_child() {
    let mut bed = Bed::new("").relation("Owner", "OwnerId");
    bed.objects = object("owners", "Id: \"code || id\"")
        + &object("things", "Id: id, Owner: { lookup: owners, by: Name }");
    let failure = refused(&bed, "parent_key_not_known", Some("Owner"));
    assert!(failure.message.contains("`code`"), "{failure}");
}

#[test]
fn an_org_wants_its_fields_listed() {
    let mut bed = Bed::new("");
    bed.target.carries_columns = false;
    bed.objects =
        "  - { name: things, from: { table: things }, key: id, to: Thing, operation: upsert }\n"
            .to_owned();
    refused(&bed, "no_fields", None);
}
