//! A database for one case, on either engine, that is gone afterwards also if the case fails.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::str::FromStr;

use control::Control;
use futures::FutureExt as _;
use model::Secret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Executor as _, PgPool, Row as _, SqlitePool,
};

/// Makes a `#[tokio::test]` of every case for each engine.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { $crate::bed::on_postgres(super::$case).await })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { $crate::bed::on_sqlite(super::$case).await })+
        }
    };
}
pub(crate) use on_both;

pub(crate) struct Bed {
    pub url: Secret,
    pub control: Control,
    /// Another way in, for what an operator does by hand.
    pub raw: Raw,
}

pub(crate) enum Raw {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

pub(crate) async fn on_postgres(case: impl AsyncFnOnce(&Bed)) {
    let server = std::env::var("STEVEDORE_TEST_POSTGRES")
        .expect("run `make test`, or set STEVEDORE_TEST_POSTGRES");
    let name = format!("control_{}", uuid::Uuid::new_v4().simple());
    let options = PgConnectOptions::from_str(&server).unwrap();
    let mut admin = sqlx::PgConnection::connect_with(&options).await.unwrap();
    admin
        .execute(AssertSqlSafe(format!("create database {name}")))
        .await
        .unwrap();

    let (before, _) = server.rsplit_once('/').expect("a URL with a database");
    let url = Secret::new(format!("{before}/{name}"));
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect_lazy_with(options.database(&name));
    run(url, Raw::Postgres(pool), case, async || {
        let drop = format!("drop database if exists {name} with (force)");
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    })
    .await;
}

pub(crate) async fn on_sqlite(case: impl AsyncFnOnce(&Bed)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/control.db", folder.path().display());
    let pool = SqlitePool::connect_lazy(&url).unwrap();
    run(Secret::new(url), Raw::Sqlite(pool), case, async || ()).await;
}

async fn run(url: Secret, raw: Raw, case: impl AsyncFnOnce(&Bed), clean_up: impl AsyncFnOnce()) {
    let control = Control::open(&url).await.unwrap();
    let bed = Bed { url, control, raw };
    let ended = AssertUnwindSafe(case(&bed)).catch_unwind().await;
    bed.control.close().await;
    clean_up().await;
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

impl Bed {
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.raw, Raw::Postgres(_))
    }

    /// Runs a statement as an operator would, and gives what it returns as text, column by column.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<Vec<(String, String)>> {
        let sql = AssertSqlSafe(sql.to_owned());
        macro_rules! texts {
            ($rows:expr) => {
                $rows
                    .iter()
                    .map(|row| {
                        let text = |i: usize| {
                            if let Ok(v) = row.try_get::<Option<String>, _>(i) {
                                v.unwrap_or_else(|| "null".to_owned())
                            } else if let Ok(v) = row.try_get::<i64, _>(i) {
                                v.to_string()
                            } else if let Ok(v) = row.try_get::<f64, _>(i) {
                                v.to_string()
                            } else if let Ok(v) = row.try_get::<bool, _>(i) {
                                v.to_string()
                            } else if let Ok(v) = row.try_get::<chrono::DateTime<chrono::Utc>, _>(i)
                            {
                                v.to_rfc3339()
                            } else {
                                "?".to_owned()
                            }
                        };
                        row.columns()
                            .iter()
                            .map(|c| (c.name().to_owned(), text(c.ordinal())))
                            .collect()
                    })
                    .collect()
            };
        }
        match &self.raw {
            Raw::Postgres(pool) => texts!(pool.fetch_all(sql).await.unwrap()),
            Raw::Sqlite(pool) => texts!(pool.fetch_all(sql).await.unwrap()),
        }
    }

    /// The first column of the first row.
    pub(crate) async fn value(&self, sql: &str) -> String {
        self.sql(sql).await[0][0].1.clone()
    }

    /// The content of every table but that of the leadership, to see that nothing was changed.
    pub(crate) async fn content(&self) -> Vec<String> {
        let mut content = Vec::new();
        for table in [
            "runs",
            "objects",
            "chunks",
            "leases",
            "services",
            "audit_log",
            "failed_records",
            "changed_records",
            "ledger",
            "reconciliations",
            "jobs",
            "job_chunks",
            "target_keys",
            "read_keys",
            "automation",
            "automation_items",
        ] {
            let sql = match self.is_postgres() {
                true => format!("select row_to_json(t)::text as row from {table} t order by 1"),
                false => {
                    let columns = self
                        .sql(&format!("select name from pragma_table_info('{table}')"))
                        .await;
                    let quoted: Vec<_> = columns
                        .iter()
                        .map(|c| format!("quote({})", c[0].1))
                        .collect();
                    format!(
                        "select {} as row from {table} order by 1",
                        quoted.join(" || ',' || ")
                    )
                }
            };
            for row in self.sql(&sql).await {
                content.push(format!("{table}: {}", row[0].1));
            }
        }
        content
    }
}
