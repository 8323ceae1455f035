//! What is left of the org's daily calls, batches and storage, beside what the load will take.

use connector::Intent;
use model::migration::Operation;
use model::{Failure, Finding};
use serde_json::Value;

use crate::client::{Call, Client};

/// The org counts about this much for a record, whatever is in it.
const KILOBYTES_OF_A_RECORD: u64 = 2;
/// Rows that count as one batch (Bulk API 2.0 guide, "Limits").
const ROWS_OF_A_BATCH: u64 = 10_000;
/// Less than this share of a limit is little.
const LITTLE: f64 = 0.1;

pub(super) async fn inspect(client: &Client, intents: &[Intent]) -> Vec<Finding> {
    match client.json(Call::get(&["limits"])).await {
        Ok(limits) => judge(&limits, intents),
        Err(error) => {
            let failure = Failure::from(error);
            vec![
                Finding::warning(
                    "limits_not_told",
                    format!("the org does not tell what is left of its limits: {}", failure.message),
                )
                .hint("look under Setup > Company Information; the permission \"View Setup and Configuration\" lets us see them"),
            ]
        }
    }
}

fn judge(limits: &Value, intents: &[Intent]) -> Vec<Finding> {
    let records = |which: fn(Operation) -> bool| -> u64 {
        let intents = intents.iter().filter(|intent| which(intent.operation));
        intents.filter_map(|intent| intent.records).sum()
    };
    let batches: u64 = intents
        .iter()
        .filter_map(|intent| intent.records)
        .map(|records| records.div_ceil(ROWS_OF_A_BATCH))
        .sum();
    let megabytes = |records: u64| (records * KILOBYTES_OF_A_RECORD).div_ceil(1_024);
    let inserted = records(|operation| operation == Operation::Insert);
    // Of those that are upserted some may be there already.
    let upserted = records(|operation| operation == Operation::Upsert);
    [
        left(limits, "DailyApiRequests", "api_calls", "API calls of today", (0, 0), "wait until the 24-hour window has moved on, or ask Salesforce for more"),
        left(limits, "DailyBulkApiBatches", "bulk_batches", "bulk batches of today", (batches, batches), "move fewer objects a day, with --only"),
        left(
            limits,
            "DataStorageMB",
            "data_storage",
            "MB of data storage",
            (megabytes(inserted), megabytes(inserted + upserted)),
            "records take about 2 kB each whatever is in them, and those that exist already take no more; free storage or buy it first",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// None where the org has no such limit. `needed` is what will be taken for sure, and at most.
fn left(
    limits: &Value,
    name: &str,
    code: &str,
    what: &str,
    needed: (u64, u64),
    hint: &str,
) -> Option<Finding> {
    let of = |key: &str| limits.get(name)?.get(key)?.as_i64();
    let (most, left) = (of("Max")?, of("Remaining")?);
    if most <= 0 {
        return None;
    }
    let left = u64::try_from(left).unwrap_or_default();
    let (sure, at_most) = needed;
    let needs = match needed {
        (_, 0) => String::new(),
        (sure, at_most) if sure == at_most => format!("; about {at_most} will be needed"),
        _ => format!("; up to {at_most} will be needed"),
    };
    let said = format!("{left} of {most} {what} are left{needs}");
    let little = most as f64 * LITTLE;
    Some(if left == 0 || sure > left {
        Finding::problem(code, said).hint(hint)
    } else if left.saturating_sub(at_most) as f64 <= little {
        Finding::warning(code, said).hint(hint)
    } else {
        Finding::ok(code, said)
    })
}

#[cfg(test)]
mod tests {
    use model::Grade;
    use serde_json::json;

    use super::*;

    fn grades(calls: i64, batches: i64, storage: i64, records: u64) -> Vec<(String, Grade)> {
        grades_of(Operation::Insert, calls, batches, storage, records)
    }

    fn grades_of(
        operation: Operation,
        calls: i64,
        batches: i64,
        storage: i64,
        records: u64,
    ) -> Vec<(String, Grade)> {
        let limit = |left: i64| json!({"Max": 100, "Remaining": left});
        let limits = json!({"DailyApiRequests": limit(calls), "DailyBulkApiBatches": limit(batches), "DataStorageMB": limit(storage)});
        let intent = Intent {
            object: "accounts".to_owned(),
            to: "Account".to_owned(),
            operation,
            key: Vec::new(),
            fields: Vec::new(),
            records: Some(records),
        };
        let findings = judge(&limits, &[intent]);
        findings
            .into_iter()
            .map(|finding| (finding.code, finding.grade))
            .collect()
    }

    fn of(code: &str, grade: Grade) -> (String, Grade) {
        (code.to_owned(), grade)
    }

    #[test]
    fn what_is_left_is_measured_by_what_will_be_needed() {
        let plenty = grades(100, 100, 100, 10_000);
        assert!(
            plenty.iter().all(|(_, grade)| *grade == Grade::Ok),
            "{plenty:?}"
        );
        assert_eq!(grades(10, 100, 100, 0)[0], of("api_calls", Grade::Warning));
        assert_eq!(grades(0, 100, 100, 0)[0], of("api_calls", Grade::Problem));
        // Storage may be overdrawn.
        assert_eq!(
            grades(100, 100, -3, 0)[2],
            of("data_storage", Grade::Problem)
        );
        assert_eq!(
            grades(100, 4, 100, 45_000)[1],
            of("bulk_batches", Grade::Problem)
        );
        assert_eq!(
            grades(100, 100, 100, 50_000)[2],
            of("data_storage", Grade::Warning)
        );
    }

    #[test]
    fn what_is_upserted_may_be_there_already() {
        let storage = |operation| grades_of(operation, 100, 100, 50, 30_000)[2].1;
        assert_eq!(storage(Operation::Insert), Grade::Problem);
        assert_eq!(storage(Operation::Upsert), Grade::Warning);
        assert_eq!(storage(Operation::Update), Grade::Ok);
    }

    #[test]
    fn limits_that_an_org_does_not_have_are_not_told() {
        assert!(
            judge(
                &json!({"DailyApiRequests": {"Max": 0, "Remaining": 0}}),
                &[]
            )
            .is_empty()
        );
    }
}
