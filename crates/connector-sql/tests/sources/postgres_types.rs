//! Every type is carried exactly: what was read is given back to the database, which compares it with its own.
//! Values that can't be carried reject their record alone, with field, value and key.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use connector::Read;
use record::meta;
use sqlx::{AssertSqlSafe, Row};

use crate::support::{All, Database, object, plan, read, texts, type_of, with_database};

/// Column, its type, an expression with random values, and values at the edge.
const TYPES: &[(&str, &str, &[&str])] = &[
    (
        "smallint",
        "(random() * 60000 - 30000)::smallint",
        &["-32768", "32767"],
    ),
    (
        "integer",
        "(random() * 4e9 - 2e9)::int",
        &["-2147483648", "2147483647"],
    ),
    (
        "bigint",
        "(random() * 1.8e19 - 9e18)::bigint",
        &["-9223372036854775808", "9223372036854775807"],
    ),
    (
        "numeric(10,2)",
        "(random() * 1e6 - 5e5)::numeric(10,2)",
        &["99999999.99", "-99999999.99", "0.01", "0"],
    ),
    (
        "numeric(38,20)",
        "(random() * 1e16 - 5e15)::numeric(38,20) / 7",
        &[
            "999999999999999999.99999999999999999999",
            "-0.00000000000000000001",
        ],
    ),
    (
        "numeric(38)",
        "(random() * 1e18)::numeric(38)",
        &["99999999999999999999999999999999999999"],
    ),
    (
        "numeric",
        "(random() * 1e20)::numeric / 3",
        &[
            "123456789012345678901234567890123456789012345678901234567890.1230",
            "NaN",
            "1e-100",
            "-0.5000",
        ],
    ),
    (
        "numeric(60,30)",
        "random()::numeric / 7",
        &["123456789012345678901234567890.123456789012345678901234567890"],
    ),
    (
        "numeric(4,-2)",
        "round((random() * 1e5)::numeric, -2)",
        &["-999900"],
    ),
    ("numeric(2,4)", "random()::numeric / 101", &["0.0099"]),
    (
        "real",
        "(random() * 1e10)::real",
        &["NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38"],
    ),
    (
        "double precision",
        "random() * 1e100",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "5e-324",
            "1.7976931348623157e308",
        ],
    ),
    ("boolean", "random() > 0.5", &["true", "false"]),
    (
        "text",
        "md5(random()::text) || E'\\t\\n\\\\' || chr(3585)",
        &["", "null", "NULL", "\\N", "a\u{1F600}\"'\\"],
    ),
    (
        "varchar(20)",
        "left(md5(random()::text), 5) || '  '",
        &["  x  "],
    ),
    ("name", "left(md5(random()::text), 8)::name", &["x"]),
    ("\"char\"", "'c'::\"char\"", &["", "z"]),
    (
        "uuid",
        "gen_random_uuid()",
        &[
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ],
    ),
    (
        "bytea",
        "decode(md5(random()::text), 'hex')",
        &["\\x", "\\x00ff5c"],
    ),
    (
        "date",
        "'1990-01-01'::date + (random() * 20000)::int",
        &["0001-01-01", "9999-12-31", "1969-12-31", "2000-02-29"],
    ),
    (
        "timestamp",
        "'1990-01-01'::timestamp + random() * interval '9000 days'",
        &[
            "0001-01-01 00:00:00",
            "9999-12-31 23:59:59.999999",
            "1969-12-31 23:59:59.999999",
        ],
    ),
    (
        "timestamptz",
        "'1990-01-01'::timestamptz + random() * interval '9000 days'",
        &[
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "2024-01-01 00:00:00+07",
        ],
    ),
    (
        "timestamp(0)",
        "('1990-01-01'::timestamp + random() * interval '9000 days')::timestamp(0)",
        &["2024-01-01 00:00:00"],
    ),
    (
        "time",
        "('00:00'::time + random() * interval '86399 s')",
        &["00:00:00", "23:59:59.999999"],
    ),
    (
        "timetz",
        "('00:00'::time + random() * interval '86399 s')::timetz",
        &["23:59:59.999999-15:59", "24:00:00+00"],
    ),
    (
        "interval",
        "make_interval(months => (random() * 99 - 50)::int, days => (random() * 99)::int, secs => random() * 1e6)",
        &["-1 mons +2 days -03:04:05.000006", "0", "178000000 years"],
    ),
    (
        "json",
        "json_build_object('a', random())",
        &["{\"a\" : 1.0, \"a\":2}", "null"],
    ),
    (
        "jsonb",
        "jsonb_build_object('a', random())",
        &["[1, \"x\", null]"],
    ),
    (
        "xml",
        "xmlelement(name a, random()::text)",
        &["<a b=\"c\">x</a>"],
    ),
    (
        "inet",
        "'10.0.0.0'::inet + (random() * 1e6)::int",
        &["::1", "192.168.0.1/24"],
    ),
    ("cidr", "'10.0.0.0/8'::cidr", &["::/0"]),
    (
        "macaddr",
        "'08:00:2b:01:02:03'::macaddr",
        &["ff:ff:ff:ff:ff:ff"],
    ),
    ("bit(5)", "B'10101'", &["00000"]),
    ("bit varying", "B'101'::varbit", &["", "1"]),
    (
        "int4range",
        "int4range((random() * 9)::int, 20)",
        &["empty", "(,)"],
    ),
    (
        "tstzrange",
        "tstzrange(now(), now() + interval '1 day')",
        &["(,infinity)"],
    ),
    (
        "datemultirange",
        "datemultirange(daterange('2020-01-01', '2020-02-01'))",
        &["{}"],
    ),
    ("point", "point(random(), random() / 3)", &["(0.1,1e+300)"]),
    (
        "tsvector",
        "to_tsvector('simple', md5(random()::text))",
        &["'a':1A"],
    ),
    (
        "mood",
        "(array['sad','happy'])[1 + (random() > 0.5)::int]::mood",
        &["it's"],
    ),
    ("code", "'c' || (random() * 100)::int", &["x"]),
    ("price", "(random() * 100)::numeric(8,3)", &["0.001"]),
    ("oid", "(random() * 4e9)::bigint::oid", &["4294967295"]),
];

