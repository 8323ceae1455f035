//! Which coordinator leads. Its term is a condition of every write to runs and chunks, so that one that froze and woke changes nothing.
//! Time is the database's: the coordinators' own clocks need not agree.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::db::{args, millis};
use crate::{Control, Result};

/// One coordinator's time in office. Each has a higher number than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub i64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    pub term: Term,
    pub holder: String,
    pub until: DateTime<Utc>,
}

impl Control {
    /// Asks to lead, or to go on leading, for `ttl` from now. `None`: another leads.
    ///
    /// `holder` names one life of one process: were a restarted process to ask by its former name, it would get its former
    /// term, and late writes of its former life would count.
    pub async fn lead(&self, holder: &str, ttl: Duration) -> Result<Option<Term>> {
        // Two statements, because only the second may touch the column `term`: see the schema.
        for sql in [
            "update leadership set until = {now+$2} where holder = $1 returning term",
            "update leadership set term = term + 1, holder = $1, until = {now+$2} where until <= {now} returning term",
        ] {
            let rows = self.db.write(sql, args![holder, millis(ttl)]).await?;
            if let Some(row) = rows.first() {
                if let Err(error) = self.sweep_leases().await {
                    tracing::debug!(%error, "old leases were not swept out");
                }
                return Ok(Some(Term(row.int("term")?)));
            }
        }
        Ok(None)
    }

    /// Makes way at once. The term ends with it: own late writes are refused. Nothing happens if it has ended already.
    pub async fn resign(&self, term: Term) -> Result<()> {
        let sql =
            "update leadership set term = term + 1, holder = null, until = {now} where term = $1";
        self.db.execute(sql, args![term]).await.map(|_| ())
    }

    /// Who leads, if anyone's time is not up.
    pub async fn leader(&self) -> Result<Option<Leader>> {
        let sql =
            "select term, holder, until from leadership where until > {now} and holder is not null";
        let Some(row) = self.db.read_one(sql, args![]).await? else {
            return Ok(None);
        };
        Ok(Some(Leader {
            term: Term(row.int("term")?),
            holder: row.text("holder")?,
            until: row.time("until")?,
        }))
    }
}
