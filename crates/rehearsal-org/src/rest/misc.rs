//! What clients ask before they do anything: versions, resources, limits, counts.

use serde_json::{Value as Json, json};

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;

/// The API versions answered: from the first that is not retired to the newest.
pub(super) const OLDEST: u32 = 31;
pub(super) const NEWEST: u32 = 67;

/// The daily calls the org says it allows; it counts, but refuses only where a fault says so.
const DAILY_CALLS: u64 = 1_000_000;

/// Calls used of the day, and calls allowed.
pub(crate) fn daily(org: &Org) -> (u64, u64) {
    let used = match org.faults.daily_left() {
        Some(left) => DAILY_CALLS.saturating_sub(left),
        None => org.calls(),
    };
    (used, DAILY_CALLS)
}

pub(super) fn versions(call: &Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let seasons = ["Spring", "Summer", "Winter"];
    let all: Vec<Json> = (OLDEST..=NEWEST)
        .map(|version| {
            // Version 60 was Spring '24; there are three a year, and Winter is named for the year it leads into.
            let season = version % 3;
            let year = version / 3 + 4 + u32::from(season == 2);
            json!({
                "label": format!("{} '{year}", seasons[season as usize]),
                "url": format!("/services/data/v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    Ok(Reply::json(&all))
}

pub(super) fn resources(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET,HEAD")?;
    let base = format!("/services/data/v{}", call.version);
    let (organization, user) = org.identity();
    Ok(Reply::json(&json!({
        "sobjects": format!("{base}/sobjects"),
        "query": format!("{base}/query"),
        "queryAll": format!("{base}/queryAll"),
        "search": format!("{base}/search"),
        "parameterizedSearch": format!("{base}/parameterizedSearch"),
        "recent": format!("{base}/recent"),
        "tooling": format!("{base}/tooling"),
        "limits": format!("{base}/limits"),
        "composite": format!("{base}/composite"),
        "jobs": format!("{base}/jobs"),
        "identity": format!("{}/id/{organization}/{user}", org.url()),
    })))
}

pub(super) fn limits(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let limit = |most: u64, used: u64| json!({"Max": most, "Remaining": most.saturating_sub(used)});
    let batches = org.jobs.batches();
    let (used, most) = daily(org);
    Ok(Reply::json(&json!({
        "DailyApiRequests": limit(most, used),
        "DailyBulkApiBatches": limit(15_000, batches),
        "DailyBulkV2QueryJobs": limit(10_000, org.jobs.queries.started()),
        "DailyBulkV2QueryFileStorageMB": limit(976_562, 0),
        "DataStorageMB": limit(100_000, 0),
        "FileStorageMB": limit(100_000, 0),
        "HourlyAsyncReportRuns": limit(1_200, 0),
    })))
}

pub(super) fn record_count(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let wanted: Option<Vec<&str>> = call
        .parameter("sObjects")
        .map(|names| names.split(',').collect());
    let store = org.read();
    let counts: Vec<Json> = org
        .catalogue
        .objects
        .iter()
        .filter(|object| org.catalogue.shows(object))
        .filter(|object| match &wanted {
            None => true,
            Some(names) => names
                .iter()
                .any(|n| n.trim().eq_ignore_ascii_case(&object.name)),
        })
        .map(|object| (object, store.count(object.index)))
        .filter(|(_, count)| *count > 0)
        .map(|(object, count)| json!({"count": count, "name": object.name}))
        .collect();
    Ok(Reply::json(&json!({"sObjects": counts})))
}
