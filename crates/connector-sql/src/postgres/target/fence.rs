//! A claim's transaction. A later attempt ends an earlier one's that is still open: a loader that froze, or whose network is gone, would hold its
//! claim for as long as the server believes in its connection.

use connector::Claim;
use model::{Attempt, ChunkRef, Failure};

use super::claim::Claimed;
use super::{PostgresTarget, Transaction};

/// How long another attempt's open claim is waited for before it is ended.
const PATIENCE: &str = "3s";
/// How long any other lock is waited for.
const LOCKS: &str = "60s";

impl PostgresTarget {
    /// Begins a transaction and claims the chunk in it.
    pub(super) async fn begin_claimed(
        &self,
        claims: &str,
        claim: &Claim,
    ) -> Result<(Transaction, Claimed), Failure> {
        let mut transaction = self.begin().await?;
        self.sign(&mut transaction, claim, PATIENCE).await?;
        let claimed = match self.claim(&mut transaction, claims, claim).await {
            Err(failure) if failure.code == "contention" => {
                drop(transaction);
                self.end_earlier(claim).await?;
                transaction = self.begin().await?;
                self.sign(&mut transaction, claim, LOCKS).await?;
                self.claim(&mut transaction, claims, claim).await?
            }
            claimed => claimed?,
        };
        let patience = format!("set local lock_timeout = '{LOCKS}'");
        self.run(&mut transaction, &patience).await?;
        Ok((transaction, claimed))
    }

    /// Gives the transaction its claim's name, by which a later attempt finds it.
    async fn sign(
        &self,
        transaction: &mut Transaction,
        claim: &Claim,
        patience: &str,
    ) -> Result<(), Failure> {
        let sql = "select set_config('application_name', 'stevedore ' || md5($1) || ' ' || $2, true), set_config('lock_timeout', $3, true)";
        sqlx::query(sql)
            .bind(claim.chunk.to_string())
            .bind(claim.attempt.to_string())
            .bind(patience)
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(())
    }

    /// Ends open transactions of earlier attempts at the chunk, and of all attempts at what it was split from.
    async fn end_earlier(&self, claim: &Claim) -> Result<(), Failure> {
        self.end(&claim.chunk, claim.attempt).await?;
        for ancestor in &claim.ancestors {
            let whole = ChunkRef {
                chunk: *ancestor,
                ..claim.chunk.clone()
            };
            self.end(&whole, Attempt(i64::MAX)).await?;
        }
        Ok(())
    }

    async fn end(&self, chunk: &ChunkRef, before: Attempt) -> Result<(), Failure> {
        let sql = "
            select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and usename = current_user
              and substring(application_name from '^stevedore ' || md5($1) || ' ([0-9]+)$')::bigint < $2";
        let ended: i64 = sqlx::query_scalar(sql)
            .bind(chunk.to_string())
            .bind(before.0)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failure(&error))?;
        if ended > 0 {
            tracing::warn!(%chunk, "an earlier attempt still held its claim: its transaction was ended");
        }
        Ok(())
    }
}
