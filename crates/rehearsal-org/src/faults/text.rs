//! Faults read from a text: the JSON document, or the short form on a command line: `lock-rows=500`,
//! `daily-limit=1000`, `calls-503=1%`, `calls-drop-after@PUT/batches=1`.

use super::CallFault;
use super::amount::{Share, Span};
use super::plan::{Expiry, FaultPlan, JobFailure, PacePlan, Tokens, job_failure};
use super::rule::{CallRule, fault};
use crate::error::Error;
use crate::settings::Pace;

const KNOWN: &str = "lock-rows=N, lock-share=P%, lock-shared-parents, calls-FAULT[@[METHOD]/PATH]=N or P%, \
                     expire-sessions=N, expire-all-sessions=N, daily-limit=N, concurrent-limit=N, fail-job=ROWS, \
                     hold-jobs=ROWS, latency=TIME, pace=TIME, empty-results-204, seed=N";

impl FaultPlan {
    /// Reads the JSON document, or the short form such as `lock-rows=500` (see the README for all of them).
    ///
    /// # Errors
    /// When it is neither; the text says what was expected.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            read(text.trim())
        };
        read.map_err(|problem| Error::Fault {
            text: text.to_owned(),
            problem,
        })
    }
}

/// Reads one fault.
fn read(text: &str) -> Result<FaultPlan, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text, None),
    };
    let mut plan = FaultPlan::default();
    if let Some(rule) = name.strip_prefix("calls-") {
        plan.calls.push(calls(rule, needed(name, value)?)?);
        return Ok(plan);
    }
    match name {
        "lock-shared-parents" => plan.lock_shared_parents = Some(none(name, value)?),
        "empty-results-204" => plan.empty_results_as_204 = Some(none(name, value)?),
        "lock-rows" => plan.lock_rows = Some(number(name, value)?),
        "lock-share" => plan.lock_share = Some(Share::read(needed(name, value)?)?),
        "expire-sessions" | "expire-all-sessions" => {
            plan.expire_sessions = Some(Expiry {
                after_calls: number(name, value)?,
                tokens: if name == "expire-sessions" {
                    Tokens::Oauth
                } else {
                    Tokens::All
                },
            });
        }
        "daily-limit" => plan.daily_limit = Some(number(name, value)?),
        "concurrent-limit" => plan.concurrent_limit = Some(number(name, value)?),
        "fail-job" => plan.fail_jobs.push(JobFailure {
            after_rows: number(name, value)?,
            message: job_failure(),
        }),
        "hold-jobs" => plan.hold_jobs_after = Some(number(name, value)?),
        "latency" => plan.latency = Some(Span::try_from(needed(name, value)?.to_owned())?),
        "pace" => {
            let whole = Span::try_from(needed(name, value)?.to_owned())?;
            plan.pace = Some(PacePlan::from(Pace::of(whole.0)));
        }
        "seed" => plan.seed = Some(number(name, value)?),
        _ => return Err(format!("{name:?} is no fault; there are {KNOWN}")),
    }
    Ok(plan)
}

fn needed<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, String> {
    value
        .filter(|v| !v.is_empty())
        .ok_or_else(|| format!("{name} needs a value, as in {name}=…; there are {KNOWN}"))
}

fn none(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None => Ok(true),
        Some(_) => Err(format!("{name} takes no value")),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: Option<&str>) -> Result<T, String> {
    let text = needed(name, value)?;
    text.parse()
        .map_err(|_| format!("{name} needs a whole number, not {text:?}"))
}

