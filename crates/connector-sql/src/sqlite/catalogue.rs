//! The file's tables with their keys and foreign keys.

use connector::{Catalogue, Listed, Parent};
use model::migration::From;
use model::{Failure, Finding};

use super::database::{Database, Session};
use super::describe::{columns, integer, text, uniques};
use super::value::Value;
use crate::names::{Found, find};

/// But for SQLite's own, and the tables behind virtual ones.
const TABLES: &str = "select name, type from pragma_table_list \
    where schema = 'main' and type in ('table', 'view', 'virtual') and name not like 'sqlite\\_%' escape '\\' order by name";

pub(super) async fn catalogue(database: &Database, only: &[String]) -> Result<Catalogue, Failure> {
    let mut session = database.begin().await?;
    let mut catalogue = Catalogue::default();
    for row in session.values(TABLES, &[]).await? {
        let (name, kind) = (text(&row, 0), text(&row, 1));
        if !Catalogue::wants(only, &name) {
            continue;
        }
        if kind != "table" && only.is_empty() {
            let what = if kind == "view" {
                "view"
            } else {
                "virtual table"
            };
            let left_out = format!("{name} is a {what}, and was left out");
            let left_out = Finding::warning("left_out", left_out);
            let hint = "if it is to be moved all the same, name it: --only";
            catalogue.left_out.push(left_out.hint(hint));
            continue;
        }
        let keys = keys(&mut session, &name).await?;
        catalogue.objects.push(Listed {
            from: From::Table(name.clone()),
            name,
            keys,
            parents: Vec::new(),
        });
    }
    for place in 0..catalogue.objects.len() {
        let parents = parents(
            &mut session,
            &catalogue.objects[place].name,
            &catalogue.objects,
        )
        .await?;
        catalogue.objects[place].parents = parents;
    }
    Ok(catalogue)
}

async fn keys(session: &mut Session<'_>, table: &str) -> Result<Vec<Vec<String>>, Failure> {
    let columns = columns(session, table, "main").await?;
    let mut primary: Vec<_> = columns.iter().filter(|column| column.primary > 0).collect();
    primary.sort_by_key(|column| column.primary);
    let primary: Vec<String> = primary.iter().map(|column| column.name.clone()).collect();
    let mut keys: Vec<Vec<String>> = Vec::new();
    if !primary.is_empty() {
        keys.push(primary);
    }
    let never_null = |name: &String| {
        let of_name = |column: &&super::describe::Column| column.name == *name;
        columns
            .iter()
            .find(of_name)
            .is_some_and(|column| column.not_null || column.primary > 0)
    };
    for unique in uniques(session, table).await? {
        if unique.columns.iter().all(never_null) && !keys.contains(&unique.columns) {
            keys.push(unique.columns);
        }
    }
    Ok(keys)
}

/// SQLite keeps foreign keys as they were written: to a table in any spelling, and to its primary key where no column is named.
async fn parents(
    session: &mut Session<'_>,
    table: &str,
    known: &[Listed],
) -> Result<Vec<Parent>, Failure> {
    let names: Vec<&str> = known.iter().map(|listed| listed.name.as_str()).collect();
    let sql =
        "select id, \"table\", \"from\", \"to\" from pragma_foreign_key_list(?) order by id, seq";
    let rows = session
        .values(sql, &[Value::Text(table.to_owned())])
        .await?;
    let mut parents: Vec<(i64, Parent)> = Vec::new();
    for row in &rows {
        let Found::One(place) = find(&names, &text(row, 1)) else {
            continue;
        };
        let (id, of) = (integer(row, 0), &known[place]);
        let new = parents.last().is_none_or(|(last, _)| *last != id);
        if new {
            let parent = Parent {
                columns: Vec::new(),
                from: of.from.clone(),
                to: Vec::new(),
            };
            parents.push((id, parent));
        }
        if let Some((_, parent)) = parents.last_mut() {
            let named = Some(text(row, 3)).filter(|name| !name.is_empty());
            let primary = of
                .keys
                .first()
                .and_then(|key| key.get(parent.to.len()).cloned());
            parent.columns.push(text(row, 2));
            parent.to.extend(named.or(primary));
        }
    }
    // Listed from the last that was declared.
    parents.reverse();
    Ok(parents.into_iter().map(|(_, parent)| parent).collect())
}
