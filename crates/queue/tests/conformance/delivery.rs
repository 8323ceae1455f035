//! What becomes of a message in a consumer's hands: acknowledged, put back, dropped, forgotten.
//! Whatever a service does or fails to do, a message is handled or comes again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use queue::{Broker, Queue};
use tokio::time::timeout;

use crate::support::{message, next, nothing_more, number, until};

pub(crate) async fn what_is_acknowledged_does_not_come_back(broker: Arc<dyn Broker>) {
    broker.publish(&Queue::Extract, message(1)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Extract, 1).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();
    drop(consumer);
    let mut other = broker.consume(&Queue::Extract, 1).await.unwrap();
    nothing_more(&mut other).await;
    assert_eq!(broker.depth(&Queue::Extract).await.unwrap(), 0);
}

pub(crate) async fn what_is_requeued_comes_back_and_says_so(broker: Arc<dyn Broker>) {
    broker.publish(&Queue::Extract, message(1)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Extract, 1).await.unwrap();
    let first = next(&mut consumer).await;
    assert!(!first.redelivered);
    first.requeue().await.unwrap();
    let second = next(&mut consumer).await;
    assert!(second.redelivered);
    assert_eq!(second.envelope, message(1));
    second.ack().await.unwrap();
    nothing_more(&mut consumer).await;
}

pub(crate) async fn what_is_dropped_comes_back(broker: Arc<dyn Broker>) {
    broker.publish(&Queue::Extract, message(1)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Extract, 1).await.unwrap();
    drop(next(&mut consumer).await);
    let again = next(&mut consumer).await;
    assert!(again.redelivered);
    again.ack().await.unwrap();
    nothing_more(&mut consumer).await;
}

pub(crate) async fn what_was_parked_comes_back_whole(broker: Arc<dyn Broker>) {
    broker.publish(&Queue::Extract, message(1)).await.unwrap();
    let mut consumer = broker.consume(&Queue::Extract, 1).await.unwrap();
    for requeues in [true, false] {
        let mut delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope, message(1));
        delivery.park();
        assert!(delivery.envelope.body.is_empty());
        if requeues {
            delivery.requeue().await.unwrap();
        } else {
            drop(delivery);
        }
    }
    let mut delivery = next(&mut consumer).await;
    delivery.park();
    delivery.reject("no").await.unwrap();
    nothing_more(&mut consumer).await;
    until(1, || async { Ok(broker.dead_letters(10).await?.len()) }).await;
    let letters = broker.dead_letters(10).await.unwrap();
    assert_eq!(letters[0].body, message(1).body);
}

pub(crate) async fn no_more_than_the_prefetch_is_in_hand(broker: Arc<dyn Broker>) {
    for at in 1..=10 {
        broker
            .publish(&Queue::Transform, message(at))
            .await
            .unwrap();
    }
    let mut consumer = broker.consume(&Queue::Transform, 3).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(next(&mut consumer).await);
    }
    nothing_more(&mut consumer).await;
    until(7, || broker.depth(&Queue::Transform)).await;
    held.remove(0).ack().await.unwrap();
    held.push(next(&mut consumer).await);
    nothing_more(&mut consumer).await;
    let numbers: Vec<_> = held.iter().map(number).collect();
    assert_eq!(numbers, [2, 3, 4]);
    for delivery in held {
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn a_dropped_consumer_gives_back_what_it_had_not_handed_out(
    broker: Arc<dyn Broker>,
) {
    for at in 1..=10 {
        broker
            .publish(&Queue::Transform, message(at))
            .await
            .unwrap();
    }
    let mut consumer = broker.consume(&Queue::Transform, 5).await.unwrap();
    let held = next(&mut consumer).await;
    drop(consumer);
    // While one is still held, the rest is there for others.
    until(9, || broker.depth(&Queue::Transform)).await;
    let mut other = broker.consume(&Queue::Transform, 10).await.unwrap();
    let mut numbers = BTreeSet::new();
    for _ in 0..9 {
        let delivery = next(&mut other).await;
        numbers.insert(number(&delivery));
        delivery.ack().await.unwrap();
    }
    assert_eq!(numbers, (2..=10).collect());
    // And the one that is held can still be acknowledged.
    held.ack().await.unwrap();
    nothing_more(&mut other).await;
}

pub(crate) async fn a_wait_that_is_given_up_loses_nothing(broker: Arc<dyn Broker>) {
    const COUNT: i64 = 200;
    let publisher = Arc::clone(&broker);
    let publishing = tokio::spawn(async move {
        for at in 1..=COUNT {
            publisher.publish(&Queue::Audit, message(at)).await.unwrap();
        }
    });
    let mut consumer = broker.consume(&Queue::Audit, 8).await.unwrap();
    let mut numbers = BTreeSet::new();
    while numbers.len() < usize::try_from(COUNT).unwrap() {
        // As short as it gets, so that the wait ends at every possible point.
        let wait = Duration::from_micros(200);
        if let Ok(delivery) = timeout(wait, consumer.next()).await {
            let delivery = delivery.unwrap();
            assert!(!delivery.redelivered);
            numbers.insert(number(&delivery));
            delivery.ack().await.unwrap();
        }
    }
    publishing.await.unwrap();
    assert_eq!(numbers, (1..=COUNT).collect());
}
