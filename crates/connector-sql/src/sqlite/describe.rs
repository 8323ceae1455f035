//! Looks an object up: a table or view by name, or a query by making a temporary view of it, which the file never sees.

use std::sync::Arc;

use arrow::datatypes::Schema;
use connector::SourceObject;
use model::Failure;
use model::migration::{From, Object, check_chunk_by};
use record::meta;

use super::database::{Database, Session, quoted};
use super::details::{Details, OrderColumn};
use super::kind::Kind;
use super::value::Value;
use crate::names::{Found, find, listed};
use crate::split::Section;

/// Records whose values tell what a column without a declared type holds.
const INSPECTED: usize = 1_000;

pub(super) async fn describe(
    database: &Database,
    object: &Object,
) -> Result<SourceObject, Failure> {
    let mut session = database.begin().await?;
    let shape = match &object.from {
        From::Table(name) => table(&mut session, name).await?,
        From::Query(query) => query_result(&mut session, query).await?,
        From::File(_) => {
            return Err(Failure::usage(
                "unfit_source",
                "this connection is a database and holds no files",
            )
            .hint("name a `table` or a `query`"));
        }
    };
    complete(&mut session, object, shape).await
}

struct Shape {
    relation: String,
    columns: Vec<Column>,
    /// Of a table: its name and whether it has hidden row numbers.
    table: Option<(String, bool)>,
}

pub(super) struct Column {
    pub(super) name: String,
    declared: String,
    pub(super) not_null: bool,
    /// Place in the primary key, from 1.
    pub(super) primary: i64,
}

/// A unique index over all records.
pub(super) struct Unique {
    pub(super) columns: Vec<String>,
}

async fn table(session: &mut Session<'_>, name: &str) -> Result<Shape, Failure> {
    let rows = session
        .values(
            "select name, type, wr from pragma_table_list where schema = 'main' order by name",
            &[],
        )
        .await?;
    let names: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
    let bare = name.strip_prefix("main.").unwrap_or(name);
    let found = match find(&names, name) {
        Found::None => find(&names, bare),
        found => found,
    };
    let Found::One(place) = found else {
        let shown: Vec<&String> = names
            .iter()
            .filter(|name| !name.starts_with("sqlite_"))
            .collect();
        return Err(Failure::usage(
            "unknown_table",
            format!("there is no table or view `{name}`"),
        )
        .hint(format!("there are: {}", listed(&shown))));
    };
    let is_table = text(&rows[place], 1) == "table";
    let without_rowid = rows[place].get(2) == Some(&Some(Value::Integer(1)));
    Ok(Shape {
        relation: format!("main.{}", quoted(&names[place])),
        columns: columns(session, &names[place], "main").await?,
        table: is_table.then(|| (names[place].clone(), !without_rowid)),
    })
}

async fn query_result(session: &mut Session<'_>, query: &str) -> Result<Shape, Failure> {
    let query = query.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    // On lines of its own, so that a comment at its end ends there.
    let relation = format!("(\n{query}\n)");
    let view = format!("create temp view stevedore_query as select * from {relation}");
    let invalid = |failure: Failure| {
        if failure.code == "schema_changed" {
            Failure::usage("invalid_query", failure.message).hint(
                "run the query by hand in the source; it is read as `select * from (<query>)`",
            )
        } else {
            failure
        }
    };
    session.execute(&view).await.map_err(invalid)?;
    let columns = columns(session, "stevedore_query", "temp")
        .await
        .map_err(invalid)?;
    Ok(Shape {
        relation,
        columns,
        table: None,
    })
}

pub(super) async fn columns(
    session: &mut Session<'_>,
    table: &str,
    schema: &str,
) -> Result<Vec<Column>, Failure> {
    let rows = session
        .values(
            "select name, type, \"notnull\", pk from pragma_table_xinfo(?, ?) where hidden <> 1 order by cid",
            &[Value::Text(table.to_owned()), Value::Text(schema.to_owned())],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Column {
            name: text(row, 0),
            declared: text(row, 1),
            not_null: integer(row, 2) != 0,
            primary: integer(row, 3),
        })
        .collect())
}

pub(super) fn text(row: &[Option<Value>], column: usize) -> String {
    row.get(column)
        .and_then(Option::as_ref)
        .map(Value::shown)
        .unwrap_or_default()
}

