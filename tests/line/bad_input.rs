//! What is wrong is told in the right place, with the exit code of the documents, and nothing is half-written.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::stage::{Stage, fill, migration};

/// Runs `check FILE --json` and returns exit code and document.
async fn check(stage: &Stage, file: &str) -> (i32, Value) {
    let path = stage.file("migration.yaml");
    std::fs::write(&path, file).expect("written");
    let mut command = stage.command(&["check", "migration.yaml", "--json"]);
    command.env("STEVEDORE__SERVER", format!("http://{}", stage.address));
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("joined")
        .expect("runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().expect("a code"), document)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_in_its_place() {
    let mut stage = Stage::new().await;
    fill(&stage, 10).await;
    stage
        .execute("target", "create table unkeyed (id bigint, name text)")
        .await;
    stage.set("REFUSED_URL", &refuses_everybody().await);
    stage.start("coordinator");
    stage.ready().await;
    let good =
        migration("  - { name: things, from: { table: things }, to: keyed, operation: upsert }\n");
    let objects = |text: &str| migration(text);
    let cases: Vec<(&str, String, i32, &str, Option<u64>)> = vec![
        (
            "malformed",
            good.replace("source: source", "source: [source"),
            2,
            "invalid_file",
            None,
        ),
        (
            "unknown key",
            good.replace("operation:", "colour: red, operation:"),
            2,
            "invalid_file",
            Some(8),
        ),
        (
            "unknown column",
            objects(
                "  - name: things\n    from: { table: things }\n    to: keyed\n    operation: upsert\n    fields:\n      id: id\n      name: upper(nmae)\n",
            ),
            2,
            "unknown_column",
            Some(14),
        ),
        (
            "a file that would be cut by a column",
            objects(
                "  - name: things\n    from: { file: things.csv }\n    to: keyed\n    chunk_by: name\n",
            ),
            2,
            "no_chunk_by",
            Some(11),
        ),
        (
            "objects that wait for one another",
            objects(
                "  - { name: a, from: { table: things }, to: keyed, after: b }\n  - { name: b, from: { table: things }, to: keyed, after: a }\n",
            ),
            2,
            "cyclic_order",
            Some(8),
        ),
        (
            "missing variable",
            good.replace("${SOURCE_URL}", "${NO_SUCH_VARIABLE}"),
            2,
            "missing_variable",
            Some(3),
        ),
        (
            "unreachable host",
            good.replace("${SOURCE_URL}", "postgres://nobody@127.0.0.1:1/none"),
            1,
            "unreachable",
            None,
        ),
        (
            "wrong password",
            good.replace("${SOURCE_URL}", "${REFUSED_URL}"),
            1,
            "login_refused",
            None,
        ),
        (
            "no unique key",
            good.replace("to: keyed", "to: unkeyed").replace(
                "operation: upsert",
                "operation: upsert, external_id: id, fields: { id: id }",
            ),
            2,
            "no_unique_key",
            Some(8),
        ),
        (
            "unknown table",
            good.replace("table: things", "table: thinks"),
            2,
            "unknown_table",
            Some(8),
        ),
        (
            "unknown target",
            good.replace("to: keyed", "to: kyed"),
            2,
            "unknown_target",
            Some(8),
        ),
        (
            "literal password",
            good.replace("${SOURCE_URL}", "postgres://u:hunter2@h/d"),
            2,
            "literal_credential",
            Some(3),
        ),
    ];
    for (what, file, exit, code, line) in cases {
        let (found, document) = check(&stage, &file).await;
        let error = &document["error"];
        assert_eq!(error["code"], code, "{what}: {document}");
        assert_eq!(found, exit, "{what}: {document}");
        if line.is_some() {
            assert_eq!(error["line"].as_u64(), line, "{what}: {document}");
        }
        assert!(
            error["hint"].is_string(),
            "{what} has no way out: {document}"
        );
        assert!(
            !document.to_string().contains("hunter2"),
            "{what} shows a password"
        );
    }
    let (exit, document) = check(&stage, &good).await;
    assert_eq!(exit, 0, "{document}");
    let runs = stage
        .texts("control", "select count(*)::text from runs")
        .await;
    assert_eq!(runs, ["0"], "a check starts nothing");
}

/// A PostgreSQL that takes no password: real ones in tests often trust everybody on loopback. Speaks just enough of the protocol to say no.
async fn refuses_everybody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                // First it is asked for encryption, then for a session.
                for answer in [b"N".as_slice(), REFUSAL] {
                    if stream.read(&mut request).await.is_err()
                        || stream.write_all(answer).await.is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    format!("postgres://nobody:hunter2@127.0.0.1:{port}/crm")
}

const REFUSAL: &[u8] =
    b"E\0\0\0\x4cSFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"nobody\"\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_let_in_says_where_and_shows_no_password() {
    let mut stage = Stage::new().await;
    let broker = stage.broker().to_owned();
    let wrong = broker.replace("guest:guest@", "guest:hunter2@");
    let refused = refuses_everybody().await;
    for (name, url, exit, says) in [
        ("BROKER", wrong.as_str(), 1, "refused"),
        (
            "DATABASE",
            refused.as_str(),
            2,
            "password authentication failed",
        ),
        (
            "DATABASE",
            "postgres://nobody:hunter2@127.0.0.1:1/crm",
            1,
            "127.0.0.1:1",
        ),
    ] {
        stage.set("STEVEDORE__BROKER__URL", &broker);
        stage.set("STEVEDORE__DATABASE__URL", &stage.url("control"));
        stage.set(&format!("STEVEDORE__{name}__URL"), url);
        let mut command = stage.command(&["serve", "loader", "--json"]);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("joined")
            .expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{url}: {text}");
        assert!(text.contains(says), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{url}: {text}");
    }
}
