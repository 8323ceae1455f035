//! What a test of the line stands on: databases and queues of its own, and the services as processes that it may kill.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::{Client, Halt, RunView, StartRun};
use model::{RunStatus, Secret};
use rehearsal_org::{RehearsalOrg, Settings};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(crate) const ROLES: [&str; 6] = [
    "coordinator",
    "extractor",
    "transformer",
    "loader",
    "auditor",
    "reconciler",
];

const TOKEN: &str = "a token of the tests";
/// Nothing that a test waits for takes this long.
const PATIENCE: Duration = Duration::from_secs(180);

/// A line of its own. Dropped, it ends its processes and leaves nothing behind.
pub(crate) struct Stage {
    name: String,
    folder: tempfile::TempDir,
    server: String,
    broker: String,
    pub(crate) address: String,
    services: HashMap<String, Child>,
    settings: Vec<(String, String)>,
}

impl Stage {
    /// Databases `…_control`, `…_source` and `…_target`; no service is started yet.
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let name = format!("line_{}", uuid::Uuid::new_v4().simple());
        let stage = Self {
            folder: tempfile::tempdir().expect("a folder"),
            server: required("STEVEDORE_TEST_POSTGRES"),
            broker: required("STEVEDORE_TEST_RABBITMQ"),
            address: format!("127.0.0.1:{}", free_port()),
            services: HashMap::new(),
            settings: vec![
                ("STEVEDORE__CHUNKS__RECORDS".into(), "200".into()),
                ("STEVEDORE__CHUNKS__LEASE_SECONDS".into(), "3".into()),
            ],
            name,
        };
        for database in ["control", "source", "target"] {
            let sql = format!("create database {}_{database}", stage.name);
            stage.execute("", &sql).await;
        }
        stage
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The address of one of the databases.
    pub(crate) fn url(&self, database: &str) -> String {
        if database.is_empty() {
            return self.server.clone();
        }
        let (head, _) = self
            .server
            .rsplit_once('/')
            .expect("postgres://host/database");
        format!("{head}/{}_{database}", self.name)
    }

    pub(crate) fn broker(&self) -> &str {
        &self.broker
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.name
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stevedore"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("STEVEDORE__DATABASE__URL", self.url("control"))
            .env("STEVEDORE__BROKER__URL", &self.broker)
            .env("STEVEDORE__BROKER__PREFIX", &self.name)
            .env("STEVEDORE__API__TOKEN", TOKEN)
            .env("STEVEDORE__API__LISTEN", &self.address)
            .env("SOURCE_URL", self.url("source"))
            .env("TARGET_URL", self.url("target"))
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// A command by the embedded line of the stage's folder.
    pub(crate) fn embedded(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        for name in [
            "DATABASE__URL",
            "BROKER__URL",
            "BROKER__PREFIX",
            "API__LISTEN",
        ] {
            command.env_remove(format!("STEVEDORE__{name}"));
        }
        command
    }

    /// Starts an org, for files that lead into the stage's.
    pub(crate) async fn org(&mut self, settings: Settings) -> RehearsalOrg {
        let org = RehearsalOrg::start(settings).await.expect("an org");
        self.set("ORG_URL", &org.url());
        self.set("ORG_TOKEN", org.access_token());
        org
    }

    /// Has the coordinators that are started from now on listen elsewhere, and asks there.
    pub(crate) fn move_api(&mut self) {
        self.address = format!("127.0.0.1:{}", free_port());
        let address = self.address.clone();
        self.set("STEVEDORE__API__LISTEN", &address);
    }

    /// Starts a service, under the role's name or, where there are several of it, another.
    pub(crate) fn start(&mut self, name: &str) {
        let role = name.split('-').next().unwrap_or(name);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file(&format!("{role}.log")))
            .expect("a log");
        let child = self
            .command(&["serve", role])
            .env(
                "RUST_LOG",
                "info,stevedore=debug,service=debug,coordinator=debug,loader=debug",
            )
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        self.services.insert(name.to_owned(), child);
    }

