//! Children that are planned in the order of their parents: the bulk jobs that an org runs side by side share no more parents than they must.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::{PlanQuery, StartRun};
use model::RunStatus;
use rehearsal_org::RehearsalOrg;
use serde_json::Value;

use crate::salesforce::{into_org, org};
use crate::stage::Stage;

/// Records of a chunk.
const CHUNK: usize = 60;
/// Bytes of a job, which has room for some three chunks.
const JOB: &str = "16000";

/// Sixty accounts. Of the contacts, in the order of their ids, hardly two neighbours have the same; two hundred are of the first account, some of none.
const SOURCE: &str = "
    create table accounts (id bigint primary key, name text);
    insert into accounts select n, 'Account ' || n from generate_series(0, 59) n;
    create table contacts (id bigint primary key, name text, account_id bigint);
    insert into contacts select n, 'Contact ' || n,
        case when n % 25 = 0 then null when n % 6 = 0 then 0 else n * 7919 % 59 + 1 end from generate_series(1, 1500) n;
    analyze accounts; analyze contacts";

fn file(chunk_by: &str) -> String {
    let objects = format!(
        "  - {{ name: accounts, from: {{ table: accounts }}, to: Account, operation: upsert, external_id: External_Id__c, fields: {{ External_Id__c: \"'ACC_' || id\", Name: name }} }}
  - name: contacts
    from: {{ table: contacts }}
    to: Contact{chunk_by}
    operation: upsert
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'CNT_' || id\"
      LastName: name
      Account: {{ lookup: accounts, by: account_id }}
"
    );
    let by_jobs = "access_token: \"${ORG_TOKEN}\", collections: false";
    into_org("{ kind: postgres, url: \"${SOURCE_URL}\" }", &objects)
        .replace("access_token: \"${ORG_TOKEN}\"", by_jobs)
}

async fn get(org: &RehearsalOrg, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build();
    let request = client
        .expect("a client")
        .get(format!(
            "{}/services/data/v66.0/jobs/ingest{path}",
            org.url()
        ))
        .bearer_auth(org.access_token());
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.text().await.expect("a text")
}

/// The keys of the contacts that each of the org's jobs has written.
async fn jobs(org: &RehearsalOrg) -> BTreeMap<String, Vec<String>> {
    let list: Value = serde_json::from_str(&get(org, "").await).expect("JSON");
    assert_eq!(list["done"], true, "{list}");
    let mut jobs = BTreeMap::new();
    for job in list["records"].as_array().expect("a list") {
        if job["object"] != "Contact" {
            continue;
        }
        let id = job["id"].as_str().expect("an id");
        let written = get(org, &format!("/{id}/successfulResults")).await;
        let cells = |line: &str| -> Vec<String> {
            let cells = line
                .split(',')
                .map(|cell| cell.trim_matches('"').to_owned());
            cells.collect()
        };
        let mut lines = written.lines();
        let head = cells(lines.next().expect("a header"));
        let key = head
            .iter()
            .position(|name| name == "Contact_External_Id__c");
        let key = key.expect("the key");
        jobs.insert(
            id.to_owned(),
            lines.map(|line| cells(line)[key].clone()).collect(),
        );
    }
    jobs
}

/// Each contact with its account, as the org holds them, sorted; none is there twice.
fn contacts(org: &RehearsalOrg) -> BTreeMap<String, Option<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let accounts: BTreeMap<_, _> = org
        .records("Account")
        .iter()
        .map(|account| (text(&account["Id"]), text(&account["External_Id__c"])))
        .collect();
    let records = org.records("Contact");
    let contacts: BTreeMap<_, _> = records
        .iter()
        .map(|contact| {
            let key = text(&contact["Contact_External_Id__c"]).expect("a key");
            let account = text(&contact["AccountId"]);
            (key, account.and_then(|id| accounts[&Some(id)].clone()))
        })
        .collect();
    assert_eq!(contacts.len(), records.len());
    contacts
}

