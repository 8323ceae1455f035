//! `init`, through the binary and the embedded line: what it drafts passes `check`, and moves everything where both ends have the same tables.

mod org;
mod shop;

use std::process::Output;

use serde_json::Value;

use crate::chinook;
use crate::stage::Stage;

/// A verb by the embedded line of the stage's folder.
fn verb(stage: &Stage, args: &[&str]) -> Output {
    stage.embedded(args).output().expect("it runs")
}

/// A verb that succeeds, and its document.
fn done(stage: &Stage, args: &[&str]) -> Value {
    let output = verb(stage, &[args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{args:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).expect("one document")
}

fn codes(document: &Value, object: &str) -> Vec<String> {
    let findings = document["findings"].as_array().expect("findings").iter();
    let of_object = findings.filter(|finding| finding["object"] == object);
    of_object
        .map(|finding| finding["code"].as_str().expect("a code").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_chinook_moves_all_of_it() {
    let Some(folder) = chinook::data() else {
        eprintln!("skipped: Chinook's files are not beside this checkout (../shared/data/chinook)");
        return;
    };
    let stage = Stage::new().await;
    chinook::load(&stage, &folder).await;
    let copy = stage.file("chinook.sqlite");
    std::fs::copy(folder.join("Chinook_Sqlite.sqlite"), &copy).expect("copied");
    let drafted = done(
        &stage,
        &[
            "init",
            "chinook.sqlite",
            "--target",
            &stage.url("target"),
            "-o",
            "c.yaml",
        ],
    );
    assert_eq!(drafted["objects"].as_array().map(Vec::len), Some(11));
    done(&stage, &["check", "c.yaml"]);
    let run = done(&stage, &["run", "c.yaml"]);
    assert_eq!(run["balanced"], true);
    // One city has a space behind it that the PostgreSQL script loses: its texts are of type `character`.
    let trimmed = "update customer set city = rtrim(city); update invoice set billing_city = rtrim(billing_city)";
    stage.execute("target", trimmed).await;
    for table in [
        "artist",
        "genre",
        "media_type",
        "playlist",
        "employee",
        "album",
        "customer",
        "track",
        "invoice",
        "invoice_line",
        "playlist_track",
    ] {
        stage.assert_equal(table, table).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_would_refuse_is_put_aside_and_said() {
    let stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table things (id bigint primary key, name text, made date); insert into things values (1, 'a', '2025-01-01');
             create table parts (id bigint primary key, thing_id bigint references things); create table orphans (id int);
             create table addresses (id bigint primary key, zip text, e_mail text, town_name text)",
        )
        .await;
    stage
        .execute(
            "target",
            "create table \"Thing\" (\"ID\" bigint primary key, name text, made boolean, colour text not null);
             create table parts (id bigint primary key, thing_id bigint);
             create table address (id bigint primary key, postal_code text, email text)",
        )
        .await;
    let drafted = done(
        &stage,
        &[
            "init",
            &stage.url("source"),
            "--target",
            &stage.url("target"),
            "-o",
            "t.yaml",
        ],
    );
    let text = drafted["text"].as_str().expect("a text");
    let objects = drafted["objects"].as_array().expect("objects");
    let of = |name: &str| {
        objects
            .iter()
            .find(|object| object["name"] == name)
            .expect("an object")
    };
    assert!(
        of("things")["put_aside"]
            .as_str()
            .is_some_and(|why| why.contains("colour")),
        "{drafted}"
    );
    assert!(text.contains("  # - name: things"), "{text}");
    // Its parent is no entry of the file, so that the value goes as it is.
    assert!(text.contains("      thing_id: thing_id"), "{text}");
    assert_eq!(codes(&drafted, "orphans"), ["object_unmatched"]);
    let guessed = codes(&drafted, "addresses")
        .into_iter()
        .filter(|code| code == "guessed")
        .count();
    assert_eq!(guessed, 1, "{drafted}");
    assert!(text.contains("not used: town_name"), "{text}");
    done(&stage, &["check", "t.yaml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_drafted_into_tables() {
    let stage = Stage::new().await;
    let folder = stage.file("exports");
    std::fs::create_dir(&folder).expect("a folder");
    for part in 1..=2 {
        let mut rows = "Customer ID;E-Mail;Zip Code\n".to_owned();
        for n in 1..=300 {
            rows += &format!("{};p{n}@x.example;{n:05}\n", part * 1_000 + n);
        }
        std::fs::write(folder.join(format!("customers-{part}.csv")), rows).expect("written");
    }
    std::fs::write(folder.join("notes.txt"), "nothing").expect("written");
    stage
        .execute(
            "target",
            "create table customer (customer_id bigint primary key, email text, postal_code text)",
        )
        .await;
    let target = stage.url("target");
    let drafted = done(&stage, &["init", "exports", "--target", &target]);
    let text =
        std::fs::read_to_string(stage.file("exports.yaml")).expect("called after its source");
    assert!(
        text.contains("delimiter: \";\"") && text.contains("customers-*.csv"),
        "{text}"
    );
    assert_eq!(
        drafted["objects"][0]["external_id"],
        serde_json::json!(["customer_id"])
    );
    done(&stage, &["check", "exports.yaml"]);
    let run = done(&stage, &["run", "exports.yaml"]);
    assert_eq!(run["objects"][0]["created"], 600);
    let mut expected: Vec<String> = Vec::new();
    for part in 1..=2 {
        expected.extend((1..=300).map(|n| format!("({},p{n}@x.example,{n:05})", part * 1_000 + n)));
    }
    expected.sort();
    assert_eq!(stage.rows("target", "customer").await, expected);
    let one = done(
        &stage,
        &["init", "exports/customers-2.csv", "-o", "one.yaml"],
    );
    assert_eq!(one["objects"][0]["from"], "customers-2.csv");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_used_and_neither_written_nor_told() {
    let stage = Stage::new().await;
    stage
        .execute("source", "create table things (id bigint primary key)")
        .await;
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    stage
        .execute(
            "source",
            &format!(
                "create role {role} login password 'hunter2'; grant select on things to {role}"
            ),
        )
        .await;
    let (_, place) = stage
        .url("source")
        .split_once('@')
        .map(|(head, place)| (head.to_owned(), place.to_owned()))
        .expect("a user");
    let url = format!("postgres://{role}:hunter2@{place}");
    let output = verb(&stage, &["init", &url, "-o", "s.yaml"]);
    let wrong = verb(
        &stage,
        &[
            "init",
            &url.replace(
                &format!("/{}", place.rsplit('/').next().unwrap()),
                "/no_such_database",
            ),
            "-o",
            "w.yaml",
        ],
    );
    stage
        .execute("source", &format!("drop owned by {role}; drop role {role}"))
        .await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_ne!(wrong.status.code(), Some(0));
    let mut seen: Vec<Vec<u8>> = [output, wrong]
        .into_iter()
        .flat_map(|output| [output.stdout, output.stderr])
        .collect();
    let mut folders = vec![stage.file("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => seen.push(std::fs::read(path).expect("a file")),
            }
        }
    }
    assert!(seen.len() > 5, "the control database is among them");
    for content in seen {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_written_over_and_a_template_needs_no_source() {
    let stage = Stage::new().await;
    let template = done(&stage, &["init", "-o", "m.yaml"]);
    assert_eq!(template["file"], "m.yaml");
    let again = verb(&stage, &["init", "-o", "m.yaml", "--json"]);
    assert_eq!(again.status.code(), Some(2));
    let error: Value = serde_json::from_slice(&again.stdout).expect("one document");
    assert_eq!(error["error"]["code"], "file_exists");
    std::fs::write(stage.file("m.yaml"), "mine").expect("written");
    done(&stage, &["init", "-o", "m.yaml", "--force"]);
    let text = std::fs::read_to_string(stage.file("m.yaml")).expect("a file");
    assert!(text.contains("objects:") && text != "mine");
    stage.execute("source", "create schema empty").await;
    let nothing = verb(
        &stage,
        &["init", &stage.url("source"), "-o", "n.yaml", "--json"],
    );
    let error: Value = serde_json::from_slice(&nothing.stdout).expect("one document");
    assert_eq!(error["error"]["code"], "nothing_to_move", "{error}");
    assert!(!stage.file("n.yaml").exists());
}
