//! Values that the target would refuse become what the file says, each with a note of what it was.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use model::FailureKind;

use crate::bed::{Bed, some, texts};

/// `Name` with a policy.
fn bed(policy: &str) -> Bed {
    Bed::new(&format!(
        "Id: id, Name: {{ from: Name, on_invalid: {policy} }}"
    ))
}

/// The values of `Name`, and the changes as `key field code was`.
fn mapped(bed: &Bed, batch: &RecordBatch) -> (Vec<Option<String>>, Vec<String>) {
    let mapped = bed.apply(batch);
    assert!(mapped.refusals.is_empty(), "{:?}", mapped.refusals);
    let changes = mapped.changes.iter().map(|change| {
        let was = change.was.as_deref().unwrap_or("nothing");
        format!("{} {} {} {was}", change.key, change.field, change.code)
    });
    (texts(&mapped, "Name"), changes.collect())
}

#[test]
fn a_text_that_is_too_long_is_cut_between_characters() {
    let mut bed = bed("truncate");
    bed.field().max_length = Some(4);
    let family = "ab👩\u{200d}👧c";
    let batch = bed.records(&[
        (1, Some("fits")),
        (2, Some("fits not")),
        (3, Some("cafe\u{301}s")),
        (4, Some(family)),
        (5, Some("กำลังใจ")),
        (6, None),
    ]);
    let (values, changes) = mapped(&bed, &batch);
    assert_eq!(
        values[..5],
        some(&["fits", "fits", "caf", "ab", "กำลั"]),
        "letters keep their accents"
    );
    assert_eq!(values[5], None);
    let expected = [
        "2 Name too_long fits not",
        "3 Name too_long cafe\u{301}s",
        &format!("4 Name too_long {family}"),
        "5 Name too_long กำลังใจ",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn a_single_character_that_is_too_long_is_cut_all_the_same() {
    let mut bed = bed("truncate");
    bed.field().max_length = Some(2);
    let (values, _) = mapped(&bed, &bed.records(&[(1, Some("e\u{301}\u{302}\u{303}"))]));
    assert_eq!(values, some(&["e\u{301}"]));
}

#[test]
fn lengths_are_counted_as_the_target_counts() {
    let mut bed = bed("truncate");
    bed.field().max_length = Some(3);
    let batch = bed.records(&[(1, Some("😀😀😀"))]);
    assert_eq!(mapped(&bed, &batch), (some(&["😀😀😀"]), vec![]));
    bed.field().counts_utf16 = true;
    let (values, changes) = mapped(&bed, &batch);
    assert_eq!(values, some(&["😀"]));
    assert_eq!(changes, ["1 Name too_long 😀😀😀"]);
}

#[test]
fn what_cutting_does_not_mend_is_refused() {
    let mut bed = bed("truncate");
    bed.field().max_length = Some(3);
    bed.field().values = Some(vec!["Hot".to_owned()]);
    let batch = bed.records(&[(1, Some("Hotter")), (2, Some("Colder")), (3, Some("Ice"))]);
    let mapped = bed.apply(&batch);
    assert_eq!(texts(&mapped, "Name"), some(&["Hot"]));
    let refused: Vec<_> = mapped
        .refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str()))
        .collect();
    assert_eq!(
        refused,
        [("2", "value_not_allowed"), ("3", "value_not_allowed")]
    );
    assert_eq!(
        mapped.changes.len(),
        1,
        "of refused records nothing was changed"
    );
}

#[test]
fn a_value_becomes_null() {
    let mut bed = bed("null");
    bed.field().values = Some(vec!["Hot".to_owned()]);
    let batch = bed.records(&[(1, Some("Hot")), (2, Some("hot")), (3, None)]);
    let (values, changes) = mapped(&bed, &batch);
    assert_eq!(values, [Some("Hot".to_owned()), None, None]);
    assert_eq!(changes, ["2 Name value_not_allowed hot"]);
}

#[test]
fn a_value_becomes_the_default_and_so_does_a_null_where_there_must_be_a_value() {
    let mut bed = bed("{ default: \"'Co' || 'ld'\" }");
    bed.field().values = Some(vec!["Hot".to_owned(), "Cold".to_owned()]);
    let batch = bed.records(&[(1, Some("Hot")), (2, Some("hot")), (3, None), (4, Some(""))]);
    let (values, changes) = mapped(&bed, &batch);
    assert_eq!(values[..2], some(&["Hot", "Cold"]));
    assert_eq!(values[2], None, "nothing is wrong with a null");
    assert_eq!(
        changes,
        ["2 Name value_not_allowed hot", "4 Name value_not_allowed "]
    );
    bed.field().required = true;
    bed.field().empty_is_null = true;
    let (values, changes) = mapped(&bed, &batch);
    assert_eq!(values, some(&["Hot", "Cold", "Cold", "Cold"]));
    assert_eq!(
        changes[1..],
        [
            "3 Name required_field_missing nothing",
            "4 Name required_field_missing "
        ]
    );
}

