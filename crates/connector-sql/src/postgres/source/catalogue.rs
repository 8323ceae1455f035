//! The database's tables with their keys and foreign keys. Those of the search path go by their bare names, others with their schema.

use std::collections::HashMap;

use connector::{Catalogue, Listed, Parent};
use model::migration::From;
use model::{Failure, Finding};

use crate::postgres::connections::{Connections, Session};

/// What can be selected from, but for the system's own, what belongs to extensions, and our own bookkeeping. Rows of a table that inherits are read with its
/// parent's.
const RELATIONS: &str = "select c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, (n.nspname = any(current_schemas(false)))::text, \
      exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.oid)::text, \
      pg_catalog.has_table_privilege(c.oid, 'select')::text \
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r','p','v','m','f') and n.nspname not in ('pg_catalog','information_schema') and n.nspname not like 'pg\\_%' \
      and pg_catalog.has_schema_privilege(n.oid, 'usage') and c.relname <> 'stevedore_claims' \
      and not exists (select from pg_catalog.pg_depend d \
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') \
    order by array_position(current_schemas(false), n.nspname), n.nspname, c.relname";

/// Unique sets of columns without nulls, over all rows.
const KEYS: &str = "select i.indrelid::text, \
      (select json_agg(a.attname order by k.place)::text from unnest(i.indkey::int2[]) with ordinality k(number, place) \
       join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number where k.place <= i.indnkeyatts) \
    from pg_catalog.pg_index i \
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null \
      and not exists (select from unnest(i.indkey::int2[]) with ordinality k(number, place) \
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number \
        where k.place <= i.indnkeyatts and not a.attnotnull) \
    order by i.indisprimary desc, i.indexrelid";

const FOREIGN_KEYS: &str = "select f.conrelid::text, f.confrelid::text, \
      (select json_agg(a.attname order by k.place)::text from unnest(f.conkey) with ordinality k(number, place) \
       join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number), \
      (select json_agg(a.attname order by k.place)::text from unnest(f.confkey) with ordinality k(number, place) \
       join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.number) \
    from pg_catalog.pg_constraint f where f.contype = 'f' and f.conparentid = 0 order by f.oid";

pub(super) async fn catalogue(
    connections: &Connections,
    only: &[String],
) -> Result<Catalogue, Failure> {
    let mut session = connections.begin().await?;
    let relations = session.texts(RELATIONS).await?;
    let keys = keys(&mut session).await?;
    let parents = session.texts(FOREIGN_KEYS).await?;
    session.end().await?;
    let mut names: HashMap<String, From> = HashMap::new();
    let mut catalogue = Catalogue::default();
    let mut oids = Vec::new();
    for row in &relations {
        let [oid, schema, name, kind, in_path, inherits, readable] =
            [0, 1, 2, 3, 4, 5, 6].map(|column| text(row, column));
        let visible = match connections.schema() {
            Some(schema_set) => schema == schema_set,
            None => in_path == "true",
        };
        // Where the connection names its schema, the others are nobody's business.
        if connections.schema().is_some() && !visible || inherits == "true" {
            continue;
        }
        let hidden = names.values().any(|from| from.describe() == name);
        let called = match visible && !hidden {
            true => name.clone(),
            false => format!("{schema}.{name}"),
        };
        if !Catalogue::wants(only, &called) && !Catalogue::wants(only, &name) {
            continue;
        }
        let leave_out = |why: &str, hint: &str| {
            Finding::warning("left_out", format!("{called} {why}")).hint(hint)
        };
        if matches!(kind.as_str(), "v" | "m") {
            let hint = "if it is to be moved all the same, name it: --only";
            if only.is_empty() {
                catalogue
                    .left_out
                    .push(leave_out("is a view, and was left out", hint));
                continue;
            }
        }
        if readable != "true" {
            let hint = "grant select on it to the user of the connection";
            catalogue
                .left_out
                .push(leave_out("may not be read by this user", hint));
            continue;
        }
        names.insert(oid.clone(), From::Table(called.clone()));
        oids.push(oid.clone());
        catalogue.objects.push(Listed {
            from: From::Table(called),
            name,
            keys: keys.get(&oid).cloned().unwrap_or_default(),
            parents: Vec::new(),
        });
    }
    for row in &parents {
        let [child, parent] = [0, 1].map(|column| text(row, column));
        let place = oids.iter().position(|oid| *oid == child);
        if let (Some(place), Some(from)) = (place, names.get(&parent)) {
            catalogue.objects[place].parents.push(Parent {
                columns: list(row, 2),
                from: from.clone(),
                to: list(row, 3),
            });
        }
    }
    Ok(catalogue)
}

async fn keys(session: &mut Session<'_>) -> Result<HashMap<String, Vec<Vec<String>>>, Failure> {
    let mut keys: HashMap<String, Vec<Vec<String>>> = HashMap::new();
    for row in session.texts(KEYS).await? {
        keys.entry(text(&row, 0)).or_default().push(list(&row, 1));
    }
    Ok(keys)
}

fn text(row: &[Option<String>], column: usize) -> String {
    row.get(column).cloned().flatten().unwrap_or_default()
}

/// A list that the database wrote as JSON.
fn list(row: &[Option<String>], column: usize) -> Vec<String> {
    serde_json::from_str(&text(row, column)).unwrap_or_default()
}
