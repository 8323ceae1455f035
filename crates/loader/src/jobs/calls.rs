//! Jobs of so few records that calls which answer at once are cheaper. They are stored with their rows, so that any loader can go on: what a call whose answer
//! was lost has written is found out by asking which records are there, before anything is sent again.

use std::collections::{BTreeMap, BTreeSet};

use connector::{LoadPlan, Sent, SmallRow, SmallSets, Verdict};
use control::{Job, JobChunk, JobState, SentBy};
use model::migration::Operation;
use model::{Failure, FailureKind};

use super::fill::Batch;
use super::manifest::Manifest;
use super::reading::Reading;
use super::send::taken_over;
use super::{CALM, Desk, jobs_of};

/// Tries of one call; then the job is put down, and taken up again later.
const TRIES: u32 = 4;

/// Makes manifests ready for calls: with their rows, and with which of the records are there before anything is sent.
pub(crate) async fn look_first(
    small: &dyn SmallSets,
    plan: &LoadPlan,
    manifests: &mut [Manifest],
) -> Result<(), Failure> {
    if plan.operation == Operation::Update {
        // Done twice it is done once, and is told alike.
        return Ok(());
    }
    let keys = manifests.iter().flat_map(|manifest| manifest.rows.keys());
    let keys: Vec<_> = keys.collect();
    let there = small.there(plan, &keys).await?;
    for manifest in manifests {
        let rows = &manifest.rows;
        manifest.there = rows.keys().map(|key| there.contains_key(key)).collect();
    }
    Ok(())
}

/// The same for stored manifests, which have their rows.
pub(crate) async fn look_first_again(
    small: &dyn SmallSets,
    plan: &LoadPlan,
    chunks: &mut [JobChunk],
) -> Result<(), Failure> {
    let manifests = chunks.iter().map(|chunk| Manifest::decode(&chunk.manifest));
    let mut manifests = manifests.collect::<Result<Vec<_>, Failure>>()?;
    look_first(small, plan, &mut manifests).await?;
    for (chunk, manifest) in chunks.iter_mut().zip(&manifests) {
        chunk.manifest = manifest.encode()?;
    }
    Ok(())
}

impl Desk {
    /// Decides how a batch is sent, and makes its manifests ready for that.
    pub(crate) async fn choose(&self, batch: &mut Batch) -> Result<SentBy, Failure> {
        let Some(first) = batch.filled.first() else {
            return Ok(SentBy::Job);
        };
        let plan = self.plan(&first.chunk.run, &first.chunk.object).await?;
        let target = self.target(&first.chunk.run).await?;
        let Some(small) = jobs_of(target.as_ref())?.small_sets() else {
            return Ok(SentBy::Job);
        };
        let records = batch.filled.iter().map(|filled| filled.records).sum();
        if !small.is_small(&plan, records, batch.body.len()) {
            return Ok(SentBy::Job);
        }
        let mut manifests = Vec::new();
        for (place, filled) in batch.filled.iter().enumerate() {
            let mut manifest = Manifest::decode(&filled.manifest)?;
            manifest.rest = Some(batch.body.part(place)?);
            manifests.push(manifest);
        }
        look_first(small, &plan, &mut manifests).await?;
        for (filled, manifest) in batch.filled.iter_mut().zip(&manifests) {
            filled.manifest = manifest.encode()?;
        }
        Ok(SentBy::Calls)
    }

    /// Writes a job's records, or the rest of them where another loader, or this one, has begun. What became of each is noted in `reading`.
    pub(crate) async fn write_by_calls(
        &self,
        small: &dyn SmallSets,
        plan: &LoadPlan,
        job: &Job,
        reading: &mut Reading,
    ) -> Result<(), Failure> {
        if !self.line.kill_switch.may_write(&job.run).await? {
            return Err(Failure::halted());
        }
        let (control, holder) = (&self.line.control, &self.line.instance);
        let begun = job.state == JobState::Uploaded;
        if !begun && !control.begin_calls(&job.id, holder).await? {
            return Err(taken_over());
        }
        let mut rows = Vec::new();
        for encoded in reading.rows() {
            rows.extend(small.rows(plan, encoded)?);
        }
        for rows in rows.chunks(small.at_once().max(1)) {
            let mut call = OneCall {
                desk: self,
                small,
                plan,
                job,
                rows: rows.to_vec(),
                before: reading.there_before(rows),
                is_doubtful: begun,
            };
            for sent in call.settle().await? {
                reading.note(sent);
            }
        }
        Ok(())
    }
}

