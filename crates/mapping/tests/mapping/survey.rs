//! Fields looked at one by one: what each reads, its type, and its values; what is wrong with one says nothing of the others.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field as Column, Schema};
use mapping::{Fit, Surveyed, survey, texts};
use model::Failure;
use model::migration::{Field, Lookup, Mapped, OnInvalid, OnNull, Otherwise};

use crate::bed::{Bed, began};

fn expression(sql: &str) -> Field {
    Field::Expression(sql.to_owned())
}

fn records(records: &[(i64, &str)]) -> RecordBatch {
    let records: Vec<_> = records
        .iter()
        .map(|(id, name)| (*id, Some(*name)))
        .collect();
    Bed::new("Id: id").records(&records)
}

fn of(field: &Field) -> Result<Surveyed, Failure> {
    let schema = Schema::new(vec![
        Column::new("id", DataType::Int64, true),
        Column::new("Name", DataType::Utf8, true),
    ]);
    let mut surveyed = survey(&[("F", field)], &schema, began()).unwrap();
    surveyed.remove(0)
}

#[test]
fn columns_are_told_in_the_sources_spelling() {
    let plain = of(&expression("name")).unwrap();
    assert_eq!(plain.column.as_deref(), Some("Name"));
    let computed = of(&expression("NAME || '-' || ID")).unwrap();
    assert_eq!(computed.columns, ["Name", "id"]);
    assert_eq!(computed.column, None);
    let lookup = of(&Field::Lookup(Lookup {
        lookup: "parents".to_owned(),
        by: "id".to_owned(),
        second_pass: false,
        on_missing_parent: None,
    }));
    assert_eq!(lookup.unwrap().columns, ["id"]);
    let failure = of(&expression("nmae")).err().expect("no such column");
    assert_eq!(failure.code, "unknown_column");
    assert_eq!(failure.place.field.as_deref(), Some("F"));
}

#[test]
fn types_fit_always_or_sometimes_or_never() {
    let number = of(&expression("id")).unwrap();
    assert_eq!(number.fit(&DataType::Utf8), Fit::Always);
    assert_eq!(number.fit(&DataType::Int32), Fit::Checked);
    assert!(matches!(number.fit(&DataType::Date32), Fit::Never(_)));
    let sample = number
        .values(&records(&[(1, "a"), (1 << 40, "b")]))
        .unwrap();
    assert_eq!(number.lost(&sample.values, &DataType::Int32).unwrap(), 1);
}

#[test]
fn values_are_those_that_the_map_gives() {
    let mut mapped = Mapped {
        from: "Name".to_owned(),
        values: Some(
            [("A", "Active"), ("B", "Active")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into_iter()
                .collect(),
        ),
        otherwise: Otherwise::Reject,
        on_null: OnNull::Clear,
        on_invalid: OnInvalid::default(),
    };
    let batch = records(&[(1, "A"), (2, "Z")]);
    let field = of(&Field::Mapped(mapped.clone())).unwrap();
    let values = field.values(&batch).unwrap();
    assert_eq!(texts(&values.values), [Some("Active".to_owned()), None]);
    assert_eq!(values.unlisted, [1]);
    assert_eq!(values.given.len(), 2);
    assert_eq!(field.only_values(), Some(vec!["Active".to_owned()]));
    assert_eq!((field.column, values.failed), (None, 0));
    mapped.otherwise = Otherwise::Keep;
    assert_eq!(of(&Field::Mapped(mapped)).unwrap().only_values(), None);
    let failing = of(&expression("1 / (id - 1)"))
        .unwrap()
        .values(&batch)
        .unwrap();
    assert_eq!(failing.failed, 1);
}
