//! Leases, and the services that report themselves.

use std::time::Duration;

use control::{LoweredBy, NewRoom, TakenLease};
use model::Attempt;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, eventually};

on_both!(
    only_the_current_attempt_is_leased,
    leases_are_renewed_released_and_taken_over,
    old_leases_are_swept_out,
    services_report_themselves,
    loaders_report_their_room,
);

async fn only_the_current_attempt_is_leased(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let take = async |attempt| {
        bed.control
            .take_lease(&f.chunk(1), Attempt(attempt), "loader", "x", MINUTE)
            .await
            .unwrap()
    };
    assert_eq!(take(0).await, TakenLease::Stale);
    assert_eq!(take(1).await, TakenLease::Stale);
    f.dispatch(bed, 1).await;
    assert_eq!(
        (take(0).await, take(1).await, take(2).await),
        (TakenLease::Stale, TakenLease::Taken, TakenLease::Stale)
    );
    bed.control
        .give_back(f.term, &f.chunk(1), Attempt(1), NOW, None)
        .await
        .unwrap();
    assert_eq!(take(1).await, TakenLease::Stale);
    f.dispatch(bed, 1).await;
    assert_eq!(
        (take(1).await, take(2).await),
        (TakenLease::Stale, TakenLease::Taken)
    );
    assert_eq!(
        bed.control
            .take_lease(&f.chunk(9), Attempt(1), "loader", "x", MINUTE)
            .await
            .unwrap(),
        TakenLease::Stale
    );
}

async fn leases_are_renewed_released_and_taken_over(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    let control = &bed.control;
    for chunk in [1, 2] {
        control
            .take_lease(&f.chunk(chunk), Attempt(1), "loader", "x", NOW)
            .await
            .unwrap();
    }
    assert_eq!(control.renew_leases("x", MINUTE).await.unwrap(), 2);
    assert!(
        control
            .leases_of("x")
            .await
            .unwrap()
            .iter()
            .all(|l| l.until > chrono::Utc::now())
    );
    // Delivered again, to another.
    control
        .take_lease(&f.chunk(1), Attempt(1), "loader", "y", MINUTE)
        .await
        .unwrap();
    assert_eq!(control.leases_of("y").await.unwrap()[0].chunk, f.chunk(1));
    // The first holder's release is not the second's.
    control
        .release_lease(&f.chunk(1), Attempt(1), "loader", "x")
        .await
        .unwrap();
    assert_eq!(control.leases_of("y").await.unwrap().len(), 1);
    control
        .release_lease(&f.chunk(2), Attempt(1), "loader", "x")
        .await
        .unwrap();
    assert_eq!(control.leases_of("x").await.unwrap(), []);
    assert_eq!(control.renew_leases("nobody", MINUTE).await.unwrap(), 0);
}

async fn old_leases_are_swept_out(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    for (chunk, holder) in [(1, "old"), (2, "new")] {
        bed.control
            .take_lease(&f.chunk(chunk), Attempt(1), "loader", holder, NOW)
            .await
            .unwrap();
    }
    bed.sql(match bed.is_postgres() {
        true => "update leases set until = until - interval '2 hours' where holder = 'old'",
        false => "update leases set until = strftime('%Y-%m-%dT%H:%M:%fZ', until, '-2 hours') where holder = 'old'",
    })
    .await;
    bed.control.lead("leader", MINUTE).await.unwrap();
    assert_eq!(bed.control.leases_of("old").await.unwrap(), []);
    assert_eq!(bed.control.leases_of("new").await.unwrap().len(), 1);
}

async fn services_report_themselves(bed: &Bed) {
    let control = &bed.control;
    for (instance, role, ready) in [
        ("p1", "loader", true),
        ("p2", "loader", true),
        ("p3", "loader", false),
        ("p1", "auditor", true),
    ] {
        control
            .heartbeat(instance, role, "host", "0.1.0", ready, 3)
            .await
            .unwrap();
    }
    assert_eq!(control.ready_services("loader", MINUTE).await.unwrap(), 2);
    assert_eq!(
        control.ready_services("reconciler", MINUTE).await.unwrap(),
        0
    );
    eventually("a moment's passing", async || {
        control
            .ready_services("loader", Duration::from_millis(1))
            .await
            .unwrap()
            == 0
    })
    .await;
    control
        .heartbeat("p1", "loader", "host", "0.1.1", true, 7)
        .await
        .unwrap();
    let services = control.services().await.unwrap();
    assert_eq!(services.len(), 4);
    let p1 = services
        .iter()
        .find(|s| s.instance == "p1" && s.role == "loader")
        .unwrap();
    assert_eq!(
        (p1.version.as_str(), p1.in_hand, p1.ready),
        ("0.1.1", 7, true)
    );
    control.farewell("p1").await.unwrap();
    assert_eq!(control.services().await.unwrap().len(), 2);
}

async fn loaders_report_their_room(bed: &Bed) {
    let control = &bed.control;
    let room = |instance: &str, connection: &str| NewRoom {
        instance: instance.to_owned(),
        migration: "legacy-crm".to_owned(),
        connection: connection.to_owned(),
        at_most: 4,
        at_once: 4,
        under_way: 1,
        lowered: None,
    };
    for (instance, connection) in [("p1", "org"), ("p2", "org"), ("p1", "another")] {
        let room = room(instance, connection);
        control.report_room(&room).await.unwrap();
    }
    let lowered = NewRoom {
        at_once: 2,
        lowered: Some((LoweredBy::Locks, MINUTE)),
        ..room("p2", "org")
    };
    control.report_room(&lowered).await.unwrap();
    let found = control.rooms("legacy-crm", "org", MINUTE).await.unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|room| (room.instance.as_str(), room.at_once, room.under_way))
        .collect();
    assert_eq!(shown, [("p1", 4, 1), ("p2", 2, 1)]);
    assert_eq!(found[0].lowered, None);
    let (by, since) = found[1].lowered.unwrap();
    assert_eq!(by, LoweredBy::Locks);
    let ago = chrono::Utc::now() - since;
    assert!((50..=70).contains(&ago.num_seconds()), "{ago}");
    assert_eq!(control.rooms("other", "org", MINUTE).await.unwrap(), []);
    control.farewell("p2").await.unwrap();
    let left = control.rooms("legacy-crm", "org", MINUTE).await.unwrap();
    assert_eq!(left.len(), 1);
    eventually("a moment's passing", async || {
        let moment = Duration::from_millis(1);
        let seen = control.rooms("legacy-crm", "org", moment).await.unwrap();
        seen.is_empty()
    })
    .await;
}
