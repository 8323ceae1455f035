//! Knobs that make the org misbehave on purpose, for tests of what a client does then: failing and cut-off calls,
//! locked rows, spent limits, expired sessions, jobs that fail half-way or stand still.

mod amount;
pub(crate) mod locks;
mod plan;
mod rule;
mod text;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::watch;

use crate::ids::RecordId;
use crate::settings::Pace;

pub use amount::{Share, Span};
pub use plan::{Expiry, FaultPlan, JobFailure, PacePlan, Tokens};
pub use rule::{CallFault, CallRule};

/// The knobs. All of them may be turned at any time, from any thread.
#[derive(Debug)]
pub struct Faults {
    knobs: Mutex<Knobs>,
    hold: watch::Sender<Option<usize>>,
}

#[derive(Debug)]
struct Knobs {
    /// What is ordered and not yet used up.
    plan: FaultPlan,
    chance: StdRng,
    /// Calls being answered.
    running: usize,
    /// The parents of the rows that each job wrote last.
    held: HashMap<u64, HashSet<RecordId>>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            plan: FaultPlan::default(),
            chance: StdRng::seed_from_u64(0),
            running: 0,
            held: HashMap::new(),
        }
    }
}

/// Why a call is refused before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Daily,
    Concurrent,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            knobs: Mutex::default(),
            hold: watch::Sender::new(None),
        }
    }
}

impl Faults {
    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders all that the plan orders, besides what is ordered already.
    pub fn order(&self, plan: FaultPlan) {
        let hold = plan.hold_jobs_after;
        let mut knobs = self.knobs();
        if let Some(seed) = plan.seed {
            knobs.chance = StdRng::seed_from_u64(seed);
        }
        knobs.plan.extend(plan);
        drop(knobs);
        if hold.is_some() {
            self.hold.send_replace(hold);
        }
    }

    /// What is ordered and not yet used up.
    pub fn ordered(&self) -> FaultPlan {
        self.knobs().plan.clone()
    }

    /// The next `times` calls of this method (`""`: any) whose path contains `path` suffer `fault`. Rules are used
    /// in the order they were made. Paths are compared with single slashes, without the query.
    pub fn fail_calls(&self, method: &str, path: &str, times: u32, fault: CallFault) {
        self.knobs().plan.calls.push(CallRule {
            method: method.to_owned(),
            path: path.to_owned(),
            times: Some(times),
            share: None,
            fault,
        });
    }

    /// Calls of this method (`""`: any) whose path contains `path` suffer `fault` by chance.
    pub fn fail_calls_by_chance(&self, method: &str, path: &str, share: Share, fault: CallFault) {
        self.knobs().plan.calls.push(CallRule {
            method: method.to_owned(),
            path: path.to_owned(),
            times: None,
            share: Some(share),
            fault,
        });
    }

    /// How many calls are still sure to fail: 0 once every rule without chance was used up.
    pub fn calls_left(&self) -> u32 {
        let knobs = self.knobs();
        let sure = knobs.plan.calls.iter().filter(|rule| rule.share.is_none());
        sure.filter_map(|rule| rule.times).sum()
    }

    /// Every API call waits so long before it is looked at; `None`: no longer.
    pub fn slow_calls(&self, latency: Option<Duration>) {
        self.knobs().plan.latency = latency.map(Span);
    }

    /// The next `rows` rows of any write fail with `UNABLE_TO_LOCK_ROW`.
    pub fn lock_rows(&self, rows: usize) {
        *self.knobs().plan.lock_rows.get_or_insert(0) += rows;
    }

    /// Each row of any write fails so by this chance, the draws beginning anew from `seed`.
    pub fn lock_share(&self, share: Share, seed: u64) {
        let mut knobs = self.knobs();
        knobs.plan.lock_share = Some(share);
        knobs.plan.seed = Some(seed);
        knobs.chance = StdRng::seed_from_u64(seed);
    }

    /// Whether a row fails so when another job has just written a row with the same parent: a job holds the parents
    /// of its last chunk until it writes the next, or ends.
    pub fn lock_shared_parents(&self, on: bool) {
        self.knobs().plan.lock_shared_parents = on.then_some(true);
    }

    /// The next job to be processed ends as `Failed` once at least `rows` rows were processed (in chunks of 200);
    /// the rest stays unprocessed. Called twice: the next two jobs.
    pub fn fail_job_after(&self, rows: usize) {
        self.knobs().plan.fail_jobs.push(JobFailure {
            after_rows: rows,
            message: plan::job_failure(),
        });
    }