const SETUP: &str = "create type mood as enum ('sad', 'happy', 'it''s'); create domain code as text; \
    create domain amount as numeric(8,3); create domain price as amount check (value >= 0);";

async fn everything(database: &Database) -> (connector::SourceObject, All) {
    let described = database.describe(&object(("table", "t"), &["n"])).await;
    let source = database.source().await;
    let slices = plan(&source, &described, 1_000_000).await;
    let all = read(&source, &described, slices, 64 << 20).await;
    (described, all)
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    with_database(|database| async move {
        let columns: Vec<String> = (0..TYPES.len()).map(|at| format!("c{at}")).collect();
        let declared: Vec<String> = columns.iter().zip(TYPES).map(|(column, of)| format!("{column} {}", of.0)).collect();
        let random: Vec<&str> = TYPES.iter().map(|of| of.1).collect();
        database.run(&format!(
            "{SETUP} create table t (n int primary key, {}); insert into t select i, {} from generate_series(1, 200) i; insert into t (n) values (201)",
            declared.join(","), random.join(",")
        )).await;
        let mut n = 201;
        for (column, of) in columns.iter().zip(TYPES) {
            for value in of.2 {
                n += 1;
                let value = value.replace('\'', "''");
                database.run(&format!("set standard_conforming_strings = on; insert into t (n, {column}) values ({n}, '{value}')")).await;
            }
        }
        let (described, all) = everything(&database).await;
        assert_eq!(all.rejected, []);
        assert_eq!(all.numbers().len(), n);
        let mut connection = database.connect().await;
        for (column, of) in columns.iter().zip(TYPES) {
            let binary = type_of(&described.schema, column) == DataType::Binary;
            let mut rows = vec![];
            for batch in &all.batches {
                for (n, text) in texts(batch, "n").into_iter().zip(texts(batch, column)) {
                    let text = text.map_or("null".to_owned(), |text| {
                        format!("'{}{}'", if binary { "\\x" } else { "" }, text.replace('\'', "''"))
                    });
                    rows.push(format!("({},{text})", n.unwrap()));
                }
            }
            let sql = format!(
                "select t.n, t.{column}::text as had, v.x as carried from t full join (values {}) v(n, x) on v.n = t.n \
                 where t.n is null or v.n is null or t.{column}::text is distinct from v.x::{}::text",
                rows.join(","), of.0
            );
            let different = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            let shown: Vec<(Option<i32>, Option<String>, Option<String>)> = different
                .iter()
                .take(3)
                .map(|row| (row.get(0), row.get(1), row.get(2)))
                .collect();
            assert!(shown.is_empty(), "{}: {shown:?}", of.0);
        }
    })
    .await;
}

