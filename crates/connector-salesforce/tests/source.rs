//! The org as a source: its slices tile an object, values arrive exactly, and what is asked of it is refused where it can't be had.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use connector::{Read, Sizing, Source, SourceObject};
use connector_salesforce::salesforce_source;
use model::Slice;
use model::migration::{Connection, Migration, Operation};
use rehearsal_org::CallFault;
use std::sync::Arc;

use support::{Bed, accounts};

async fn source(bed: &Bed) -> Arc<dyn Source> {
    let text = format!(
        "{{\"kind\":\"salesforce\",\"instance_url\":\"{}\",\"access_token\":\"{}\"}}",
        bed.org.url(),
        bed.org.access_token()
    );
    let Connection::Salesforce(settings) = serde_json::from_str(&text).unwrap() else {
        panic!("an org")
    };
    salesforce_source("org", &settings).await.unwrap()
}

fn object(from: &str) -> model::migration::Object {
    let file = format!(
        "migration: m\nconnections:\n  a: {{ kind: sqlite, url: \"sqlite:///x\" }}\nsource: a\ntarget: a\nobjects:\n  - {{ name: x, from: {from}, to: X }}\n"
    );
    Migration::parse(&file, "m.yaml").unwrap().objects.remove(0)
}

/// Reads everything, and gives each record's key and its name.
async fn all(
    source: &dyn Source,
    found: &SourceObject,
    slices: Vec<Slice>,
    budget: usize,
) -> (BTreeMap<String, String>, usize) {
    let mut names = BTreeMap::new();
    let mut next = slices;
    let mut reads = 0;
    while let Some(slice) = next.pop() {
        match source.read(found, &slice, budget).await.unwrap() {
            Read::TooBig(smaller) => {
                assert!(smaller.len() > 1);
                next.extend(smaller);
            }
            Read::Whole {
                records,
                rejected,
                epoch,
            } => {
                assert!(rejected.is_empty() && !epoch.is_empty());
                reads += 1;
                let column = |name: &str| {
                    records
                        .column_by_name(name)
                        .unwrap()
                        .as_string::<i32>()
                        .clone()
                };
                let (ids, values) = (column("Id"), column("Name"));
                for row in 0..records.num_rows() {
                    let twice =
                        names.insert(ids.value(row).to_owned(), values.value(row).to_owned());
                    assert!(twice.is_none(), "read twice");
                }
            }
        }
    }
    (names, reads)
}

async fn load(bed: &Bed, count: usize) {
    let plan = bed.accounts(Operation::Insert).await;
    bed.load(&plan, &accounts(count)).await;
}

fn held(bed: &Bed) -> BTreeMap<String, String> {
    let text = |record: &BTreeMap<String, serde_json::Value>, name: &str| {
        record[name].as_str().unwrap().to_owned()
    };
    bed.org
        .records("Account")
        .iter()
        .map(|record| (text(record, "Id"), text(record, "Name")))
        .collect()
}

#[tokio::test]
async fn many_pages_are_read_whole_whether_the_org_names_them_or_not() {
    let bed = support::bed().await;
    load(&bed, 1_230).await;
    bed.org.set_page_rows(100);
    let source = source(&bed).await;
    let found = source
        .describe(&object("{ query: \"select Id, Name from Account\" }"))
        .await
        .unwrap();
    let sizing = Sizing {
        records: 10_000,
        bytes: 1 << 20,
        slices: 100,
    };
    let slices = source.split(&found, None, sizing).await.unwrap().slices;
    assert_eq!(slices.len(), 1);
    let expected = held(&bed);
    for fault in [CallFault::Status(503), CallFault::Status(404)] {
        // Named after a second try, and not named at all.
        let faults = bed.org.faults();
        faults.fail_calls("GET", "/resultPages", 1, fault);
        let before = bed.org.api_calls();
        let (names, reads) = all(source.as_ref(), &found, slices.clone(), 64 << 20).await;
        assert_eq!((names == expected, reads), (true, 1), "{fault:?}");
        assert_eq!(faults.calls_left(), 0, "they were asked for");
        // Thirteen pages; lists of five of them, one of which is asked for twice.
        let calls = bed.org.api_calls() - before;
        let least = if fault == CallFault::Status(503) {
            17
        } else {
            14
        };
        assert!(calls > least, "{calls}");
    }
    // One page needs no list.
    bed.org.set_page_rows(2_000);
    let faults = bed.org.faults();
    faults.fail_calls("GET", "/resultPages", 1, CallFault::Status(500));
    let (names, _) = all(source.as_ref(), &found, slices, 64 << 20).await;
    assert!(names == expected && faults.calls_left() == 1);
}

