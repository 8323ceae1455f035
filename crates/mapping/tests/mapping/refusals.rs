//! One bad record is refused alone, with key, field, code and its source data; its neighbours come through as they should.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use model::Fate;

use crate::bed::{Bed, some, texts};

const BOTH: &str = "Id: id, Name: Name";

/// The middle one of three records is refused.
fn refused_alone(bed: &Bed, batch: &RecordBatch, code: &str) {
    let mapped = bed.apply(batch);
    assert_eq!(texts(&mapped, "Id"), some(&["1", "3"]), "{code}");
    assert_eq!(mapped.refusals.len(), 1, "{:?}", mapped.refusals);
    let refusal = &mapped.refusals[0];
    assert_eq!(refusal.code, code, "{refusal:?}");
    assert_eq!((refusal.key.as_str(), refusal.fate), ("2", Fate::Rejected));
    assert_eq!(refusal.fields, ["Name"], "{refusal:?}");
    assert_eq!(refusal.data["id"], 2, "the record as it was in the source");
    assert_eq!(refusal.data.len(), 2);
}

#[test]
fn a_value_that_the_target_would_refuse() {
    let mut bed = Bed::new(BOTH);
    bed.field().max_length = Some(3);
    let batch = bed.records(&[(1, Some("abc")), (2, Some("abcd")), (3, Some("ไทย"))]);
    refused_alone(&bed, &batch, "too_long");

    let mut bed = Bed::new(BOTH);
    bed.field().required = true;
    let batch = bed.records(&[(1, Some("a")), (2, None), (3, Some(""))]);
    refused_alone(&bed, &batch, "required_field_missing");

    let mut bed = Bed::new(BOTH);
    bed.field().values = Some(vec!["Hot".to_owned(), "Cold".to_owned()]);
    let batch = bed.records(&[(1, Some("Hot")), (2, Some("hot")), (3, None)]);
    refused_alone(&bed, &batch, "value_not_allowed");
}

#[test]
fn an_expression_that_fails_for_a_record() {
    let bed = Bed::new("Id: id, Name: \"100 / (id - 2)\"");
    let batch = bed.records(&[(1, None), (2, None), (3, None)]);
    refused_alone(&bed, &batch, "expression_failed");
    assert_eq!(texts(&bed.apply(&batch), "Name"), some(&["-100", "100"]));
    let bed = Bed::new("Id: id, Name: \"cast(Name as int)\"");
    let batch = bed.records(&[(1, Some("7")), (2, Some("x")), (3, None)]);
    refused_alone(&bed, &batch, "expression_failed");
}

#[test]
fn a_value_that_no_map_lists() {
    let map = |otherwise: &str| {
        Bed::new(&format!(
            "Id: id, Name: {{ from: Name, values: {{ A: Active, I: Inactive }}{otherwise} }}"
        ))
    };
    let records = [(1, Some("A")), (2, Some("X")), (3, None)];
    for otherwise in ["", ", otherwise: reject"] {
        let bed = map(otherwise);
        refused_alone(&bed, &bed.records(&records), "unmapped_value");
    }
    let bed = map(", otherwise: keep");
    let mapped = bed.apply(&bed.records(&records));
    assert_eq!(texts(&mapped, "Name")[..2], some(&["Active", "X"]));
    let bed = map(", otherwise: clear");
    let mapped = bed.apply(&bed.records(&records));
    assert_eq!(
        texts(&mapped, "Name"),
        [Some("Active".to_owned()), None, None]
    );
}

#[test]
fn a_missing_key() {
    let bed = Bed::new("Id: Name");
    let records = [(1, Some("a")), (2, None), (3, Some(" \t")), (4, Some("b"))];
    let mapped = bed.apply(&bed.records(&records));
    assert_eq!(texts(&mapped, "Id"), some(&["a", "b"]));
    let refused: Vec<_> = mapped
        .refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str()))
        .collect();
    assert_eq!(refused, [("2", "missing_key"), ("3", "missing_key")]);
}

