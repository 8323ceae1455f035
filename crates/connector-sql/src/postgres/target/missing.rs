//! Parents that staged records refer to and the database does not have: looked for before the records are written, in the same transaction, so that a table
//! without foreign keys is treated as one that has them.

use connector::{LoadPlan, MissingParent, Placeholder};
use model::Failure;
use record::PlaceholderMade;
use sqlx::{AssertSqlSafe, Row};

use super::apply::{Applied, Cleared, Refused, record_error};
use super::column::Column;
use super::stage::STAGE;
use super::{PostgresTarget, Transaction};
use crate::postgres::quote;

impl PostgresTarget {
    /// Does about missing parents what the plan says.
    pub(super) async fn find_parents(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        columns: &[Column],
        applied: &mut Applied,
    ) -> Result<(), Failure> {
        for rule in &plan.missing {
            let Some(column) = columns.iter().find(|column| column.name == rule.field) else {
                continue;
            };
            match &rule.placeholder {
                None => self.clear(transaction, rule, column, applied).await?,
                Some(placeholder) => {
                    self.stand_in(transaction, rule, placeholder, column, applied)
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn clear(
        &self,
        transaction: &mut Transaction,
        rule: &MissingParent,
        column: &Column,
        applied: &mut Applied,
    ) -> Result<(), Failure> {
        let sql = format!(
            "with orphans as (select s.stevedore_row as number, {}::text as was from {STAGE} s where {}), \
                  cleared as (update {STAGE} t set {} = null from orphans o where o.number = t.stevedore_row) \
             select number, was from orphans",
            column.value("s"),
            is_missing(rule, column),
            column.quoted(),
        );
        let rows = self.rows(transaction, sql).await?;
        for row in rows {
            let number: i64 = self.get_at(&row, 0)?;
            applied.cleared.push(Cleared {
                row: number as usize,
                name: rule.name.clone(),
                was: self.get_at(&row, 1)?,
            });
        }
        Ok(())
    }

    async fn stand_in(
        &self,
        transaction: &mut Transaction,
        rule: &MissingParent,
        placeholder: &Placeholder,
        column: &Column,
        applied: &mut Applied,
    ) -> Result<(), Failure> {
        let sql = format!(
            "select {value}::text, min(s.stevedore_row) from {STAGE} s where {} group by {value} order by 1",
            is_missing(rule, column),
            value = column.value("s"),
        );
        let rows = self.rows(transaction, sql).await?;
        let mut wanted: Vec<(String, i64)> = Vec::with_capacity(rows.len());
        for row in &rows {
            wanted.push((self.get_at(row, 0)?, self.get_at(row, 1)?));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        if self
            .make(transaction, rule, placeholder, &wanted, applied)
            .await?
            .is_none()
        {
            return Ok(());
        }
        // One by one, so that a key which the parents' table does not take concerns its own children alone.
        for one in &wanted {
            let one = std::slice::from_ref(one);
            let refused = self
                .make(transaction, rule, placeholder, one, applied)
                .await?;
            if let Some(refused) = refused {
                self.refuse_children(transaction, rule, column, &one[0].0, &refused, applied)
                    .await?;
            }
        }
        Ok(())
    }

    /// Makes parents with these keys, where nobody else does. None of them is made when the database refuses one, which is why, then.
    async fn make(
        &self,
        transaction: &mut Transaction,
        rule: &MissingParent,
        placeholder: &Placeholder,
        wanted: &[(String, i64)],
        applied: &mut Applied,
    ) -> Result<Option<Refused>, Failure> {
        let key = quote::name(&rule.key);
        let given = placeholder.fields.keys().chain(&placeholder.named_by_key);
        let names: Vec<String> = given
            .filter(|name| **name != rule.key)
            .map(|name| quote::name(name))
            .collect();
        let listed = |prefix: &str| {
            let names = names.iter().map(|name| format!(", {prefix}{name}"));
            names.collect::<String>()
        };
        let keyed = [&rule.key].into_iter().chain(&placeholder.named_by_key);
        let keyed: Vec<String> = keyed
            .map(|name| format!("{}, k.key", quote::text(name)))
            .collect();
        let id = rule.id.as_ref().map_or_else(
            || "null::text".to_owned(),
            |id| format!("t.{}::text", quote::name(id)),
        );
        let table = Self::quoted(&rule.to);
        let sql = format!(
            "insert into {table} as t ({key}{names}) \
             select r.{key}{values} from unnest($1::text[]) with ordinality k(key, place) \
             cross join lateral jsonb_populate_record(null::{table}, $2::text::jsonb || jsonb_build_object({keyed})) r \
             order by k.place on conflict ({key}) do nothing returning t.{key}::text, {id}",
            names = listed(""),
            values = listed("r."),
            keyed = keyed.join(", "),
        );
        let keys: Vec<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
        let fields = serde_json::Value::Object(placeholder.fields.clone()).to_string();
        self.run(transaction, "savepoint stand_in").await?;
        let made = sqlx::query(AssertSqlSafe(sql))
            .bind(keys)
            .bind(fields)
            .fetch_all(&mut **transaction)
            .await;
        let rows = match made {
            Ok(rows) => rows,
            Err(error) => {
                let refused = record_error(&error).ok_or_else(|| self.failure(&error))?;
                self.run(transaction, "rollback to savepoint stand_in")
                    .await?;
                return Ok(Some(refused));
            }
        };
        self.run(transaction, "release savepoint stand_in").await?;
        for row in &rows {
            let key: String = self.get_at(row, 0)?;
            let asked = wanted.iter().find(|(wanted, _)| *wanted == key);
            let made = PlaceholderMade {
                parent: rule.parent.clone(),
                to: rule.to.clone(),
                key,
                id: row.try_get(1).map_err(|error| self.failure(&error))?,
                // Its row for now; its key is known to who has the records.
                child: asked.map(|(_, row)| row.to_string()).unwrap_or_default(),
            };
            applied.placeholders.push(made);
        }
        Ok(None)
    }

    async fn refuse_children(
        &self,
        transaction: &mut Transaction,
        rule: &MissingParent,
        column: &Column,
        key: &str,
        why: &Refused,
        applied: &mut Applied,
    ) -> Result<(), Failure> {
        let sql = format!(
            "delete from {STAGE} s where {}::text = $1 returning s.stevedore_row",
            column.value("s")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(key)
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        for row in &rows {
            let number: i64 = self.get_at(row, 0)?;
            let refused = Refused {
                code: "missing_parent".to_owned(),
                message: format!(
                    "{} has no record {key}, and none could be made in its place: {}",
                    rule.to, why.message
                ),
                fields: vec![rule.name.clone()],
            };
            applied.refused.insert(number as usize, refused);
        }
        Ok(())
    }
}

/// That a staged record `s` refers to a parent that is not there.
fn is_missing(rule: &MissingParent, column: &Column) -> String {
    format!(
        "s.{} is not null and not exists (select 1 from {} p where p.{} = {})",
        column.quoted(),
        PostgresTarget::quoted(&rule.to),
        quote::name(&rule.key),
        column.value("s"),
    )
}