#[tokio::test]
async fn slices_tile_an_object_however_it_is_cut() {
    let bed = support::bed().await;
    load(&bed, 1_000).await;
    let source = source(&bed).await;
    let found = source
        .describe(&object("{ table: Account }"))
        .await
        .unwrap();
    assert_eq!(found.estimated_records, Some(1_000));
    assert_eq!(found.key, ["Id"]);
    assert!(found.key_is_unique);
    let sizing = Sizing {
        records: 130,
        bytes: 1 << 20,
        slices: 100,
    };
    let split = source.split(&found, None, sizing).await.unwrap();
    assert!(
        split.cursor.is_none() && split.slices.len() == 8,
        "{:?}",
        split.slices
    );
    let expected = held(&bed);
    assert_eq!(expected.len(), 1_000);
    let (names, reads) = all(source.as_ref(), &found, split.slices, usize::MAX).await;
    assert_eq!((&names, reads), (&expected, 8));
    // One slice that is far too big is cut until it fits.
    let one = Sizing {
        records: 10_000,
        bytes: 1 << 20,
        slices: 100,
    };
    let whole = source.split(&found, None, one).await.unwrap();
    assert_eq!(whole.slices.len(), 1);
    let (names, reads) = all(source.as_ref(), &found, whole.slices, 60_000).await;
    assert_eq!(names, expected);
    assert!(reads > 3, "{reads}");
    assert_eq!(source.count(&found).await.unwrap(), 1_000);
}

#[tokio::test]
async fn records_are_read_again_by_their_keys() {
    let bed = support::bed().await;
    load(&bed, 20).await;
    let source = source(&bed).await;
    let query =
        "{ query: \"SELECT External_Id__c, Id, Name FROM Account WHERE Name LIKE 'Name%' \" }";
    let mut object = object(query);
    object.key = vec!["external_id__c".to_owned()];
    let found = source.describe(&object).await.unwrap();
    assert_eq!(found.key, ["External_Id__c"]);
    let slice = source
        .slice_of_keys(
            &found,
            &["A3".to_owned(), "A17".to_owned(), "none".to_owned()],
        )
        .unwrap();
    let Read::Whole { records, .. } = source.read(&found, &slice, usize::MAX).await.unwrap() else {
        panic!("whole")
    };
    let mut keys: Vec<_> = texts(&records, "External_Id__c");
    keys.sort();
    assert_eq!(keys, ["A17", "A3"]);
}

/// All records of an object that has few.
async fn in_one_slice(source: &dyn Source, found: &SourceObject) -> RecordBatch {
    let sizing = Sizing {
        records: 1_000,
        bytes: 1 << 20,
        slices: 9,
    };
    let slices = source.split(found, None, sizing).await.unwrap().slices;
    match source.read(found, &slices[0], usize::MAX).await.unwrap() {
        Read::Whole { records, .. } => records,
        Read::TooBig(_) => panic!("a small slice"),
    }
}

fn texts(records: &RecordBatch, column: &str) -> Vec<String> {
    let column = records.column_by_name(column).unwrap();
    (0..column.len())
        .map(|row| array_value_to_string(column, row).unwrap())
        .collect()
}

