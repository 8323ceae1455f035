//! Looks an object up: a table by name, or a query by preparing it; its columns, its key, what is known of its size.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use connector::SourceObject;
use model::Failure;
use model::migration::{From, Object, check_chunk_by};
use record::meta;
use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement, TypeInfo};

use super::catalog::{self, Attribute, Index, Relation};
use super::details::{Details, KeyColumn, Table};
use crate::names::{Found, find, listed};
use crate::postgres::connections::{Connections, Session};
use crate::postgres::quote;
use crate::postgres::types::{Native, carried};
use crate::split::Section;

pub(super) async fn describe(
    connections: &Connections,
    object: &Object,
) -> Result<SourceObject, Failure> {
    let mut session = connections.begin().await?;
    let found = match &object.from {
        From::Table(name) => table(&mut session, connections.schema(), name).await?,
        From::Query(query) => query_result(&mut session, query).await?,
        From::File(_) => {
            return Err(Failure::usage(
                "unfit_source",
                "this connection is a database and holds no files",
            )
            .hint("name a `table` or a `query`"));
        }
    };
    let described = complete(&mut session, object, found).await?;
    session.end().await?;
    Ok(described)
}

/// What was found under the name, or in the query.
struct Shape {
    sql: String,
    relation: Option<Relation>,
    attributes: Vec<Attribute>,
    indexes: Vec<Index>,
}

async fn table(
    session: &mut Session<'_>,
    schema: Option<&str>,
    name: &str,
) -> Result<Shape, Failure> {
    let relation = named(session, schema, name).await?;
    let attributes = catalog::attributes(session, &relation.oid).await?;
    let indexes = catalog::indexes(session, &relation.oid).await?;
    Ok(Shape {
        sql: format!(
            "{}.{}",
            quote::name(&relation.schema),
            quote::name(&relation.name)
        ),
        relation: Some(relation),
        attributes,
        indexes,
    })
}

/// The relation of a name: in the search path as it stands, then as `schema.name`.
async fn named(
    session: &mut Session<'_>,
    schema: Option<&str>,
    name: &str,
) -> Result<Relation, Failure> {
    let schemas = catalog::schemas(session).await?;
    let path = match schema {
        Some(schema) => match find(&schemas, schema) {
            Found::One(place) => vec![schemas[place].clone()],
            _ => {
                return Err(Failure::usage(
                    "unknown_schema",
                    format!("there is no schema `{schema}`"),
                )
                .hint(format!("schemas are: {}", listed(&schemas))));
            }
        },
        None => catalog::search_path(session).await?,
    };
    let mut known = vec![];
    for schema in &path {
        known.push(catalog::relations(session, schema).await?);
    }
    let exact = known
        .iter()
        .flatten()
        .find(|relation| relation.name == name);
    if let Some(relation) = exact {
        return Ok(relation.clone());
    }
    for relations in &known {
        if let Some(relation) = one(relations, name)? {
            return Ok(relation);
        }
    }
    for (dot, _) in name.match_indices('.') {
        let (schema, table) = (&name[..dot], &name[dot + 1..]);
        if let Found::One(place) = find(&schemas, schema) {
            let relations = catalog::relations(session, &schemas[place]).await?;
            if let Some(relation) = one(&relations, table)? {
                return Ok(relation);
            }
        }
    }
    let names: Vec<&str> = known
        .iter()
        .flatten()
        .map(|relation| relation.name.as_str())
        .collect();
    Err(Failure::usage(
        "unknown_table",
        format!("there is no table or view `{name}` in {}", listed(&path)),
    )
    .hint(if names.is_empty() {
        "no table there can be seen; write `schema.name`, or set `schema` in the connection"
            .to_owned()
    } else {
        format!("there are: {}", listed(&names))
    }))
}

fn one(relations: &[Relation], name: &str) -> Result<Option<Relation>, Failure> {
    let names: Vec<&str> = relations
        .iter()
        .map(|relation| relation.name.as_str())
        .collect();
    match find(&names, name) {
        Found::One(place) => Ok(Some(relations[place].clone())),
        Found::None => Ok(None),
        Found::Many(alike) => Err(Failure::usage(
            "ambiguous_table",
            format!("`{name}` could be any of {}", listed(&alike)),
        )
        .hint("write the name in the case of the one that is meant")),
    }
}

