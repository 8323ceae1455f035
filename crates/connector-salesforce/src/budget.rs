//! The org's API calls in 24 hours: how many were used, as the org says with every answer, and how many this connection lets it come to.
//! Source of the header: REST guide, "Limit Info Header".

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::Failure;
use model::migration::{SalesforceSettings, Threshold};

/// A count as old as this says little: calls that it forbids are preceded by a look.
const STALE: Duration = Duration::from_secs(60);

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Moves something on: it stays within the budget and leaves the reserve, and so must the calls that it leads to: so many with itself.
    Work { calls: u64 },
    /// Brings what has begun to its end: it may use what the org has.
    Settle,
}

pub(crate) struct Budget {
    budget: Option<Threshold>,
    reserve: u64,
    stale: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// Calls that were let through and not answered yet.
    under_way: u64,
}

/// What the org last said.
struct Known {
    used: u64,
    limit: u64,
    /// As it said it.
    text: String,
    at: Instant,
}

/// A call that was let through; it ends with its answer.
pub(crate) struct Permit<'a> {
    budget: &'a Budget,
    begun: Instant,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.under_way = state.under_way.saturating_sub(1);
    }
}

impl Permit<'_> {
    /// Takes over the count that came with the answer.
    ///
    /// Returns whether there was one.
    pub(crate) fn answered(&self, header: &str) -> bool {
        let Some((used, limit)) = read(header) else {
            return false;
        };
        let mut state = self.budget.state();
        // An answer that was overtaken by a later call's may hold the older count.
        let used = match &state.known {
            Some(known) if known.at > self.begun => used.max(known.used),
            _ => used,
        };
        state.known = Some(Known {
            used,
            limit,
            text: header.to_owned(),
            at: Instant::now(),
        });
        true
    }
}

impl Budget {
    pub(crate) fn new(settings: &SalesforceSettings) -> Self {
        Self {
            budget: settings.api_budget,
            reserve: settings.api_reserve.unwrap_or_default(),
            stale: STALE,
            state: Mutex::default(),
        }
    }

