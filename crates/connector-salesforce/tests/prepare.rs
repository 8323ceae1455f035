//! Plans that can't work are refused before anything is sent, with the way out.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::LoadPlan;
use model::migration::Operation;
use model::{Failure, FailureKind};
use rehearsal_org::{FieldKind, FieldSchema, Schema};
use support::{Bed, bed_of};

async fn bed() -> Bed {
    let mut schema = Schema::standard();
    let contact = schema.object_mut("Contact").unwrap();
    let mut loose = FieldSchema::external_id("Loose_Id__c");
    loose.unique = false;
    let mut detail = FieldSchema::string("Once__c", 10);
    detail.updateable = false;
    contact.fields.extend([
        loose,
        detail,
        FieldSchema::new("Score__c", FieldKind::Double).read_only(),
    ]);
    bed_of(schema).await
}

async fn refusal(bed: &Bed, operation: Operation, key: &[&str], fields: &[&str]) -> Failure {
    let mut plan: LoadPlan = bed.plan("Contact", operation, "", fields).await;
    plan.key = key.iter().map(|key| (*key).to_owned()).collect();
    let failure = bed.target.prepare(&plan).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
    assert_eq!(
        failure.place.object.as_deref(),
        Some("contact"),
        "{failure}"
    );
    assert!(failure.hint.is_some(), "{failure}");
    assert_eq!(bed.org.count("Contact"), 0);
    failure
}

const KEY: &str = "Contact_External_Id__c";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_object_is_told_with_near_ones() {
    let bed = bed().await;
    for name in ["Acount", "Account/../Contact", ""] {
        let failure = bed.target.describe(name).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Usage, "unknown_object")
        );
        assert!(failure.hint.is_some());
    }
    let failure = bed.target.describe("Acount").await.unwrap_err();
    assert!(failure.hint.unwrap().contains("near are: Account"));
    assert_eq!(
        bed.target.describe("account").await.unwrap().name,
        "Account"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_needs_a_field_that_carries_our_key() {
    let bed = bed().await;
    for key in [
        &[] as &[&str],
        &["LastName"],
        &["Id"],
        &["Loose_Id__c"],
        &["Email"],
    ] {
        let mut fields = vec!["LastName"];
        fields.extend(key.iter().filter(|key| **key != "LastName"));
        let failure = refusal(&bed, Operation::Insert, key, &fields).await;
        assert_eq!(failure.code, "no_key_field", "{key:?}");
        let hint = failure.hint.unwrap();
        assert!(
            hint.contains("Legacy_Key__c") && hint.contains(KEY),
            "{hint}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_needs_a_unique_external_id() {
    let bed = bed().await;
    for (key, says) in [
        ("Loose_Id__c", "not unique"),
        ("LastName", "no External ID"),
    ] {
        let failure = refusal(
            &bed,
            Operation::Upsert,
            &[key],
            &["LastName", "Loose_Id__c"],
        )
        .await;
        assert_eq!(failure.code, "no_unique_key");
        assert!(failure.message.contains(says), "{failure}");
    }
    let failure = refusal(&bed, Operation::Upsert, &[KEY], &["LastName"]).await;
    assert_eq!(failure.code, "unmapped_external_id");
    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY, "LastName"],
        &[KEY, "LastName"],
    )
    .await;
    assert_eq!(failure.code, "no_key_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_go_by_id() {
    let bed = bed().await;
    for operation in [Operation::Update, Operation::Delete] {
        let failure = refusal(&bed, operation, &[KEY], &[KEY]).await;
        assert!(failure.message.contains("`Id` alone"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_must_be_there_and_open() {
    let bed = bed().await;
    let failure = refusal(&bed, Operation::Upsert, &[KEY], &[KEY, "LastNaem"]).await;
    assert_eq!(
        (failure.code.as_str(), failure.place.field.as_deref()),
        ("unknown_field", Some("LastNaem"))
    );
    assert!(failure.hint.unwrap().contains("LastName"));

    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY],
        &[KEY, "LastName", "Score__c", "CreatedById"],
    )
    .await;
    assert_eq!(
        (failure.code.as_str(), failure.place.field.as_deref()),
        ("not_writable", Some("Score__c"))
    );
    assert!(
        failure.message.contains("Score__c, CreatedById"),
        "{failure}"
    );

    let failure = refusal(&bed, Operation::Update, &["Id"], &["Id", "Once__c"]).await;
    assert_eq!(failure.code, "not_writable");
    let plan = bed
        .plan(
            "Contact",
            Operation::Upsert,
            KEY,
            &[KEY, "LastName", "Once__c"],
        )
        .await;
    bed.target.prepare(&plan).await.unwrap();

    let failure = refusal(&bed, Operation::Insert, &[KEY], &[KEY]).await;
    assert_eq!(failure.code, "required_fields_missing");
    assert!(failure.message.contains("LastName"), "{failure}");

    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY],
        &[KEY, "AccountId", "Account.External_Id__c"],
    )
    .await;
    assert_eq!(
        (failure.code.as_str(), failure.place.field.as_deref()),
        ("field_twice", Some("Account"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_must_find_one_kind_of_parent_by_a_key_of_its_own() {
    let bed = bed().await;
    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY],
        &[KEY, "LastName", "Acct.External_Id__c"],
    )
    .await;
    assert_eq!(
        (failure.code.as_str(), failure.place.field.as_deref()),
        ("unknown_relation", Some("Acct"))
    );
    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY],
        &[KEY, "LastName", "Account.Phone"],
    )
    .await;
    assert_eq!(
        (failure.code.as_str(), failure.place.field.as_deref()),
        ("no_finder", Some("Account"))
    );
    assert!(failure.hint.unwrap().contains("External_Id__c"));
    let failure = refusal(
        &bed,
        Operation::Upsert,
        &[KEY],
        &[KEY, "LastName", "Account:Account.External_Id__c"],
    )
    .await;
    assert_eq!(failure.code, "needless_type");

    let task = |lookup: &'static str| {
        let bed = &bed;
        async move {
            let fields = ["External_Id__c", lookup];
            let plan = bed
                .plan("Task", Operation::Upsert, "External_Id__c", &fields)
                .await;
            bed.target.prepare(&plan).await
        }
    };
    assert_eq!(
        task("Who.External_Id__c").await.unwrap_err().code,
        "polymorphic_lookup"
    );
    assert_eq!(
        task("Account:Who.External_Id__c").await.unwrap_err().code,
        "unknown_object"
    );
    task("Contact:Who.External_Id__c").await.unwrap();
}