/// Values that become a type: the middle one does not, exactly.
fn inexact(values: ArrayRef, into: DataType) {
    let what = format!("{} into {into}", values.data_type());
    let bed = Bed::new("Id: id, Name: v")
        .column("v", values.data_type().clone())
        .of_type(into);
    let batch = bed.values(values);
    let mapped = bed.apply(&batch);
    assert_eq!(texts(&mapped, "Id"), some(&["1", "3"]), "{what}");
    assert_eq!(mapped.refusals[0].code, "invalid_value", "{what}");
    assert!(
        mapped.refusals[0]
            .message
            .contains("is not exactly a value of type")
    );
}

#[test]
fn a_value_that_would_change() {
    let texts = |values: [&str; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    inexact(texts(["1", "1.5", "-7"]), DataType::Int64);
    inexact(texts(["1", "99999999999", "0"]), DataType::Int32);
    inexact(
        texts(["1.50", "1.505", "-0.01"]),
        DataType::Decimal128(16, 2),
    );
    inexact(texts(["true", "maybe", "false"]), DataType::Boolean);
    inexact(
        texts(["2024-02-29", "2023-02-29", "0001-01-01"]),
        DataType::Date32,
    );
    inexact(
        texts([
            "2024-02-29T01:02:03.5",
            "2024-02-29T01:02:03.0004",
            "2024-02-29T01:02:03",
        ]),
        millis.clone(),
    );
    let doubles = Float64Array::from(vec![0.5, 1e300, -2.0]);
    inexact(Arc::new(doubles), DataType::Decimal128(16, 2));
    let whole = Float64Array::from(vec![5.0, 0.5, -2.0]);
    inexact(Arc::new(whole), DataType::Int64);
    let longs = Int64Array::from(vec![1, 1 << 40, -1]);
    inexact(Arc::new(longs), DataType::Int32);
    let decimals = Decimal128Array::from(vec![1_500, 1_505, -10]);
    let decimals = decimals.with_precision_and_scale(10, 3).unwrap();
    inexact(Arc::new(decimals), DataType::Decimal128(16, 2));
    let micros = TimestampMicrosecondArray::from(vec![5_000, 5_001, -1_000]);
    inexact(Arc::new(micros.clone()), millis);
    let days = TimestampMicrosecondArray::from(vec![0, 1, -86_400_000_000]);
    inexact(Arc::new(days), DataType::Date32);
}

#[test]
fn values_that_keep_their_meaning() {
    let becomes = |values: ArrayRef, into: DataType, expected: [&str; 2]| {
        let bed = Bed::new("Id: id, Name: v")
            .column("v", values.data_type().clone())
            .of_type(into);
        let mapped = bed.apply(&bed.values(values));
        assert!(mapped.refusals.is_empty(), "{:?}", mapped.refusals);
        let mut expected = some(&expected);
        expected.push(None);
        assert_eq!(texts(&mapped, "Name"), expected);
    };
    let decimals =
        Decimal128Array::from(vec![Some(12_345_678_901_234_567_890_i128), Some(-5), None]);
    let decimals = decimals.with_precision_and_scale(38, 10).unwrap();
    becomes(
        Arc::new(decimals),
        DataType::Utf8,
        ["1234567890.1234567890", "-0.0000000005"],
    );
    let truths = BooleanArray::from(vec![Some(true), Some(false), None]);
    becomes(Arc::new(truths), DataType::Utf8, ["true", "false"]);
    let longs = Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]);
    becomes(
        Arc::new(longs.clone()),
        DataType::Utf8,
        ["-9223372036854775808", "9223372036854775807"],
    );
    becomes(
        Arc::new(longs),
        DataType::Decimal128(20, 0),
        ["-9223372036854775808", "9223372036854775807"],
    );
    let none: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), Some("2"), None]));
    becomes(none, DataType::Int64, ["1", "2"]);
}

#[test]
fn a_batch_without_records_stays_one() {
    let bed = Bed::new("Id: id, Name: \"upper(name)\"");
    let mapped = bed.apply(&bed.records(&[]));
    assert_eq!(mapped.records.num_rows(), 0);
    assert!(mapped.refusals.is_empty());
}