#[tokio::test]
async fn columns_have_their_types() {
    with_database(|database| async move {
        database.run(&format!("{SETUP} create table t (n int primary key, a numeric(10,2)[], b price, c mood[], d text[] not null, e char(5), f interval, g numeric, h price[])")).await;
        let described = database.describe(&object(("table", "T"), &["N"])).await;
        let of = |column| type_of(&described.schema, column);
        let item = |column| match of(column) {
            DataType::List(item) => item.data_type().clone(),
            other => panic!("{other}"),
        };
        assert_eq!(described.key, ["n"]);
        assert!(described.key_is_unique);
        assert_eq!(of("n"), DataType::Int32);
        assert_eq!(item("a"), DataType::Decimal128(10, 2));
        assert_eq!(item("h"), DataType::Decimal128(8, 3));
        assert_eq!(of("b"), DataType::Decimal128(8, 3));
        assert_eq!(item("c"), DataType::Utf8);
        assert_eq!(of("f"), DataType::Interval(IntervalUnit::MonthDayNano));
        let field = |column| described.schema.field_with_name(column).unwrap().clone();
        assert!(!field("d").is_nullable() && field("e").is_nullable());
        assert_eq!(meta::native(&field("e")), Some("character(5)"));
        assert_eq!(meta::native(&field("a")), Some("numeric(10,2)[]"));
        assert!(meta::is_number(&field("g")) && !meta::is_number(&field("e")));
        let query = object(("query", "select n, now() as at, b::numeric(5,1) as rounded, e from t"), &["n"]);
        let described = database.describe(&query).await;
        assert_eq!(type_of(&described.schema, "at"), DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())));
        assert!(!described.key_is_unique, "a query has no index");
        assert_eq!(type_of(&described.schema, "e"), DataType::Utf8);
    })
    .await;
}

#[tokio::test]
async fn lists_keep_their_items_and_padding_is_left_out() {
    with_database(|database| async move {
        database.run(
            "create table t (n int primary key, i int[], s text[], d date[], u uuid[], b numeric[], c char(6)); insert into t values \
             (1, '{1,null,3}', array['a,b','',null,'\"'], '{2024-01-01}', '{00000000-0000-0000-0000-000000000001}', '{1.50,2}', 'ab'), \
             (2, '{}', null, null, null, null, ''), (3, '{{1,2},{3,4}}', null, null, null, null, null), (4, '[0:1]={7,8}', null, null, null, null, null), \
             (5, null, null, '{2024-01-01,infinity}', null, null, null)",
        ).await;
        let (_, all) = everything(&database).await;
        let batch = &all.batches[0];
        let shown = |column| texts(batch, column);
        assert_eq!(shown("i"), [Some("[1, , 3]".to_owned()), Some("[]".to_owned())]);
        assert_eq!(shown("s"), [Some("[a,b, , , \"]".to_owned()), None]);
        assert_eq!(shown("d")[0].as_deref(), Some("[2024-01-01]"));
        assert_eq!(shown("b")[0].as_deref(), Some("[1.50, 2]"));
        assert_eq!(shown("c"), [Some("ab".to_owned()), Some(String::new())]);
        let rejected: Vec<_> = all.rejected.iter().map(|refusal| (refusal.key.as_str(), refusal.code.as_str(), refusal.fields.join(","))).collect();
        assert_eq!(rejected, [
            ("3", "nested_array", "i".to_owned()),
            ("4", "array_bounds", "i".to_owned()),
            ("5", "infinite_date", "d".to_owned()),
        ]);
    })
    .await;
}

