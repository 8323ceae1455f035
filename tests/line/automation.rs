//! The org's own automation, switched off while a run writes and on again after: whatever happens to the coordinator, the run or the org meanwhile.

use model::{AutomationState, RunStatus, SwitchState};
use rehearsal_org::{CallFault, Pace, RehearsalOrg, Schema, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::salesforce::held;
use crate::stage::{Stage, request};

const RULES: [&str; 3] = ["Phone_needed", "Fax_needed", "Site_needed"];

/// Every account breaks two rules; of a third, which is to stay on, only one does.
async fn prepared(accounts: usize, pace_ms: u64) -> (Stage, RehearsalOrg) {
    let mut stage = Stage::new().await;
    let sql = format!(
        "create table accounts (id bigint primary key, name text, site text);
         insert into accounts select n, 'Account ' || n, 'here' from generate_series(1, {accounts}) n;
         update accounts set site = null where id = 7; analyze accounts"
    );
    stage.execute("source", &sql).await;
    let mut schema = Schema::standard();
    let rule = |name: &str, required: &str| json!({"object": "Account", "name": name, "required": required, "message": format!("{required}, please")});
    schema.automation = serde_json::from_value(json!({
        "validation_rules": [rule(RULES[0], "Phone"), rule(RULES[1], "Fax"), rule(RULES[2], "Site")],
        "flows": [{"name": "Greet", "object": "Account", "trigger_type": "RecordAfterSave", "versions": 3, "active_version": 2}],
        "workflow_rules": [
            {"object": "Account", "name": "Tell everybody"}, {"object": "Account", "name": "Quiet", "active": false}],
        "triggers": [{"object": "Account", "name": "AccountTrigger", "events": ["before insert"]}],
    }))
    .expect("automation");
    let settings = Settings {
        schema,
        pace: Pace::of(std::time::Duration::from_millis(pace_ms)),
        ..Settings::default()
    };
    let org = stage.org(settings).await;
    (stage, org)
}

fn file(automation: &str, key: &str) -> String {
    format!(
        "migration: line-test
connections:
  source: {{ kind: postgres, url: \"${{SOURCE_URL}}\" }}
  target: {{ kind: salesforce, instance_url: \"${{ORG_URL}}\", access_token: \"${{ORG_TOKEN}}\" }}
source: source
target: target
automation: {automation}
stamp: {{ Migration_Id__c: run_id }}
objects:
  - {{ name: accounts, from: {{ table: accounts }}, to: Account, operation: insert, external_id: Legacy_Key__c,
      fields: {{ Legacy_Key__c: \"'{key}' || id\", Name: name, Site: site }} }}
"
    )
}

const ALL: &str =
    "{ switch_off: [validation_rules, workflow_rules, flows], except: [Account.Site_needed] }";

/// One call of the org's API, as any client makes it.
async fn call(org: &RehearsalOrg, method: &str, path: &str, body: &str) -> Value {
    let address = org.url();
    let address = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the org");
    let request = format!(
        "{method} /services/data/v60.0/tooling/{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        org.access_token(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_default()
}

/// Id and metadata of a rule or flow, as the tooling API tells them.
async fn setup(org: &RehearsalOrg, entity: &str, name: &str) -> (String, Value) {
    let column = match entity {
        "ValidationRule" => "ValidationName",
        "WorkflowRule" => "Name",
        _ => "DeveloperName",
    };
    let query = format!("SELECT Id, Metadata FROM {entity} WHERE {column} = '{name}'");
    let query = query
        .replace(' ', "+")
        .replace('\'', "%27")
        .replace('=', "%3D");
    let told = call(org, "GET", &format!("query?q={query}"), "").await;
    let record = &told["records"][0];
    let id = record["Id"].as_str().expect("an id").to_owned();
    (id, record["Metadata"].clone())
}

/// Everything that a run may switch, whole.
async fn everything(org: &RehearsalOrg) -> Vec<Value> {
    let mut all = Vec::new();
    for name in RULES {
        all.push(setup(org, "ValidationRule", name).await.1);
    }
    for name in ["Tell everybody", "Quiet"] {
        all.push(setup(org, "WorkflowRule", name).await.1);
    }
    all.push(setup(org, "FlowDefinition", "Greet").await.1);
    all
}

/// Which of it is on.
async fn on(org: &RehearsalOrg) -> Vec<bool> {
    let all = everything(org).await;
    let on = all.iter().map(|metadata| match metadata.get("active") {
        Some(active) => active.as_bool().expect("a boolean"),
        None => metadata["activeVersionNumber"].as_u64().unwrap_or_default() > 0,
    });
    on.collect()
}

/// As the org is set up, and as it is while a run writes.
const AT_FIRST: [bool; 6] = [true, true, true, true, false, true];
const DURING: [bool; 6] = [false, false, true, false, false, false];

async fn state(stage: &Stage, run: &str) -> Option<AutomationState> {
    Some(stage.view(run).await?.automation?.state)
}

async fn until(stage: &Stage, run: &str, wanted: AutomationState) {
    let what = format!("the automation is {}", wanted.as_str());
    let is = async || state(stage, run).await == Some(wanted);
    stage.until(&what, is).await;
}

async fn items(stage: &Stage, run: &str) -> Vec<(String, SwitchState)> {
    let view = stage.view(run).await.expect("a view");
    let items = view.automation.expect("automation").items;
    items
        .into_iter()
        .map(|item| (item.name, item.state))
        .collect()
}

/// Every account but the one that breaks the rule that stayed on.
fn expected(accounts: usize, key: &str) -> Vec<String> {
    let moved = (1..=accounts).filter(|n| *n != 7);
    let mut expected: Vec<_> = moved
        .map(|n| format!("{key}{n}|Account {n}|here"))
        .collect();
    expected.sort();
    expected
}

async fn assert_moved(stage: &Stage, org: &RehearsalOrg, run: &str, accounts: usize) {
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let found = held(org, "Account", &["Legacy_Key__c", "Name", "Site"]);
    assert_eq!(found, expected(accounts, "K"));
    let sql = "select record_key || ' ' || error_code from failed_records where not resolved";
    let failed = stage.texts("control", sql).await;
    assert_eq!(failed, ["7 FIELD_CUSTOM_VALIDATION_EXCEPTION"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_would_refuse_is_moved_and_the_rules_are_as_they_were() {
    let (mut stage, org) = prepared(600, 3_000).await;
    let before = everything(&org).await;
    assert_eq!(on(&org).await, AT_FIRST);
    stage.start_all();
    let run = stage.run(&file(ALL, "K")).await;
    until(&stage, &run, AutomationState::Off).await;
    assert_eq!(on(&org).await, DURING);
    let view = stage.view(&run).await.expect("a view");
    let by_hand = view.automation.expect("automation").by_hand;
    assert_eq!(by_hand.len(), 1, "{by_hand:?}");
    assert_eq!(
        (by_hand[0].kind.as_str(), by_hand[0].name.as_str()),
        ("triggers", "AccountTrigger")
    );
    assert_moved(&stage, &org, &run, 600).await;
    assert_eq!(state(&stage, &run).await, Some(AutomationState::On));
    assert_eq!(everything(&org).await, before);

    // A retry writes, and so needs it off once more.
    stage
        .execute("source", "update accounts set site = 'here' where id = 7")
        .await;
    stage.ask(&run, "retry").await;
    let all_there = async || held(&org, "Account", &["Name"]).len() == 600;
    stage.until("the last account is there", all_there).await;
    stage.until_status(&run, RunStatus::Completed).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_dies_at_any_step_leaves_nothing_off() {
    let (mut stage, org) = prepared(400, 500).await;
    let before = everything(&org).await;
    stage.start_all();
    // Slow enough that each step can be met.
    org.faults()
        .slow_calls(Some(std::time::Duration::from_millis(150)));
    let run = stage.run(&file(ALL, "K")).await;
    for off in ["2", "3", "4"] {
        let sql =
            format!("select (count(*) >= {off})::text from automation_items where state = 'off'");
        let met = async || stage.texts("control", &sql).await[0] == "true";
        stage.until(&format!("{off} items are off"), met).await;
        stage.kill("coordinator");
        stage.start("coordinator");
    }
    for back in ["1", "3"] {
        let sql = format!(
            "select (count(*) >= {back})::text from automation_items where state = 'on_again'"
        );
        let met = async || stage.texts("control", &sql).await[0] == "true";
        stage
            .until(&format!("{back} items are on again"), met)
            .await;
        stage.kill("coordinator");
        stage.start("coordinator");
    }
    assert_moved(&stage, &org, &run, 400).await;
    until(&stage, &run, AutomationState::On).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_switches_on_a_pause_does_not_and_going_on_switches_off() {
    let (mut stage, org) = prepared(2_000, 3_000).await;
    let before = everything(&org).await;
    stage.start_all();
    let run = stage.run(&file(ALL, "K")).await;
    until(&stage, &run, AutomationState::Off).await;
    stage.ask(&run, "stop").await;
    stage.until_status(&run, RunStatus::Stopped).await;
    until(&stage, &run, AutomationState::On).await;
    assert_eq!(everything(&org).await, before);

    stage.ask(&run, "resume").await;
    until(&stage, &run, AutomationState::Off).await;
    assert_eq!(on(&org).await, DURING);
    stage.ask(&run, "pause").await;
    stage.until_status(&run, RunStatus::Paused).await;
    assert_eq!(on(&org).await, DURING);
    // By hand, while it is paused.
    let mut command = stage.command(&["automation", &run, "--restore"]);
    command
        .arg("--server")
        .arg(format!("http://{}", stage.address));
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("joined").expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("on again") && told.contains("AccountTrigger"),
        "{told}"
    );
    assert_eq!(everything(&org).await, before);

    stage.ask(&run, "resume").await;
    assert_moved(&stage, &org, &run, 2_000).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_can_not_be_reached_at_the_end_is_tried_until_it_can() {
    let (mut stage, org) = prepared(300, 1_000).await;
    let before = everything(&org).await;
    stage.start_all();
    let run = stage.run(&file(ALL, "K")).await;
    until(&stage, &run, AutomationState::Off).await;
    org.faults()
        .fail_calls("PATCH", "/tooling", 10_000, CallFault::DropBefore);
    assert_moved(&stage, &org, &run, 300).await;
    // The run has ended; what is open is told, with the way out.
    let view = stage.view(&run).await.expect("a view");
    let automation = view.automation.expect("automation");
    assert_eq!(automation.state, AutomationState::Restoring);
    let error = automation.error.expect("an error").to_string();
    assert!(error.contains("can't be switched on again"), "{error}");
    let output = stage
        .command(&[
            "status",
            &run,
            "--server",
            &format!("http://{}", stage.address),
        ])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains(&format!("stevedore automation {run} --restore")),
        "{told}"
    );
    assert_eq!(on(&org).await, DURING);
    org.clear_faults();
    until(&stage, &run, AutomationState::On).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_changes_meanwhile_is_left_and_told() {
    let (mut stage, org) = prepared(300, 3_000).await;
    let before = everything(&org).await;
    stage.start_all();
    let run = stage.run(&file(ALL, "K")).await;
    until(&stage, &run, AutomationState::Off).await;
    let (phone, mut edited) = setup(&org, "ValidationRule", "Phone_needed").await;
    edited["errorMessage"] = json!("Another text");
    let body = json!({"Metadata": edited}).to_string();
    call(
        &org,
        "PATCH",
        &format!("sobjects/ValidationRule/{phone}"),
        &body,
    )
    .await;
    let (greet, _) = setup(&org, "FlowDefinition", "Greet").await;
    let body = json!({"Metadata": {"activeVersionNumber": 3}}).to_string();
    call(
        &org,
        "PATCH",
        &format!("sobjects/FlowDefinition/{greet}"),
        &body,
    )
    .await;
    assert_moved(&stage, &org, &run, 300).await;
    until(&stage, &run, AutomationState::On).await;
    let mut after = everything(&org).await;
    assert_eq!(after[0], edited);
    assert_eq!(after[5]["activeVersionNumber"], 3);
    after[0] = before[0].clone();
    after[5] = before[5].clone();
    assert_eq!(after, before);
    let left: Vec<_> = items(&stage, &run)
        .await
        .into_iter()
        .filter(|(_, state)| *state == SwitchState::Left)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(left, ["Greet", "Account.Phone_needed"]);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_the_last_that_needs_it_off_switches_it_on() {
    let (mut stage, org) = prepared(300, 8_000).await;
    let before = everything(&org).await;
    stage.start_all();
    // What one writes while the other runs is no difference between the other's ends.
    let uncounted = |file: String| {
        file.replace(
            "operation: insert,",
            "operation: insert, reconcile: { counts: false },",
        )
    };
    let one = stage.run(&uncounted(file(ALL, "K"))).await;
    until(&stage, &one, AutomationState::Off).await;
    let named = "{ switch_off: [Account.Phone_needed, Account.Fax_needed] }";
    let other = stage.run(&uncounted(file(named, "L"))).await;
    until(&stage, &other, AutomationState::Off).await;
    stage.ask(&other, "pause").await;
    stage.until_status(&other, RunStatus::Paused).await;
    stage.until_status(&one, RunStatus::Completed).await;
    until(&stage, &one, AutomationState::On).await;
    // The other still needs its two rules off; what only the first had off is on.
    assert_eq!(on(&org).await, [false, false, true, true, false, true]);
    let handed: Vec<_> = items(&stage, &one).await;
    let handed = handed
        .iter()
        .filter(|(_, state)| *state == SwitchState::HandedOn);
    assert_eq!(handed.count(), 2);
    stage.ask(&other, "resume").await;
    let view = stage.until_status(&other, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let found = held(&org, "Account", &["Legacy_Key__c", "Name", "Site"]);
    let mut both = expected(300, "K");
    both.extend(expected(300, "L"));
    assert_eq!(found, both);
    until(&stage, &other, AutomationState::On).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_switched_off_pauses_the_run_with_everything_on() {
    let (mut stage, org) = prepared(100, 100).await;
    let before = everything(&org).await;
    stage.start_all();
    let refused = CallFault::Status(403);
    org.faults()
        .fail_calls("PATCH", "/WorkflowRule/", 10_000, refused);
    let run = stage.run(&file(ALL, "K")).await;
    let view = stage.until_status(&run, RunStatus::Paused).await;
    let reason = view.summary.reason.expect("a reason");
    assert!(reason.contains("Account.Tell everybody"), "{reason}");
    until(&stage, &run, AutomationState::On).await;
    assert_eq!(everything(&org).await, before);
    assert_eq!(held(&org, "Account", &["Name"]), [""; 0]);
    org.clear_faults();
    stage.ask(&run, "resume").await;
    assert_moved(&stage, &org, &run, 100).await;
    assert_eq!(everything(&org).await, before);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_does_not_have_is_refused_before_a_run() {
    let (mut stage, org) = prepared(1, 100).await;
    stage.start("coordinator");
    let client = stage.ready().await;
    let check = async |file: String| client.check(&request(&file)).await;
    let failure = check(file("{ switch_off: [Account.Phone_neded] }", "K")).await;
    let failure = failure.expect_err("no such rule");
    assert_eq!(
        (failure.code.as_str(), failure.place.line),
        ("unknown_automation", Some(7))
    );
    let hint = failure.hint.expect("a hint");
    assert!(hint.contains("Account.Phone_needed"), "{hint}");
    let known = "{ switch_off: [account.phone_needed, greet, \"Account.Quiet\"] }";
    check(file(known, "K"))
        .await
        .expect("all of them are there");
    let into_sql = file("{ switch_off: [flows] }", "K").replace(
        "{ kind: salesforce, instance_url: \"${ORG_URL}\", access_token: \"${ORG_TOKEN}\" }",
        "{ kind: postgres, url: \"${TARGET_URL}\" }",
    );
    stage
        .execute("target", "create table \"Account\" (\"Legacy_Key__c\" text primary key, \"Name\" text, \"Site\" text, \"Migration_Id__c\" text)")
        .await;
    let failure = check(into_sql).await.expect_err("nothing to switch");
    assert_eq!(failure.code, "no_automation", "{failure}");
    org.stop().await;
}
