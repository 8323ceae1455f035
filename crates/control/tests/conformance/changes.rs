//! Changed values: stored with their chunk's outcome and as often as that, counted by record, listed and summed up.

use control::{Audited, ChangeGroup, Changes, NewChange};
use futures::future::join_all;
use model::{Attempt, Fate};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, entry, failed};

on_both!(
    changes_are_stored_with_their_outcome_and_counted_by_record,
    changes_delivered_again_change_nothing,
    changes_are_stored_whole_or_not_at_all,
    changes_are_summed_up_by_field_and_code,
    many_changes_in_one_chunk,
);

fn change(key: &str, field: &str, code: &str, was: Option<&str>) -> NewChange {
    NewChange {
        key: key.to_owned(),
        field: field.to_owned(),
        code: code.to_owned(),
        was: was.map(str::to_owned),
    }
}

/// Audits a chunk as this attempt's.
async fn audit(f: &Fixture, bed: &Bed, chunk: i64, attempt: i64, changes: &[NewChange]) -> Audited {
    let mut entry = entry(&f.chunk(chunk), Attempt(attempt), books(5, 0, 0));
    entry.changes = changes.to_vec();
    bed.control.audit(&entry, &[], None).await.unwrap()
}

/// Chunk, key, field, code and value of each, in the order of the listing.
async fn listed(f: &Fixture, bed: &Bed, which: Changes<'_>) -> Vec<String> {
    let changes = bed.control.changes(&f.run, &which).await.unwrap();
    changes
        .iter()
        .map(|change| {
            let was = change.was.as_deref().unwrap_or("null");
            format!(
                "{} {} {} {} {was}",
                change.chunk.chunk, change.key, change.field, change.code
            )
        })
        .collect()
}

const ALL: Changes<'static> = Changes {
    object: None,
    code: None,
    key: None,
    after: None,
    limit: 99,
};

async fn changes_are_stored_with_their_outcome_and_counted_by_record(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    let odd = "naïve\u{0}\n'x'";
    let first = [
        change("k1", "Name", "too_long", Some(odd)),
        change("k1", "Rating", "value_not_allowed", Some("")),
        change("k2", "Name", "required_field_missing", None),
    ];
    assert_eq!(audit(&f, bed, 1, 1, &first).await, Audited::Recorded);
    let second = [change("k1", "Name", "too_long", Some("b"))];
    audit(&f, bed, 2, 1, &second).await;
    let changed = bed.control.changed(&f.run).await.unwrap();
    assert_eq!(
        changed.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), 3)]
    );
    let expected = [
        format!("1 k1 Name too_long {odd}"),
        "1 k1 Rating value_not_allowed ".to_owned(),
        "1 k2 Name required_field_missing null".to_owned(),
        "2 k1 Name too_long b".to_owned(),
    ];
    assert_eq!(listed(&f, bed, ALL).await, expected);
    let too_long = Changes {
        code: Some("too_long"),
        object: Some("a"),
        ..ALL
    };
    assert_eq!(listed(&f, bed, too_long).await.len(), 2);
    let elsewhere = Changes {
        object: Some("b"),
        ..ALL
    };
    assert!(listed(&f, bed, elsewhere).await.is_empty());
    let of_key = Changes {
        key: Some("k2"),
        ..ALL
    };
    assert_eq!(listed(&f, bed, of_key).await, expected[2..3]);
    let known = bed.control.changes(&f.run, &ALL).await.unwrap();
    let rest = Changes {
        after: Some(known[1].id),
        limit: 1,
        ..ALL
    };
    assert_eq!(listed(&f, bed, rest).await, expected[2..3]);
}

async fn changes_delivered_again_change_nothing(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let first = [change("k1", "Name", "too_long", Some("first"))];
    audit(&f, bed, 1, 1, &first).await;
    let before = bed.content().await;
    let other = [
        change("k1", "Name", "too_long", Some("second")),
        change("k2", "Name", "too_long", None),
    ];
    let again = join_all([1, 1, 2, 3].map(|attempt| audit(&f, bed, 1, attempt, &other))).await;
    assert!(again.iter().all(|audited| *audited
        == Audited::Already {
            books: books(5, 0, 0)
        }));
    assert_eq!(
        bed.content().await,
        before,
        "what was recorded first stands"
    );
}

async fn changes_are_stored_whole_or_not_at_all(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let before = bed.content().await;
    bed.sql("alter table failed_records rename to elsewhere")
        .await;
    let mut entry = entry(&f.chunk(1), Attempt(1), books(1, 0, 1));
    entry.changes = vec![change("k1", "Name", "too_long", Some("x"))];
    let refused = [failed("k2", Fate::Failed)];
    assert!(bed.control.audit(&entry, &refused, None).await.is_err());
    bed.sql("alter table elsewhere rename to failed_records")
        .await;
    assert_eq!(bed.content().await, before);
    let audited = bed.control.audit(&entry, &refused, None).await.unwrap();
    assert_eq!(audited, Audited::Recorded);
    assert_eq!(listed(&f, bed, ALL).await, ["1 k1 Name too_long x"]);
}

async fn changes_are_summed_up_by_field_and_code(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    assert_eq!(bed.control.change_summary(&f.run).await.unwrap(), []);
    let first = [
        change("k1", "Rating", "value_not_allowed", Some("x")),
        change("k1", "Name", "too_long", Some("one")),
    ];
    audit(&f, bed, 1, 1, &first).await;
    audit(
        &f,
        bed,
        2,
        1,
        &[change("k3", "Name", "too_long", Some("two"))],
    )
    .await;
    let group = |field: &str, code: &str, count: u64, was: &str| ChangeGroup {
        object: "a".to_owned(),
        field: field.to_owned(),
        code: code.to_owned(),
        count,
        sample_key: "k1".to_owned(),
        sample_was: Some(was.to_owned()),
    };
    assert_eq!(
        bed.control.change_summary(&f.run).await.unwrap(),
        [
            group("Name", "too_long", 2, "one"),
            group("Rating", "value_not_allowed", 1, "x")
        ]
    );
}

async fn many_changes_in_one_chunk(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let changes: Vec<_> = (0..1_777)
        .map(|n| change(&n.to_string(), "Name", "too_long", Some("x")))
        .collect();
    audit(&f, bed, 1, 1, &changes).await;
    let changed = bed.control.changed(&f.run).await.unwrap();
    assert_eq!(changed["a"], 1_777);
    assert_eq!(
        bed.value("select count(*) from changed_records").await,
        "1777"
    );
}
