//! Opening: by many at once, of a database that is too new, of one that is not there; and what errors do not show.

use control::{Control, Error};
use futures::future::join_all;
use model::{Failure, FailureKind, Secret};
use sqlx::Connection as _;

use crate::bed::{Bed, Raw, on_both};

on_both!(
    eight_open_a_new_database_at_once,
    a_newer_schema_is_refused,
    it_answers_until_it_is_closed
);

async fn eight_open_a_new_database_at_once(bed: &Bed) {
    // Back to a database in which nothing is.
    bed.control.close().await;
    match &bed.raw {
        Raw::Postgres(_) => {
            bed.sql("drop schema public cascade").await;
            bed.sql("create schema public").await;
        }
        Raw::Sqlite(_) => {
            let path = bed.url.expose().strip_prefix("sqlite://").unwrap();
            for suffix in ["", "-wal", "-shm"] {
                std::fs::remove_file(format!("{path}{suffix}")).ok();
            }
        }
    }
    let opened = join_all((0..8).map(|_| {
        let url = bed.url.clone();
        tokio::spawn(async move {
            let control = Control::open(&url).await?;
            let leader = control.leader().await?;
            control.close().await;
            Ok::<_, Error>(leader)
        })
    }))
    .await;
    for leader in opened {
        assert_eq!(leader.unwrap().unwrap(), None);
    }
    let applied = bed.value("select count(*) from _sqlx_migrations").await;
    let files = std::fs::read_dir("../../migrations/sqlite").unwrap();
    assert_eq!(applied, files.count().to_string());
}

async fn a_newer_schema_is_refused(bed: &Bed) {
    bed.sql(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         select 9999, description, success, checksum, execution_time from _sqlx_migrations where version = 1",
    )
    .await;
    let error = Control::open(&bed.url).await.err().unwrap();
    assert!(error.to_string().contains("newer"), "{error}");
    assert_eq!(Failure::from(error).kind, FailureKind::Usage);
}

async fn it_answers_until_it_is_closed(bed: &Bed) {
    bed.control.ping().await.unwrap();
    bed.control.close().await;
    let error = bed.control.ping().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn no_error_shows_the_password() {
    for url in [
        "postgres://user:hunter2@127.0.0.1:1/db",
        "postgres://user:hunter2@127.0.0.1:port/db",
        "postgres://user:hunter2@[::1/db",
        "postgres://user:hunter2@127.0.0.1:1/db?sslmode=hunter2",
        "mysql://user:hunter2@127.0.0.1/db",
        "sqlite:///no/such/folder/x.db?mode=hunter2",
    ] {
        let error = Control::open(&Secret::new(url)).await.err().unwrap();
        let shown = format!("{error} {error:?}");
        let failure = Failure::from(error);
        assert!(
            !format!("{shown} {failure} {failure:?}").contains("hunter2"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn what_can_not_be_opened_says_why() {
    let error = |url: &str| {
        let url = Secret::new(url);
        async move { Control::open(&url).await.err().unwrap() }
    };
    assert!(matches!(
        error("postgres://u@127.0.0.1:1/db").await,
        Error::Unavailable(_)
    ));
    assert!(matches!(error("sqlite::memory:").await, Error::Settings(_)));
    let missing = error("sqlite:///no/such/folder/control.db").await;
    assert!(
        missing.to_string().contains("/no/such/folder/control.db"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_wrong_database_name_is_a_matter_of_settings() {
    let server = std::env::var("STEVEDORE_TEST_POSTGRES")
        .expect("run `make test`, or set STEVEDORE_TEST_POSTGRES");
    let (before, _) = server.rsplit_once('/').unwrap();
    let error = Control::open(&Secret::new(format!("{before}/no_such_database_here")))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, Error::Settings(_)), "{error:?}");
}

#[tokio::test]
async fn a_sqlite_file_is_private_and_its_path_may_hold_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a %41 ? # ก.db");
    let control = Control::open_file(&path).await.unwrap();
    control.ping().await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    // What was written is durable and the file is the whole database.
    control
        .lead("me", std::time::Duration::from_secs(60))
        .await
        .unwrap();
    control.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut raw = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let mode: String = sqlx::query_scalar("pragma journal_mode")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}
