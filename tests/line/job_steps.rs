//! kill -9 of the loader at each step of a bulk job's life, told apart by what passes between it and the org; by insert, so that anything sent twice shows.

use std::sync::{Arc, Mutex};

use model::RunStatus;
use rehearsal_org::{RehearsalOrg, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::Stage;

const ACCOUNTS: usize = 2_000;

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
    let (stage, org, middleman) = prepared().await;
    middleman.cut(marker, cut);
    let reached = middleman.reached.clone();
    let (mut stage, run) = started(stage).await;
    stage
        .until("the step is reached", async || *reached.borrow())
        .await;
    stage.kill("loader");
    finishes(stage, org, &run).await;
}

async fn prepared() -> (Stage, RehearsalOrg, Middleman) {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            &format!(
                "create table accounts (id bigint primary key, name text);
                 insert into accounts select n, 'Account ' || n from generate_series(1, {ACCOUNTS}) n; analyze accounts"
            ),
        )
        .await;
    let org = RehearsalOrg::start(Settings::default())
        .await
        .expect("an org");
    let middleman = Middleman::before(&org).await;
    stage.set("ORG_URL", &middleman.address);
    stage.set("ORG_TOKEN", org.access_token());
    (stage, org, middleman)
}

async fn started(mut stage: Stage) -> (Stage, String) {
    stage.start_all();
    let file = "migration: line-test
connections:
  source: { kind: postgres, url: \"${SOURCE_URL}\" }
  target: { kind: salesforce, instance_url: \"${ORG_URL}\", access_token: \"${ORG_TOKEN}\" }
source: source
target: target
objects:
  - { name: accounts, from: { table: accounts }, to: Account, operation: insert, external_id: Legacy_Key__c,
      fields: { Legacy_Key__c: \"'K' || id\", Name: name } }
";
    let run = stage.run(file).await;
    (stage, run)
}

async fn finishes(mut stage: Stage, org: RehearsalOrg, run: &str) {
    stage.start("loader");
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let failed = stage
        .texts(
            "control",
            "select record_key || ' ' || error_code from failed_records",
        )
        .await;
    assert_eq!(failed, [""; 0], "what is sent twice is refused by the org");
    let mut held: Vec<_> = org
        .records("Account")
        .iter()
        .map(|account| format!("{} {}", account["Legacy_Key__c"], account["Name"]))
        .collect();
    held.sort();
    let mut expected: Vec<_> = (1..=ACCOUNTS)
        .map(|n| format!("\"K{n}\" \"Account {n}\""))
        .collect();
    expected.sort();
    assert_eq!(held, expected);
    org.stop().await;
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
    let (stage, org, _middleman) = prepared().await;
    org.faults().hold_jobs_after(400);
    let (mut stage, run) = started(stage).await;
    stage
        .until("the org has written some", async || {
            org.count("Account") >= 400
        })
        .await;
    stage.kill("loader");
    org.faults().release_jobs();
    finishes(stage, org, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_job_is_complete_and_its_results_unread() {
    survives("/successfulResults", Cut::Request(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_results_are_half_read() {
    survives("/unprocessedrecords", Cut::Answer).await;
}
