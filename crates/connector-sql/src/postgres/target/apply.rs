//! Staged records applied to the table by one statement; where that fails, halved until the records at fault stand alone.

use std::collections::HashMap;

use connector::LoadPlan;
use model::migration::Operation;
use model::{Failure, Fate};
use record::PlaceholderMade;
use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, Row};

use super::column::Column;
use super::ids::{id_of, kept_id};
use super::stage::STAGE;
use super::{PostgresTarget, Transaction};
use crate::postgres::quote;

/// What became of staged records, by row.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) fates: HashMap<usize, Fate>,
    /// Where ids are kept.
    pub(super) ids: HashMap<usize, String>,
    pub(super) refused: HashMap<usize, Refused>,
    pub(super) cleared: Vec<Cleared>,
    pub(super) placeholders: Vec<PlaceholderMade>,
}

/// Why the database refused a record.
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
}

/// A lookup that was cleared: the record's row, the lookup as the file names it, and the key of the missing parent.
pub(super) struct Cleared {
    pub(super) row: usize,
    pub(super) name: String,
    pub(super) was: String,
}

impl PostgresTarget {
    /// Applies all staged rows below `rows`.
    pub(super) async fn apply(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        columns: &[Column],
        rows: usize,
    ) -> Result<Applied, Failure> {
        let mut applied = Applied::default();
        self.find_parents(transaction, plan, columns, &mut applied)
            .await?;
        if plan.operation.needs_key() {
            self.refuse_twins(transaction, plan, columns, &mut applied)
                .await?;
        }
        let sql = statement(plan, columns);
        let mut open = vec![(0, rows)];
        while let Some((from, to)) = open.pop() {
            if from >= to {
                continue;
            }
            self.run(transaction, "savepoint stretch").await?;
            let refused = match self.stretch(transaction, &sql, from, to).await {
                // An insert tells of all its rows, or of none where the table did not take them all.
                Ok(fates) if fates.is_empty() && plan.operation == Operation::Insert => {
                    let (code, message) = kept_out();
                    Refused {
                        code: code.to_owned(),
                        message: message.to_owned(),
                        fields: Vec::new(),
                    }
                }
                Ok(fates) => {
                    self.run(transaction, "release savepoint stretch").await?;
                    for (row, fate, id) in fates {
                        applied.fates.insert(row, fate);
                        applied.ids.extend(id.map(|id| (row, id)));
                    }
                    continue;
                }
                Err(error) => record_error(&error).ok_or_else(|| self.failure(&error))?,
            };
            self.run(transaction, "rollback to savepoint stretch")
                .await?;
            if to - from == 1 {
                applied.refused.insert(from, refused);
            } else {
                let middle = from + (to - from) / 2;
                // The earlier half first: records of one chunk may stand on one another.
                open.push((middle, to));
                open.push((from, middle));
            }
        }
        Ok(applied)
    }

    async fn stretch(
        &self,
        transaction: &mut Transaction,
        sql: &str,
        from: usize,
        to: usize,
    ) -> Result<Vec<(usize, Fate, Option<String>)>, sqlx::Error> {
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(from as i64)
            .bind(to as i64)
            .fetch_all(&mut **transaction)
            .await?;
        // What is deferred to the commit is found here, where the records at fault can still be told apart.
        sqlx::raw_sql("set constraints all immediate; set constraints all deferred")
            .execute(&mut **transaction)
            .await?;
        rows.iter()
            .map(|row| {
                let number: i64 = row.try_get(0)?;
                let fate: String = row.try_get(1)?;
                Ok((
                    number as usize,
                    Fate::parse(&fate).unwrap_or(Fate::Unchanged),
                    row.try_get(2)?,
                ))
            })
            .collect()
    }

    /// Records of one chunk with one key can't both be right, and one statement can't write a row twice.
    async fn refuse_twins(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        columns: &[Column],
        applied: &mut Applied,
    ) -> Result<(), Failure> {
        let key: Vec<String> = key_columns(plan, columns).map(Column::quoted).collect();
        let sql = format!(
            "delete from {STAGE} where ({key}) in (select {key} from {STAGE} group by {key} having count(*) > 1) returning stevedore_row",
            key = key.join(", ")
        );
        let rows = self.rows(transaction, sql).await?;
        for row in rows {
            let number: i64 = self.get_at(&row, 0)?;
            let refused = Refused {
                code: "duplicate_key".to_owned(),
                message: "another record of the chunk has the same key".to_owned(),
                fields: plan.key.clone(),
            };
            applied.refused.insert(number as usize, refused);
        }
        Ok(())
    }
}

fn key_columns<'a>(plan: &'a LoadPlan, columns: &'a [Column]) -> impl Iterator<Item = &'a Column> {
    columns
        .iter()
        .filter(|column| plan.key.contains(&column.name))
}