async fn query_result(session: &mut Session<'_>, query: &str) -> Result<Shape, Failure> {
    let query = query.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    // On lines of its own, so that a comment at its end ends there.
    let sql = format!("(\n{query}\n)");
    let prepared = (&mut session.connection)
        .prepare(AssertSqlSafe(format!("select * from {sql} q")).into_sql_str())
        .await
        .map_err(|error| match &error {
            sqlx::Error::Database(cause) if cause.code().is_none_or(|code| code != "42501") => {
                Failure::usage("invalid_query", cause.message())
                    .hint("run the query by hand in the source; it is read as `select * from (<query>) q`")
            }
            _ => session.failure(&error),
        })?;
    let mut places = vec![];
    for column in prepared.columns() {
        if let (Some(relation), Some(number)) =
            (column.relation_id(), column.relation_attribute_no())
        {
            places.push((relation.0.to_string(), number));
        }
    }
    let known = catalog::attributes_at(session, &places).await?;
    let attributes = prepared
        .columns()
        .iter()
        .map(|column| {
            let type_oid = column
                .type_info()
                .oid()
                .map(|oid| oid.0.to_string())
                .unwrap_or_default();
            let place = column
                .relation_id()
                .map(|oid| oid.0.to_string())
                .zip(column.relation_attribute_no());
            let origin = known
                .iter()
                .find(|(at, attribute)| {
                    Some(at) == place.as_ref() && attribute.type_oid == type_oid
                })
                .map(|(_, attribute)| attribute);
            Attribute {
                name: column.name().to_owned(),
                not_null: false,
                modifier: origin.map_or(-1, |origin| origin.modifier),
                native: origin.map_or_else(
                    || column.type_info().name().to_lowercase(),
                    |origin| origin.native.clone(),
                ),
                collation: None,
                type_oid,
            }
        })
        .collect();
    Ok(Shape {
        sql,
        relation: None,
        attributes,
        indexes: vec![],
    })
}

async fn complete(
    session: &mut Session<'_>,
    object: &Object,
    shape: Shape,
) -> Result<SourceObject, Failure> {
    let names = column_names(&shape.attributes)?;
    let asked: Vec<_> = shape
        .attributes
        .iter()
        .map(|attribute| (attribute.type_oid.clone(), attribute.modifier))
        .collect();
    let natives = catalog::natives(session, &asked).await?;
    let mut fields: Vec<Field> = vec![];
    let mut casts = vec![];
    for (attribute, native) in shape.attributes.iter().zip(&natives) {
        let how = carried(native).map_err(|reason| {
            Failure::usage(
                "unsupported_type",
                format!("a column of type {} can't be carried: {reason}", attribute.native),
            )
            .field(&attribute.name)
            .hint("read the object by a `query` that casts the column, as `x::text`, or leaves it out")
        })?;
        fields.push(how.field(&attribute.name, &attribute.native, !attribute.not_null));
        casts.push(how.cast);
    }
    let key = key_places(object, &names, &shape.indexes)?;
    let parents = object
        .chunk_by
        .iter()
        .map(|name| column(&names, name, "chunk_by"))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(watermark) = &object.watermark {
        column(&names, watermark, "watermark")?;
    }
    let ordered = |places: &[usize]| -> Result<Vec<KeyColumn>, Failure> {
        let columns = places.iter().map(|place| {
            let attribute = &shape.attributes[*place];
            key_column(attribute, &natives[*place])
        });
        columns.collect()
    };
    let (key_columns, parent_columns) = (ordered(&key)?, ordered(&parents)?);
    let named = |places: &[usize]| -> Vec<String> {
        places.iter().map(|place| names[*place].clone()).collect()
    };
    let (key, chunk_by) = (named(&key), named(&parents));
    check_chunk_by(&chunk_by, &key)?;
    let details = Details {
        relation: shape.sql,
        casts,
        table: shape.relation.as_ref().map(|relation| Table {
            schema: relation.schema.clone(),
            name: relation.name.clone(),
            // A parent's pages are not those of the tables that inherit from it.
            sampled: match relation.kind {
                'p' | 'm' => true,
                'r' => !relation.has_children,
                _ => false,
            },
            indexed: chunk_by.first().or(key.first()).is_some_and(|first| {
                shape
                    .indexes
                    .iter()
                    .any(|index| index.ordered && index.columns.first() == Some(first))
            }),
        }),
        key: key_columns,
        chunk_by: parent_columns,
    };
    can_order(session, &details).await?;
    let estimated_records = records(session, shape.relation.as_ref(), &details.relation).await?;
    Ok(SourceObject {
        object: object.clone(),
        schema: Arc::new(Schema::new(fields)),
        key_is_unique: details.key.iter().all(|column| !column.nullable)
            && is_unique(shape.relation.as_ref(), &shape.indexes, &key),
        key,
        chunk_by,
        estimated_records,
        details: serde_json::to_value(details)
            .map_err(|error| Failure::bug(format!("details do not encode: {error}")))?,
    })
}