    pub(crate) fn start_all(&mut self) {
        for role in ROLES {
            self.start(role);
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut child = self.services.remove(name).expect("it runs");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }

    /// Sends a signal, such as STOP or CONT.
    pub(crate) fn signal(&self, name: &str, signal: &str) {
        let id = self.services.get(name).expect("it runs").id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {id}")])
            .status();
        assert!(
            sent.is_ok_and(|sent| sent.success()),
            "{name} is sent {signal}"
        );
    }

    /// The most memory that a service has had, in KiB; 0 where the system does not tell.
    pub(crate) fn peak_memory(&self, name: &str) -> u64 {
        let id = self.services.get(name).map_or(0, Child::id);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default()
    }

    pub(crate) fn log(&self, role: &str) -> String {
        std::fs::read_to_string(self.file(&format!("{role}.log"))).unwrap_or_default()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(
            &format!("http://{}", self.address),
            Some(Secret::new(TOKEN)),
        )
        .expect("a client")
    }

    /// A client, as soon as the coordinator answers.
    pub(crate) async fn ready(&self) -> Client {
        let client = self.client();
        self.until("the coordinator answers", async || {
            client.health().await.is_ok()
        })
        .await;
        client
    }

    /// Starts a run, as soon as the coordinator answers.
    pub(crate) async fn run(&self, file: &str) -> String {
        self.run_only(file, &[]).await
    }

    /// Starts a run of these objects; of all where none is named.
    pub(crate) async fn run_only(&self, file: &str, only: &[&str]) -> String {
        let client = self.ready().await;
        let request = StartRun {
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            ..request(file)
        };
        let started = client
            .start(&request)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        started.run
    }

    pub(crate) async fn view(&self, run: &str) -> Option<RunView> {
        self.client().run(run).await.ok()
    }

    /// Waits until this many chunks are done.
    pub(crate) async fn until_done(&self, run: &str, chunks: u64) {
        self.until(&format!("{chunks} chunks are done"), async || {
            self.view(run).await.is_some_and(|view| {
                view.objects
                    .iter()
                    .map(|object| object.chunks_done)
                    .sum::<u64>()
                    >= chunks
            })
        })
        .await;
    }

    pub(crate) async fn until_status(&self, run: &str, status: RunStatus) -> RunView {
        self.until(&format!("the run is {}", status.as_str()), async || {
            self.view(run)
                .await
                .is_some_and(|view| view.summary.status == status)
        })
        .await;
        self.view(run).await.expect("a view")
    }

    pub(crate) async fn ask(&self, run: &str, verb: &str) {
        let asked = self.client().command(run, verb, &Halt::default()).await;
        asked.unwrap_or_else(|failure| panic!("{verb}: {failure}"));
    }

    /// Waits for a condition, with a deadline; then shows the logs' ends.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            if Instant::now() > deadline {
                for role in ROLES {
                    let log = self.log(role);
                    let end: Vec<_> = log.lines().rev().take(15).collect();
                    eprintln!(
                        "--- {role}\n{}",
                        end.into_iter().rev().collect::<Vec<_>>().join("\n")
                    );
                }
                panic!("it never came to be that {what}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn execute(&self, database: &str, sql: &str) {
        let mut connection = self.connect(database).await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The first column of every row, as text.
    pub(crate) async fn texts(&self, database: &str, sql: &str) -> Vec<String> {
        let mut connection = self.connect(database).await;
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// What became of every record of a run, as its ledger has it: object, key and fate, sorted.
    pub(crate) async fn fates(&self, run: &str) -> Vec<String> {
        let mut connection = self.connect("control").await;
        let sql = "select object, blob from ledger where run_id = $1";
        let chunks: Vec<(String, Vec<u8>)> = sqlx::query_as(sql)
            .bind(run)
            .fetch_all(&mut connection)
            .await
            .expect("the ledger");
        let mut fates = Vec::new();
        for (object, blob) in chunks {
            let batch = record::decode_batch(&blob).expect("a batch");
            let ledger = record::Ledger::from_batch(&batch).expect("a ledger");
            let rows = ledger.rows.iter();
            fates.extend(rows.map(|row| format!("{object} {} {}", row.key, row.fate.as_str())));
        }
        fates.sort();
        fates
    }

    /// Every row of a table, whole, as a multiset: sorted, repetitions kept.
    pub(crate) async fn rows(&self, database: &str, table: &str) -> Vec<String> {
        let sql = format!("select t::text from {table} t");
        let mut rows = self.texts(database, &sql).await;
        rows.sort();
        rows
    }

    pub(crate) async fn assert_equal(&self, source: &str, target: &str) {
        let (expected, found) = (
            self.rows("source", source).await,
            self.rows("target", target).await,
        );
        assert_eq!(expected.len(), found.len(), "rows of {source} and {target}");
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found);
        }
    }

    async fn connect(&self, database: &str) -> PgConnection {
        PgConnection::connect(&self.url(database))
            .await
            .expect("a connection")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.services.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let names: Vec<String> = ["control", "source", "target"]
            .iter()
            .map(|database| format!("{}_{database}", self.name))
            .collect();
        let (server, broker, prefix) =
            (self.server.clone(), self.broker.clone(), self.name.clone());
        // Cleaning up waits for servers, which a drop can't do on the test's own runtime.
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await.expect("the server");
                for name in names {
                    let sql = format!("drop database if exists {name} with (force)");
                    let _ = sqlx::raw_sql(AssertSqlSafe(sql))
                        .execute(&mut connection)
                        .await;
                }
                clear_queues(&broker, &prefix).await;
            });
        });
        let _ = cleaned.join();
    }
}