pub(super) fn integer(row: &[Option<Value>], column: usize) -> i64 {
    match row.get(column) {
        Some(Some(Value::Integer(value))) => *value,
        _ => 0,
    }
}

async fn complete(
    session: &mut Session<'_>,
    object: &Object,
    shape: Shape,
) -> Result<SourceObject, Failure> {
    let names = column_names(&shape.columns)?;
    let mut kinds = vec![];
    for column in &shape.columns {
        kinds.push(match Kind::declared(&column.declared) {
            Some(kind) => kind,
            None => observed(session, &shape.relation, &column.name).await?,
        });
    }
    let not_null = never_null(&shape);
    let fields: Vec<_> = shape
        .columns
        .iter()
        .zip(&kinds)
        .zip(&not_null)
        .map(|((column, kind), not_null)| kind.field(&column.name, &column.declared, !not_null))
        .collect();
    if let Some(watermark) = &object.watermark {
        place_of(&names, watermark, "watermark")?;
    }
    let key = key_places(object, &shape.columns, &names)?;
    let parents = object
        .chunk_by
        .iter()
        .map(|name| place_of(&names, name, "chunk_by"))
        .collect::<Result<Vec<_>, _>>()?;
    let named = |places: &[usize]| -> Vec<String> {
        places.iter().map(|place| names[*place].clone()).collect()
    };
    let chunk_by = named(&parents);
    check_chunk_by(&chunk_by, &named(&key))?;
    let ordered = |places: &[usize]| -> Vec<OrderColumn> {
        let columns = places.iter().map(|place| OrderColumn {
            name: names[*place].clone(),
            nullable: !not_null[*place],
        });
        columns.collect()
    };
    let row_number = shape
        .table
        .as_ref()
        .filter(|(_, has_numbers)| *has_numbers)
        .and_then(|_| free_row_number(&names));
    let order: Vec<OrderColumn> = match (key.as_slice(), &row_number) {
        ([], Some(number)) => vec![OrderColumn {
            name: number.clone(),
            nullable: false,
        }],
        (key, _) => ordered(key),
    };
    let uniques = match &shape.table {
        Some((table, _)) => uniques(session, table).await?,
        None => vec![],
    };
    let key_is_unique = is_unique(&shape, &key, &not_null, &uniques);
    let mut details = Details {
        relation: shape.relation,
        table: shape.table.is_some(),
        kinds,
        order,
        chunk_by: ordered(&parents),
        row_number,
        indexed: false,
    };
    details.indexed = indexed(session, &details).await?;
    Ok(SourceObject {
        object: object.clone(),
        schema: Arc::new(Schema::new(fields)),
        key: named(&key),
        chunk_by,
        key_is_unique,
        estimated_records: match &shape.table {
            Some((table, _)) => estimate(session, table).await?,
            None => None,
        },
        details: serde_json::to_value(details)
            .map_err(|error| Failure::bug(format!("details do not encode: {error}")))?,
    })
}

fn column_names(columns: &[Column]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    if names.is_empty() {
        return Err(Failure::usage("no_columns", "there are no columns to read"));
    }
    for name in &names {
        if meta::is_ours(name) {
            return Err(
                Failure::usage("reserved_column", "names that begin so are ours")
                    .field(name)
                    .hint("rename it by a `query`, with `as`"),
            );
        }
    }
    Ok(names)
}

/// What a column without a declared type holds, by its first values.
async fn observed(
    session: &mut Session<'_>,
    relation: &str,
    column: &str,
) -> Result<Kind, Failure> {
    let column = quoted(column);
    let sql = format!(
        "select distinct typeof(v) from (select {column} as v from {relation} limit {INSPECTED}) where v is not null"
    );
    let rows = session.values(&sql, &[]).await?;
    let kinds: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
    Ok(Kind::observed(&kinds))
}

/// The columns that hold no null: declared so, or the row number itself. Other primary keys of SQLite may be null, unless there are no row numbers.
fn never_null(shape: &Shape) -> Vec<bool> {
    let numbered = shape.table.as_ref().map(|(_, numbered)| *numbered);
    let single = shape
        .columns
        .iter()
        .filter(|column| column.primary > 0)
        .count()
        == 1;
    shape
        .columns
        .iter()
        .map(|column| {
            let is_number = single && column.declared.eq_ignore_ascii_case("integer");
            let by_key = column.primary > 0 && (is_number || numbered == Some(false));
            shape.table.is_some() && (column.not_null || by_key)
        })
        .collect()
}

