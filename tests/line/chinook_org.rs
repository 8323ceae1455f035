//! Chinook whole into an org, and from that org into the next: eleven tables, every value and every parent, read back by SOQL and compared with what SQLite says.

use std::path::{Path, PathBuf};

use model::RunStatus;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::chinook;
use crate::rehearsal::{Org, text};
use crate::stage::Stage;

/// A table of Chinook's, the object that holds it, and what each field of it must be: a path in SOQL, and an expression in SQLite that gives the same as text.
struct Moved {
    table: &'static str,
    object: &'static str,
    /// Where one object holds several tables.
    only: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

const MOVED: [Moved; 12] = [
    Moved {
        table: "Artist",
        object: "Artist__c",
        only: "",
        fields: &[("Key__c", "'ART' || ArtistId"), ("Title__c", "Name")],
    },
    Moved {
        table: "Genre",
        object: "Genre__c",
        only: "",
        fields: &[("Key__c", "'GEN' || GenreId"), ("Name", "Name")],
    },
    Moved {
        table: "MediaType",
        object: "Media_Type__c",
        only: "",
        fields: &[("Key__c", "'MED' || MediaTypeId"), ("Name", "Name")],
    },
    Moved {
        table: "Playlist",
        object: "Playlist__c",
        only: "",
        fields: &[("Key__c", "'PLA' || PlaylistId"), ("Name", "Name")],
    },
    Moved {
        table: "Album",
        object: "Album__c",
        only: "",
        fields: &[
            ("Key__c", "'ALB' || AlbumId"),
            ("Title__c", "Title"),
            ("Artist__r.Key__c", "'ART' || ArtistId"),
        ],
    },
    Moved {
        table: "Track",
        object: "Track__c",
        only: "",
        fields: &[
            ("Key__c", "'TRA' || TrackId"),
            ("Title__c", "Name"),
            ("Composer__c", "Composer"),
            ("Album__r.Key__c", "'ALB' || AlbumId"),
            ("Media_Type__r.Key__c", "'MED' || MediaTypeId"),
            ("Genre__r.Key__c", "'GEN' || GenreId"),
            ("Milliseconds__c", "Milliseconds"),
            ("Bytes__c", "Bytes"),
            ("Unit_Price__c", "UnitPrice"),
        ],
    },
    Moved {
        table: "PlaylistTrack",
        object: "Playlist_Track__c",
        only: "",
        fields: &[
            ("Key__c", "PlaylistId || '/' || TrackId"),
            ("Playlist__r.Key__c", "'PLA' || PlaylistId"),
            ("Track__r.Key__c", "'TRA' || TrackId"),
        ],
    },
    Moved {
        table: "Employee",
        object: "Contact",
        only: " WHERE Contact_External_Id__c LIKE 'EMP%'",
        fields: &[
            ("Contact_External_Id__c", "'EMP' || EmployeeId"),
            ("FirstName", "FirstName"),
            ("LastName", "LastName"),
            ("Title", "Title"),
            ("ReportsTo.Contact_External_Id__c", "'EMP' || ReportsTo"),
            ("Birthdate", "substr(BirthDate, 1, 10)"),
            ("Hire_Date__c", "substr(HireDate, 1, 10)"),
            ("MailingStreet", "Address"),
            ("MailingCity", "City"),
            ("MailingState", "State"),
            ("MailingCountry", "Country"),
            ("MailingPostalCode", "PostalCode"),
            ("Phone", "Phone"),
            ("Fax", "Fax"),
            ("Email", "Email"),
            ("Email_As_Written__c", "Email"),
        ],
    },
    Moved {
        table: "Customer",
        object: "Account",
        only: "",
        fields: &[
            ("External_Id__c", "'CUS' || CustomerId"),
            ("Name", "coalesce(Company, FirstName || ' ' || LastName)"),
            ("BillingStreet", "Address"),
            ("BillingCity", "City"),
            ("BillingState", "State"),
            ("BillingCountry", "Country"),
            ("BillingPostalCode", "PostalCode"),
            ("Phone", "Phone"),
            ("Fax", "Fax"),
        ],
    },
    Moved {
        table: "Customer",
        object: "Contact",
        only: " WHERE Contact_External_Id__c LIKE 'CUS%'",
        fields: &[
            ("Contact_External_Id__c", "'CUS' || CustomerId"),
            ("FirstName", "FirstName"),
            ("LastName", "LastName"),
            ("Account.External_Id__c", "'CUS' || CustomerId"),
            (
                "Support_Rep__r.Contact_External_Id__c",
                "'EMP' || SupportRepId",
            ),
            ("MailingStreet", "Address"),
            ("MailingCity", "City"),
            ("MailingState", "State"),
            ("MailingCountry", "Country"),
            ("MailingPostalCode", "PostalCode"),
            ("Phone", "Phone"),
            ("Fax", "Fax"),
            ("Email", "case when CustomerId <> 49 then Email end"),
            ("Email_As_Written__c", "Email"),
        ],
    },
    Moved {
        table: "Invoice",
        object: "Invoice__c",
        only: "",
        fields: &[
            ("Key__c", "'INV' || InvoiceId"),
            ("Customer__r.Contact_External_Id__c", "'CUS' || CustomerId"),
            (
                "Invoiced_At__c",
                "strftime('%Y-%m-%dT%H:%M:%S.000+0000', InvoiceDate)",
            ),
            ("Street__c", "BillingAddress"),
            ("City__c", "BillingCity"),
            ("State__c", "BillingState"),
            ("Country__c", "BillingCountry"),
            ("Postal_Code__c", "BillingPostalCode"),
            ("Total__c", "Total"),
        ],
    },
    Moved {
        table: "InvoiceLine",
        object: "Invoice_Line__c",
        only: "",
        fields: &[
            ("Line_Number__c", "InvoiceLineId"),
            ("Invoice__r.Key__c", "'INV' || InvoiceId"),
            ("Track__r.Key__c", "'TRA' || TrackId"),
            ("Unit_Price__c", "UnitPrice"),
            ("Quantity__c", "Quantity"),
        ],
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/line/chinook_org")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("a migration file")
}

/// What is to be there, by SQLite's own word.
async fn expected(database: &Path, moved: &Moved) -> Vec<String> {
    let url = format!("sqlite://{}?mode=ro", database.display());
    let mut database = SqliteConnection::connect(&url).await.expect("Chinook");
    let columns: Vec<_> = moved
        .fields
        .iter()
        .map(|(_, expression)| format!("coalesce(cast({expression} as text), '')"))
        .collect();
    let sql = format!("select {} from {}", columns.join(", "), moved.table);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut database)
        .await
        .expect("rows");
    let values = |row: &sqlx::sqlite::SqliteRow| {
        (0..moved.fields.len())
            .map(|place| row.get::<String, _>(place))
            .collect::<Vec<_>>()
            .join("|")
    };
    sorted(rows.iter().map(values).collect())
}

async fn held(org: &Org, moved: &Moved) -> Vec<String> {
    let paths: Vec<_> = moved.fields.iter().map(|(path, _)| *path).collect();
    let soql = format!(
        "SELECT {} FROM {}{}",
        paths.join(", "),
        moved.object,
        moved.only
    );
    let line = |record: &serde_json::Value| {
        paths
            .iter()
            .map(|path| text(record, path))
            .collect::<Vec<_>>()
            .join("|")
    };
    sorted(org.query(&soql).await.iter().map(line).collect())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

async fn holds_chinook(org: &Org, database: &Path) {
    let mut all = 0;
    for moved in &MOVED {
        let (expected, found) = (expected(database, moved).await, held(org, moved).await);
        assert_eq!(expected.len(), found.len(), "records of {}", moved.table);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found, "{}", moved.table);
        }
        all += found.len();
    }
    assert_eq!(
        all, 15_666,
        "Chinook's records, and a company for each customer"
    );
}