/// Deletes the queues and exchanges of a line.
async fn clear_queues(broker: &str, prefix: &str) {
    use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
    let Ok(connection) =
        lapin::Connection::connect(broker, lapin::ConnectionProperties::default()).await
    else {
        return;
    };
    let queues = [
        "extract",
        "transform",
        "audit",
        "reports",
        "reconcile",
        "dead",
        "control.coordinator",
        "load.line-test.target",
        "dry-run.line-test.target",
    ];
    for queue in queues {
        let Ok(channel) = connection.create_channel().await else {
            return;
        };
        let name = format!("{prefix}.{queue}");
        let _ = channel
            .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
            .await;
    }
    for exchange in ["control", "dead"] {
        let Ok(channel) = connection.create_channel().await else {
            return;
        };
        let name = format!("{prefix}.{exchange}");
        let _ = channel
            .exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default())
            .await;
    }
    let _ = connection.close(0, "done".into()).await;
}

pub(crate) fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("run `make test`, or set {name}"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// What asks for a run of a whole file.
pub(crate) fn request(file: &str) -> StartRun {
    StartRun {
        file: file.to_owned(),
        file_name: "test.yaml".to_owned(),
        ..StartRun::default()
    }
}

/// The stage's source, in a migration file.
pub(crate) const SOURCE: &str = "{ kind: postgres, url: \"${SOURCE_URL}\" }";

/// A migration file between the stage's databases.
pub(crate) fn migration(objects: &str) -> String {
    let target = "{ kind: postgres, url: \"${TARGET_URL}\" }";
    migration_between(SOURCE, target, objects)
}

/// A migration file from a source into the stage's org.
pub(crate) fn migration_into_org(source: &str, objects: &str) -> String {
    let target =
        "{ kind: salesforce, instance_url: \"${ORG_URL}\", access_token: \"${ORG_TOKEN}\" }";
    migration_between(source, target, objects)
}

fn migration_between(source: &str, target: &str, objects: &str) -> String {
    format!(
        "migration: line-test
connections:
  source: {source}
  target: {target}
source: source
target: target
objects:
{objects}"
    )
}

/// A table of many types and awkward values.
pub(crate) async fn fill(stage: &Stage, rows: u64) {
    let columns = "id bigint not null, name text, amount numeric, at timestamptz, code uuid, tags text[], note jsonb";
    stage
        .execute(
            "source",
            &format!(
                "create table things ({columns}, primary key (id));
                 insert into things select n, case when n % 7 = 0 then null else 'naïve \"' || n || E'\\nline' end,
                    n * 1.10, timestamptz '2024-01-01 00:00:00.123456+07' + n * interval '1 second',
                    md5(n::text)::uuid, case when n % 3 = 0 then array['a', null, n::text] end, jsonb_build_object('n', n)
                 from generate_series(1, {rows}) n;
                 analyze things;"
            ),
        )
        .await;
    stage
        .execute(
            "target",
            &format!("create table keyed ({columns}, primary key (id)); create table keyless ({columns});"),
        )
        .await;
}

/// Both ways of writing: by key, and into a table without any.
pub(crate) const BOTH: &str =
    "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }
  - { name: keyless, from: { table: things }, to: keyless, operation: insert }
";
