//! The store on a file: what a restart keeps, what a failed transaction leaves, whom it refuses.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use tempfile::TempDir;

use super::database::Database;
use super::{Found, Row};
use crate::error::Error;
use crate::ids::RecordId;
use crate::schema::catalogue::Catalogue;
use crate::schema::{FieldSchema, Schema};
use crate::values::Value;

struct Place {
    catalogue: Catalogue,
    folder: TempDir,
    account: u16,
}

impl Place {
    fn new() -> Self {
        Self::of(&Schema::standard())
    }

    fn of(schema: &Schema) -> Self {
        let catalogue = Catalogue::compile(schema).unwrap();
        Self {
            account: catalogue.object("Account").unwrap().index,
            folder: TempDir::new().unwrap(),
            catalogue,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("org.db")
    }

    fn open(&self) -> Database {
        Database::open(&self.catalogue, Some(&self.file())).unwrap()
    }

    fn refusal(&self, catalogue: &Catalogue) -> String {
        match Database::open(catalogue, Some(&self.file())) {
            Err(error @ (Error::Data { .. } | Error::DataFile { .. })) => error.to_string(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    fn field(&self, name: &str) -> u16 {
        self.catalogue.at(self.account).field(name).unwrap()
    }

    fn row(&self, key: &str) -> Row {
        let mut row = Row::new(1, 2);
        row.set(self.field("Name"), Value::text("Acme"));
        row.set(self.field("External_Id__c"), Value::text(key));
        row
    }

    fn insert(&self, records: &Database, key: &str) -> RecordId {
        records
            .write()
            .insert(&self.catalogue, self.account, self.row(key))
    }

    fn find(&self, records: &Database, field: &str, key: &str) -> Found {
        let field = self.field(field);
        let store = records.read();
        store.find(&self.catalogue, self.account, field, &Value::text(key))
    }

    fn id(&self, serial: u32) -> RecordId {
        RecordId {
            object: self.account,
            serial,
        }
    }
}

#[test]
fn a_file_keeps_records_keys_and_numbers() {
    let place = Place::new();
    let records = place.open();
    for key in ["A", "B", "C"] {
        place.insert(&records, key);
    }
    // The newest is erased, which must not free its number.
    records.write().erase(place.id(3));
    let row = records.read().row(place.id(2)).unwrap();
    drop(records);
    let records = place.open();
    assert_eq!(records.read().count(place.account), 2);
    assert_eq!(records.read().row(place.id(2)), Some(row));
    assert_eq!(records.read().row(place.id(3)), None);
    assert_eq!(place.find(&records, "External_Id__c", "b"), Found::One(2));
    assert_eq!(place.find(&records, "External_Id__c", "C"), Found::None);
    assert_eq!(place.insert(&records, "D").serial, 4);
}

#[test]
fn a_panic_takes_back_all_that_was_written_with_it() {
    let place = Place::new();
    let records = place.open();
    place.insert(&records, "A");
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let mut store = records.write();
        store.insert(&place.catalogue, place.account, place.row("B"));
        store.erase(place.id(1));
        panic!("half-way");
    }));
    assert!(failed.is_err());
    assert!(!records.is_broken(), "the database did nothing wrong");
    assert_eq!(records.read().count(place.account), 1);
    assert_eq!(records.write().count(place.account), 1);
    assert_eq!(place.find(&records, "External_Id__c", "A"), Found::One(1));
    assert_eq!(place.find(&records, "External_Id__c", "B"), Found::None);
    assert_eq!(place.insert(&records, "C").serial, 2);
}

#[test]
fn a_full_disk_takes_back_the_chunk_and_stops_all_writing() {
    let place = Place::new();
    let records = place.open();
    place.insert(&records, "A");
    {
        let mut store = records.write();
        let pages: u32 = store
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        store
            .connection
            .pragma_update(None, "max_page_count", pages + 8)
            .unwrap();
        for number in 0..2000 {
            let row = place.row(&format!("B{number}"));
            store.insert(&place.catalogue, place.account, row);
        }
    }
    assert!(records.is_broken());
    place.insert(&records, "C");
    drop(records);
    let records = place.open();
    assert!(!records.is_broken());
    assert_eq!(records.read().count(place.account), 1);
    assert_eq!(records.read().ids(place.account, true).count(), 1);
    assert_eq!(place.find(&records, "External_Id__c", "B0"), Found::None);
    assert_eq!(place.insert(&records, "D").serial, 2);
}

#[test]
fn a_crash_loses_nothing_that_was_committed() {
    let place = Place::new();
    let records = place.open();
    for number in 0..500 {
        place.insert(&records, &format!("A{number}"));
    }
    let mut half = records.write();
    half.insert(&place.catalogue, place.account, place.row("half"));
    // What another process would find, if this one were no more.
    let left = Place::new();
    for end in ["", "-wal"] {
        let name = format!("org.db{end}");
        let (from, to) = (place.folder.path(), left.folder.path());
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
    let found = left.open();
    assert_eq!(found.read().count(left.account), 500);
    assert_eq!(left.find(&found, "External_Id__c", "A499"), Found::One(500));
    assert_eq!(left.find(&found, "External_Id__c", "half"), Found::None);
    assert_eq!(left.insert(&found, "next").serial, 501);
}

#[tokio::test]
async fn calls_are_refused_once_the_database_failed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = Place::new();
    let settings = || crate::Settings {
        data: Some(place.file()),
        ..crate::Settings::default()
    };
    let org = crate::RehearsalOrg::start(settings()).await.unwrap();
    {
        let store = org.org.write();
        let pages: u32 = store
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        store
            .connection
            .pragma_update(None, "max_page_count", pages + 10)
            .unwrap();
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/services/data/v66.0/sobjects/Account", org.url());
    let create = || {
        let record = serde_json::json!({"Name": "Acme", "Description": "long ".repeat(500)});
        let call = client.post(&url).bearer_auth(org.access_token());
        call.json(&record).send()
    };
    let mut created = 0;
    let refused = loop {
        let reply = create().await.unwrap();
        match reply.status().as_u16() {
            201 => created += 1,
            _ => break reply,
        }
    };
    assert!(created > 0);
    assert_eq!(refused.status(), 500);
    assert!(refused.text().await.unwrap().contains("UNKNOWN_EXCEPTION"));
    assert_eq!(create().await.unwrap().status(), 500);
    let reading = client
        .get(format!("{url}/describe"))
        .bearer_auth(org.access_token());
    assert_eq!(reading.send().await.unwrap().status(), 500);
    org.stop().await;
    let org = crate::RehearsalOrg::start(settings()).await.unwrap();
    assert_eq!(org.count("Account"), created);
}

#[test]
fn readers_see_whole_transactions_as_they_were_when_they_began() {
    let place = Place::new();
    let records = place.open();
    place.insert(&records, "A");
    let before = records.read();
    assert_eq!(before.count(place.account), 1);
    let mut writing = records.write();
    writing.insert(&place.catalogue, place.account, place.row("B"));
    assert_eq!(writing.count(place.account), 2);
    assert_eq!(records.read().count(place.account), 1);
    drop(writing);
    assert_eq!(before.count(place.account), 1);
    assert_eq!(before.ids(place.account, false).count(), 1);
    assert_eq!(records.read().count(place.account), 2);
}

#[test]
fn many_records_are_listed_in_order_without_the_deleted() {
    let place = Place::new();
    let records = place.open();
    {
        let mut store = records.write();
        for number in 0..2500 {
            let mut row = place.row(&format!("K{number}"));
            row.deleted = number % 5 == 0;
            store.insert(&place.catalogue, place.account, row);
        }
    }
    let store = records.read();
    let live: Vec<u32> = store
        .ids(place.account, false)
        .map(|id| id.serial)
        .collect();
    let expected: Vec<u32> = (1..=2500).filter(|serial| serial % 5 != 1).collect();
    assert_eq!(live, expected);
    let mut scanned = Vec::new();
    store.scan(place.account, false, None, &mut |id, row| {
        assert!(!row.deleted);
        scanned.push(id.serial);
        scanned.len() < 1500
    });
    assert_eq!(scanned, expected[..1500]);
    assert_eq!(store.ids(place.account, true).count(), 2500);
    assert_eq!(store.count(place.account), 2000);
}

#[test]
fn a_file_is_used_by_one_org_at_a_time() {
    let place = Place::new();
    let records = place.open();
    assert!(
        place
            .refusal(&place.catalogue)
            .contains("another rehearsal org")
    );
    records.close();
    place.open();
    // Who is late writes nothing into what another may have by now.
    place.insert(&records, "late");
    assert_eq!(place.open().read().count(place.account), 0);
}

#[test]
fn a_schema_may_grow_and_change_its_order_under_a_file() {
    let place = Place::new();
    let records = place.open();
    place.insert(&records, "A");
    drop(records);
    let mut schema = Schema::standard();
    schema.objects.reverse();
    let account = schema.object_mut("Account").unwrap();
    account.fields.insert(0, FieldSchema::external_id("New__c"));
    account.fields.reverse();
    for field in &mut account.fields {
        // Now a key.
        field.id_lookup |= field.name == "Name";
    }
    let grown = Place {
        folder: place.folder,
        ..Place::of(&schema)
    };
    let records = grown.open();
    let id = grown.id(1);
    let value = |name: &str| {
        let value = records
            .read()
            .value(&grown.catalogue, id, grown.field(name));
        value.into_owned()
    };
    assert_eq!(value("External_Id__c"), Value::text("A"));
    assert_eq!(value("New__c"), Value::Null);
    assert_eq!(grown.find(&records, "Name", "acme"), Found::One(1));
    let mut row = grown.row("A");
    row.set(grown.field("New__c"), Value::text("N"));
    records.write().put(&grown.catalogue, id, row);
    drop(records);
    let records = grown.open();
    assert_eq!(grown.find(&records, "New__c", "n"), Found::One(1));
    assert_eq!(grown.find(&records, "Name", "ACME"), Found::One(1));
}

#[test]
fn a_schema_that_knows_less_or_otherwise_is_refused() {
    let place = Place::new();
    drop(place.open());
    let with = |change: &dyn Fn(&mut Schema)| {
        let mut schema = Schema::standard();
        change(&mut schema);
        place.refusal(&Catalogue::compile(&schema).unwrap())
    };
    let account = |change: &dyn Fn(&mut Vec<FieldSchema>)| {
        with(&|schema| change(&mut schema.object_mut("Account").unwrap().fields))
    };
    let text = account(&|fields| fields.retain(|f| f.name != "Site"));
    assert!(
        text.ends_with("it has the field Account.Site, which the schema lacks"),
        "{text}"
    );
    let text = account(&|fields| {
        for field in fields.iter_mut().filter(|f| f.name == "Annual_Spend__c") {
            field.scale = 3;
        }
    });
    assert!(
        text.contains("Account.Annual_Spend__c is number of scale 2 in it"),
        "{text}"
    );
    let text = with(&|schema| schema.objects.retain(|o| o.name != "Task"));
    assert!(text.contains("it has the object Task"), "{text}");
    let text = with(&|schema| schema.object_mut("Lead").unwrap().key_prefix = "0ZZ".into());
    assert!(text.contains("ids of Lead begin with 00Q in it"), "{text}");
}

#[test]
fn what_is_no_orgs_file_is_left_alone() {
    let place = Place::new();
    std::fs::write(
        place.file(),
        "not a database, but something of somebody's ".repeat(50),
    )
    .unwrap();
    assert!(place.refusal(&place.catalogue).contains("org.db"));
    assert!(
        std::fs::read_to_string(place.file())
            .unwrap()
            .starts_with("not a database")
    );
    std::fs::remove_file(place.file()).unwrap();
    let other = rusqlite::Connection::open(place.file()).unwrap();
    other.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(other);
    let before = std::fs::read(place.file()).unwrap();
    assert!(
        place
            .refusal(&place.catalogue)
            .contains("not a rehearsal org's")
    );
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}
