//! Bulk jobs in a target: stored with their whole chunks before anything is uploaded, followed to their end by whichever loader holds them.

use std::time::Duration;

use model::{ChunkNumber, RunId};

use crate::chunks::read_ancestors;
use crate::db::{Arg, Tx, args, list, millis};
use crate::job::{Job, JobChunk, JobState, LiveJob, NewJob, StoredJob, read_job, read_jobs};
use crate::{Control, Error, Result};

impl Control {
    /// Stores a job with its chunks, held by `holder` for `ttl` from now; or nothing, if a chunk is in another job or stale.
    pub async fn store_job(
        &self,
        job: &NewJob,
        chunks: &[JobChunk],
        holder: &str,
        ttl: Duration,
    ) -> Result<StoredJob> {
        // Again, because another job may be stored between the look and the insert; then the second look shows it.
        for _ in 0..3 {
            if let Some(done) = self.try_store_job(job, chunks, holder, ttl).await? {
                return Ok(done);
            }
        }
        Err(Error::Illegal(format!(
            "the chunks of job {} are fought over",
            job.id
        )))
    }

    async fn try_store_job(
        &self,
        job: &NewJob,
        chunks: &[JobChunk],
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<StoredJob>> {
        let mut tx = self.db.begin().await?;
        let sql = "select id from jobs where id = $1";
        if tx.fetch_one(sql, args![&job.id]).await?.is_some() {
            return Ok(Some(StoredJob::Stored));
        }
        let (in_jobs, stale) = conflicts(&mut tx, job, chunks).await?;
        if !in_jobs.is_empty() || !stale.is_empty() {
            return Ok(Some(StoredJob::Conflict { in_jobs, stale }));
        }
        let inserted = insert_job(&mut tx, job, chunks, holder, ttl).await?;
        if inserted < chunks.len() as u64 {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(StoredJob::Stored))
    }

    /// Notes the target's own name of a job and moves it on. False if `holder` does not hold it (any more), or it is not where that
    /// step begins: another loader has taken it over.
    pub async fn set_job_remote(
        &self,
        id: &str,
        holder: &str,
        remote_id: &str,
        to: JobState,
    ) -> Result<bool> {
        self.move_job(id, holder, Some(remote_id), to).await
    }

    /// Moves a job on. False as in `set_job_remote`.
    pub async fn set_job_state(&self, id: &str, holder: &str, to: JobState) -> Result<bool> {
        self.move_job(id, holder, None, to).await
    }

    /// The first call of a job that is sent by calls is about to be made: it is uploaded from now on, and was created nowhere. False as in `set_job_remote`.
    pub async fn begin_calls(&self, id: &str, holder: &str) -> Result<bool> {
        let sql = "update jobs set state = 'uploaded', updated_at = {now}
                   where id = $1 and holder = $2 and state = 'stored' and sent_by = 'calls' returning id";
        let begun = self.db.write(sql, args![id, holder]).await?;
        Ok(!begun.is_empty())
    }

    /// Its results are handed on, durably. False as in `set_job_remote`.
    pub async fn finish_job(&self, id: &str, holder: &str) -> Result<bool> {
        self.set_job_state(id, holder, JobState::Finished).await
    }

    /// Nothing of it counts: its chunks are free for other jobs. False as in `set_job_remote`.
    pub async fn abandon_job(&self, id: &str, holder: &str) -> Result<bool> {
        self.set_job_state(id, holder, JobState::Abandoned).await
    }

    async fn move_job(
        &self,
        id: &str,
        holder: &str,
        remote_id: Option<&str>,
        to: JobState,
    ) -> Result<bool> {
        let from: Vec<_> = JobState::ALL
            .into_iter()
            .filter(|from| from.may_become(to))
            .map(|from| format!("'{}'", from.as_str()))
            .collect();
        if from.is_empty() {
            return Err(Error::Illegal(format!("no job becomes {}", to.as_str())));
        }
        let sql = format!(
            "update jobs set state = $3, remote_id = coalesce($4, remote_id), updated_at = {{now}}
             where id = $1 and holder = $2 and state in ({}) returning id",
            from.join(", ")
        );
        let values = args![id, holder, to.as_str(), remote_id];
        if to != JobState::Abandoned {
            return Ok(!self.db.write(&sql, values).await?.is_empty());
        }
        let mut tx = self.db.begin().await?;
        if tx.fetch(&sql, values).await?.is_empty() {
            return Ok(false);
        }
        tx.execute(
            "update job_chunks set abandoned = true where job_id = $1",
            args![id],
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Puts a job in the place of another, whose results are read or which came to nothing, in one transaction: the same chunks, with manifests of what is left of
    /// them. False if `holder` does not hold the other (any more).
    pub async fn replace_job(
        &self,
        old: &str,
        holder: &str,
        new: &NewJob,
        chunks: &[JobChunk],
        ttl: Duration,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let sql =
            "update jobs set state = 'abandoned', updated_at = {now} where id = $1 and holder = $2
                   and state in ('stored', 'created', 'uploaded') returning id";
        if tx.fetch(sql, args![old, holder]).await?.is_empty() {
            return Ok(false);
        }
        tx.execute(
            "update job_chunks set abandoned = true where job_id = $1",
            args![old],
        )
        .await?;
        let inserted = insert_job(&mut tx, new, chunks, holder, ttl).await?;
        if inserted < chunks.len() as u64 {
            return Err(Error::Illegal(format!(
                "job {} can't take the place of job {old}: a chunk of it is in a third",
                new.id
            )));
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Takes over open jobs that nobody holds any more, and prolongs those that `holder` has: up to `limit`, the oldest first, for
    /// `ttl` from now. Of two loaders that ask at once, one gets each job.
    pub async fn adopt_jobs(
        &self,
        connection: Option<&str>,
        holder: &str,
        ttl: Duration,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let mut values: Vec<Arg> = args![holder, millis(ttl), limit];
        let mut which =
            "state in ('stored', 'created', 'uploaded') and (until <= {now} or holder = $1)"
                .to_owned();
        if let Some(connection) = connection {
            values.push(connection.into());
            which.push_str(" and connection = $4");
        }
        let sql = format!(
            "update jobs set holder = $1, until = {{now+$2}}, updated_at = {{now}}
             where id in (select id from jobs where {which} order by created_at, id limit $3) and {which} returning *"
        );
        let mut jobs = read_jobs(&self.db.write(&sql, values).await?)?;
        jobs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(jobs)
    }

    /// Holds a job for `ttl` from now. False if another has taken it over, or it is not open.
    pub async fn renew_job(&self, id: &str, holder: &str, ttl: Duration) -> Result<bool> {
        let sql = "update jobs set until = {now+$3} where id = $1 and holder = $2 and state in ('stored', 'created', 'uploaded')";
        Ok(self.db.execute(sql, args![id, holder, millis(ttl)]).await? > 0)
    }

    pub async fn job(&self, id: &str) -> Result<Job> {
        let row = self
            .db
            .read_one("select * from jobs where id = $1", args![id])
            .await?;
        read_job(&row.ok_or_else(|| Error::NotFound(format!("job {id}")))?)
    }

    /// By number.
    pub async fn job_chunks(&self, id: &str) -> Result<Vec<JobChunk>> {
        let sql =
            "select chunk, attempt, manifest from job_chunks where job_id = $1 order by chunk";
        let rows = self.db.read(sql, args![id]).await?;
        rows.iter()
            .map(|row| {
                Ok(JobChunk {
                    chunk: row.chunk("chunk")?,
                    attempt: row.attempt()?,
                    manifest: row.bytes("manifest")?,
                })
            })
            .collect()
    }

    /// A run's jobs that somebody has to follow, the oldest first.
    pub async fn open_jobs(&self, run: &RunId) -> Result<Vec<Job>> {
        let sql = "select * from jobs where run_id = $1 and state in ('stored', 'created', 'uploaded') order by created_at, id";
        read_jobs(&self.db.read(sql, args![run]).await?)
    }
}

/// Inserts a job with its chunks, and gives how many of them were free.
async fn insert_job(
    tx: &mut Tx,
    job: &NewJob,
    chunks: &[JobChunk],
    holder: &str,
    ttl: Duration,
) -> Result<u64> {
    let sql =
        "insert into jobs (id, run_id, object, connection, state, records, bytes, holder, until, sent_by)
               values ($1, $2, $3, $4, 'stored', $5, $6, $7, {now+$8}, $9)";
    let values = args![
        &job.id,
        &job.run,
        &job.object,
        &job.connection,
        job.records,
        job.bytes,
        holder,
        millis(ttl),
        job.sent_by.as_str(),
    ];
    tx.execute(sql, values).await?;
    let mut sorted: Vec<_> = chunks.iter().collect();
    sorted.sort_by_key(|chunk| chunk.chunk);
    let rows = sorted.into_iter().map(|chunk| {
        args![
            &job.id,
            &job.run,
            &job.object,
            chunk.chunk,
            chunk.attempt,
            chunk.manifest.as_slice(),
        ]
    });
    let head = "insert into job_chunks (job_id, run_id, object, chunk, attempt, manifest)";
    tx.insert_many(head, 6, rows.collect(), "on conflict do nothing")
        .await
}

/// Which of the chunks are in other jobs, themselves or what they were split from, and which are stale. Those looked at stay as they
/// are to the end of the transaction, so that none is handed back or split meanwhile.
async fn conflicts(
    tx: &mut Tx,
    job: &NewJob,
    chunks: &[JobChunk],
) -> Result<(Vec<LiveJob>, Vec<ChunkNumber>)> {
    let mut in_jobs = Vec::new();
    let mut stale = Vec::new();
    for chunk in chunks {
        let sql = "select ancestors from chunks where run_id = $1 and object = $2 and chunk = $3 and attempt = $4
                   and state = 'dispatched' {keep}";
        let values = args![&job.run, &job.object, chunk.chunk, chunk.attempt];
        let current = tx.fetch_one(sql, values).await?;
        let mut family = vec![chunk.chunk];
        match &current {
            Some(row) => family.extend(read_ancestors(row)?),
            None => stale.push(chunk.chunk),
        }
        let sql = format!(
            "select j.id, j.state from job_chunks c join jobs j on j.id = c.job_id
             where c.run_id = $1 and c.object = $2 and not c.abandoned and c.chunk in ({})",
            list(3, family.len())
        );
        let mut values = args![&job.run, &job.object];
        values.extend(family.iter().map(|number| (*number).into()));
        for row in tx.fetch(&sql, values).await? {
            in_jobs.push(LiveJob {
                chunk: chunk.chunk,
                job: row.text("id")?,
                state: row.word("state", JobState::parse)?,
            });
        }
    }
    Ok((in_jobs, stale))
}
