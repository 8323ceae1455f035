//! kill -9 of the loader at each step of a bulk job's life, told apart by what passes between it and the org; by insert, so that anything sent twice shows.
//! The same for small sets, which go by a few calls instead.

use std::sync::{Arc, Mutex};

use api::RunView;
use model::RunStatus;
use rehearsal_org::{RehearsalOrg, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::accounts;
use crate::stage::{SOURCE, Stage, migration_into_org};

const ACCOUNTS: usize = 2_000;
/// So few that no job is worth it: three calls.
const FEW: usize = 450;

/// What is cut off, at the first request that holds the marker.
#[derive(Clone, Copy)]
enum Cut {
    /// The request ends after so many more bytes; nothing follows.
    Request(usize),
    /// The request arrives, and its answer never does.
    Answer,
}

/// Stands between the loader and the org.
struct Middleman {
    address: String,
    order: Arc<Mutex<Option<(&'static str, Cut)>>>,
    reached: watch::Receiver<bool>,
}

impl Middleman {
    async fn before(org: &RehearsalOrg) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let org = org.url().trim_start_matches("http://").to_owned();
        let order: Arc<Mutex<Option<(&'static str, Cut)>>> = Arc::default();
        let (reaches, reached) = watch::channel(false);
        let orders = order.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&org).await.expect("the org");
                tokio::spawn(pass(client, server, orders.clone(), reaches.clone()));
            }
        });
        Self {
            address,
            order,
            reached,
        }
    }

    fn cut(&self, marker: &'static str, cut: Cut) {
        *self.order.lock().expect("no poison") = Some((marker, cut));
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    order: Arc<Mutex<Option<(&'static str, Cut)>>>,
    reached: watch::Sender<bool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (silence, silent) = watch::channel(false);
    let answers = tokio::spawn(async move {
        let mut piece = vec![0; 16 << 10];
        while let Ok(length @ 1..) = from_server.read(&mut piece).await {
            if *silent.borrow() {
                // The connection stays open, and nothing comes.
                std::future::pending::<()>().await;
            }
            if to_client.write_all(&piece[..length]).await.is_err() {
                return;
            }
        }
    });
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from_client.read(&mut piece).await {
        let mut pass = &piece[..length];
        let ordered = *order.lock().expect("no poison");
        let found = ordered.filter(|(marker, _)| {
            let marker = marker.as_bytes();
            pass.windows(marker.len()).any(|window| window == marker)
        });
        if let Some((_, cut)) = found {
            order.lock().expect("no poison").take();
            match cut {
                Cut::Request(bytes) => {
                    pass = &pass[..pass.len().min(bytes)];
                    let _ = to_server.write_all(pass).await;
                    reached.send_replace(true);
                    break;
                }
                Cut::Answer => {
                    silence.send_replace(true);
                    reached.send_replace(true);
                }
            }
        }
        if to_server.write_all(pass).await.is_err() {
            break;
        }
    }
    // What the client sends is read no more until it goes away.
    while let Ok(1..) = from_client.read(&mut piece).await {}
    answers.abort();
}

async fn survives(marker: &'static str, cut: Cut) {
    survives_as(prepared(ACCOUNTS).await, marker, cut).await;
}

async fn survives_as(prepared: (Stage, RehearsalOrg, Middleman), marker: &'static str, cut: Cut) {
    let (mut stage, org, middleman) = prepared;
    stage.start_all();
    let run = cut_off(&mut stage, &middleman, marker, cut, INSERT).await;
    stage.start("loader");
    finishes(&stage, &org, &run, ACCOUNTS).await;
    org.stop().await;
}

/// Starts a run, and kills the loader when it is cut off from the org.
async fn cut_off(
    stage: &mut Stage,
    middleman: &Middleman,
    marker: &'static str,
    cut: Cut,
    how: &str,
) -> String {
    middleman.cut(marker, cut);
    let reached = middleman.reached.clone();
    let run = stage.run(&file("table: accounts", how)).await;
    stage
        .until("the step is reached", async || *reached.borrow())
        .await;
    stage.kill("loader");
    run
}

/// Few records are sent by calls: killed in the middle of one, and what is told of each is right all the same.
async fn few_survive(marker: &'static str, cut: Cut, how: &str, there: usize) {
    let (mut stage, org, middleman) = prepared(FEW).await;
    stage.start_all();
    if there > 0 {
        let some = format!("query: \"select * from accounts where id <= {there}\"");
        let run = stage.run(&file(&some, how)).await;
        stage.until_status(&run, RunStatus::Completed).await;
    }
    let run = cut_off(&mut stage, &middleman, marker, cut, how).await;
    let before = org.api_calls();
    stage.start("loader");
    let view = finishes(&stage, &org, &run, FEW).await;
    let books = view.objects[0].books;
    assert_eq!(
        (books.created, books.updated),
        ((FEW - there) as u64, there as u64),
        "{view:?}"
    );
    let by_calls = "select distinct sent_by from jobs";
    assert_eq!(stage.texts("control", by_calls).await, ["calls"]);
    println!(
        "{FEW} records, cut off at {marker}: {} API calls from then on",
        org.api_calls() - before
    );
    org.stop().await;
}

async fn prepared(count: usize) -> (Stage, RehearsalOrg, Middleman) {
    let mut stage = Stage::new().await;
    accounts::fill(&stage, count).await;
    let org = RehearsalOrg::start(Settings::default())
        .await
        .expect("an org");
    let middleman = Middleman::before(&org).await;
    stage.set("ORG_URL", &middleman.address);
    stage.set("ORG_TOKEN", org.access_token());
    (stage, org, middleman)
}

const INSERT: &str = "operation: insert, external_id: Legacy_Key__c, fields: { Legacy_Key__c: \"'K' || id\", Name: name }";
const UPSERT: &str = "operation: upsert, external_id: External_Id__c, fields: { External_Id__c: \"'K' || id\", Legacy_Key__c: \"'K' || id\", Name: name }";

fn file(from: &str, how: &str) -> String {
    let object =
        format!("  - {{ name: accounts, from: {{ {from} }}, key: id, to: Account, {how} }}\n");
    migration_into_org(SOURCE, &object)
}

/// The run completes, and the org holds each record once.
async fn finishes(stage: &Stage, org: &RehearsalOrg, run: &str, count: usize) -> RunView {
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    accounts::assert_arrived(stage, org, count).await;
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_org_has_made_the_job_and_nobody_knows() {
    survives("POST /services/data/v66.0/jobs/ingest", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_job_is_half_uploaded() {
    survives("PUT /services/data", Cut::Request(9_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_job_is_uploaded_and_open() {
    survives("PUT /services/data", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_job_is_closed_and_nobody_knows() {
    survives("PATCH /services/data", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_org_is_at_work_on_the_job() {
    let (mut stage, org, _middleman) = prepared(ACCOUNTS).await;
    org.faults().hold_jobs_after(400);
    stage.start_all();
    let run = stage.run(&file("table: accounts", INSERT)).await;
    stage
        .until("the org has written some", async || {
            org.count("Account") >= 400
        })
        .await;
    stage.kill("loader");
    org.faults().release_jobs();
    stage.start("loader");
    finishes(&stage, &org, &run, ACCOUNTS).await;
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_job_is_complete_and_its_results_unread() {
    survives("/successfulResults", Cut::Request(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_results_are_half_read() {
    let prepared = prepared(ACCOUNTS).await;
    // A record that others hold: the first of the results does not tell of all.
    prepared.1.faults().lock_rows(1);
    survives_as(prepared, "/unprocessedrecords", Cut::Answer).await;
}

const MAKES: &str = "POST /services/data/v66.0/composite/sobjects";
const PUTS: &str = "PATCH /services/data/v66.0/composite/sobjects/Account";

#[tokio::test(flavor = "multi_thread")]
async fn few_by_insert_killed_when_the_org_has_acted_and_nobody_knows() {
    few_survive(MAKES, Cut::Answer, INSERT, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_by_insert_killed_in_the_middle_of_a_call() {
    few_survive(MAKES, Cut::Request(700), INSERT, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_by_upsert_killed_when_the_org_has_acted_and_nobody_knows() {
    few_survive(PUTS, Cut::Answer, UPSERT, 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_killed_when_they_are_looked_for_and_not_stored() {
    few_survive("WHERE%20Legacy_Key__c%20IN", Cut::Answer, INSERT, 0).await;
}
