//! Traffic that goes on while something breaks.
//! Whoever calls this breaks it; here it is counted what came through.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use queue::{Broker, Error, Queue, RabbitMq};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{SOON, Tally, message, number};

/// Publishes and consumes until at least `least` messages are through and `done` is set; then checks that every
/// confirmed message was handled. Says how many deliveries were redeliveries.
pub(crate) async fn through_trouble(broker: &RabbitMq, least: i64, done: Arc<AtomicBool>) -> usize {
    let next_number = Arc::new(AtomicI64::new(0));
    let mut publishers = JoinSet::new();
    for _ in 0..6 {
        let (broker, done, next_number) = (broker.clone(), done.clone(), next_number.clone());
        publishers.spawn(async move {
            let mut confirmed = Vec::new();
            loop {
                let number = next_number.fetch_add(1, Ordering::SeqCst);
                if number >= least && done.load(Ordering::SeqCst) {
                    return confirmed;
                }
                broker
                    .publish(&Queue::Transform, message(number))
                    .await
                    .expect("confirmed within the patience");
                confirmed.push(number);
            }
        });
    }
    let handled = Tally::default();
    let redelivered = Arc::new(AtomicI64::new(0));
    let mut consumers = JoinSet::new();
    for _ in 0..3 {
        let mut consumer = broker.consume(&Queue::Transform, 5).await.unwrap();
        let (handled, redelivered) = (handled.clone(), redelivered.clone());
        consumers.spawn(async move {
            loop {
                let delivery = consumer.next().await.expect("consumers don't give up");
                let number = number(&delivery);
                redelivered.fetch_add(i64::from(delivery.redelivered), Ordering::SeqCst);
                // Some work, so that connections break while messages are in hand.
                sleep(Duration::from_millis(3)).await;
                match delivery.ack().await {
                    Ok(()) => *handled.lock().unwrap().entry(number).or_default() += 1,
                    Err(error) => assert_eq!(error, Error::Lost),
                }
            }
        });
    }
    let mut confirmed = BTreeSet::new();
    while let Some(numbers) = publishers.join_next().await {
        confirmed.extend(numbers.unwrap());
    }
    let deadline = Instant::now() + SOON * 2;
    loop {
        // Handled may be more: a message whose confirm was lost is published twice.
        let missing = {
            let handled = handled.lock().unwrap();
            confirmed
                .iter()
                .filter(|number| !handled.contains_key(number))
                .count()
        };
        if missing == 0 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{missing} of {} confirmed messages never arrived",
            confirmed.len()
        );
        sleep(Duration::from_millis(20)).await;
    }
    consumers.shutdown().await;
    assert!(broker.dead_letters(10).await.unwrap().is_empty());
    usize::try_from(redelivered.load(Ordering::SeqCst)).unwrap()
}
