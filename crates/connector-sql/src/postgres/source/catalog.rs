//! What the database's catalogue says of tables, columns, types and indexes.
//! Every statement returns text, so that one way of reading rows serves them all.

use model::Failure;

use crate::postgres::connections::Session;
use crate::postgres::quote;
use crate::postgres::types::Native;

/// A table, view, or what else can be selected from.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) oid: String,
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_class.relkind`.
    pub(super) kind: char,
    /// Other tables inherit from it, and their rows are read with it.
    pub(super) has_children: bool,
}

/// A column of a relation or of a query's result.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) not_null: bool,
    pub(super) type_oid: String,
    pub(super) modifier: i32,
    /// As `create table` would have it, `character varying(20)`.
    pub(super) native: String,
    /// Quoted, where the type has one.
    pub(super) collation: Option<String>,
}

/// An index that is valid and covers all rows by columns alone.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) primary: bool,
    pub(super) unique: bool,
    pub(super) columns: Vec<String>,
    /// It orders its first column as the column itself does.
    pub(super) ordered: bool,
}

type Row = Vec<Option<String>>;

fn text(row: &Row, column: usize) -> String {
    row.get(column).cloned().flatten().unwrap_or_default()
}

fn truth(row: &Row, column: usize) -> bool {
    matches!(text(row, column).as_str(), "t" | "true")
}

pub(super) async fn search_path(session: &mut Session<'_>) -> Result<Vec<String>, Failure> {
    let rows = session
        .texts("select unnest(current_schemas(false))::text")
        .await?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

pub(super) async fn schemas(session: &mut Session<'_>) -> Result<Vec<String>, Failure> {
    let rows = session
        .texts("select nspname::text from pg_catalog.pg_namespace order by 1")
        .await?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

pub(super) async fn relations(
    session: &mut Session<'_>,
    schema: &str,
) -> Result<Vec<Relation>, Failure> {
    let sql = format!(
        "select c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relhassubclass::text \
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r','p','v','m','f') and n.nspname = {} order by 3",
        quote::text(schema)
    );
    let rows = session.texts(&sql).await?;
    Ok(rows
        .iter()
        .map(|row| Relation {
            oid: text(row, 0),
            schema: text(row, 1),
            name: text(row, 2),
            kind: text(row, 3).chars().next().unwrap_or_default(),
            has_children: truth(row, 4),
        })
        .collect())
}

/// The columns of relations, each with its relation's oid and its number there.
const ATTRIBUTES: &str = "select a.attname::text, a.attnotnull::text, a.atttypid::oid::text, a.atttypmod::text, \
    pg_catalog.format_type(a.atttypid, a.atttypmod), \
    case when a.attcollation <> 0 then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname) \
        from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace \
        where c.oid = a.attcollation and c.collname <> 'default') end, \
    a.attrelid::oid::text, a.attnum::text \
    from pg_catalog.pg_attribute a where a.attnum > 0 and not a.attisdropped";

pub(super) async fn attributes(
    session: &mut Session<'_>,
    relation: &str,
) -> Result<Vec<Attribute>, Failure> {
    let sql = format!("{ATTRIBUTES} and a.attrelid = {relation}::oid order by a.attnum");
    let rows = session.texts(&sql).await?;
    Ok(rows.iter().map(attribute).collect())
}

/// Of columns by relation and number, those that exist.
pub(super) async fn attributes_at(
    session: &mut Session<'_>,
    places: &[(String, i16)],
) -> Result<Vec<((String, i16), Attribute)>, Failure> {
    if places.is_empty() {
        return Ok(vec![]);
    }
    let list: Vec<String> = places
        .iter()
        .map(|(relation, number)| format!("({relation}::oid,{number}::int2)"))
        .collect();
    let sql = format!(
        "{ATTRIBUTES} and (a.attrelid, a.attnum) in ({})",
        list.join(",")
    );
    let rows = session.texts(&sql).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let number = text(row, 7).parse().unwrap_or_default();
            ((text(row, 6), number), attribute(row))
        })
        .collect())
}

fn attribute(row: &Row) -> Attribute {
    Attribute {
        name: text(row, 0),
        not_null: truth(row, 1),
        type_oid: text(row, 2),
        modifier: text(row, 3).parse().unwrap_or(-1),
        native: text(row, 4),
        collation: row.get(5).cloned().flatten(),
    }
}

/// What types stand on: domains are followed to their base, arrays to their items.
pub(super) async fn natives(
    session: &mut Session<'_>,
    asked: &[(String, i32)],
) -> Result<Vec<Native>, Failure> {
    let (mut types, items) = based(session, asked).await?;
    let of_items: Vec<(String, i32)> = items.iter().flatten().cloned().collect();
    if !of_items.is_empty() {
        let (mut found, _) = based(session, &of_items).await?;
        let mut found = found.drain(..);
        for (native, item) in types.iter_mut().zip(&items) {
            if item.is_some() {
                native.item = found.next().map(Box::new);
            }
        }
    }
    Ok(types)
}

type Items = Vec<Option<(String, i32)>>;

async fn based(
    session: &mut Session<'_>,
    asked: &[(String, i32)],
) -> Result<(Vec<Native>, Items), Failure> {
    if asked.is_empty() {
        return Ok((vec![], vec![]));
    }
    let list: Vec<String> = asked
        .iter()
        .enumerate()
        .map(|(place, (oid, modifier))| format!("({place},{oid}::oid,{modifier})"))
        .collect();
    let sql = format!(
        "with recursive walk(place, depth, oid, modifier) as ( \
           select place, 0, oid, modifier from (values {}) as asked(place, oid, modifier) \
           union all select w.place, w.depth + 1, t.typbasetype, t.typtypmod \
           from walk w join pg_catalog.pg_type t on t.oid = w.oid where t.typtype = 'd') \
         select distinct on (w.place) t.typname::text, t.typtype::text, (n.nspname = 'pg_catalog')::text, w.modifier::text, \
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname), \
           (select e.oid::text from pg_catalog.pg_type e where e.oid = t.typelem and e.typarray = t.oid) \
         from walk w join pg_catalog.pg_type t on t.oid = w.oid join pg_catalog.pg_namespace n on n.oid = t.typnamespace \
         order by w.place, w.depth desc",
        list.join(",")
    );
    let rows = session.texts(&sql).await?;
    if rows.len() != asked.len() {
        return Err(Failure::retry(
            "schema_changed",
            "a type vanished while the columns were looked up",
        ));
    }
    Ok(rows
        .iter()
        .map(|row| {
            let modifier = text(row, 3).parse().unwrap_or(-1);
            let native = Native {
                name: text(row, 0),
                class: text(row, 1).chars().next().unwrap_or_default(),
                built_in: truth(row, 2),
                modifier,
                cast: text(row, 4),
                item: None,
            };
            let item = row.get(5).cloned().flatten();
            (native, item.map(|oid| (oid, modifier)))
        })
        .unzip())
}

pub(super) async fn indexes(
    session: &mut Session<'_>,
    relation: &str,
) -> Result<Vec<Index>, Failure> {
    let sql = format!(
        "select i.indisprimary::text, i.indisunique::text, \
           (m.amname = 'btree' and i.indcollation[0] = f.attcollation)::text, \
           (select json_agg(a.attname order by k.place)::text \
            from unnest(i.indkey::int2[]) with ordinality k(number, place) \
            join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number \
            where k.place <= i.indnkeyatts) \
         from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid \
         join pg_catalog.pg_am m on m.oid = c.relam \
         join pg_catalog.pg_attribute f on f.attrelid = i.indrelid and f.attnum = i.indkey[0] \
         where i.indrelid = {relation}::oid and i.indisvalid and i.indpred is null and i.indexprs is null \
         order by i.indisprimary desc, i.indisunique desc, i.indexrelid"
    );
    let rows = session.texts(&sql).await?;
    Ok(rows
        .iter()
        .map(|row| Index {
            primary: truth(row, 0),
            unique: truth(row, 1),
            ordered: truth(row, 2),
            columns: serde_json::from_str(&text(row, 3)).unwrap_or_default(),
        })
        .collect())
}

/// The planner's guess: records, and bytes of one.
pub(super) async fn estimate(
    session: &mut Session<'_>,
    relation: &str,
) -> Result<Option<(f64, f64)>, Failure> {
    let sql = format!("explain (format json) select * from {relation} q");
    let plan = session.text(&sql).await?.unwrap_or_default();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap_or_default();
    let number = |name| {
        plan.pointer(&format!("/0/Plan/{name}"))
            .and_then(serde_json::Value::as_f64)
    };
    Ok(number("Plan Rows").zip(number("Plan Width")))
}

/// Bytes of a relation's own pages, its partitions' included; none for what has no pages.
pub(super) async fn size(
    session: &mut Session<'_>,
    relation: &Relation,
) -> Result<Option<u64>, Failure> {
    if !matches!(relation.kind, 'r' | 'p' | 'm') || (relation.has_children && relation.kind == 'r')
    {
        return Ok(None);
    }
    let sql = format!(
        "select coalesce((select sum(pg_catalog.pg_relation_size(relid)) from pg_catalog.pg_partition_tree({oid}::oid::regclass)), \
         pg_catalog.pg_relation_size({oid}::oid::regclass))::bigint::text",
        oid = relation.oid
    );
    Ok(session.text(&sql).await?.and_then(|size| size.parse().ok()))
}