/// The statement that applies rows from `$1` up to `$2` and returns each row's number, its fate, and its id where that is kept.
fn statement(plan: &LoadPlan, columns: &[Column]) -> String {
    let table = PostgresTarget::quoted(&plan.to);
    let list =
        |of: &dyn Fn(&Column) -> String| columns.iter().map(of).collect::<Vec<_>>().join(", ");
    let (names, values) = (list(&Column::quoted), list(&|column| column.value("s")));
    let stretch = "s.stevedore_row >= $1 and s.stevedore_row < $2";
    let matched = |with: &str| {
        key_columns(plan, columns)
            .map(|column| format!("{with}.{} = {}", column.quoted(), column.value("s")))
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let changed: Vec<&Column> = columns
        .iter()
        .filter(|column| !plan.key.contains(&column.name))
        .collect();
    let assignments = |value: &dyn Fn(&Column) -> String| {
        let assignment = |column: &&Column| {
            let (name, value) = (column.quoted(), value(column));
            match column.keeps_on_null {
                true => format!("{name} = coalesce({value}, t.{name})"),
                false => format!("{name} = {value}"),
            }
        };
        changed
            .iter()
            .map(assignment)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match plan.operation {
        Operation::Insert => {
            // Ids that the table did not take as they were given count as records that it did not take.
            let kept = kept_id(plan).and_then(|id| columns.iter().find(|column| column.name == id));
            let (returned, counted, id) = match kept {
                None => (
                    "1".to_owned(),
                    "written".to_owned(),
                    "null::text".to_owned(),
                ),
                Some(id) => (
                    id.quoted(),
                    format!(
                        "written w join {STAGE} s on w.{} = {} where {stretch}",
                        id.quoted(),
                        id.value("s")
                    ),
                    format!("{}::text", id.value("s")),
                ),
            };
            format!(
                "with written as (insert into {table} ({names}) overriding system value \
                     select {values} from {STAGE} s where {stretch} order by s.stevedore_row returning {returned}), \
                      counted as (select count(*) from {counted}) \
                 select s.stevedore_row, 'created', {id} from {STAGE} s, counted \
                 where {stretch} and counted.count = (select count(*) from {STAGE} s where {stretch})"
            )
        }
        Operation::Upsert => {
            let key: Vec<String> = plan.key.iter().map(|name| quote::name(name)).collect();
            let key = key.join(", ");
            let update = match changed.as_slice() {
                [] => "nothing".to_owned(),
                _ => format!(
                    "update set {}",
                    assignments(&|column| format!("excluded.{}", column.quoted()))
                ),
            };
            // With nothing to change, what is there stays, and is not returned: its id is looked up.
            let known = match kept_id(plan) {
                Some(_) => format!(
                    "coalesce(w.stevedore_id, (select {} from {table} t where {}))",
                    id_of(plan, "t"),
                    matched("t")
                ),
                None => "null::text".to_owned(),
            };
            let unreturned = if changed.is_empty() {
                "left join"
            } else {
                "join"
            };
            format!(
                "with written as (insert into {table} as t ({names}) select {values} from {STAGE} s where {stretch} order by s.stevedore_row \
                     on conflict ({key}) do {update} returning {returned}, (t.xmax = 0) as stevedore_created, {id} as stevedore_id) \
                 select s.stevedore_row, case when w.stevedore_created is null then 'unchanged' when w.stevedore_created then 'created' else 'updated' end, \
                     {known} \
                 from {STAGE} s {unreturned} written w on {on} where {stretch}",
                returned = plan
                    .key
                    .iter()
                    .map(|name| format!("t.{}", quote::name(name)))
                    .collect::<Vec<_>>()
                    .join(", "),
                id = id_of(plan, "t"),
                on = matched("w"),
            )
        }
        Operation::Update => format!(
            "update {table} t set {} from {STAGE} s where {stretch} and {} returning s.stevedore_row, 'updated', {}",
            assignments(&|column| column.value("s")),
            matched("t"),
            id_of(plan, "t"),
        ),
        Operation::Delete | Operation::HardDelete => format!(
            "delete from {table} t using {STAGE} s where {stretch} and {} returning s.stevedore_row, 'deleted', null::text",
            matched("t"),
        ),
    }
}

/// What is said of a record that the table did not take, and raised no error for.
pub(super) fn kept_out() -> (&'static str, &'static str) {
    (
        "not_written",
        "the table did not take the record under its key: a trigger or rule of its own kept it out, or changed it",
    )
}

/// An error that is about records, and not about the database: a constraint, a value, or what a trigger raised.
pub(super) fn record_error(error: &sqlx::Error) -> Option<Refused> {
    let error = error
        .as_database_error()?
        .try_downcast_ref::<PgDatabaseError>()?;
    let code = error.code();
    let about_records = ["22", "23", "44", "P0"]
        .iter()
        .any(|class| code.starts_with(class))
        || code == "21000";
    about_records.then(|| {
        let mut message = error.message().to_owned();
        if let Some(detail) = error.detail() {
            message = format!("{message}: {detail}");
        }
        Refused {
            code: code.to_owned(),
            message,
            fields: error
                .column()
                .or(error.constraint())
                .map(str::to_owned)
                .into_iter()
                .collect(),
        }
    })
}
