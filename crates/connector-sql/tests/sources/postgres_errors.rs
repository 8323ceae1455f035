//! What can't be found, carried or reached gets an error that says where and what to do, and never shows a password.

use std::sync::atomic::{AtomicBool, Ordering};

use connector::Read;
use connector_sql::postgres_source;
use model::{Failure, FailureKind};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Database, object, plan, server, settings, with_database};

async fn refused(database: &Database, from: (&str, &str), key: &[&str]) -> Failure {
    let failure = database
        .source()
        .await
        .describe(&object(from, key))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
    assert_eq!(failure.place.connection.as_deref(), Some("legacy"));
    assert_eq!(failure.place.object.as_deref(), Some("things"));
    assert!(failure.hint.is_some(), "{failure}");
    failure
}

#[tokio::test]
async fn what_the_file_names_wrongly_is_told_with_what_there_is() {
    with_database(|database| async move {
        database.run(
            "create table things (id int primary key, name text, \"Name\" text, price money, doc json); create table \"Twins\" (x int); create table \"TWINS\" (x int); \
             create schema crm; create table crm.people (id int); create type address as (street text); create table homes (id int, at address)",
        ).await;
        let unknown = refused(&database, ("table", "thigns"), &[]).await;
        assert_eq!(unknown.code, "unknown_table");
        assert!(unknown.hint.unwrap().contains("`things`"));
        assert_eq!(refused(&database, ("table", "twins"), &[]).await.code, "ambiguous_table");
        assert!(database.source().await.describe(&object(("table", "TWINS"), &[])).await.is_ok());
        assert!(database.source().await.describe(&object(("table", "CRM.People"), &[])).await.is_ok());
        assert_eq!(refused(&database, ("table", "people"), &[]).await.code, "unknown_table");
        let mut in_schema = settings(&database.url);
        in_schema.schema = Some("crm".into());
        let source = postgres_source("legacy", &in_schema).await.unwrap();
        let described = source.describe(&object(("table", "people"), &[])).await.unwrap();
        assert_eq!(source.count(&described).await.unwrap(), 0);
        assert!(source.describe(&object(("query", "select * from people"), &[])).await.is_ok());
        in_schema.schema = Some("none".into());
        let source = postgres_source("legacy", &in_schema).await.unwrap();
        assert_eq!(source.describe(&object(("table", "people"), &[])).await.unwrap_err().code, "unknown_schema");

        let money = refused(&database, ("table", "things"), &[]).await;
        assert_eq!((money.code.as_str(), money.place.field.as_deref()), ("unsupported_type", Some("price")));
        assert!(money.hint.unwrap().contains("query"));
        assert_eq!(refused(&database, ("table", "homes"), &[]).await.place.field.as_deref(), Some("at"));
        let query = "select id, name, \"Name\", doc from things";
        let column = refused(&database, ("query", query), &["nmae"]).await;
        assert_eq!((column.code.as_str(), column.place.field.as_deref()), ("unknown_column", Some("nmae")));
        assert_eq!(refused(&database, ("query", query), &["NAME"]).await.code, "ambiguous_column");
        assert_eq!(refused(&database, ("query", query), &["doc"]).await.code, "unsplittable_key");
        assert_eq!(refused(&database, ("query", "select array[1] as a"), &["a"]).await.code, "unsplittable_key");
        assert_eq!(refused(&database, ("query", "select nope from things"), &[]).await.code, "invalid_query");
        assert_eq!(refused(&database, ("query", "select 1 as a; select 2"), &[]).await.code, "invalid_query");
        assert_eq!(refused(&database, ("query", "select 1 as a, 2 as a"), &[]).await.code, "duplicate_column");
        assert_eq!(refused(&database, ("query", "select 1 as \"stevedore:key\""), &[]).await.code, "reserved_column");
        assert_eq!(refused(&database, ("file", "x.csv"), &[]).await.code, "unfit_source");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_unique_only_where_the_database_says_so() {
    with_database(|database| async move {
        database.run(
            "create table t (a int not null, b int not null, c int, d int not null, e int not null); create unique index on t (a); create unique index on t (c); \
             create unique index on t (d) where d > 0; create unique index on t ((e + 1)); \
             create table parent (a int primary key); create table child () inherits (parent)",
        ).await;
        for (key, unique) in [
            (&["a"][..], true), (&["a", "b"], true), (&["b"], false), (&["c"], false), (&["a", "c"], false), (&["d"], false), (&["e"], false), (&[], false),
        ] {
            let described = database.describe(&object(("table", "t"), key)).await;
            assert_eq!(described.key_is_unique, unique, "{key:?}");
        }
        assert!(!database.describe(&object(("table", "parent"), &[])).await.key_is_unique);
        assert!(database.describe(&object(("table", "child"), &[])).await.key.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_lets_us_not_in_pauses_the_run() {
    with_database(|database| async move {
        database.run("create table t (x int)").await;
        let name = database
            .url
            .rsplit_once('/')
            .unwrap()
            .1
            .split('?')
            .next()
            .unwrap()
            .to_owned();
        let role = format!("role_{name}");
        database
            .run(&format!(
                "create role {role} login password 'right-hunter2'"
            ))
            .await;
        let server: PgConnectOptions = server().parse().unwrap();
        let (host, port) = (server.get_host().to_owned(), server.get_port());
        let check = async |url: String, code: &str, part: &str| {
            let source = postgres_source("legacy", &settings(&url)).await.unwrap();
            let failure = source
                .describe(&object(("table", "t"), &[]))
                .await
                .unwrap_err();
            assert_eq!(
                (failure.kind, failure.code.as_str()),
                (FailureKind::PauseRun, code),
                "{failure}"
            );
            let shown = format!("{failure} {failure:?}");
            assert!(shown.contains("legacy") && shown.contains(part), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        };
        check(
            format!("postgres://nobody_{name}:hunter2@{host}:{port}/{name}"),
            "login_refused",
            "nobody",
        )
        .await;
        check(
            format!("postgres://{role}:right-hunter2@{host}:{port}/none_{name}"),
            "unknown_database",
            "none",
        )
        .await;
        check(
            format!("postgres://{role}:right-hunter2@{host}:{port}/{name}"),
            "no_right",
            "t",
        )
        .await;
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        check(
            format!("postgres://x:hunter2@127.0.0.1:{free}/x"),
            "unreachable",
            &free.to_string(),
        )
        .await;
        check(
            "postgres://x:hunter2@no.such.host.invalid/x".to_owned(),
            "unreachable",
            "no.such.host.invalid",
        )
        .await;
        database
            .run(&format!("drop owned by {role}; drop role {role}"))
            .await;
        for url in ["postgres://x:hunter2@host:port/db", "mysql://x", "hunter2"] {
            let failure = postgres_source("legacy", &settings(url))
                .await
                .err()
                .unwrap();
            assert_eq!(failure.code, "invalid_url");
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
    })
    .await;
}

/// Speaks just enough of the protocol to refuse everybody's password.
async fn refuses_passwords() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut start = [0; 8];
            // No encryption; then the real start.
            stream.read_exact(&mut start).await.unwrap();
            stream.write_all(b"N").await.unwrap();
            let length = stream.read_i32().await.unwrap();
            stream
                .read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4])
                .await
                .unwrap();
            let fields =
                b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"x\"\0\0";
            stream.write_all(b"E").await.unwrap();
            stream
                .write_i32(i32::try_from(fields.len()).unwrap() + 4)
                .await
                .unwrap();
            stream.write_all(fields).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn a_wrong_password_pauses_the_run_and_is_not_shown() {
    let url = format!(
        "postgres://x:hunter2@127.0.0.1:{}/x",
        refuses_passwords().await
    );
    let source = postgres_source("legacy", &settings(&url)).await.unwrap();
    let failure = source
        .describe(&object(("table", "t"), &[]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "login_refused")
    );
    assert_eq!(failure.place.connection.as_deref(), Some("legacy"));
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced_and_what_it_did_is_a_retry() {
    with_database(|database| async move {
        database.run("create table t (n int primary key, pad text); insert into t select i, repeat('x', 1000) from generate_series(1, 50000) i").await;
        let described = database.describe(&object(("table", "t"), &[])).await;
        let source = database.source().await;
        assert_eq!(source.count(&described).await.unwrap(), 50_000);
        // It waits until they are gone.
        let kill = "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where datname = current_database() and application_name = 'stevedore'";
        database.run(kill).await;
        assert_eq!(source.count(&described).await.unwrap(), 50_000, "an idle connection that died is noticed");
        let slice = source.slice_of_keys(&described, &["1".into()]).unwrap();
        let over = AtomicBool::new(false);
        let reading = async {
            loop {
                match source.read(&described, &slow(&slice), 1 << 30).await {
                    Ok(_) => {}
                    Err(failure) => {
                        over.store(true, Ordering::Relaxed);
                        return failure;
                    }
                }
            }
        };
        let killing = async {
            while !over.load(Ordering::Relaxed) {
                database.run(kill).await;
            }
        };
        let (failure, ()) = tokio::join!(reading, killing);
        assert_eq!(failure.kind, FailureKind::Retry, "{failure}");
        assert_eq!(source.count(&described).await.unwrap(), 50_000);
    })
    .await;
}

/// The whole table.
fn slow(_: &model::Slice) -> model::Slice {
    model::Slice(serde_json::json!({"range": {"from": null, "to": null}}))
}

#[tokio::test]
async fn a_source_that_changed_or_is_too_large_is_noticed() {
    with_database(|database| async move {
        database.run("create table t (n int, k int, s text not null); insert into t select i, 7, repeat('x', 1000) from generate_series(1, 60) i").await;
        let described = database.describe(&object(("table", "t"), &["k"])).await;
        let source = database.source().await;
        let slices = plan(&source, &described, 1_000).await;
        let failure = source.read(&described, &slices[0], 2_000).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::FailChunk, "chunk_too_large"));
        assert_eq!((failure.place.object.as_deref(), failure.place.key.as_deref()), (Some("things"), Some("7")));
        assert!(failure.hint.is_some());
        let keyless = database.describe(&object(("query", "select * from t"), &[])).await;
        let whole = plan(&source, &keyless, 10).await;
        assert_eq!(source.read(&keyless, &whole[0], 2_000).await.unwrap_err().code, "chunk_too_large");
        assert!(matches!(source.read(&described, &slices[0], 1 << 20).await.unwrap(), Read::Whole { .. }));
        for (change, back) in [
            ("alter table t rename s to other", "alter table t rename other to s"),
            ("alter table t alter s drop not null; update t set s = null where n = 3", "update t set s = ''"),
            ("alter table t rename to other", "alter table other rename to t"),
        ] {
            database.run(change).await;
            let failure = source.read(&described, &slices[0], 1 << 20).await.unwrap_err();
            assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::PauseRun, "schema_changed"), "{failure}");
            database.run(back).await;
        }
        // A type that grew is still read as it was pinned, or the database says that it can't be.
        database.run("alter table t alter n type bigint").await;
        assert!(source.read(&described, &slices[0], 1 << 20).await.is_ok());
        database.run("update t set n = 3000000000 where n = 5").await;
        assert_eq!(source.read(&described, &slices[0], 1 << 20).await.unwrap_err().kind, FailureKind::FailChunk);
        let damaged = model::Slice(serde_json::json!({"rang": 1}));
        assert_eq!(source.read(&described, &damaged, 1 << 20).await.unwrap_err().code, "unreadable_slice");
    })
    .await;
}

#[tokio::test]
async fn reading_writes_nothing_and_keys_can_not_break_out_of_their_quotes() {
    with_database(|database| async move {
        database.run("create table t (k text primary key); insert into t values ('a'), ('it''s \\ \"x\"'), (E'\\'; drop table t; --')").await;
        let described = database.describe(&object(("table", "t"), &[])).await;
        let source = database.source().await;
        for key in ["it's \\ \"x\"", "'; drop table t; --"] {
            let slice = source.slice_of_keys(&described, &[key.to_owned()]).unwrap();
            let Read::Whole { records, .. } = source.read(&described, &slice, 1 << 20).await.unwrap() else {
                panic!("too big");
            };
            assert_eq!(records.num_rows(), 1, "{key}");
        }
        database.run("create sequence s").await;
        let writes = database.describe(&object(("query", "select nextval('s') as n"), &[])).await;
        let slices = plan(&source, &writes, 10).await;
        assert!(source.read(&writes, &slices[0], 1 << 20).await.is_err(), "the transaction is read-only");
    })
    .await;
}
