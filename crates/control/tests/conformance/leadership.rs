//! Who leads: one at a time, with terms that only rise.

use control::{Control, Error, Term, Verdict};
use futures::future::join_all;
use model::{Attempt, RunStatus};
use sqlx::Executor as _;

use crate::bed::{Bed, Raw, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, books, eventually};

on_both!(
    one_leads_and_goes_on_leading,
    of_eight_contenders_one_leads,
    who_resigns_is_out,
    a_write_under_way_when_its_leader_is_deposed_changes_nothing,
    a_write_under_way_holds_up_a_takeover_but_no_renewal,
    lost_connections_are_replaced,
);

async fn one_leads_and_goes_on_leading(bed: &Bed) {
    let control = &bed.control;
    assert_eq!(control.leader().await.unwrap(), None);
    assert_eq!(control.lead("a", MINUTE).await.unwrap(), Some(Term(1)));
    assert_eq!(control.lead("b", MINUTE).await.unwrap(), None);
    assert_eq!(control.lead("a", MINUTE).await.unwrap(), Some(Term(1)));
    let leader = control.leader().await.unwrap().unwrap();
    assert_eq!((leader.term, leader.holder.as_str()), (Term(1), "a"));
    // Its time is up, and nobody else asked: it goes on under the same term.
    control.lead("a", NOW).await.unwrap();
    assert_eq!(control.leader().await.unwrap(), None);
    assert_eq!(control.lead("a", NOW).await.unwrap(), Some(Term(1)));
    // Somebody else asked first.
    assert_eq!(control.lead("b", MINUTE).await.unwrap(), Some(Term(2)));
    assert_eq!(control.lead("a", MINUTE).await.unwrap(), None);
}

async fn of_eight_contenders_one_leads(bed: &Bed) {
    bed.control.lead("before", NOW).await.unwrap();
    let asked = join_all((0..8).map(|n| {
        let control = bed.control.clone();
        tokio::spawn(async move { control.lead(&format!("c{n}"), MINUTE).await.unwrap() })
    }))
    .await;
    let terms: Vec<_> = asked.into_iter().filter_map(|term| term.unwrap()).collect();
    assert_eq!(terms, [Term(2)]);
}

async fn who_resigns_is_out(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    bed.control.resign(f.term).await.unwrap();
    assert_eq!(bed.control.leader().await.unwrap(), None);
    let late = bed
        .control
        .set_status(f.term, &f.run, RunStatus::Pending, RunStatus::Running, None)
        .await;
    assert!(matches!(late, Err(Error::Deposed(term)) if term == f.term));
    let next = bed.control.lead("next", MINUTE).await.unwrap().unwrap();
    assert!(next > f.term);
    // Resigning late does not unseat the next.
    bed.control.resign(f.term).await.unwrap();
    assert_eq!(bed.control.leader().await.unwrap().unwrap().term, next);
}

/// A take-over that is not yet committed holds the leader's write up; then the write sees the new term.
async fn a_write_under_way_when_its_leader_is_deposed_changes_nothing(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    f.dispatch(bed, 1).await;
    let before = bed.content().await;
    let control = Control::open(&bed.url).await.unwrap();
    let chunk = f.chunk(1);
    let late = move |term| {
        tokio::spawn(async move {
            control
                .settle(term, &chunk, Attempt(1), &Verdict::Done(books(1, 0, 0)))
                .await
        })
    };
    let late = match &bed.raw {
        Raw::Postgres(pool) => {
            let mut tx = pool.begin().await.unwrap();
            tx.execute("update leadership set term = term + 1, holder = 'other'")
                .await
                .unwrap();
            let late = late(f.term);
            eventually("the late write's waiting", async || {
                waiting(bed).await == "1"
            })
            .await;
            tx.commit().await.unwrap();
            late
        }
        Raw::Sqlite(pool) => {
            let mut tx = pool.begin_with("begin immediate").await.unwrap();
            tx.execute("update leadership set term = term + 1, holder = 'other'")
                .await
                .unwrap();
            let late = late(f.term);
            tokio::task::yield_now().await;
            tx.commit().await.unwrap();
            late
        }
    };
    assert!(matches!(late.await.unwrap(), Err(Error::Deposed(_))));
    assert_eq!(bed.content().await, before);
}

/// What the unique column `term` is for, on PostgreSQL. In SQLite all writers wait for one another.
async fn a_write_under_way_holds_up_a_takeover_but_no_renewal(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let Raw::Postgres(pool) = &bed.raw else {
        return;
    };
    let mut write = pool.begin().await.unwrap();
    let guard = "select 1 from leadership where term = 1 for key share";
    write.execute(guard).await.unwrap();
    assert_eq!(bed.control.lead("leader", NOW).await.unwrap(), Some(f.term));
    let control = bed.control.clone();
    let takeover = tokio::spawn(async move { control.lead("other", MINUTE).await.unwrap() });
    eventually("the take-over's waiting", async || {
        waiting(bed).await == "1"
    })
    .await;
    write
        .execute("update chunks set state = 'superseded'")
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(takeover.await.unwrap(), Some(Term(f.term.0 + 1)));
}

async fn waiting(bed: &Bed) -> String {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    bed.value(sql).await
}

async fn lost_connections_are_replaced(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    if !bed.is_postgres() {
        return;
    }
    bed.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await;
    eventually("another connection", async || {
        match bed.control.run(&f.run).await {
            Ok(_) => true,
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                false
            }
        }
    })
    .await;
}
