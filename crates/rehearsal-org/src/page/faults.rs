//! What is ordered to go wrong, in words.

use super::html::{Html, grouped};
use crate::faults::{CallFault, CallRule, FaultPlan, Tokens};

/// One line for each fault that is ordered.
pub(super) fn lines(plan: &FaultPlan) -> Vec<String> {
    let mut all = Vec::new();
    let mut say = |line: Option<String>| all.extend(line);
    say(plan.lock_rows.map(|n| {
        format!(
            "The next {} rows of any write fail for want of a lock",
            grouped(n)
        )
    }));
    say(plan
        .lock_share
        .map(|share| format!("{share} of all rows fail for want of a lock")));
    say(plan.lock_shared_parents.filter(|on| *on).map(|_| {
        "Rows fail for want of a lock while another job writes rows of the same parent".to_owned()
    }));
    for rule in &plan.calls {
        say(Some(call(rule)));
    }
    say(plan.expire_sessions.map(|expiry| {
        let which = match expiry.tokens {
            Tokens::All => "all tokens expire",
            Tokens::Oauth => "tokens of OAuth expire",
        };
        format!("After {} more API calls {which}", expiry.after_calls)
    }));
    say(plan.daily_limit.map(|left| match left {
        0 => "The daily limit of API calls is spent".to_owned(),
        left => format!("{} API calls are left of the day", grouped(left as usize)),
    }));
    say(plan
        .concurrent_limit
        .map(|n| format!("At most {n} API calls at the same time")));
    for failure in &plan.fail_jobs {
        say(Some(format!(
            "A coming job fails after {} rows: {}",
            failure.after_rows, failure.message
        )));
    }
    say(plan
        .hold_jobs_after
        .map(|n| format!("Jobs stand still after {n} rows")));
    say(plan
        .latency
        .map(|span| format!("Every API call waits {}", String::from(span))));
    say(plan.pace.map(|pace| {
        let [queued, chunk, last] = [pace.queued, pace.per_chunk, pace.finishing].map(String::from);
        format!("Jobs wait {queued} before, {chunk} after every 200 rows, {last} at the end")
    }));
    say(plan
        .empty_results_as_204
        .filter(|on| *on)
        .map(|_| "Result files without rows are 204".to_owned()));
    all
}

fn call(rule: &CallRule) -> String {
    let how_many = match (rule.times, rule.share) {
        (Some(n), None) => format!("The next {n} calls"),
        (None, Some(share)) => format!("{share} of all calls"),
        (Some(n), Some(share)) => format!("{share} of calls, up to {n},"),
        (None, None) => "All calls".to_owned(),
    };
    let place = match (rule.method.is_empty(), rule.path.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" by {}", rule.method),
        (true, false) => format!(" to …{}…", rule.path),
        (false, false) => format!(" by {} to …{}…", rule.method, rule.path),
    };
    let what = match rule.fault {
        CallFault::Status(status) => format!("are answered by {status}"),
        CallFault::Throttled(seconds) => {
            format!("are answered by 429, to come again after {seconds} s")
        }
        CallFault::ConcurrentLimit => "are refused as too many at the same time".to_owned(),
        CallFault::DropBefore => "lose their connection before the org acts".to_owned(),
        CallFault::DropAfter => "lose their connection after the org has acted".to_owned(),
    };
    format!("{how_many}{place} {what}")
}

pub(super) fn section(page: &mut Html, plan: &FaultPlan) {
    let lines = lines(plan);
    if lines.is_empty() {
        return;
    }
    page.raw("<section><div class=head><h2>Ordered to go wrong</h2><span class=soft>");
    page.text("cleared by DELETE /rehearsal/faults")
        .raw("</span></div><ul class=plain>");
    for line in lines {
        page.element("li", &line);
    }
    page.raw("</ul></section>");
}