fn key_column(attribute: &Attribute, native: &Native) -> Result<KeyColumn, Failure> {
    if native.item.is_some() {
        return Err(unsplittable(
            &attribute.name,
            &attribute.native,
            "it is a list",
        ));
    }
    Ok(KeyColumn {
        name: attribute.name.clone(),
        cast: native.cast.clone(),
        collation: attribute.collation.clone(),
        nullable: !attribute.not_null,
    })
}

fn column_names(attributes: &[Attribute]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = attributes
        .iter()
        .map(|column| column.name.clone())
        .collect();
    if names.is_empty() {
        return Err(Failure::usage("no_columns", "there are no columns to read"));
    }
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            return Err(
                Failure::usage("duplicate_column", "two columns have this name")
                    .field(name)
                    .hint("give each column of the query a name of its own, with `as`"),
            );
        }
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

/// The key's columns: the file's, else the primary key's.
fn key_places(object: &Object, names: &[String], indexes: &[Index]) -> Result<Vec<usize>, Failure> {
    let mut places = vec![];
    let primary = indexes.iter().find(|index| index.primary);
    let wanted = match primary {
        Some(primary) if object.key.is_empty() => &primary.columns,
        _ => &object.key,
    };
    for name in wanted {
        let place = column(names, name, "key")?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

fn column(names: &[String], wanted: &str, role: &str) -> Result<usize, Failure> {
    match find(names, wanted) {
        Found::One(place) => Ok(place),
        Found::None => Err(Failure::usage(
            "unknown_column",
            format!("the {role} `{wanted}` is not a column"),
        )
        .field(wanted)
        .hint(format!("columns are: {}", listed(names)))),
        Found::Many(alike) => Err(Failure::usage(
            "ambiguous_column",
            format!("the {role} `{wanted}` could be any of {}", listed(&alike)),
        )
        .field(wanted)
        .hint("write the name in the case of the one that is meant")),
    }
}

/// Rows of child tables are read with their parent's, and no index spans them.
fn is_unique(relation: Option<&Relation>, indexes: &[Index], key: &[String]) -> bool {
    let alone = relation.is_some_and(|relation| relation.kind == 'p' || !relation.has_children);
    alone
        && indexes.iter().any(|index| {
            index.unique
                && !index.columns.is_empty()
                && index.columns.iter().all(|column| key.contains(column))
        })
}

fn unsplittable(column: &str, native: &str, reason: &str) -> Failure {
    Failure::usage(
        "unsplittable_key",
        format!("a column of type {native} has no order to read it by: {reason}"),
    )
    .field(column)
    .hint("name another column, or cast it by a `query`, as `x::text`")
}

/// Whether the database can order and compare the key.
async fn can_order(session: &mut Session<'_>, details: &Details) -> Result<(), Failure> {
    if details.key.is_empty() {
        return Ok(());
    }
    let along = details.along(Section::Keyed);
    let keys = along.list();
    let sql = format!(
        "explain select 1 from {} q where ({keys}) >= ({keys}) order by {keys}",
        details.relation
    );
    let result = (&mut session.connection)
        .execute(AssertSqlSafe(sql).into_sql_str())
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if is_unordered(error.code().as_deref()) => {
            let first = along.columns[0];
            Err(unsplittable(&first.name, &first.cast, error.message()))
        }
        Err(error) => Err(session.failure(&error)),
    }
}

/// No operator, or no collation to compare by.
fn is_unordered(code: Option<&str>) -> bool {
    matches!(code, Some("42883" | "42P22" | "42P21" | "42725"))
}

async fn records(
    session: &mut Session<'_>,
    relation: Option<&Relation>,
    sql: &str,
) -> Result<Option<u64>, Failure> {
    // Asked in any case: it also tells whether we may read.
    let estimate = catalog::estimate(session, sql).await?;
    if let Some(relation) = relation
        && catalog::size(session, relation).await? == Some(0)
    {
        return Ok(Some(0));
    }
    Ok(estimate.map(|(records, _)| records as u64))
}