async fn completes(stage: &Stage, file: &str) {
    let run = stage.run(file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    let sql = "select object || ' ' || record_key || ' ' || error_code || ' ' || error_message from failed_records where fate <> 'skipped'";
    assert_eq!(stage.texts("control", sql).await, [""; 0]);
    assert!(view.balanced, "{view:?}");
}

/// A line with Chinook before it; none where the data is not there.
async fn prepared() -> Option<(Stage, Org, PathBuf)> {
    let Some(data) = chinook::data() else {
        eprintln!("skipped: Chinook's files are not beside this checkout (../shared/data/chinook)");
        return None;
    };
    let mut stage = Stage::new().await;
    let database = stage.file("chinook.sqlite");
    std::fs::copy(data.join("Chinook_Sqlite.sqlite"), &database).expect("copied");
    let org = Org::start(&stage, &folder().join("org.json"));
    stage.set("CHINOOK_URL", &format!("sqlite://{}", database.display()));
    stage.set("ORG_URL", &org.url);
    stage.set("ORG_TOKEN", &org.token);
    stage.set("STEVEDORE__CHUNKS__RECORDS", "1000");
    // Nobody is killed here.
    stage.set("STEVEDORE__CHUNKS__LEASE_SECONDS", "30");
    Some((stage, org, database))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_chinook_goes_into_an_org_and_from_there_into_the_next() {
    let Some((mut stage, org, database)) = prepared().await else {
        return;
    };
    let next = Org::start(&stage, &folder().join("org.json"));
    stage.set("NEXT_URL", &next.url);
    stage.set("NEXT_TOKEN", &next.token);
    stage.start_all();
    let into = file("into.yaml").replace("OPERATION", "upsert");
    completes(&stage, &into).await;
    holds_chinook(&org, &database).await;
    // Once more, by other chunks: all of it is there, and nothing comes to be twice.
    completes(&stage, &into).await;
    holds_chinook(&org, &database).await;
    completes(&stage, &file("onward.yaml")).await;
    holds_chinook(&next, &database).await;
    for object in ["Account", "Contact", "Invoice_Line__c"] {
        let ids = org.query(&format!("SELECT Id FROM {object}")).await;
        let keys = next
            .query(&format!("SELECT Legacy_Key__c FROM {object}"))
            .await;
        assert_eq!(
            sorted(ids.iter().map(|record| text(record, "Id")).collect()),
            sorted(
                keys.iter()
                    .map(|record| text(record, "Legacy_Key__c"))
                    .collect()
            ),
            "each record keeps the id that it had"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_chinook_goes_into_an_org_by_insert() {
    let Some((mut stage, org, database)) = prepared().await else {
        return;
    };
    stage.start_all();
    completes(&stage, &file("into.yaml").replace("OPERATION", "insert")).await;
    holds_chinook(&org, &database).await;
}