/// `503@PUT/batches` and `2`, `1%`, or `2,retry-after=5`.
fn calls(rule: &str, value: &str) -> Result<CallRule, String> {
    let (name, place) = rule.split_once('@').unwrap_or((rule, ""));
    let mut read = CallRule::new(fault(name)?);
    let (method, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    if !method.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(format!(
            "{place:?} is no place of calls, which is written PUT, /batches or PUT/batches"
        ));
    }
    read.method = method.to_ascii_uppercase();
    read.path = path.to_owned();
    for part in value.split(',').map(str::trim) {
        if let Some(seconds) = part.strip_prefix("retry-after=") {
            if read.fault != CallFault::Status(429) {
                return Err("retry-after belongs to calls-429".to_owned());
            }
            read.fault = CallFault::Throttled(number("retry-after", Some(seconds))?);
        } else if part.ends_with('%') {
            read.share = Some(Share::read(part)?);
        } else {
            let times = part.parse();
            read.times = Some(times.map_err(|_| {
                format!("calls-{name} needs a number or a share such as 1%, not {part:?}")
            })?);
        }
    }
    read.check()?;
    Ok(read)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(text: &str) -> serde_json::Value {
        serde_json::to_value(read(text).unwrap_or_else(|e| panic!("{text}: {e}"))).unwrap()
    }

    #[test]
    fn every_short_form_is_a_document() {
        for (text, expected) in [
            ("lock-rows=500", json!({"lock_rows": 500})),
            ("lock-share=2.5%", json!({"lock_share": "2.5%"})),
            ("lock-share=0.07", json!({"lock_share": "7%"})),
            ("lock-shared-parents", json!({"lock_shared_parents": true})),
            ("daily-limit=1000", json!({"daily_limit": 1000})),
            ("concurrent-limit=5", json!({"concurrent_limit": 5})),
            (
                "expire-sessions=20",
                json!({"expire_sessions": {"after_calls": 20, "tokens": "oauth"}}),
            ),
            (
                "expire-all-sessions=0",
                json!({"expire_sessions": {"after_calls": 0, "tokens": "all"}}),
            ),
            (
                "fail-job=300",
                json!({"fail_jobs": [{"after_rows": 300, "message": job_failure()}]}),
            ),
            ("hold-jobs=200", json!({"hold_jobs_after": 200})),
            ("latency=50ms", json!({"latency": "50ms"})),
            (
                "pace=2s",
                json!({"pace": {"queued": "1000ms", "per_chunk": "0ms", "finishing": "1000ms"}}),
            ),
            ("empty-results-204", json!({"empty_results_as_204": true})),
            ("seed=7", json!({"seed": 7})),
            (
                "calls-503=1%",
                json!({"calls": [{"fault": 503, "share": "1%"}]}),
            ),
            (
                "calls-429=3,retry-after=2",
                json!({"calls": [{"fault": 429, "retry_after": 2, "times": 3}]}),
            ),
            (
                "calls-drop-after@put/batches=1",
                json!({"calls": [{"fault": "drop-after", "method": "PUT", "path": "/batches", "times": 1}]}),
            ),
            (
                "calls-drop-before@/query=5%,2",
                json!({"calls": [{"fault": "drop-before", "path": "/query", "share": "5%", "times": 2}]}),
            ),
            (
                "calls-concurrent-limit@GET=2",
                json!({"calls": [{"fault": "concurrent-limit", "method": "GET", "times": 2}]}),
            ),
        ] {
            assert_eq!(document(text), expected, "{text}");
            let again = FaultPlan::parse(&expected.to_string()).unwrap();
            assert_eq!(again, read(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("", "is no fault; there are lock-rows=N"),
            (
                "lock-row=5",
                "\"lock-row\" is no fault; there are lock-rows=N",
            ),
            ("lock-rows", "lock-rows needs a value"),
            ("lock-rows=", "lock-rows needs a value"),
            ("lock-rows=-1", "lock-rows needs a whole number, not \"-1\""),
            ("lock-share=120%", "a share is from 0% to 100%"),
            ("lock-share=some", "\"some\" is no share"),
            (
                "lock-shared-parents=1",
                "lock-shared-parents takes no value",
            ),
            ("latency=5", "\"5\" is no time"),
            ("pace=fast", "\"fast\" is no time"),
            ("calls-503", "calls-503 needs a value"),
            (
                "calls-503=often",
                "calls-503 needs a number or a share such as 1%, not \"often\"",
            ),
            ("calls-200=1", "200 is no status of a failure"),
            ("calls-late=1", "\"late\" is no fault of a call"),
            (
                "calls-503=retry-after=2",
                "retry-after belongs to calls-429",
            ),
            ("calls-429=retry-after=2", "needs times (a number) or share"),
            ("calls-503@the query=1", "is no place of calls"),
            (r#"{"lock_row": 5}"#, "unknown field `lock_row`"),
            (
                r#"{"calls": [{"fault": 503}]}"#,
                "needs times (a number) or share",
            ),
            (
                r#"{"calls": [{"fault": 503, "retry_after": 1, "times": 1}]}"#,
                "retry_after belongs to the fault 429",
            ),
            (
                r#"{"calls": [{"fault": 503, "times": 1, "path": "query"}]}"#,
                "must begin with a slash",
            ),
            (r#"{"latency": "soon"}"#, "\"soon\" is no time"),
            (r#"{"lock_share": 2}"#, "this is 2"),
        ] {
            let error = FaultPlan::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn several_add_up() {
        let mut plan = read("lock-rows=5").unwrap();
        for text in [
            "lock-rows=7",
            "seed=1",
            "seed=2",
            "fail-job=1",
            "fail-job=2",
            "calls-503=1",
            "calls-401=1",
        ] {
            plan.extend(read(text).unwrap());
        }
        assert_eq!((plan.lock_rows, plan.seed), (Some(12), Some(2)));
        assert_eq!((plan.fail_jobs.len(), plan.calls.len()), (2, 2));
    }
}