    /// Lets a call through, or says why not. As long as the org has said nothing, everything passes.
    pub(crate) fn admit(&self, purpose: Purpose) -> Result<Permit<'_>, Failure> {
        let mut state = self.state();
        if let Some(known) = &state.known
            && (self.budget.is_some() || self.reserve > 0)
        {
            let used = known.used.saturating_add(state.under_way);
            let (most, why) = self.most(known.limit, purpose);
            let calls = match purpose {
                Purpose::Work { calls } => calls,
                Purpose::Settle => 1,
            };
            if used.saturating_add(calls) > most {
                return Err(refused(used, known.limit, &why, calls));
            }
        }
        state.under_way += 1;
        Ok(Permit {
            budget: self,
            begun: Instant::now(),
        })
    }

    /// Whether the count should be asked for anew before it forbids anything.
    pub(crate) fn look_is_due(&self) -> bool {
        let known = &self.state().known;
        known
            .as_ref()
            .is_some_and(|known| known.at.elapsed() >= self.stale)
    }

    /// The look itself: it is let through whatever the count says.
    pub(crate) fn look(&self) -> Permit<'_> {
        self.state().under_way += 1;
        Permit {
            budget: self,
            begun: Instant::now(),
        }
    }

    /// A look brought no count. The old one is worth nothing, and the next answer brings another.
    pub(crate) fn forget(&self) {
        self.state().known = None;
    }

    /// What the org last said: `api-usage=10018/100000`.
    pub(crate) fn said(&self) -> Option<String> {
        self.state().known.as_ref().map(|known| known.text.clone())
    }

    /// What the count may come to, and which setting says so.
    fn most(&self, limit: u64, purpose: Purpose) -> (u64, String) {
        let left = limit.saturating_sub(self.reserve);
        match (purpose, self.budget) {
            (Purpose::Settle, _) => (limit, "none is left, not even for ending jobs".to_owned()),
            (Purpose::Work { .. }, Some(budget))
                if self.reserve == 0 || budget.of(limit) <= left =>
            {
                let most = budget.of(limit).min(limit);
                (
                    most,
                    format!("the connection lets it come to {most} (`api_budget: {budget}`)"),
                )
            }
            (Purpose::Work { .. }, _) => (
                left,
                format!(
                    "the connection leaves the last {} to others (`api_reserve`)",
                    self.reserve
                ),
            ),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(used: u64, limit: u64, why: &str, calls: u64) -> Failure {
    let takes = match calls {
        1 => String::new(),
        _ => format!("; what is to be done takes {calls}"),
    };
    Failure::pause(
        "api_budget",
        format!("the org has used {used} of its {limit} API calls in 24 hours, and {why}{takes}"),
    )
    .hint(
        "resume when the 24-hour window has moved on; or, as a run keeps the file that it began with, give this connection another `api_budget` or `api_reserve` in the \
         services' own settings (`connections`), and resume",
    )
}

/// `api-usage=10018/100000`, with other parts behind it or none.
fn read(header: &str) -> Option<(u64, u64)> {
    let part = header
        .split([';', ','])
        .find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = part.split_once('/')?;
    let limit = limit.trim().parse().ok()?;
    (limit > 0).then_some((used.trim().parse().ok()?, limit))
}

#[cfg(test)]
impl Budget {
    /// Counts serve no longer than this.
    pub(crate) fn set_stale(&mut self, after: Duration) {
        self.stale = after;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::FailureKind;

    use super::*;

    const WORK: Purpose = Purpose::Work { calls: 1 };

    fn budget(budget: Option<Threshold>, reserve: Option<u64>) -> Budget {
        Budget::new(&SalesforceSettings {
            api_budget: budget,
            api_reserve: reserve,
            ..SalesforceSettings::default()
        })
    }

    fn says(budget: &Budget, used: u64, limit: u64) {
        budget.look().answered(&format!("api-usage={used}/{limit}"));
    }

    fn message(budget: &Budget, purpose: Purpose) -> Option<String> {
        let failure = budget.admit(purpose).err()?;
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::PauseRun, "api_budget")
        );
        assert!(failure.hint.is_some());
        Some(failure.message)
    }

    #[test]
    fn the_header_is_read_with_what_else_stands_in_it() {
        for (header, count) in [
            ("api-usage=10018/100000", Some((10_018, 100_000))),
            (
                "api-usage=18/5000; per-app-api-usage=17/250(appName=x)",
                Some((18, 5000)),
            ),
            ("api-bursts=1/750; api-usage=2/3", Some((2, 3))),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=1/0", None),
            ("api-usage=many", None),
            ("", None),
        ] {
            assert_eq!(read(header), count, "{header}");
        }
    }

    #[test]
    fn work_ends_at_the_budget_and_settling_at_the_limit() {
        let half = budget(Some(Threshold::Percent(50.0)), None);
        assert_eq!(message(&half, WORK), None, "nothing is known yet");
        says(&half, 499, 1000);
        assert_eq!(message(&half, WORK), None);
        says(&half, 500, 1000);
        let told = message(&half, WORK).unwrap();
        for word in ["500 of its 1000", "come to 500", "`api_budget: 50%`"] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert_eq!(message(&half, Purpose::Settle), None);
        says(&half, 999, 1000);
        assert_eq!(message(&half, Purpose::Settle), None);
        says(&half, 1000, 1000);
        assert!(message(&half, Purpose::Settle).is_some());
    }

    #[test]
    fn the_stricter_of_budget_and_reserve_counts() {
        let both = budget(Some(Threshold::Records(950)), Some(100));
        says(&both, 899, 1000);
        assert_eq!(message(&both, WORK), None);
        says(&both, 900, 1000);
        let told = message(&both, WORK).unwrap();
        assert!(told.contains("last 100 to others"), "{told}");
        // More than the org has at all.
        let much = budget(Some(Threshold::Records(5000)), None);
        says(&much, 1000, 1000);
        let told = message(&much, WORK).unwrap();
        assert!(told.contains("come to 1000 (`api_budget: 5000`)"), "{told}");
        let all = budget(None, Some(5000));
        says(&all, 0, 1000);
        assert!(message(&all, WORK).is_some());
    }

    #[test]
    fn what_leads_to_further_calls_needs_room_for_them() {
        let ten = budget(Some(Threshold::Records(10)), None);
        says(&ten, 7, 1000);
        let told = message(&ten, Purpose::Work { calls: 4 }).unwrap();
        assert!(told.ends_with("takes 4"), "{told}");
        assert_eq!(message(&ten, Purpose::Work { calls: 3 }), None);
    }

    #[test]
    fn without_either_the_org_decides() {
        let none = budget(None, None);
        says(&none, 2000, 1000);
        assert_eq!(message(&none, WORK), None);
        assert_eq!(none.said().as_deref(), Some("api-usage=2000/1000"));
    }

    #[test]
    fn calls_under_way_count() {
        let ten = budget(Some(Threshold::Records(10)), None);
        says(&ten, 8, 1000);
        let first = ten.admit(WORK).unwrap();
        let second = ten.admit(WORK).unwrap();
        assert!(message(&ten, WORK).is_some());
        first.answered("api-usage=9/1000");
        drop((first, second));
        assert_eq!(message(&ten, WORK), None);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_turn_the_count_back() {
        let ten = budget(Some(Threshold::Records(10)), None);
        let slow = ten.admit(WORK).unwrap();
        says(&ten, 10, 1000);
        slow.answered("api-usage=9/1000");
        drop(slow);
        assert!(message(&ten, WORK).is_some());
        // The window moved on.
        says(&ten, 3, 1000);
        assert_eq!(message(&ten, WORK), None);
    }

    #[test]
    fn a_count_grows_old_and_can_be_forgotten() {
        let mut ten = budget(Some(Threshold::Records(10)), None);
        assert!(!ten.look_is_due(), "nothing is known");
        says(&ten, 10, 1000);
        assert!(!ten.look_is_due());
        ten.set_stale(Duration::from_millis(30));
        std::thread::sleep(Duration::from_millis(31));
        assert!(ten.look_is_due());
        assert!(!ten.look().answered("nothing of use"));
        ten.forget();
        assert_eq!(message(&ten, WORK), None);
    }
}