#[tokio::test]
async fn impossible_values_reject_their_records_alone() {
    with_database(|database| async move {
        database.run(
            "create table t (n text primary key, d date, ts timestamp, tz timestamptz, m numeric(10,2), c time, i interval); \
             insert into t (n) values ('good'), ('better'); \
             insert into t (n, d) values ('d1', 'infinity'), ('d2', '0044-03-15 BC'), ('d3', '10000-01-01'), ('d4', '-infinity'), ('d5', '5874897-12-31'); \
             insert into t (n, ts) values ('ts1', 'infinity'), ('ts2', '0001-12-31 23:59:59.5 BC'), ('ts3', '294276-12-31 23:59:59.999999'); \
             insert into t (n, tz) values ('tz1', '-infinity'), ('tz2', '10000-01-01 00:00:00+00'), ('tz3', '4713-01-01 00:00:00+00 BC'); \
             insert into t (n, m) values ('m1', 'NaN'); insert into t (n, c) values ('c1', '24:00:00'); \
             insert into t (n, i) values ('i1', '3000000 hours')",
        ).await;
        let (_, all) = everything(&database).await;
        let rejected: BTreeMap<&str, (&str, &str, &str)> = all.rejected.iter().map(|refusal| {
            let field = refusal.fields[0].as_str();
            (refusal.key.as_str(), (refusal.code.as_str(), field, refusal.data[field].as_str().unwrap()))
        }).collect();
        let expected = BTreeMap::from([
            ("d1", ("infinite_date", "d", "infinity")),
            ("d2", ("year_out_of_range", "d", "0044-03-15 BC")),
            ("d3", ("year_out_of_range", "d", "10000-01-01")),
            ("d4", ("infinite_date", "d", "-infinity")),
            ("d5", ("year_out_of_range", "d", "5874897-12-31")),
            ("ts1", ("infinite_date", "ts", "infinity")),
            ("ts2", ("year_out_of_range", "ts", "0001-12-31 23:59:59.5 BC")),
            ("ts3", ("year_out_of_range", "ts", "294276-12-31 23:59:59.999999")),
            ("tz1", ("infinite_date", "tz", "-infinity")),
            ("tz2", ("year_out_of_range", "tz", "10000-01-01 00:00:00")),
            ("tz3", ("year_out_of_range", "tz", "4713-01-01 00:00:00 BC")),
            ("m1", ("not_a_number", "m", "NaN")),
            ("c1", ("time_out_of_range", "c", "24:00:00")),
            ("i1", ("interval_out_of_range", "i", "0 mons 0 days 10800000000000000 microseconds")),
        ]);
        assert_eq!(rejected, expected);
        let good: usize = all.batches.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(good, 2);
        let message = &all.rejected.iter().find(|refusal| refusal.key == "d1").unwrap().message;
        assert!(message.contains("infinity") && message.contains("`d`") && message.contains("query"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn an_impossible_key_is_named_and_read_again() {
    with_database(|database| async move {
        database.run("create table t (d date not null, n int not null, primary key (d, n)); insert into t values ('infinity', 1), ('2024-01-01', 2), ('infinity', 3)").await;
        for (key, expected) in [(&["d"][..], "infinity"), (&["d", "n"], "[\"infinity\",\"3\"]")] {
            let described = database.describe(&object(("table", "t"), key)).await;
            let source = database.source().await;
            let slices = plan(&source, &described, 100).await;
            let all = read(&source, &described, slices, 1 << 20).await;
            let of_key = all.rejected.iter().find(|refusal| refusal.key == expected);
            let of_key = of_key.unwrap();
            let slice = source.slice_of_keys(&described, &[expected.to_owned()]).unwrap();
            let again = read(&source, &described, vec![slice], 1 << 20).await;
            assert!(again.rejected.contains(of_key));
            assert!(again.batches.iter().all(|batch| batch.num_rows() == 0));
        }
    })
    .await;
}

#[tokio::test]
async fn records_without_a_key_have_names_of_their_own() {
    with_database(|database| async move {
        database.run("create table t (n int, d date); insert into t values (1, null), (2, 'infinity'), (3, null), (4, '-infinity')").await;
        let described = database.describe(&object(("table", "t"), &[])).await;
        let source = database.source().await;
        let slices = plan(&source, &described, 100).await;
        let Read::Whole { records, rejected, .. } = source.read(&described, &slices[0], 1 << 20).await.unwrap() else {
            panic!("too big");
        };
        let keys = record::key_texts(&records, &described.key).unwrap();
        let mut all: Vec<&str> = keys.iter().flatten().collect();
        all.extend(rejected.iter().map(|refusal| refusal.key.as_str()));
        assert_eq!(all, ["#1", "#2", "#3", "#4"]);
        assert_eq!(records.column(1).null_count(), 2);
    })
    .await;
}
