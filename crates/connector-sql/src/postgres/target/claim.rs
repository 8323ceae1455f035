//! Claims: the first committed claim of a chunk stands, and says whether it was written whole or by its parts.

use connector::{Claim, Loaded};
use model::{ChunkNumber, Failure};
use record::Outcome;
use sqlx::{AssertSqlSafe, Row};

use super::{PostgresTarget, Transaction};

/// What a claim came to.
pub(super) enum Claimed {
    /// The chunk may be written in this transaction.
    Ours,
    /// It is settled; nothing is to be written.
    Settled(Box<Loaded>),
}

impl PostgresTarget {
    /// The table of claims beside a target table.
    pub(super) fn claims(table: &str) -> String {
        match table.split_once('.') {
            Some((schema, _)) => Self::quoted(&format!("{schema}.stevedore_claims")),
            None => "stevedore_claims".to_owned(),
        }
    }

    /// Claims the chunk whole, and marks what it was split from as split. Another attempt's open claim is waited for, as long as `lock_timeout` says.
    pub(super) async fn claim(
        &self,
        transaction: &mut Transaction,
        claims: &str,
        claim: &Claim,
    ) -> Result<Claimed, Failure> {
        for ancestor in &claim.ancestors {
            if self
                .mark(transaction, claims, claim, *ancestor, "split")
                .await?
            {
                continue;
            }
            if let (state, Some(outcome)) =
                self.found(transaction, claims, claim, *ancestor).await?
                && state == "whole"
            {
                return Ok(Claimed::Settled(Box::new(Loaded::Covered {
                    ancestor: *ancestor,
                    outcome: Outcome::decode(&outcome)?,
                })));
            }
        }
        if self
            .mark(transaction, claims, claim, claim.chunk.chunk, "whole")
            .await?
        {
            return Ok(Claimed::Ours);
        }
        Ok(Claimed::Settled(Box::new(
            match self
                .found(transaction, claims, claim, claim.chunk.chunk)
                .await?
            {
                (state, Some(outcome)) if state == "whole" => {
                    Loaded::Replayed(Outcome::decode(&outcome)?)
                }
                (state, _) if state == "split" => Loaded::WasSplit,
                _ => return Err(Failure::bug("a committed claim has no outcome")),
            },
        )))
    }

    /// False when there is a committed claim already.
    async fn mark(
        &self,
        transaction: &mut Transaction,
        claims: &str,
        claim: &Claim,
        chunk: ChunkNumber,
        state: &str,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "insert into {claims} (run_id, object, chunk, attempt, state) values ($1, $2, $3, $4, $5) on conflict do nothing"
        );
        let marked = sqlx::query(AssertSqlSafe(sql))
            .bind(claim.chunk.run.as_str())
            .bind(&claim.chunk.object)
            .bind(chunk.0)
            .bind(claim.attempt.0)
            .bind(state)
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(marked.rows_affected() == 1)
    }

    async fn found(
        &self,
        transaction: &mut Transaction,
        claims: &str,
        claim: &Claim,
        chunk: ChunkNumber,
    ) -> Result<(String, Option<Vec<u8>>), Failure> {
        let sql = format!(
            "select state, outcome from {claims} where run_id = $1 and object = $2 and chunk = $3"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(claim.chunk.run.as_str())
            .bind(&claim.chunk.object)
            .bind(chunk.0)
            .fetch_one(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let read = |error| self.failure(&error);
        Ok((row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?))
    }

    /// Stores what became of the chunk's records, so that a later attempt can say the same.
    pub(super) async fn store_outcome(
        &self,
        transaction: &mut Transaction,
        claims: &str,
        claim: &Claim,
        outcome: &Outcome,
    ) -> Result<(), Failure> {
        let sql = format!(
            "update {claims} set outcome = $4 where run_id = $1 and object = $2 and chunk = $3"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(claim.chunk.run.as_str())
            .bind(&claim.chunk.object)
            .bind(claim.chunk.chunk.0)
            .bind(outcome.encode()?)
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(())
    }
}
