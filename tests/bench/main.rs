//! PostgreSQL to PostgreSQL through the distributed line, beside a raw `COPY … | COPY` of the same table in the same run. Machines differ and are
//! noisy: the ratio is what counts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../line/stage.rs"]
#[allow(dead_code, reason = "the tests of the line use all of it")]
mod stage;

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use model::RunStatus;
use sqlx::postgres::PgPoolCopyExt;

use stage::{ROLES, Stage, migration};

const COLUMNS: &str = "id bigint primary key, name text, email text, city text, amount numeric(16,2), at timestamptz, active boolean, note text";

#[tokio::main]
async fn main() {
    let rows: u64 = std::env::var("ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok())
        .unwrap_or(1_000_000);
    let mut stage = Stage::new().await;
    for (name, value) in [("RECORDS", "20000"), ("LEASE_SECONDS", "30")] {
        stage.set(&format!("STEVEDORE__CHUNKS__{name}"), value);
    }
    println!("{rows} rows, PostgreSQL to PostgreSQL");
    stage
        .execute(
            "source",
            &format!(
                "create table things ({COLUMNS});
                 insert into things select n, 'Customer number ' || n, 'customer' || n || '@example.com', 'København', n * 1.01,
                     timestamptz '2024-01-01' + n * interval '1 second', n % 2 = 0, repeat('x', 60) from generate_series(1, {rows}) n;
                 analyze things"
            ),
        )
        .await;
    stage
        .execute(
            "target",
            &format!("create table raw ({COLUMNS}); create table things ({COLUMNS});"),
        )
        .await;

    let raw = raw(&stage).await;
    println!(
        "raw COPY | COPY      {:>8.1} s  {:>10.0} rows/s",
        raw.as_secs_f64(),
        rows as f64 / raw.as_secs_f64()
    );

    stage.start_all();
    stage.ready().await;
    let began = Instant::now();
    let run = stage
        .run(&migration(
            "  - { name: things, from: { table: things }, to: things, operation: insert }\n",
        ))
        .await;
    stage
        .until("the run has ended", async || {
            stage
                .view(&run)
                .await
                .is_some_and(|view| view.summary.status.is_final())
        })
        .await;
    let line = began.elapsed();
    let view = stage.view(&run).await.expect("a view");
    assert_eq!(view.summary.status, RunStatus::Completed, "{view:?}");
    println!(
        "the line, audited    {:>8.1} s  {:>10.0} rows/s  {:.1} times raw",
        line.as_secs_f64(),
        rows as f64 / line.as_secs_f64(),
        line.as_secs_f64() / raw.as_secs_f64()
    );
    for role in ROLES {
        println!(
            "peak memory {role:<12} {:>6} MB",
            stage.peak_memory(role) / 1024
        );
    }
    stage.assert_equal("things", "things").await;
}

/// One connection reads, another writes, and nothing is looked at in between.
async fn raw(stage: &Stage) -> Duration {
    let source = sqlx::PgPool::connect(&stage.url("source"))
        .await
        .expect("the source");
    let target = sqlx::PgPool::connect(&stage.url("target"))
        .await
        .expect("the target");
    let began = Instant::now();
    let mut read = source
        .copy_out_raw("copy things to stdout (format binary)")
        .await
        .expect("a read");
    let mut write = target
        .copy_in_raw("copy raw from stdin (format binary)")
        .await
        .expect("a write");
    while let Some(piece) = read.try_next().await.expect("a piece") {
        write.send(piece).await.expect("written");
    }
    write.finish().await.expect("finished");
    began.elapsed()
}
