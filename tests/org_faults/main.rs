//! Accounts with three contacts each into an org that misbehaves in every way it can, one way at a time and all at once: every record ends there exactly once.
//! `STEVEDORE_TEST_ACCOUNTS` sets how many accounts; `make faults` takes a hundred thousand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../line/stage.rs"]
#[allow(dead_code, reason = "the tests of the line use all of it")]
mod stage;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::RunStatus;
use rehearsal_org::{CallFault, FaultPlan, Pace, RehearsalOrg, Settings};
use serde_json::Value;

use stage::Stage;

/// Contacts of each account.
const CONTACTS: u64 = 3;

fn accounts() -> u64 {
    let wanted = std::env::var("STEVEDORE_TEST_ACCOUNTS").ok();
    wanted.map_or(1_500, |wanted| {
        wanted.parse().expect("a number of accounts")
    })
}

/// One way of misbehaving.
#[derive(Clone, Copy, Debug)]
enum Fault {
    LockedRows,
    Unavailable,
    Throttled,
    DroppedBefore,
    DroppedAfter,
    ExpiredSession,
    FailedJobs,
    LockedJobs,
    Slowness,
}

const ALL: [Fault; 9] = [
    Fault::LockedRows,
    Fault::Unavailable,
    Fault::Throttled,
    Fault::DroppedBefore,
    Fault::DroppedAfter,
    Fault::ExpiredSession,
    Fault::FailedJobs,
    Fault::LockedJobs,
    Fault::Slowness,
];

impl Fault {
    /// Calls fail `times` in a row, or some more.
    fn order(self, org: &RehearsalOrg, accounts: u64, times: u32) {
        let faults = org.faults();
        let rows = usize::try_from(accounts).unwrap();
        let calls = |fault| {
            for (method, path, at_least) in [
                ("POST", "/jobs/ingest", 1),
                ("PUT", "/batches", 1),
                ("PATCH", "/jobs/ingest", 1),
                ("GET", "/successfulResults", 1),
                ("GET", "/failedResults", 1),
                ("GET", "/jobs/ingest", 2),
            ] {
                faults.fail_calls(method, path, at_least * times, fault);
            }
        };
        self.order_of(org, rows, calls);
    }

    /// The same for records so few that they go by collections.
    fn order_for_few(self, org: &RehearsalOrg, accounts: u64, operation: &str) {
        let rows = usize::try_from(accounts).unwrap();
        let method = if operation == "insert" {
            "POST"
        } else {
            "PATCH"
        };
        let calls = |fault| {
            org.faults()
                .fail_calls(method, "/composite/sobjects", 1, fault);
        };
        match self {
            // There are no jobs.
            Self::FailedJobs | Self::LockedJobs | Self::Slowness => {}
            Self::ExpiredSession => {
                calls(CallFault::Status(401));
                org.expire_sessions();
            }
            _ => self.order_of(org, rows, calls),
        }
    }

    fn order_of(self, org: &RehearsalOrg, rows: usize, calls: impl Fn(CallFault)) {
        let faults = org.faults();
        match self {
            Self::LockedRows => faults.lock_rows(rows / 5),
            Self::Unavailable => calls(CallFault::Status(503)),
            Self::Throttled => calls(CallFault::Status(429)),
            Self::DroppedBefore => calls(CallFault::DropBefore),
            Self::DroppedAfter => calls(CallFault::DropAfter),
            // Whoever logged in is thrown out when a job is being filled and when its results are read.
            Self::ExpiredSession => {
                faults.fail_calls("PUT", "/batches", 1, CallFault::Status(401));
                faults.fail_calls("GET", "/successfulResults", 1, CallFault::Status(401));
                org.expire_sessions();
            }
            Self::FailedJobs => {
                faults.fail_job_after(rows / 3);
                faults.fail_job_after(200);
                faults.fail_job_after(rows / 2);
            }
            Self::LockedJobs => {
                let whole = r#"{"fail_jobs": [{"after_rows": 0, "message": "TooManyLockFailure : Too many lock failure 200 Trying again later."}]}"#;
                faults.order(FaultPlan::parse(whole).unwrap());
            }
            Self::Slowness => faults.pace_jobs(Some(Pace {
                queued: Duration::from_millis(700),
                per_chunk: Duration::from_millis(2),
                finishing: Duration::from_millis(700),
            })),
        }
    }
}

