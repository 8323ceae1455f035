//! Listing what did not make it.

use control::Failures;
use model::{Attempt, Fate};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, entry, failed};

on_both!(
    failures_are_listed_page_by_page,
    failures_are_summed_up_by_code,
    many_failures_in_one_chunk
);

async fn failures_are_listed_page_by_page(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let mut refused = vec![
        failed("1", Fate::Failed),
        failed("2", Fate::Rejected),
        failed("3", Fate::Failed),
        failed("4", Fate::Skipped),
    ];
    refused[1].code = "too_long".to_owned();
    refused[1].fields = vec![];
    bed.control
        .audit(
            &entry(&f.chunk(1), Attempt(1), books(0, 1, 2)),
            &refused,
            None,
        )
        .await
        .unwrap();
    let list = async |which: Failures<'_>| {
        let found = bed.control.failures(&f.run, &which).await.unwrap();
        let keys: Vec<_> = found.iter().map(|r| r.key.clone()).collect();
        (keys.join(""), found.last().map(|r| r.id))
    };
    let all = Failures {
        limit: 9,
        ..Failures::default()
    };
    assert_eq!(list(all).await.0, "1234");
    let (page, last) = list(Failures { limit: 2, ..all }).await;
    assert_eq!(page, "12");
    assert_eq!(list(Failures { after: last, ..all }).await.0, "34");
    assert_eq!(
        list(Failures {
            code: Some("too_long"),
            ..all
        })
        .await
        .0,
        "2"
    );
    assert_eq!(
        list(Failures {
            object: Some("b"),
            ..all
        })
        .await
        .0,
        ""
    );
    assert_eq!(
        list(Failures {
            object: Some("a"),
            code: Some("REQUIRED_FIELD_MISSING"),
            unresolved_only: true,
            ..all
        })
        .await
        .0,
        "13"
    );
    // Settled by a person.
    bed.sql("update failed_records set resolved = true, resolution_notes = 'by phone' where record_key = '1'").await;
    assert_eq!(
        list(Failures {
            unresolved_only: true,
            ..all
        })
        .await
        .0,
        "23"
    );
    let keys = bed
        .control
        .unresolved_keys(&f.run, "a", None, 9)
        .await
        .unwrap();
    assert_eq!(
        keys.iter()
            .map(|k| (k.chunk.0, k.key.as_str()))
            .collect::<Vec<_>>(),
        [(1, "2"), (1, "3")]
    );
}

async fn failures_are_summed_up_by_code(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    let mut other = failed("9", Fate::Rejected);
    other.code = "too_long".to_owned();
    bed.control
        .audit(
            &entry(&f.chunk(1), Attempt(1), books(0, 1, 1)),
            &[failed("1", Fate::Failed), other],
            None,
        )
        .await
        .unwrap();
    bed.control
        .audit(
            &entry(&f.chunk(2), Attempt(1), books(0, 0, 1)),
            &[failed("2", Fate::Failed)],
            None,
        )
        .await
        .unwrap();
    let groups = bed.control.failure_summary(&f.run).await.unwrap();
    let shown: Vec<_> = groups
        .iter()
        .map(|g| {
            (
                g.object.as_str(),
                g.code.as_str(),
                g.count,
                g.sample_key.as_str(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("a", "REQUIRED_FIELD_MISSING", 2, "1"),
            ("a", "too_long", 1, "9")
        ]
    );
    assert_eq!(
        (groups[0].fate, groups[0].sample_message.as_str()),
        (Fate::Failed, "no name at 1")
    );
}

async fn many_failures_in_one_chunk(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let refused: Vec<_> = (0..1_777)
        .map(|n| failed(&format!("{n:05}"), Fate::Failed))
        .collect();
    bed.control
        .audit(
            &entry(&f.chunk(1), Attempt(1), books(0, 0, 1_777)),
            &refused,
            None,
        )
        .await
        .unwrap();
    let (mut after, mut seen) = (None, 0);
    loop {
        let page = bed
            .control
            .unresolved_keys(&f.run, "a", after, 500)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen += page.len();
    }
    assert_eq!(seen, 1_777);
}
