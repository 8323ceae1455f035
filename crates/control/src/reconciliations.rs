//! What reading both ends anew has shown: one row per check, the latest.

use chrono::{DateTime, Utc};
use model::RunId;
use serde_json::Value;

use crate::db::args;
use crate::{Control, Result, Term};

#[derive(Debug, Clone, PartialEq)]
pub struct Reconciliation {
    pub run: RunId,
    pub object: String,
    pub level: u8,
    /// Names the check within its level: `count`, `sum Amount__c`, …
    pub check: String,
    /// Which records it is about, in words.
    pub scope: String,
    pub source_value: Option<String>,
    pub target_value: Option<String>,
    pub passed: bool,
    pub details: Option<Value>,
    /// Set by the database when it is saved.
    pub checked_at: Option<DateTime<Utc>>,
}

impl Control {
    /// Stores an object's results together, so that nobody sees half of them; each in place of an earlier one of the same check.
    pub async fn save_reconciliations(&self, results: &[Reconciliation]) -> Result<()> {
        let sql = "
            insert into reconciliations (run_id, object, level, check_name, scope, source_value, target_value, passed, details, checked_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})
            on conflict (run_id, object, level, check_name) do update set scope = excluded.scope,
                source_value = excluded.source_value, target_value = excluded.target_value, passed = excluded.passed,
                details = excluded.details, checked_at = excluded.checked_at";
        let mut tx = self.db.begin().await?;
        for result in results {
            let values = args![
                &result.run,
                &result.object,
                result.level,
                &result.check,
                &result.scope,
                &result.source_value,
                &result.target_value,
                result.passed,
                result.details.as_ref(),
            ];
            tx.execute(sql, values).await?;
        }
        tx.commit().await
    }

    /// Forgets a run's results, because they are about to be found anew.
    ///
    /// Errors: `Deposed`.
    pub async fn forget_reconciliations(&self, term: Term, run: &RunId) -> Result<()> {
        let mut tx = self.db.begin_as(term).await?;
        tx.execute("delete from reconciliations where run_id = $1", args![run])
            .await?;
        tx.commit().await
    }

    /// By object, level and check.
    pub async fn reconciliations(&self, run: &RunId) -> Result<Vec<Reconciliation>> {
        let sql = "select r.* from reconciliations r left join objects o on o.run_id = r.run_id and o.name = r.object
                   where r.run_id = $1 order by o.phase, o.position, r.object, r.level, r.check_name";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| {
                Ok(Reconciliation {
                    run: row.run("run_id")?,
                    object: row.text("object")?,
                    level: u8::try_from(row.int("level")?).unwrap_or(u8::MAX),
                    check: row.text("check_name")?,
                    scope: row.text("scope")?,
                    source_value: row.opt_text("source_value")?,
                    target_value: row.opt_text("target_value")?,
                    passed: row.bool("passed")?,
                    details: row.opt_json("details")?,
                    checked_at: row.opt_time("checked_at")?,
                })
            })
            .collect()
    }
}