#[test]
fn a_null_that_leaves_the_field_alone_takes_no_default() {
    let mut bed = Bed::new(
        "Id: id, Name: { from: Name, on_null: keep, on_invalid: { default: \"'none'\" } }",
    );
    bed.field().required = true;
    let (values, changes) = mapped(&bed, &bed.records(&[(1, None)]));
    assert_eq!((values, changes.len()), (vec![None], 0));
}

#[test]
fn numbers_that_do_not_fit() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["1.50", "1.505", "x", "12345"]));
    let bed = |policy: &str| {
        Bed::new(&format!(
            "Id: id, Name: {{ from: v, on_invalid: {policy} }}"
        ))
        .column("v", DataType::Utf8)
        .of_type(DataType::Decimal128(6, 2))
    };
    let batch = bed("null").values(values);
    let (nulled, changes) = mapped(&bed("null"), &batch);
    assert_eq!(nulled, [Some("1.50".to_owned()), None, None, None]);
    let codes = [
        "2 Name invalid_value 1.505",
        "3 Name invalid_value x",
        "4 Name invalid_value 12345",
    ];
    assert_eq!(changes, codes);
    let (filled, changes) = mapped(&bed("{ default: -1 }"), &batch);
    assert_eq!(filled, some(&["1.50", "-1.00", "-1.00", "-1.00"]));
    assert_eq!(changes, codes);
}

#[test]
fn dates_and_moments_out_of_the_targets_range() {
    let days = Date32Array::from(vec![Some(0), Some(-98_616), Some(-98_615), None]);
    let mut bed = bed("{ default: \"date '1970-01-02'\" }")
        .column("Name", DataType::Date32)
        .of_type(DataType::Date32);
    bed.field().range = Some(("1700-01-01".to_owned(), "4000-12-31".to_owned()));
    let (values, changes) = mapped(&bed, &bed.values(Arc::new(days)));
    assert_eq!(
        values[..3],
        some(&["1970-01-01", "1970-01-02", "1700-01-01"])
    );
    assert_eq!(changes, ["2 Name out_of_range 1699-12-31"]);

    let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let last = 64_092_211_199_999;
    let moments = TimestampMillisecondArray::from(vec![0, last, last + 1]).with_timezone("UTC");
    let mut bed = Bed::new("Id: id, Name: v")
        .column("v", utc.clone())
        .of_type(utc);
    let range = ("1700-01-01T00:00:00Z", "4000-12-31T23:59:59.999Z");
    bed.field().range = Some((range.0.to_owned(), range.1.to_owned()));
    let mapped = bed.apply(&bed.values(Arc::new(moments)));
    assert_eq!(texts(&mapped, "Id"), some(&["1", "2"]));
    let refusal = &mapped.refusals[0];
    assert_eq!(
        (refusal.code.as_str(), refusal.fields[0].as_str()),
        ("out_of_range", "Name")
    );
    assert!(refusal.message.contains("4001-01-01"), "{refusal:?}");
}

#[test]
fn a_policy_that_does_not_fit_its_field_is_told() {
    let refused = |bed: &Bed, code: &str, field: &str| {
        let failure = bed.compile().err().expect(code);
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Usage, code)
        );
        assert_eq!(failure.place.field.as_deref(), Some(field), "{failure}");
        assert!(failure.hint.is_some(), "{failure}");
    };
    for policy in ["truncate", "null", "{ default: 7 }"] {
        let bed = Bed::new(&format!(
            "Id: {{ from: id, on_invalid: {policy} }}, Name: Name"
        ));
        refused(&bed, "invalid_policy", "Id");
    }
    let number = bed("truncate").of_type(DataType::Int64);
    refused(&number, "invalid_policy", "Name");
    let mut required = bed("null");
    required.field().required = true;
    refused(&required, "invalid_policy", "Name");
}

#[test]
fn a_default_that_the_target_would_refuse_is_told() {
    let refused = |bed: &Bed, sql: &str, code: &str| {
        let failure = bed.compile().err().expect(sql);
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Usage, code),
            "{sql}"
        );
        assert_eq!(failure.place.field.as_deref(), Some("Name"), "{failure}");
        assert!(failure.hint.is_some(), "{failure}");
    };
    let mut short = bed("{ default: \"'long'\" }");
    short.field().max_length = Some(3);
    refused(&short, "too long", "invalid_default");
    let mut picklist = bed("{ default: \"'hot'\" }");
    picklist.field().values = Some(vec!["Hot".to_owned()]);
    refused(&picklist, "not allowed", "invalid_default");
    let mut early = bed("{ default: \"date '1699-12-31'\" }")
        .column("Name", DataType::Date32)
        .of_type(DataType::Date32);
    early.field().range = Some(("1700-01-01".to_owned(), "4000-12-31".to_owned()));
    refused(&early, "too early", "invalid_default");
    for (sql, code) in [
        ("null", "invalid_default"),
        ("1/0", "invalid_default"),
        ("'x'", "invalid_default"),
        ("1.5", "invalid_default"),
        ("id", "unknown_column"),
        ("unknown()", "invalid_expression"),
    ] {
        let number = bed(&format!("{{ default: \"{sql}\" }}"))
            .column("Name", DataType::Int64)
            .of_type(DataType::Int64);
        refused(&number, sql, code);
    }
}
