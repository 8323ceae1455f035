//! What a publisher may rely on.
//! Confirmed messages are there, whole, in order, in their own queue.

use std::sync::Arc;

use bytes::Bytes;
use queue::{Broker, Error, Queue};
use tokio::time::timeout;

use crate::support::{MAX_BODY, SOON, load, message, next, nothing_more, number, until};

pub(crate) async fn messages_come_whole_and_in_order(broker: Arc<dyn Broker>) {
    for at in 1..=20 {
        broker.publish(&Queue::Extract, message(at)).await.unwrap();
    }
    let mut consumer = broker.consume(&Queue::Extract, 4).await.unwrap();
    for at in 1..=20 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope, message(at));
        assert!(!delivery.redelivered);
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn queues_do_not_mix(broker: Arc<dyn Broker>) {
    let queues = [
        Queue::Extract,
        Queue::Transform,
        load("crm", "org"),
        load("crm", "warehouse"),
        Queue::Audit,
        Queue::Reports,
        Queue::Reconcile,
    ];
    for (at, queue) in (1..).zip(&queues) {
        broker.publish(queue, message(at)).await.unwrap();
    }
    for (at, queue) in (1..).zip(&queues) {
        let mut consumer = broker.consume(queue, 2).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), at, "{queue}");
        delivery.ack().await.unwrap();
        nothing_more(&mut consumer).await;
    }
}

pub(crate) async fn a_body_over_the_limit_is_not_sent(broker: Arc<dyn Broker>) {
    let mut large = message(1);
    // Nothing that packing makes smaller.
    let noise: Vec<u8> = (0..=MAX_BODY).map(|_| rand::random()).collect();
    large.body = Bytes::copy_from_slice(&noise[..MAX_BODY]);
    broker
        .publish(&Queue::Transform, large.clone())
        .await
        .unwrap();
    large.body = Bytes::from(noise.clone());
    let error = broker.publish(&Queue::Transform, large).await.unwrap_err();
    let Error::TooLarge { size, limit, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((size, limit), (MAX_BODY + 1, MAX_BODY));
    until(1, || broker.depth(&Queue::Transform)).await;
    let mut consumer = broker.consume(&Queue::Transform, 1).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.envelope.body, noise[..MAX_BODY]);
    delivery.ack().await.unwrap();
}

pub(crate) async fn depth_counts_what_is_ready(broker: Arc<dyn Broker>) {
    assert_eq!(broker.depth(&Queue::Audit).await.unwrap(), 0);
    for at in 1..=5 {
        broker.publish(&Queue::Audit, message(at)).await.unwrap();
    }
    until(5, || broker.depth(&Queue::Audit)).await;
    let mut consumer = broker.consume(&Queue::Audit, 2).await.unwrap();
    let held = [next(&mut consumer).await, next(&mut consumer).await];
    until(3, || broker.depth(&Queue::Audit)).await;
    drop(consumer);
    for delivery in held {
        delivery.ack().await.unwrap();
    }
    until(3, || broker.depth(&Queue::Audit)).await;
}

pub(crate) async fn a_closed_broker_says_so(broker: Arc<dyn Broker>) {
    let mut consumer = broker.consume(&Queue::Reports, 1).await.unwrap();
    let mut control = broker.control(None).await.unwrap();
    let waiting = tokio::spawn(async move {
        (
            consumer.next().await.unwrap_err(),
            control.next().await.unwrap_err(),
        )
    });
    broker.close().await;
    broker.close().await;
    let ended = timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(ended, (Error::Closed, Error::Closed));
    let late = broker.publish(&Queue::Reports, message(1)).await;
    assert_eq!(late.unwrap_err(), Error::Closed);
    let late = broker.consume(&Queue::Reports, 1).await;
    assert_eq!(late.err(), Some(Error::Closed));
}
