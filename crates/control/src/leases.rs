//! Who is at work on which attempt of which chunk. A lease starts when a service takes a message up, and its holder renews it;
//! a chunk that waits in a queue has none. Leases guard no data, claims do: they only tell the coordinator what is alive.

use std::time::Duration;

use chrono::{DateTime, Utc};
use model::{Attempt, ChunkRef};

use crate::chunks::read_ref;
use crate::db::{args, millis};
use crate::{Control, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenLease {
    Taken,
    /// The chunk is not, or no longer, dispatched under that attempt: the message is to be acknowledged and dropped.
    Stale,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    /// The service's role.
    pub stage: String,
    pub holder: String,
    pub until: DateTime<Utc>,
}

impl Control {
    /// Takes up an attempt of a chunk, for `ttl` from now. A message that is delivered again, for its first reader died or was cut
    /// off, takes the lease over: what the first may still do is fenced by claims.
    pub async fn take_lease(
        &self,
        chunk: &ChunkRef,
        attempt: Attempt,
        stage: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<TakenLease> {
        let sql = "
            insert into leases (run_id, object, chunk, attempt, stage, holder, until)
            select run_id, object, chunk, attempt, $5, $6, {now+$7} from chunks
            where run_id = $1 and object = $2 and chunk = $3 and attempt = $4 and state = 'dispatched'
            on conflict (run_id, object, chunk, attempt, stage) do update set holder = excluded.holder, until = excluded.until";
        let values = args![
            &chunk.run,
            &chunk.object,
            chunk.chunk,
            attempt,
            stage,
            holder,
            millis(ttl)
        ];
        Ok(match self.db.mark(sql, values).await? {
            0 => TakenLease::Stale,
            _ => TakenLease::Taken,
        })
    }

    /// Prolongs all leases of a holder, to `ttl` from now, and gives their number.
    pub async fn renew_leases(&self, holder: &str, ttl: Duration) -> Result<u64> {
        let sql = "update leases set until = {now+$2} where holder = $1";
        self.db.mark(sql, args![holder, millis(ttl)]).await
    }

    /// Ends a lease, if this holder still has it.
    pub async fn release_lease(
        &self,
        chunk: &ChunkRef,
        attempt: Attempt,
        stage: &str,
        holder: &str,
    ) -> Result<()> {
        let sql = "delete from leases where run_id = $1 and object = $2 and chunk = $3 and attempt = $4 and stage = $5 and holder = $6";
        let values = args![
            &chunk.run,
            &chunk.object,
            chunk.chunk,
            attempt,
            stage,
            holder
        ];
        self.db.mark(sql, values).await.map(|_| ())
    }

    /// Sweeps out leases that ended an hour ago. The leader does it by the way: were everybody to, they would lock one another.
    pub(crate) async fn sweep_leases(&self) -> Result<u64> {
        let hour = millis(Duration::from_secs(3600));
        self.db
            .mark("delete from leases where until < {now-$1}", args![hour])
            .await
    }

    /// The leases that a holder has, live or not.
    pub async fn leases_of(&self, holder: &str) -> Result<Vec<Lease>> {
        let sql = "select * from leases where holder = $1 order by run_id, object, chunk, stage";
        let rows = self.db.read(sql, args![holder]).await?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    chunk: read_ref(row)?,
                    attempt: row.attempt()?,
                    stage: row.text("stage")?,
                    holder: row.text("holder")?,
                    until: row.time("until")?,
                })
            })
            .collect()
    }
}
