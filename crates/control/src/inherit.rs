//! What a process leaves behind that had this database for itself, as an embedded line has, and died.

use crate::db::args;
use crate::{Control, Result};

impl Control {
    /// Ends all that others had in hand: leadership, leases, holds on jobs, and chunks on their way, but for those in a job, which is to be followed.
    ///
    /// Only for one who knows that nobody else uses this database: it holds the lock of the embedded line's folder. What a dead process would still
    /// have to wait out is nothing to wait for then.
    pub async fn inherit(&self) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for sql in [
            "update leadership set term = term + 1, holder = null, until = {now}",
            "delete from leases",
            "update jobs set until = {now} where state in ('stored', 'created', 'uploaded')",
            "update chunks set state = 'pending', not_before = null, dispatched_at = null, updated_at = {now}
             where state = 'dispatched' and not exists (select 1 from job_chunks j where j.run_id = chunks.run_id
                 and j.object = chunks.object and j.chunk = chunks.chunk and not j.abandoned)",
        ] {
            tx.execute(sql, args![]).await?;
        }
        tx.commit().await
    }
}