/// The records of one call.
struct OneCall<'a> {
    desk: &'a Desk,
    small: &'a dyn SmallSets,
    plan: &'a LoadPlan,
    job: &'a Job,
    rows: Vec<SmallRow>,
    /// The keys that were there before anything was sent.
    before: BTreeSet<String>,
    /// Some may be written already: a call was made whose answer nobody has.
    is_doubtful: bool,
}

impl OneCall<'_> {
    /// Writes each record and returns what became of it.
    async fn settle(&mut self) -> Result<Vec<Sent>, Failure> {
        let mut settled = Vec::new();
        let mut tries = 0;
        loop {
            // Also where nothing is left to be sent: only who holds a job tells of it.
            let control = &self.desk.line.control;
            let holder = &self.desk.line.instance;
            if !control
                .renew_job(&self.job.id, holder, self.desk.lease())
                .await?
            {
                return Err(taken_over());
            }
            if self.is_doubtful {
                settled.extend(self.clear_up().await?);
            }
            if self.rows.is_empty() {
                return Ok(settled);
            }
            let gate = self.desk.line.kill_switch.gate(&self.job.run);
            match self.small.write(self.plan, &self.rows, &gate).await {
                Ok(sent) => {
                    settled.extend(self.in_the_light_of(sent).await?);
                    return Ok(settled);
                }
                Err(failure) if failure.kind == FailureKind::Retry && tries + 1 < TRIES => {
                    self.desk.heed(&failure);
                    tracing::info!(job = self.job.id, %failure, "looks what the call has written");
                    self.is_doubtful = true;
                    tries += 1;
                    let pause = CALM * 2u32.pow(tries - 1);
                    if self.desk.hold_for(self.job, pause, true).await? {
                        return Err(Failure::halted());
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Takes out the records that a call without an answer has written: those that are there now and were not, or the other way round for a delete.
    async fn clear_up(&mut self) -> Result<Vec<Sent>, Failure> {
        if self.plan.operation == Operation::Update {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = self.rows.iter().map(|row| row.key.as_str()).collect();
        let there = self.small.there(self.plan, &keys).await?;
        let mut written = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            match self.written(&row.key, &there) {
                Some(verdict) => written.push(sent(&row.key, verdict)),
                None => self.rows.push(row),
            }
        }
        tracing::info!(
            job = self.job.id,
            written = written.len(),
            left = self.rows.len(),
            "a call without an answer is cleared up"
        );
        Ok(written)
    }

    /// What the records that are there say of one whose call had no answer; none where it is to be sent.
    fn written(&self, key: &str, there: &BTreeMap<String, String>) -> Option<Verdict> {
        let was = self.before.contains(key);
        match there.get(key) {
            Some(id) if !was && !self.plan.operation.deletes() => {
                Some(Verdict::Created { id: id.clone() })
            }
            None if was && self.plan.operation.deletes() => {
                Some(Verdict::Deleted { id: key.to_owned() })
            }
            _ => None,
        }
    }

    /// Where a call without an answer went before, the target may have got to it only after we had looked: then a record is found that it has itself just made,
    /// and is refused as the second of its key, or told as updated.
    async fn in_the_light_of(&self, sent: Vec<Sent>) -> Result<Vec<Sent>, Failure> {
        if !self.is_doubtful || self.plan.operation == Operation::Update {
            return Ok(sent);
        }
        let refused: Vec<_> = sent
            .iter()
            .filter(|sent| matches!(sent.verdict, Verdict::Failed { .. }))
            .map(|sent| sent.key.as_str())
            .collect();
        let there = match refused.as_slice() {
            [] => BTreeMap::new(),
            refused => self.small.there(self.plan, refused).await?,
        };
        let refused: BTreeSet<_> = refused.into_iter().map(str::to_owned).collect();
        let told = sent.into_iter().map(|mut sent| {
            let was = self.before.contains(&sent.key);
            match &sent.verdict {
                Verdict::Updated { id } if !was => {
                    sent.verdict = Verdict::Created { id: id.clone() };
                }
                Verdict::Failed { .. } if refused.contains(&sent.key) => {
                    if let Some(verdict) = self.written(&sent.key, &there) {
                        sent.verdict = verdict;
                    }
                }
                _ => {}
            }
            sent
        });
        Ok(told.collect())
    }
}

fn sent(key: &str, verdict: Verdict) -> Sent {
    Sent {
        key: key.to_owned(),
        verdict,
        fields: BTreeMap::new(),
    }
}
