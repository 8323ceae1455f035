//! Whole jobs by each operation: every row's outcome is matched with its record, in whatever order results come.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::{CountScope, JobBody, Verdict};
use model::migration::Operation;
use support::{accounts, assert_held, batch, bed, count, created, duplicate, text, updated};

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_creates_and_then_updates() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    bed.target.prepare(&plan).await.unwrap();
    let first = bed.load(&plan, &accounts(450)).await;
    assert_eq!(count(&first, created), 450);
    let second = bed.load(&plan, &accounts(500)).await;
    assert_eq!(
        (count(&second, updated), count(&second, created)),
        (450, 50)
    );
    let keys = bed.jobs().keys(&plan, &accounts(500)).unwrap();
    assert!(keys.iter().all(|key| second.contains_key(key)));
    assert_held(&bed.org, &second);
    assert_eq!(bed.target.count("Account", &CountScope::All).await, Ok(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_an_insert_is_matched_with_its_record() {
    let bed = bed().await;
    let accounts_plan = bed.accounts(Operation::Upsert).await;
    bed.load(&accounts_plan, &accounts(1)).await;
    let fields = ["LastName", "Account.External_Id__c", "Migration_Id__c"];
    let plan = bed.contacts(Operation::Insert, &fields).await;
    bed.target.prepare(&plan).await.unwrap();
    let rows = 700;
    // Every seventh row goes wrong in one of three ways.
    let wrong = |n: usize| {
        if n.is_multiple_of(7) {
            1 + n / 7 % 3
        } else {
            0
        }
    };
    let records = batch(&[
        (
            "Contact_External_Id__c",
            (0..rows).map(|n| text(format_args!("C{n}"))).collect(),
        ),
        (
            "LastName",
            (0..rows)
                .map(|n| match wrong(n) {
                    1 => Some("x".repeat(81)),
                    2 => None,
                    _ => text(format_args!("นาย, \"{n}\"")),
                })
                .collect(),
        ),
        (
            "Account.External_Id__c",
            (0..rows)
                .map(|n| match (wrong(n), n % 2) {
                    (3, _) => text("NOBODY"),
                    (_, 0) => text("A0"),
                    _ => None,
                })
                .collect(),
        ),
        (
            "Migration_Id__c",
            (0..rows).map(|_| text("run '1'")).collect(),
        ),
    ]);
    let results = bed.load(&plan, &records).await;
    assert_eq!(results.len(), rows);
    for n in 0..rows {
        let sent = &results[&format!("C{n}")];
        let (code, field) = match wrong(n) {
            0 => {
                assert!(created(&sent.verdict), "{n}: {sent:?}");
                continue;
            }
            1 => ("STRING_TOO_LONG", "LastName"),
            2 => ("REQUIRED_FIELD_MISSING", "LastName"),
            _ => ("INVALID_FIELD", ""),
        };
        let Verdict::Failed {
            code: told,
            message,
            fields,
        } = &sent.verdict
        else {
            panic!("{n}: {sent:?}");
        };
        assert_eq!(told, code, "{n}: {message}");
        assert!(field.is_empty() || fields == &[field], "{n}: {fields:?}");
        assert_eq!(sent.fields["Contact_External_Id__c"], format!("C{n}"));
    }
    let good = rows - rows.div_ceil(7);
    let scope = |value: &str| CountScope::Stamped {
        field: "Migration_Id__c".to_owned(),
        value: value.to_owned(),
    };
    let counted = bed.target.count("Contact", &scope("run '1'")).await;
    assert_eq!(counted, Ok(good as u64));
    assert_eq!(bed.target.count("Contact", &scope("other")).await, Ok(0));
    let account = &bed.org.records("Account")[0]["Id"];
    let linked = bed.org.records("Contact").into_iter();
    assert!(linked.filter(|c| &c["AccountId"] == account).count() > 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_insert_of_the_same_keys_writes_nothing_twice() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Insert).await;
    assert_eq!(count(&bed.load(&plan, &accounts(10)).await, created), 10);
    let again = bed.load(&plan, &accounts(10)).await;
    assert_eq!(count(&again, duplicate), 10);
    assert_eq!(bed.org.count("Account"), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_clear_and_kept_ones_stay() {
    let bed = bed().await;
    let fields = ["External_Id__c", "Name", "Phone", "Fax"];
    let plan = bed
        .plan("Account", Operation::Upsert, "External_Id__c", &fields)
        .await;
    let one = |phone: Option<&str>, fax: Option<&str>| {
        batch(&[
            ("External_Id__c", vec![text("A")]),
            ("Name", vec![text("n")]),
            ("Phone", vec![phone.map(str::to_owned)]),
            ("Fax", vec![fax.map(str::to_owned)]),
        ])
    };
    bed.load(&plan, &one(Some("1"), Some("2"))).await;
    let cleared = one(None, None);
    let schema = cleared.schema();
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "Fax" => record::meta::with_keep_on_null(field.as_ref().clone()),
            _ => field.as_ref().clone(),
        })
        .collect();
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
    let cleared = cleared.with_schema(schema).unwrap();
    bed.load(&plan, &cleared).await;
    let account = &bed.org.records("Account")[0];
    assert!(account["Phone"].is_null(), "{account:?}");
    assert_eq!(account["Fax"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_updated_and_deleted_by_id() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    bed.load(&plan, &accounts(3)).await;
    let ids: Vec<_> = bed.account_ids().into_iter().map(Some).collect();
    let update = bed
        .plan("Account", Operation::Update, "Id", &["Id", "Name"])
        .await;
    bed.target.prepare(&update).await.unwrap();
    let short: Vec<_> = ids.iter().flatten().map(|id| text(&id[..15])).collect();
    let records = batch(&[("Id", short), ("Name", vec![text("new"); 3])]);
    let results = bed.load(&update, &records).await;
    assert_eq!(count(&results, updated), 3);
    assert!(
        bed.jobs()
            .keys(&update, &records)
            .unwrap()
            .iter()
            .all(|key| results.contains_key(key))
    );
    assert!(
        bed.org
            .records("Account")
            .iter()
            .all(|record| record["Name"] == "new")
    );

    let delete = bed.plan("Account", Operation::Delete, "Id", &["Id"]).await;
    bed.target.prepare(&delete).await.unwrap();
    let results = bed.load(&delete, &batch(&[("Id", ids)])).await;
    assert_eq!(count(&results, |v| matches!(v, Verdict::Deleted { .. })), 3);
    assert_eq!(bed.org.count("Account"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_types_go_by_developer_name() {
    let bed = bed().await;
    let fields = ["LastName", "RecordType.DeveloperName"];
    let plan = bed.contacts(Operation::Upsert, &fields).await;
    bed.target.prepare(&plan).await.unwrap();
    let records = batch(&[
        ("Contact_External_Id__c", vec![text("1")]),
        ("LastName", vec![text("x")]),
        ("RecordType.DeveloperName", vec![text("Vendor_Contact")]),
    ]);
    assert_eq!(count(&bed.load(&plan, &records).await, created), 1);
    assert!(bed.org.records("Contact")[0]["RecordTypeId"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_parts_make_one_job_and_empty_files_may_come_as_no_content() {
    let bed = bed().await;
    bed.org.faults().empty_results_as_204(true);
    let plan = bed.accounts(Operation::Upsert).await;
    let jobs = bed.jobs();
    let all = accounts(5);
    let parts: Vec<_> = [all.slice(0, 2), all.slice(2, 0), all.slice(2, 3)]
        .iter()
        .map(|part| jobs.encode(&plan, part).unwrap())
        .collect();
    let job = jobs.create(&plan).await.unwrap();
    jobs.upload(&plan, &job, JobBody::of(&parts).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    assert_eq!(support::ended(jobs, &job).await, None);
    let results = support::results(jobs, &plan, &job, 5).await.unwrap();
    assert_eq!(count(&results, created), 5);
}