/// By account: how many contacts it has, and in how many of the jobs they are.
fn spread(
    jobs: &BTreeMap<String, Vec<String>>,
    contacts: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, (usize, usize)> {
    let mut spread = BTreeMap::<String, (usize, usize)>::new();
    for keys in jobs.values() {
        let mut seen = BTreeSet::new();
        for account in keys.iter().filter_map(|key| contacts[key].as_ref()) {
            let (children, jobs) = spread.entry(account.clone()).or_default();
            *children += 1;
            *jobs += usize::from(seen.insert(account));
        }
    }
    spread
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_one_parent_are_in_no_more_jobs_than_they_must() {
    let mut stage = Stage::new().await;
    stage.set("STEVEDORE__CHUNKS__RECORDS", &CHUNK.to_string());
    stage.set("STEVEDORE__CHUNKS__JOB_BYTES", JOB);
    stage.execute("source", SOURCE).await;
    let org = org(&mut stage, Duration::from_millis(20)).await;
    stage.start_all();
    let sql = "select 'CNT_' || id || coalesce(' ACC_' || account_id, '') from contacts";
    let expected: BTreeMap<String, Option<String>> = stage
        .texts("source", sql)
        .await
        .iter()
        .map(|row| match row.split_once(' ') {
            Some((key, account)) => (key.to_owned(), Some(account.to_owned())),
            None => (row.clone(), None),
        })
        .collect();
    let mut earlier = BTreeMap::new();
    let mut spreads = Vec::new();
    for chunk_by in ["", "\n    chunk_by: account_id"] {
        let run = stage.run(&file(chunk_by)).await;
        let view = stage.until_status(&run, RunStatus::Completed).await;
        assert!(view.balanced && !view.over_limit, "{view:?}");
        assert_eq!(contacts(&org), expected);
        let all = jobs(&org).await;
        let mut of_run = all.clone();
        of_run.retain(|job, _| !earlier.contains_key(job));
        let mut written: Vec<_> = of_run.values().flatten().collect();
        written.sort_unstable();
        assert_eq!(written, expected.keys().collect::<Vec<_>>(), "each once");
        assert!(of_run.len() >= 5, "{} jobs", of_run.len());
        spreads.push(spread(&of_run, &expected));
        earlier = all;
    }
    let (scattered, together) = (&spreads[0], &spreads[1]);
    for (account, (children, jobs)) in together {
        // Whole chunks make a job; only one parent has more children than a chunk takes.
        let must = match children {
            0..=CHUNK => 1,
            _ => children.div_ceil(CHUNK),
        };
        assert!(
            *jobs <= must,
            "{account}: {children} children in {jobs} jobs"
        );
    }
    let shared = |spread: &BTreeMap<String, (usize, usize)>| {
        spread.values().filter(|(_, jobs)| *jobs > 1).count()
    };
    assert_eq!(together.len(), 60);
    assert!(shared(together) <= 1, "{together:?}");
    assert!(shared(scattered) > 50, "{scattered:?}");
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_by_is_told_before_a_run() {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org(&mut stage, Duration::from_millis(20)).await;
    stage.start("coordinator");
    let client = stage.client();
    stage
        .until("the coordinator answers", async || {
            client.health().await.is_ok()
        })
        .await;
    let request = |chunk_by: &str| StartRun {
        file: file(chunk_by),
        file_name: "test.yaml".to_owned(),
        ..StartRun::default()
    };
    let by_account = request("\n    chunk_by: ACCOUNT_ID");
    let plan = client.plan(&by_account, PlanQuery::default()).await;
    let plan = plan.unwrap_or_else(|failure| panic!("{failure}"));
    let cut_by: Vec<_> = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.objects)
        .map(|object| object.chunk_by.join(","))
        .collect();
    assert_eq!(cut_by, ["", "account_id"], "as the source spells it");
    let warnings = async |expected: usize| {
        let report = client.doctor(&by_account).await;
        let report = report.unwrap_or_else(|failure| panic!("{failure}"));
        let found = report.findings.iter();
        let found: Vec<_> = found.filter(|finding| finding.code == "chunk_by").collect();
        assert_eq!(found.len(), expected, "{found:?}");
    };
    warnings(1).await;
    let index = "create index on contacts (account_id, id)";
    stage.execute("source", index).await;
    warnings(0).await;
    for (chunk_by, code) in [("acount_id", "unknown_column"), ("ID", "repeated_column")] {
        let wrong = request(&format!("\n    chunk_by: {chunk_by}"));
        let failure = client.check(&wrong).await.expect_err("is wrong");
        let mut lines = wrong.file.lines();
        let place = lines.position(|line| line.contains("chunk_by"));
        assert_eq!(
            (failure.code.as_str(), failure.place.line),
            (code, place.map(|place| place as u64 + 1))
        );
    }
    org.stop().await;
}