#[tokio::test]
async fn values_parents_and_deleted_records_are_read() {
    let bed = support::bed().await;
    let plan = bed.accounts(Operation::Insert).await;
    bed.load(&plan, &accounts(3)).await;
    let contacts = support::batch(&[
        (
            "Contact_External_Id__c",
            vec![Some("C1".to_owned()), Some("C2".to_owned())],
        ),
        (
            "LastName",
            vec![Some("  Ö \"x\",\nb".to_owned()), Some("Two".to_owned())],
        ),
        ("Account.External_Id__c", vec![Some("A1".to_owned()), None]),
    ]);
    let fields = ["LastName", "Account.External_Id__c"];
    let plan = bed.contacts(Operation::Insert, &fields).await;
    bed.load(&plan, &contacts).await;
    let source = source(&bed).await;
    let read = async |from: &str| {
        let found = source.describe(&object(from)).await.unwrap();
        in_one_slice(source.as_ref(), &found).await
    };
    let records = read("{ query: \"select Id, LastName, Account.External_Id__c, Account.CreatedDate, HasOptedOutOfEmail from Contact\" }").await;
    let mut names = texts(&records, "LastName");
    names.sort();
    assert_eq!(names, ["  Ö \"x\",\nb", "Two"]);
    let mut parents = texts(&records, "Account.External_Id__c");
    parents.sort();
    assert_eq!(parents, ["", "A1"]);
    let kind = |name: &str| {
        records
            .schema()
            .field_with_name(name)
            .unwrap()
            .data_type()
            .clone()
    };
    assert!(matches!(
        kind("Account.CreatedDate"),
        DataType::Timestamp(..)
    ));
    let id = texts(&records, "Id")[0].clone();
    let delete = bed.plan("Contact", Operation::Delete, "Id", &["Id"]).await;
    bed.load(&delete, &support::batch(&[("Id", vec![Some(id)])]))
        .await;
    assert_eq!(
        read("{ query: \"select Id from Contact\" }")
            .await
            .num_rows(),
        1
    );
    assert_eq!(
        read("{ query: \"select Id from Contact ALL ROWS\" }")
            .await
            .num_rows(),
        2
    );
    let left = read("{ query: \"select Id from Contact\" }").await;
    let left = Some(texts(&left, "Id")[0].clone());
    let past_the_bin = bed
        .plan("Contact", Operation::HardDelete, "Id", &["Id"])
        .await;
    let results = bed
        .load(&past_the_bin, &support::batch(&[("Id", vec![left])]))
        .await;
    let gone = |sent: &connector::Sent| matches!(sent.verdict, connector::Verdict::Deleted { .. });
    assert!(results.len() == 1 && results.values().all(gone));
    assert_eq!(
        read("{ query: \"select Id from Contact ALL ROWS\" }")
            .await
            .num_rows(),
        1,
        "the one in the recycle bin"
    );
    assert!(
        read("{ table: Account }")
            .await
            .column_by_name("BillingAddress")
            .is_none()
    );
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_with_the_way_out() {
    let bed = support::bed().await;
    let source = source(&bed).await;
    for (from, code) in [
        ("{ table: Acount }", "unknown_object"),
        (
            "{ query: \"select Nme, Id from Account\" }",
            "unknown_field",
        ),
        (
            "{ query: \"select Id, BillingAddress from Account\" }",
            "compound_field",
        ),
        (
            "{ query: \"select Id, What.Industry from Task\" }",
            "polymorphic_path",
        ),
        ("{ query: \"select Name from Account\" }", "unknown_key"),
        (
            "{ query: \"select Id from Account limit 3\" }",
            "invalid_query",
        ),
        ("{ file: x.csv }", "unknown_file"),
    ] {
        let failure = source.describe(&object(from)).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.hint.is_some(), "{failure}");
    }
}

