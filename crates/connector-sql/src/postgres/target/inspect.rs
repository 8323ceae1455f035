//! What stands in the way of a load into tables, or acts on what is loaded: rights, the key's unique index, triggers, room for connections. Reads only.

use connector::{Intent, TargetObject};
use model::migration::Operation;
use model::{Failure, Finding};

use super::{MOST, PostgresTarget, Transaction};

const ROOM: &str = "select current_setting('server_version')::text, current_setting('max_connections')::bigint, \
    current_setting('superuser_reserved_connections')::bigint, \
    (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend')::bigint, \
    pg_catalog.has_database_privilege(current_database(), 'temporary')";

/// Triggers that people made and nobody disabled, with what sets them off as bits: 4 insert, 8 delete, 16 update.
const TRIGGERS: &str = "select t.tgname::text, t.tgtype::bigint from pg_catalog.pg_trigger t \
    where t.tgrelid = $1::text::regclass and not t.tgisinternal and t.tgenabled <> 'D' order by t.tgname";
const ON_INSERT: i64 = 4;
const ON_DELETE: i64 = 8;
const ON_UPDATE: i64 = 16;

impl PostgresTarget {
    pub(super) async fn look(&self, intents: &[Intent]) -> Vec<Finding> {
        let mut transaction = match self.begin().await {
            Ok(transaction) => transaction,
            Err(failure) => return vec![failure.into()],
        };
        let mut findings = match self.room(&mut transaction).await {
            Ok(room) => room,
            Err(failure) => return vec![failure.into()],
        };
        for intent in intents {
            // A statement that fails spoils its transaction.
            let found = match self.begin().await {
                Ok(mut transaction) => self.table(&mut transaction, intent).await,
                Err(failure) => Err(failure),
            };
            let found = found.unwrap_or_else(|failure| vec![failure.into()]);
            findings.extend(
                found
                    .into_iter()
                    .map(|finding| finding.object(&intent.object)),
            );
        }
        findings
    }

    async fn room(&self, transaction: &mut Transaction) -> Result<Vec<Finding>, Failure> {
        let row = sqlx::query(ROOM)
            .fetch_one(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let version: String = self.get_at(&row, 0)?;
        let number = |place| self.get_at::<i64>(&row, place);
        let (most, reserved, used) = (number(1)?, number(2)?, number(3)?);
        let temporary: bool = self.get_at(&row, 4)?;
        let mut findings = vec![Finding::ok(
            "login",
            format!("PostgreSQL {version} at {} lets us in", self.place),
        )];
        let free = (most - reserved - used).max(0);
        let said =
            format!("{free} of {most} connections are free; each loader opens {MOST} at most");
        let hint = "raise `max_connections`, or close what is not used";
        findings.push(match free {
            0 => Finding::problem("connections", said).hint(hint),
            free if free < i64::from(MOST) => Finding::warning("connections", said).hint(hint),
            _ => Finding::ok("connections", said),
        });
        if !temporary {
            findings.push(
                Finding::problem("rights", "the user may not make temporary tables")
                    .hint("grant temporary on database … to the user"),
            );
        }
        Ok(findings)
    }

    async fn table(
        &self,
        transaction: &mut Transaction,
        intent: &Intent,
    ) -> Result<Vec<Finding>, Failure> {
        let table = self.describe_table(transaction, &intent.to).await?;
        let mut findings = vec![self.rights(transaction, intent, &table).await?];
        findings.push(key(intent, &table));
        findings.extend(self.triggers(transaction, intent, &table).await?);
        Ok(findings)
    }

    async fn rights(
        &self,
        transaction: &mut Transaction,
        intent: &Intent,
        table: &TargetObject,
    ) -> Result<Finding, Failure> {
        let needed: &[&str] = match intent.operation {
            Operation::Insert => &["insert"],
            Operation::Update => &["select", "update"],
            Operation::Upsert => &["select", "insert", "update"],
            Operation::Delete | Operation::HardDelete => &["select", "delete"],
        };
        let mut refused = Vec::new();
        for right in needed {
            let row = sqlx::query("select pg_catalog.has_table_privilege($1::text::regclass, $2)")
                .bind(Self::quoted(&table.name))
                .bind(*right)
                .fetch_one(&mut **transaction)
                .await
                .map_err(|error| self.failure(&error))?;
            if !self.get_at::<bool>(&row, 0)? {
                refused.push(*right);
            }
        }
        let name = &table.name;
        Ok(if refused.is_empty() {
            Finding::ok(
                "rights",
                format!("the user may {} on {name}", needed.join(", ")),
            )
        } else {
            let refused = refused.join(", ");
            Finding::problem("rights", format!("the user may not {refused} on {name}"))
                .hint(format!("grant {refused} on {name} to the user"))
        })
    }

    async fn triggers(
        &self,
        transaction: &mut Transaction,
        intent: &Intent,
        table: &TargetObject,
    ) -> Result<Vec<Finding>, Failure> {
        let done = match intent.operation {
            Operation::Insert => ON_INSERT,
            Operation::Update => ON_UPDATE,
            Operation::Upsert => ON_INSERT | ON_UPDATE,
            Operation::Delete | Operation::HardDelete => ON_DELETE,
        };
        let rows = sqlx::query(TRIGGERS)
            .bind(Self::quoted(&table.name))
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let name = &table.name;
        let mut findings = Vec::new();
        for row in &rows {
            let (trigger, set_off): (String, i64) = (self.get_at(row, 0)?, self.get_at(row, 1)?);
            if set_off & done == 0 {
                continue;
            }
            findings.push(
                Finding::warning("trigger", format!("the trigger {trigger} acts on {name}")).hint(
                    "alter table … disable trigger … for the time of the load, and enable it after; left on, what it changes or drops is told of each record",
                ),
            );
        }
        if findings.is_empty() {
            findings.push(Finding::ok(
                "automation",
                format!("{name} has no active triggers"),
            ));
        }
        Ok(findings)
    }
}

/// Records are told apart by a unique index.
fn key(intent: &Intent, table: &TargetObject) -> Finding {
    let name = &table.name;
    let key: Vec<String> = if intent.key.is_empty() {
        table.keys.first().cloned().unwrap_or_default()
    } else {
        let own = |key: &String| table.field(key).map_or(key, |field| &field.name).clone();
        intent.key.iter().map(own).collect()
    };
    let listed = key.join(", ");
    if key.is_empty() {
        return if intent.operation.needs_key() {
            Finding::problem(
                "key",
                format!("{name} has no key by which records could be found"),
            )
            .hint("give the table a primary key, or name key fields under `external_id`")
        } else {
            Finding::warning(
                "key",
                format!(
                    "{name} has no key: what is inserted can't be told from other rows afterwards"
                ),
            )
            .hint("give the table a primary key, and fill it")
        };
    }
    let unique = table
        .keys
        .iter()
        .any(|of| of.len() == key.len() && of.iter().all(|column| key.contains(column)));
    match (unique, intent.operation.needs_key()) {
        (true, _) => Finding::ok("key", format!("{name} has a unique index on ({listed})")),
        (false, true) => {
            Finding::problem("key", format!("{name} has no unique index on ({listed})"))
                .hint(format!("create unique index on {name} ({listed})"))
        }
        (false, false) => {
            Finding::warning("key", format!("{name} has no unique index on ({listed})"))
                .hint("without one a second load would insert the same records again")
        }
    }
}