/// The key's columns: the file's, else the primary key's.
fn key_places(
    object: &Object,
    columns: &[Column],
    names: &[String],
) -> Result<Vec<usize>, Failure> {
    let mut places = vec![];
    for name in &object.key {
        let place = place_of(names, name, "key")?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        places = (0..columns.len())
            .filter(|place| columns[*place].primary > 0)
            .collect();
        places.sort_by_key(|place| columns[*place].primary);
    }
    Ok(places)
}

fn place_of(names: &[String], wanted: &str, role: &str) -> Result<usize, Failure> {
    match find(names, wanted) {
        Found::One(place) => Ok(place),
        // SQLite itself does not tell such names apart.
        Found::None | Found::Many(_) => Err(Failure::usage(
            "unknown_column",
            format!("the {role} `{wanted}` is not a column"),
        )
        .field(wanted)
        .hint(format!("columns are: {}", listed(names)))),
    }
}

/// A name of the row number that no column has taken.
fn free_row_number(names: &[String]) -> Option<String> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|number| !names.iter().any(|name| name.eq_ignore_ascii_case(number)))
        .map(str::to_owned)
}

pub(super) async fn uniques(
    session: &mut Session<'_>,
    table: &str,
) -> Result<Vec<Unique>, Failure> {
    let rows = session
        .values(
            "select l.name, i.name from pragma_index_list(?) l join pragma_index_info(l.name) i \
             where l.\"unique\" = 1 and l.partial = 0 order by l.seq, i.seqno",
            &[Value::Text(table.to_owned())],
        )
        .await?;
    let mut uniques: Vec<(String, Unique)> = vec![];
    for row in &rows {
        let index = text(row, 0);
        // An expression has no name, and equals no column's.
        let column = text(row, 1);
        match uniques.last_mut() {
            Some((name, unique)) if *name == index => unique.columns.push(column),
            _ => uniques.push((
                index,
                Unique {
                    columns: vec![column],
                },
            )),
        }
    }
    Ok(uniques.into_iter().map(|(_, unique)| unique).collect())
}

fn is_unique(shape: &Shape, key: &[usize], not_null: &[bool], uniques: &[Unique]) -> bool {
    if key.is_empty() || key.iter().any(|place| !not_null[*place]) {
        return false;
    }
    let has = |name: &String| key.iter().any(|place| shape.columns[*place].name == *name);
    let primary: Vec<&Column> = shape
        .columns
        .iter()
        .filter(|column| column.primary > 0)
        .collect();
    let by_primary = !primary.is_empty() && primary.iter().all(|column| has(&column.name));
    by_primary || uniques.iter().any(|unique| unique.columns.iter().all(has))
}

/// Whether SQLite finds one key by an index, as it says itself.
async fn indexed(session: &mut Session<'_>, details: &Details) -> Result<bool, Failure> {
    if !details.table || details.order.is_empty() {
        return Ok(false);
    }
    let along = details.along(Section::Keyed);
    let first = &along.columns()[0];
    let sql = format!(
        "explain query plan select {first} from {} q where {first} >= 1 order by {first} limit 1",
        details.relation
    );
    let plan = session.values(&sql, &[]).await?;
    Ok(plan.len() == 1 && text(&plan[0], 3).starts_with("SEARCH"))
}

/// The number of records at the last `analyze`.
async fn estimate(session: &mut Session<'_>, table: &str) -> Result<Option<u64>, Failure> {
    let known = "select count(*) from main.sqlite_schema where name = 'sqlite_stat1'";
    if session.integer(known).await? != Some(1) {
        return Ok(None);
    }
    let rows = session
        .values(
            "select stat from main.sqlite_stat1 where tbl = ? order by idx is null desc limit 1",
            &[Value::Text(table.to_owned())],
        )
        .await?;
    Ok(rows
        .first()
        .map(|row| text(row, 0))
        .and_then(|stat| stat.split(' ').next().and_then(|count| count.parse().ok())))
}