#[tokio::test]
async fn of_a_parent_of_any_object_its_object_is_told() {
    let bed = support::bed().await;
    load(&bed, 1).await;
    let key = "External_Id__c";
    let parent = bed.org.records("Account")[0][key].clone();
    let parent = parent.as_str().map(str::to_owned);
    let (what, fields) = ("Account:What.External_Id__c", [key, "Subject"]);
    let plan = bed
        .plan(
            "Task",
            Operation::Insert,
            key,
            &[fields[0], fields[1], what],
        )
        .await;
    let text = |text: &str| Some(text.to_owned());
    let tasks = support::batch(&[
        (key, vec![text("T1"), text("T2")]),
        ("Subject", vec![text("Call"), text("Think")]),
        (what, vec![parent, None]),
    ]);
    bed.load(&plan, &tasks).await;
    let source = source(&bed).await;
    let from = "{ query: \"select Id, Subject, What.Type, WhatId from Task\" }";
    let found = source.describe(&object(from)).await.unwrap();
    let first = source.first(&found, 20).await.unwrap().expect("a look");
    let kinds = first.column_by_name("What.Type").expect("a column");
    let kinds = kinds.as_string::<i32>();
    let mut kinds: Vec<_> = kinds.iter().collect();
    kinds.sort();
    assert_eq!(kinds, [None, Some("Account")]);
}

#[tokio::test]
async fn the_first_records_come_without_a_job() {
    let bed = support::bed().await;
    load(&bed, 30).await;
    let source = source(&bed).await;
    for (from, expected) in [
        ("{ table: Account }", 20),
        (
            "{ query: \"SELECT Id, Name, Parent.Name, Owner.Username FROM Account WHERE Name LIKE 'Name%'\" }",
            20,
        ),
        (
            "{ query: \"SELECT Id, Name FROM Account WHERE Name = 'nobody'\" }",
            0,
        ),
    ] {
        let found = source.describe(&object(from)).await.unwrap();
        let before = bed.org.api_calls();
        let first = source.first(&found, 20).await.unwrap().expect("a look");
        assert_eq!(bed.org.api_calls() - before, 1, "{from}");
        assert_eq!(
            (first.num_rows(), first.schema()),
            (expected, found.schema.clone()),
            "{from}"
        );
        // As the line itself reads them.
        let records = in_one_slice(source.as_ref(), &found).await;
        let rows = |batch: &RecordBatch| -> Vec<String> {
            let of = |row| {
                batch
                    .columns()
                    .iter()
                    .map(|column| array_value_to_string(column, row).unwrap())
                    .collect::<Vec<_>>()
                    .join("|")
            };
            (0..batch.num_rows()).map(of).collect()
        };
        let all = rows(&records);
        assert!(rows(&first).iter().all(|row| all.contains(row)), "{from}");
    }
}

#[tokio::test]
async fn an_org_tells_its_objects_with_records_and_their_lookups() {
    let bed = support::bed().await;
    load(&bed, 3).await;
    let source = source(&bed).await;
    let all = source.catalogue(&[]).await.unwrap();
    let names: Vec<_> = all
        .objects
        .iter()
        .map(|listed| listed.name.as_str())
        .collect();
    assert!(
        names.contains(&"Account") && !names.contains(&"Contact"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"User") && !names.contains(&"RecordType"),
        "{names:?}"
    );
    assert!(
        all.left_out[0].what.contains("Contact"),
        "{:?}",
        all.left_out
    );
    let account = all
        .objects
        .iter()
        .find(|listed| listed.name == "Account")
        .unwrap();
    assert_eq!(account.keys, [["Id"]]);
    let parent = account
        .parents
        .iter()
        .find(|parent| parent.columns == ["ParentId"])
        .unwrap();
    assert_eq!(
        (parent.from.describe(), parent.to.as_slice()),
        ("Account", &["Id".to_owned()][..])
    );
    let named = source.catalogue(&["task".to_owned()]).await.unwrap();
    assert_eq!(named.objects.len(), 1, "asked for by name, it may be empty");
    let who = named.objects[0]
        .parents
        .iter()
        .filter(|parent| parent.columns == ["WhoId"]);
    assert!(who.count() > 1, "a lookup to several objects");
    let to = bed.target.catalogue().await.unwrap();
    assert!(
        to.contains(&"Contact".to_owned()) && !to.contains(&"User".to_owned()),
        "{to:?}"
    );
}