    /// After so many more API calls, tokens become invalid, once.
    pub fn expire_sessions_after(&self, calls: u64, tokens: Tokens) {
        self.knobs().plan.expire_sessions = Some(Expiry {
            after_calls: calls,
            tokens,
        });
    }

    /// After so many more API calls, every one is answered by 403 `REQUEST_LIMIT_EXCEEDED`; `None`: a new day.
    pub fn limit_daily_calls(&self, left: Option<u64>) {
        self.knobs().plan.daily_limit = left;
    }

    /// More API calls than these at the same time are answered by 403; `None`: any number.
    pub fn limit_concurrent_calls(&self, most: Option<usize>) {
        self.knobs().plan.concurrent_limit = most;
    }

    /// Every job stands still in `InProgress` once it has processed at least `rows` rows (in chunks of 200), until
    /// [`Faults::release_jobs`] or its abort.
    pub fn hold_jobs_after(&self, rows: usize) {
        self.knobs().plan.hold_jobs_after = Some(rows);
        self.hold.send_replace(Some(rows));
    }

    /// Lets held jobs go on, and holds no more.
    pub fn release_jobs(&self) {
        self.knobs().plan.hold_jobs_after = None;
        self.hold.send_replace(None);
    }

    /// Jobs keep this pace instead of the setting's; `None` returns to it.
    pub fn pace_jobs(&self, pace: Option<Pace>) {
        self.knobs().plan.pace = pace.map(PacePlan::from);
    }

    /// Whether a result file without rows is answered by 204 instead of its header alone.
    pub fn empty_results_as_204(&self, on: bool) {
        self.knobs().plan.empty_results_as_204 = on.then_some(true);
    }

    /// Turns every knob back, releasing held jobs. A fixed token that has expired stays so.
    pub fn clear(&self) {
        let mut knobs = self.knobs();
        knobs.plan = FaultPlan::default();
        knobs.chance = StdRng::seed_from_u64(0);
        drop(knobs);
        self.release_jobs();
    }

    pub(crate) fn take_call(&self, method: &str, path: &str) -> Option<CallFault> {
        let mut knobs = self.knobs();
        let Knobs { plan, chance, .. } = &mut *knobs;
        let rule = plan.calls.iter_mut().find(|rule| {
            let drawn = |share: Share| chance.random_bool(share.get());
            rule.covers(method, path) && rule.share.is_none_or(drawn)
        })?;
        rule.times = rule.times.map(|times| times - 1);
        let fault = rule.fault;
        plan.calls.retain(|rule| rule.times != Some(0));
        Some(fault)
    }

    /// Counts an API call in, against the limits; it is counted out by [`Faults::leave`] even when refused.
    pub(crate) fn enter(&self) -> Option<Refusal> {
        let mut knobs = self.knobs();
        knobs.running += 1;
        let running = knobs.running;
        if knobs
            .plan
            .concurrent_limit
            .is_some_and(|most| running > most)
        {
            return Some(Refusal::Concurrent);
        }
        match &mut knobs.plan.daily_limit {
            Some(0) => Some(Refusal::Daily),
            Some(left) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    pub(crate) fn leave(&self) {
        let mut knobs = self.knobs();
        knobs.running = knobs.running.saturating_sub(1);
    }

    /// Counts an API call towards the end of sessions; says which end with it.
    pub(crate) fn take_expiry(&self) -> Option<Tokens> {
        let mut knobs = self.knobs();
        let expiry = knobs.plan.expire_sessions.as_mut()?;
        if expiry.after_calls > 0 {
            expiry.after_calls -= 1;
            return None;
        }
        let tokens = expiry.tokens;
        knobs.plan.expire_sessions = None;
        Some(tokens)
    }

    /// API calls left of the day, where that is limited.
    pub(crate) fn daily_left(&self) -> Option<u64> {
        self.knobs().plan.daily_limit
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.knobs().plan.latency.map(|span| span.0)
    }

    /// The message of the failure that the job now begun is to end with, and the rows before it.
    pub(crate) fn take_job_failure(&self) -> Option<JobFailure> {
        let mut knobs = self.knobs();
        let failures = &mut knobs.plan.fail_jobs;
        (!failures.is_empty()).then(|| failures.remove(0))
    }

    pub(crate) fn pace(&self) -> Option<Pace> {
        self.knobs().plan.pace.map(Pace::from)
    }

    pub(crate) fn empty_results(&self) -> bool {
        self.knobs().plan.empty_results_as_204 == Some(true)
    }

    pub(crate) fn hold(&self) -> watch::Receiver<Option<usize>> {
        self.hold.subscribe()
    }
}
