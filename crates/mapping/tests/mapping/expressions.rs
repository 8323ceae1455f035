//! What expressions give.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema};
use record::meta;

use crate::support::*;

fn people() -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(i64::MAX)]));
    let small: ArrayRef = Arc::new(Int16Array::from(vec![Some(3), None]));
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("Ann Lee"), Some("x")]));
    let user: ArrayRef = Arc::new(StringArray::from(vec![Some("u"), Some("v")]));
    let price: ArrayRef = Arc::new(StringArray::from(vec![Some("10.49"), Some("9.5")]));
    let amount: ArrayRef = Arc::new(
        Decimal128Array::from(vec![Some(1050), Some(-3)])
            .with_precision_and_scale(10, 2)
            .unwrap(),
    );
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![
        Some(0),
        Some(253_402_300_799_000_000),
    ]));
    let day: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), Some(2_932_896)]));
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None]));
    let end: ArrayRef = Arc::new(StringArray::from(vec![
        "9999-12-31 23:59:59",
        "2024-01-02T03:04:05.678901",
    ]));
    let double: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.1]));
    let fields = vec![
        Field::new("id", DataType::Int64, true),
        Field::new("small", DataType::Int16, true),
        Field::new("FullName", DataType::Utf8, true),
        Field::new("user", DataType::Utf8, true),
        meta::with_number(Field::new("price", DataType::Utf8, true)),
        Field::new("amount", amount.data_type().clone(), true),
        Field::new("at", at.data_type().clone(), true),
        Field::new("day", DataType::Date32, true),
        Field::new("flag", DataType::Boolean, true),
        Field::new("end", DataType::Utf8, true),
        Field::new("Order Date", DataType::Int64, true),
        Field::new("y", DataType::Float64, true),
    ];
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        vec![
            id.clone(),
            small,
            name,
            user,
            price,
            amount,
            at,
            day,
            flag,
            end,
            id,
            double,
        ],
    )
    .unwrap()
}

#[test]
fn probe() {
    for sql in [
        "id + 1",
        "id * 2",
        "price > 10.5",
        "FullName > 5",
        "price * 2",
        "price",
        "case when price = 10.5 then 1 else 0 end",
        "cast(\"end\" as timestamp)",
        "cast(\"end\" as timestamp(6))",
        "at + interval '1 day'",
        "at at time zone 'UTC'",
        "at",
        "day",
        "cast(at as date)",
        "day + 1",
        "day + interval '1 month'",
        "cast(FullName as varchar(2))",
        "user",
        "end",
        "order",
        "\"Order Date\"",
        "Order Date",
        "current_date",
        "now()",
        "random()",
        "uuid()",
        "y",
        "amount",
        "amount * 1.5",
        "amount / 3",
        "amount / 0",
        "id / 2",
        "flag",
        "coalesce(FullName, id)",
        "FullName || amount || at || flag || y",
        "extract(year from at)",
        "date_part('year', day)",
        "date_trunc('month', at)",
        "to_char(at, '%Y')",
        "to_date('2024-01-02')",
        "Upper(FullName)",
        "regexp_replace(FullName, 'n+', 'N')",
        "FullName like 'A%'",
        "FullName ~ '^A'",
        "FullName ilike 'a%'",
        "id in (7, 8)",
        "id between 1 and 8",
        "FullName similar to 'A%'",
        "try_cast(FullName as int)",
        "cast(FullName as int)",
        "FullName::int",
        "nullif(FullName, 'x')",
        "left(FullName, 2)",
        "right(FullName,1)",
        "trim(FullName)",
        "trim(both 'x' from FullName)",
        "position('L' in FullName)",
        "initcap(FullName)",
        "lpad(cast(id as text), 12, '0')",
        "concat('a', null, 'b')",
        "concat_ws('-', FullName, id)",
        "encode(cast(FullName as bytea), 'hex')",
        "1.5",
        "0.1 + 0.2",
        "1e3",
        "9223372036854775807 + 1",
        "99999999999999999999",
        "'a' 'b'",
        "E'\\n'",
        "$1",
        "?",
        "*",
        "@x",
        "x -> x",
        "[1,2]",
        "{}",
        "struct(1)",
        "arrow_cast(id, 'Utf8')",
        "arrow_typeof(id)",
        "case id when 7 then 'seven' end",
        "case when id = 7 then null else FullName end",
        "not flag",
        "id = '7'",
        "is_null(id)",
        "id is null",
        "greatest(id, small)",
        "round(amount, 1)",
        "round(y, 1)",
        "abs(small)",
        "abs(amount)",
        "power(id, 2)",
        "-id",
        "id % 3",
        "sum(id)",
        "count(*)",
        "row_number() over (order by id)",
        "uper(FullName)",
        "upper(FullName) over ()",
        "upper(distinct FullName)",
        "substr(FullName, 2)",
        "repeat('x', 1000000000000)",
        "chr(0)",
        "small + 32767",
        "cast(id as smallint)",
        "date_bin(interval '1 day', at)",
        "to_timestamp(\"end\")",
        "to_timestamp_micros(\"end\")",
        "make_date(2024, 1, 2)",
        "cast('2024-01-02' as date)",
        "timestamp '2024-01-02 03:04:05'",
        "date '2024-01-02'",
        "md5(FullName)",
        "version()",
        "input_file_name()",
        "overlay(FullName placing 'zz' from 1 for 2)",
        "id::text",
        "cast(flag as int)",
        "at - at",
        "translate(FullName, 'A', 'B')",
        "reverse(FullName)",
        "split_part(FullName, ' ', 1)",
        "length(FullName)",
        "char_length(FullName)",
        "null",
        "true",
    ] {
        let case = one_field(sql, text("F"), people());
        match case.compile() {
            Err(f) => println!(
                "{sql:45} => E {} {} [{}]",
                f.code,
                f.message,
                f.hint
                    .unwrap_or_default()
                    .chars()
                    .take(60)
                    .collect::<String>()
            ),
            Ok(mapper) => {
                let mapped = mapper
                    .apply(&case.source, &mapping::Duplicates::none())
                    .unwrap();
                println!(
                    "{sql:45} => {:?} {:?}",
                    texts(&mapped.records, "F"),
                    mapped
                        .refusals
                        .iter()
                        .map(|r| format!("{} {} {}", r.key, r.code, r.message))
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}
