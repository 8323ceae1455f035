//! What ends with the dead letters, and what is told there.
//! A letter says where it came from and why, and is kept until somebody takes it.

use std::sync::Arc;

use model::Kind;
use queue::{Broker, Queue};

use crate::support::{DELIVERY_LIMIT, load, message, next, nothing_more, until};

async fn count(broker: &Arc<dyn Broker>) -> Result<usize, queue::Error> {
    Ok(broker.dead_letters(100).await?.len())
}

pub(crate) async fn what_is_rejected_keeps_its_reason(broker: Arc<dyn Broker>) {
    let queue = load("crm", "org");
    broker.publish(&queue, message(1)).await.unwrap();
    let mut consumer = broker.consume(&queue, 1).await.unwrap();
    let reason = "the batch's schema isn't the one of the run: ไม่ตรงกัน";
    next(&mut consumer).await.reject(reason).await.unwrap();
    nothing_more(&mut consumer).await;
    until(1, || count(&broker)).await;
    let letters = broker.dead_letters(10).await.unwrap();
    assert_eq!(letters[0].reason, reason);
    assert!(letters[0].queue.ends_with(".load.crm.org"), "{letters:?}");
    assert_eq!(letters[0].envelope.as_ref(), Some(&message(1)));
    assert_eq!(letters[0].body, message(1).body);
}

pub(crate) async fn what_comes_back_too_often_ends_there(broker: Arc<dyn Broker>) {
    broker.publish(&Queue::Transform, message(1)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Transform, 1).await.unwrap();
    for at in 0..=DELIVERY_LIMIT {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.redelivered, at > 0);
        drop(delivery);
    }
    nothing_more(&mut consumer).await;
    until(1, || count(&broker)).await;
    let letters = broker.dead_letters(10).await.unwrap();
    assert!(letters[0].queue.ends_with(".transform"), "{letters:?}");
    assert_eq!(
        letters[0].reason,
        format!("came back unacknowledged more than {DELIVERY_LIMIT} times")
    );
    assert_eq!(letters[0].envelope.as_ref(), Some(&message(1)));
}

pub(crate) async fn an_unknown_version_never_reaches_the_handler(broker: Arc<dyn Broker>) {
    let mut unknown = message(1);
    unknown.version = 99;
    unknown.kind = Kind::Report;
    broker.publish(&Queue::Reports, unknown).await.unwrap();
    broker.publish(&Queue::Reports, message(2)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Reports, 1).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.envelope, message(2));
    delivery.ack().await.unwrap();
    until(1, || count(&broker)).await;
    let letters = broker.dead_letters(10).await.unwrap();
    assert!(
        letters[0].reason.contains("unknown version 99"),
        "{letters:?}"
    );
    assert!(letters[0].queue.ends_with(".reports"), "{letters:?}");
    assert_eq!(letters[0].body, message(1).body);
}

pub(crate) async fn looking_leaves_them_and_taking_does_not(broker: Arc<dyn Broker>) {
    for at in 1..=3 {
        broker.publish(&Queue::Extract, message(at)).await.unwrap();
    }
    let mut consumer = broker.consume(&Queue::Extract, 3).await.unwrap();
    for _ in 1..=3 {
        next(&mut consumer).await.reject("no").await.unwrap();
    }
    // More often than any limit on deliveries.
    for _ in 0..30 {
        until(3, || count(&broker)).await;
    }
    assert_eq!(broker.dead_letters(2).await.unwrap().len(), 2);
    until(3, || count(&broker)).await;
    assert_eq!(broker.take_dead_letters(2).await.unwrap().len(), 2);
    until(1, || count(&broker)).await;
    assert_eq!(broker.take_dead_letters(2).await.unwrap().len(), 1);
    until(0, || count(&broker)).await;
}
