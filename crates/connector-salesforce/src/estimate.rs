//! What a load costs an org, by rule of thumb, and what of it stays whatever is done later. Nothing here asks the org.

use connector::{Calls, LoadPlan, Pace};
use model::migration::Operation;

/// The longest pause between two looks at a job.
const SECONDS_BETWEEN_LOOKS: f64 = 60.0;
/// Looks at a job that is done at once.
const LOOKS: u64 = 3;

pub(crate) fn pace() -> Pace {
    Pace {
        records_per_second: 1_000.0,
        seconds_per_job: 10.0,
        rests_on: "a cautious guess for an org: 1,000 records a second and 10 seconds for each job; triggers and flows make it slower, and a run into a sandbox \
                   measures yours",
    }
}

pub(crate) fn calls(jobs: u64, seconds_each: f64) -> Calls {
    let looks = LOOKS + (seconds_each.max(0.0) / SECONDS_BETWEEN_LOOKS).ceil() as u64;
    let each = [
        ("create", 1),
        ("upload", 1),
        ("close", 1),
        ("polls", looks),
        ("results", 3),
    ];
    Calls(
        each.into_iter()
            .map(|(kind, calls)| (kind.to_owned(), calls * jobs))
            .collect(),
    )
}

pub(crate) fn lasting(plan: &LoadPlan) -> Vec<String> {
    let own = "what triggers, flows and rules of the org do by themselves when records are written (`stevedore doctor` lists them)";
    match plan.operation {
        Operation::HardDelete => vec![
            format!(
                "deleted {} records, with what hangs below them by master-detail: they are gone for good",
                plan.to
            ),
            own.to_owned(),
        ],
        Operation::Delete => vec![
            format!(
                "deleted {} records, with what hangs below them by master-detail, once they have left the org's recycle bin, after 15 days",
                plan.to
            ),
            own.to_owned(),
        ],
        Operation::Insert | Operation::Upsert | Operation::Update => vec![own.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_takes_its_calls_and_a_long_one_more_looks() {
        let short = calls(2, 1.0);
        assert_eq!(short.0["create"], 2);
        assert_eq!(short.0["results"], 6);
        assert_eq!(short.0["polls"], 8);
        assert_eq!(short.total(), 2 * (3 + 4 + 3));
        assert_eq!(calls(1, 300.0).0["polls"], 8);
        assert_eq!(calls(0, 300.0).total(), 0);
    }

    #[test]
    fn deletes_are_told_apart() {
        let plan = crate::testing::plan(Operation::Delete, "Id", &["Id"]);
        assert!(
            lasting(&plan)
                .iter()
                .any(|lasting| lasting.contains("recycle bin"))
        );
        let plan = crate::testing::plan(Operation::Insert, "External_Id__c", &[]);
        assert_eq!(lasting(&plan).len(), 1);
    }
}
