//! Leadership: one coordinator at a time steers the runs, for a term.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::Connections;
use control::Term;
use model::{Attempt, ChunkRef, Failure, RunId};
use service::Line;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a term lasts without renewal.
const TERM: Duration = Duration::from_secs(6);
/// How often the runs are looked at when nothing is reported.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) struct Leader {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
    /// A run needs its target's automation off, or on again.
    pub(crate) switches: Notify,
}

/// A coordinator's time as the leader. What it remembers is only about when to look again; what it knows is stored.
pub(crate) struct Reign {
    pub(crate) leader: Arc<Leader>,
    pub(crate) term: Term,
    pub(crate) suspects: HashMap<RunId, Suspects>,
    /// When each object's reconciliation was last asked for.
    pub(crate) asked: HashMap<(RunId, String), Instant>,
}

/// Chunks of one run that may be lost, with the time since when.
#[derive(Default)]
pub(crate) struct Suspects {
    pub(crate) looked: Option<Instant>,
    pub(crate) since: HashMap<(ChunkRef, Attempt), Instant>,
}

impl Leader {
    pub(crate) fn new(line: Line, connections: Connections) -> Arc<Self> {
        Arc::new(Self {
            line,
            connections,
            switches: Notify::new(),
        })
    }

    /// Leads whenever nobody else does, until the process ends.
    pub(crate) async fn stand(self: &Arc<Self>) {
        let ending = self.line.ending.clone();
        while !ending.is_cancelled() {
            match self.line.control.lead(&self.line.instance, TERM).await {
                Ok(Some(term)) => self.lead(term).await,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "leadership can't be asked for"),
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn lead(self: &Arc<Self>, term: Term) {
        tracing::info!(?term, "leads");
        let reign = Reign {
            leader: self.clone(),
            term,
            suspects: HashMap::new(),
            asked: HashMap::new(),
        };
        let ended = tokio::select! {
            () = self.line.ending.cancelled() => Ok(()),
            deposed = self.renew(term) => Err(deposed),
            deposed = self.reports(term) => Err(deposed),
            deposed = self.mind_automation(term) => Err(deposed),
            deposed = reign.rule() => Err(deposed),
        };
        match ended {
            Ok(()) => {
                if let Err(error) = self.line.control.resign(term).await {
                    tracing::debug!(%error, "the term ends by itself");
                }
            }
            Err(failure) => tracing::warn!(?term, %failure, "leads no more"),
        }
    }

    /// Renews the term; returns when it is lost.
    async fn renew(&self, term: Term) -> Failure {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(TERM / 4).await;
            match self.line.control.lead(&self.line.instance, TERM).await {
                Ok(Some(same)) if same == term => renewed = Instant::now(),
                Ok(_) => return deposed(),
                Err(error) if renewed.elapsed() < TERM => {
                    tracing::warn!(%error, "the term was not renewed");
                }
                Err(_) => return deposed(),
            }
        }
    }
}

pub(crate) fn deposed() -> Failure {
    Failure::retry("deposed", "another coordinator leads")
}

/// Whether a write failed because the term has ended.
pub(crate) fn is_deposed(failure: &Failure) -> bool {
    failure.code == "deposed"
}

impl Reign {
    /// Steers every unfinished run, again and again; returns when the term is lost.
    async fn rule(mut self) -> Failure {
        loop {
            if let Err(failure) = self.look().await {
                if is_deposed(&failure) {
                    return failure;
                }
                tracing::warn!(%failure, "the runs could not be looked at");
                tokio::time::sleep(LOOK).await;
            }
            tokio::select! {
                () = self.leader.line.news.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let runs = self.leader.line.control.active_runs().await?;
        self.suspects
            .retain(|run, _| runs.iter().any(|active| active.id == *run));
        self.asked
            .retain(|(run, _), _| runs.iter().any(|active| active.id == *run));
        for run in runs {
            // One run's trouble is its own.
            if let Err(failure) = self.steer(&run).await {
                if is_deposed(&failure) {
                    return Err(failure);
                }
                self.trouble(&run, failure).await?;
            }
        }
        Ok(())
    }
}
