//! Into an org, and on from there into another.

use rehearsal_org::{RehearsalOrg, Settings};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};

use super::{codes, done};
use crate::stage::Stage;

async fn sqlite(stage: &Stage, name: &str, sql: &str) -> String {
    let path = stage.file(name);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("a file");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut database)
        .await
        .expect("filled");
    database.close().await.expect("closed");
    path.display().to_string()
}

async fn org(stage: &mut Stage, end: &str) -> RehearsalOrg {
    let settings = Settings {
        port: 0,
        ..Settings::default()
    };
    let org = RehearsalOrg::start(settings).await.expect("an org");
    stage.set(&format!("{end}_TOKEN"), org.access_token());
    org
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_is_drafted_into_an_org_and_on_into_another() {
    let mut stage = Stage::new().await;
    let legacy = sqlite(
        &stage,
        "legacy.db",
        "create table accounts (id integer primary key, name text not null, phone text, billing_zip text, modified_at datetime);
         create table contacts (id integer primary key, account_id integer, last_name text, e_mail text, reports_to_id integer, shoe_size integer);
         create table gadgets (id integer primary key);
         insert into accounts values (1, 'Müller & Söhne', '+66 2', '10110', '2025-01-01 00:00:00'), (2, 'Acme', null, null, null);
         insert into contacts values (11, 1, 'Núñez', 'n@x.example', 12, 42), (12, 2, 'Smith', null, null, 40)",
    )
    .await;
    let (first, second) = (
        org(&mut stage, "TARGET").await,
        org(&mut stage, "SECOND").await,
    );
    let drafted = done(
        &stage,
        &["init", &legacy, "--target", &first.url(), "-o", "crm.yaml"],
    );
    let text = drafted["text"].as_str().expect("a text");
    for line in [
        "      BillingPostalCode: billing_zip  # a guess by common words",
        "      Account: { lookup: accounts, by: account_id }  # a guess by the column's name",
        "    watermark: modified_at",
        "      # not used: shoe_size: Contact has no field of such a name",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert_eq!(codes(&drafted, "gadgets"), ["object_unmatched"]);
    assert!(!text.contains(first.access_token()));
    done(&stage, &["check", "crm.yaml"]);
    done(&stage, &["run", "crm.yaml"]);
    let held = |org: &RehearsalOrg| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let accounts = org.records("Account");
        let name = |id: &Value| {
            accounts
                .iter()
                .find(|account| account["Id"] == *id)
                .map_or("-".to_owned(), |found| text(&found["Name"]))
        };
        let mut held: Vec<String> = org
            .records("Contact")
            .iter()
            .map(|contact| {
                format!(
                    "{} {} of {}",
                    text(&contact["LastName"]),
                    text(&contact["Email"]),
                    name(&contact["AccountId"])
                )
            })
            .collect();
        held.extend(accounts.iter().map(|account| {
            format!(
                "{} {} {}",
                text(&account["Name"]),
                text(&account["Phone"]),
                text(&account["BillingPostalCode"])
            )
        }));
        held.sort();
        held
    };
    let expected = [
        "Acme - -",
        "Müller & Söhne +66 2 10110",
        "Núñez n@x.example of Müller & Söhne",
        "Smith - of Acme",
    ];
    assert_eq!(held(&first), expected);
    // On from there: the org that was the target is the source now.
    let source = format!(
        "{{ kind: salesforce, instance_url: \"{}\", access_token: \"${{TARGET_TOKEN}}\" }}",
        first.url()
    );
    let target = format!(
        "{{ kind: salesforce, instance_url: \"{}\", access_token: \"${{SECOND_TOKEN}}\" }}",
        second.url()
    );
    let only = ["--only", "Account", "--only", "contact"];
    let args = ["init", &source, "--target", &target, "-o", "on.yaml"];
    let drafted = done(&stage, &[&args[..], &only[..]].concat());
    assert_eq!(
        drafted["variables"],
        serde_json::json!(["TARGET_TOKEN", "SECOND_TOKEN"])
    );
    let text = drafted["text"].as_str().expect("a text");
    assert!(
        text.contains("      ReportsTo: { lookup: Contact, by: ReportsToId }"),
        "{text}"
    );
    assert!(text.contains("    watermark: SystemModstamp"), "{text}");
    assert!(
        text.contains("{ reference: User.Username, by: EXPRESSION }")
            || text.contains("User.Username"),
        "{text}"
    );
    done(&stage, &["check", "on.yaml"]);
    // An org as a source costs calls, and shows its first records.
    let plan = done(&stage, &["plan", "on.yaml"]);
    let totals = &plan["totals"];
    assert!(
        totals["read_calls"].as_u64() > Some(10) && totals["calls"].as_u64() > Some(4),
        "{totals}"
    );
    let account = &plan["phases"][0]["objects"][0];
    assert_eq!(account["read_calls"]["describe"], 1, "{account}");
    assert_eq!(account["looked_through"]["records"], 2, "{account}");
    done(&stage, &["run", "on.yaml"]);
    assert_eq!(held(&second), expected);
    first.stop().await;
    second.stop().await;
}