async fn stage_with(accounts: u64) -> Stage {
    let mut stage = Stage::new().await;
    // Jobs of several chunks, and several jobs.
    let chunk = (accounts / 12).max(100);
    stage.set("STEVEDORE__CHUNKS__RECORDS", &chunk.to_string());
    stage.set(
        "STEVEDORE__CHUNKS__JOB_BYTES",
        &(chunk * 4 * 40).to_string(),
    );
    stage.set("STEVEDORE__CHUNKS__JOB_LINGER_MS", "300");
    stage
        .execute(
            "source",
            &format!(
                "create table accounts (id bigint primary key, name text);
                 insert into accounts select n, 'Account ' || n from generate_series(1, {accounts}) n;
                 create table contacts (id bigint primary key, account_id bigint, last_name text);
                 insert into contacts select n, (n::bigint * 7919) % {accounts} + 1, 'Contact ' || n from generate_series(1, {accounts} * {CONTACTS}) n;
                 analyze accounts; analyze contacts"
            ),
        )
        .await;
    stage
}

fn migration(operation: &str, collections: bool) -> String {
    format!(
        "migration: line-test
connections:
  source: {{ kind: postgres, url: \"${{SOURCE_URL}}\" }}
  target: {{ kind: salesforce, instance_url: \"${{ORG_URL}}\", client_id: \"${{ORG_CLIENT}}\", client_secret: \"${{ORG_SECRET}}\", collections: {collections} }}
source: source
target: target
objects:
  - {{ name: accounts, from: {{ table: accounts }}, to: Account, operation: {operation}, external_id: External_Id__c,
      fields: {{ External_Id__c: \"'A' || id\", Name: name }} }}
  - {{ name: contacts, from: {{ table: contacts }}, to: Contact, operation: {operation}, external_id: Contact_External_Id__c,
      fields: {{ Contact_External_Id__c: \"'C' || id\", LastName: last_name, Account: {{ lookup: accounts, by: account_id }} }} }}
"
    )
}

/// What the org holds: accounts as key and name, contacts as key, name and their account's key. Sorted, repetitions kept.
fn held(org: &RehearsalOrg) -> (Vec<String>, Vec<String>) {
    let text = |record: &std::collections::BTreeMap<String, Value>, field: &str| {
        record[field].as_str().unwrap_or_default().to_owned()
    };
    let accounts = org.records("Account");
    let keys: HashMap<String, String> = accounts
        .iter()
        .map(|account| (text(account, "Id"), text(account, "External_Id__c")))
        .collect();
    let mut held: (Vec<_>, Vec<_>) = (
        accounts
            .iter()
            .map(|account| {
                format!(
                    "{}|{}",
                    text(account, "External_Id__c"),
                    text(account, "Name")
                )
            })
            .collect(),
        org.records("Contact")
            .iter()
            .map(|contact| {
                let parent = keys.get(&text(contact, "AccountId"));
                format!(
                    "{}|{}|{}",
                    text(contact, "Contact_External_Id__c"),
                    text(contact, "LastName"),
                    parent.map_or("", String::as_str)
                )
            })
            .collect(),
    );
    held.0.sort();
    held.1.sort();
    held
}

fn expected(accounts: u64) -> (Vec<String>, Vec<String>) {
    let mut expected: (Vec<_>, Vec<_>) = (
        (1..=accounts)
            .map(|n| format!("A{n}|Account {n}"))
            .collect(),
        (1..=accounts * CONTACTS)
            .map(|n| format!("C{n}|Contact {n}|A{}", (n * 7919) % accounts + 1))
            .collect(),
    );
    expected.0.sort();
    expected.1.sort();
    expected
}

/// By jobs alone, however few the records.
async fn started(accounts: u64, operation: &str) -> (Stage, RehearsalOrg, String) {
    started_with(accounts, operation, false, |_| {}).await
}

async fn started_with(
    accounts: u64,
    operation: &str,
    collections: bool,
    order: impl FnOnce(&RehearsalOrg),
) -> (Stage, RehearsalOrg, String) {
    let mut stage = stage_with(accounts).await;
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    stage.set("ORG_URL", &org.url());
    stage.set("ORG_CLIENT", org.client_id());
    stage.set("ORG_SECRET", org.client_secret());
    order(&org);
    stage.start_all();
    let run = stage.run(&migration(operation, collections)).await;
    (stage, org, run)
}

/// The run completes, and the org holds what the source holds.
async fn arrives(stage: &Stage, org: &RehearsalOrg, run: &str, accounts: u64) {
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let failed = "select object || ' ' || record_key || ' ' || error_code || ' ' || error_message from failed_records";
    assert_eq!(stage.texts("control", failed).await, [""; 0]);
    let (expected, found) = (expected(accounts), held(org));
    assert_eq!(
        (expected.0.len(), expected.1.len()),
        (found.0.len(), found.1.len())
    );
    assert!(
        expected == found,
        "the org holds something else than the source"
    );
}

async fn survives(faults: &[Fault], operation: &str, accounts: u64) {
    let (stage, org, run) = started(accounts, operation).await;
    let begun = Instant::now();
    let times = if faults.len() == 1 { 2 } else { 1 };
    // A record that others hold: the org is asked for failed results too.
    org.faults().lock_rows(1);
    for fault in faults {
        fault.order(&org, accounts, times);
    }
    arrives(&stage, &org, &run, accounts).await;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{accounts} accounts, {} contacts, {operation}, {faults:?}: {} API calls, {seconds:.1} s",
        accounts * CONTACTS,
        org.api_calls()
    );
    assert_eq!(org.faults().calls_left(), 0, "every fault was met");
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_daily_limit_pauses_the_run_until_the_next_day() {
    let accounts = accounts();
    let (stage, org, run) = started(accounts, "insert").await;
    org.faults().limit_daily_calls(Some(25));
    let paused = stage.until_status(&run, RunStatus::Paused).await;
    let reason = paused.summary.reason.unwrap_or_default();
    assert!(reason.contains("takes no more calls"), "{reason}");
    org.faults().clear();
    stage.ask(&run, "resume").await;
    arrives(&stage, &org, &run, accounts).await;
    org.stop().await;
}

macro_rules! survives {
    ($($name:ident: $fault:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            survives(&[Fault::$fault], "insert", accounts()).await;
        }
    )+};
}

survives! {
    locked_rows_are_sent_again: LockedRows,
    an_org_that_is_unavailable_is_waited_for: Unavailable,
    an_org_that_throttles_is_waited_for: Throttled,
    connections_dropped_before_the_org_acted: DroppedBefore,
    connections_dropped_after_the_org_acted: DroppedAfter,
    sessions_that_end: ExpiredSession,
    jobs_that_the_org_gives_up: FailedJobs,
    jobs_that_give_way_to_others: LockedJobs,
    slow_jobs: Slowness,
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_by_insert() {
    survives(&ALL, "insert", accounts()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_by_upsert() {
    survives(&ALL, "upsert", accounts()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_with_few_records_by_jobs() {
    survives(&ALL, "insert", 38).await;
}

/// All faults that calls can meet, with 38 accounts and 114 contacts.
async fn few_survive(operation: &str) {
    const FEW: u64 = 38;
    let order = |org: &RehearsalOrg| {
        for fault in ALL {
            fault.order_for_few(org, FEW, operation);
        }
    };
    let (stage, org, run) = started_with(FEW, operation, true, order).await;
    arrives(&stage, &org, &run, FEW).await;
    println!(
        "{FEW} accounts, {} contacts, {operation} by collections, all faults: {} API calls",
        FEW * CONTACTS,
        org.api_calls()
    );
    assert_eq!(org.faults().calls_left(), 0, "every fault was met");
    let view = stage.view(&run).await.expect("a view");
    for object in &view.objects {
        assert_eq!(object.books.created, object.books.extracted, "{view:?}");
    }
    let sent_by = stage
        .texts("control", "select distinct sent_by from jobs")
        .await;
    assert_eq!(sent_by, ["calls"]);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_with_few_records_by_insert() {
    few_survive("insert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_with_few_records_by_upsert() {
    few_survive("upsert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_jobs_may_be_at_once_is_told_and_why_there_are_fewer() {
    let accounts = accounts();
    let rows = usize::try_from(accounts).unwrap();
    // More rows than one job has, so that the last trouble is not over when the run is looked at.
    let (stage, org, run) = started_with(accounts, "insert", false, |org| {
        org.faults().lock_rows(rows * 2);
        org.faults().pace_jobs(Some(Pace {
            queued: Duration::from_millis(300),
            per_chunk: Duration::ZERO,
            finishing: Duration::from_millis(300),
        }));
    })
    .await;
    stage
        .until("locks lower how many jobs may be at once", async || {
            let jobs = stage.view(&run).await.and_then(|view| view.jobs);
            jobs.is_some_and(|jobs| {
                jobs.on_their_way > 0
                    && jobs.at_once < jobs.at_most
                    && jobs.loaders == 1
                    && jobs.lowered.iter().any(|why| why.because_of == "locks")
            })
        })
        .await;
    arrives(&stage, &org, &run, accounts).await;
    let view = stage.view(&run).await.expect("a view");
    assert_eq!(view.jobs, None, "it is over");
    org.stop().await;
}
