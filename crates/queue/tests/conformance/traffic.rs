//! Many at once, with every kind of carelessness a consumer is capable of.
//! What went in comes out: no number is missing, and none was acknowledged twice.

use std::sync::Arc;

use queue::{Broker, Queue};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{SOON, Tally, message, number};

pub(crate) async fn many_publishers_and_consumers_lose_nothing(broker: Arc<dyn Broker>) {
    const PUBLISHERS: i64 = 16;
    const EACH: i64 = 50;
    let queue = Queue::Transform;
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (broker, queue) = (Arc::clone(&broker), queue.clone());
        publishers.spawn(async move {
            for at in 0..EACH {
                let number = publisher * EACH + at;
                broker.publish(&queue, message(number)).await.unwrap();
            }
        });
    }
    let tally = Tally::default();
    let mut consumers = JoinSet::new();
    for _ in 0..6 {
        let mut consumer = broker.consume(&queue, 10).await.unwrap();
        let tally = Arc::clone(&tally);
        consumers.spawn(async move {
            loop {
                let delivery = consumer.next().await.unwrap();
                let number = number(&delivery);
                // Once each, so that nothing reaches the delivery limit.
                match number % 7 {
                    0 if !delivery.redelivered => delivery.requeue().await.unwrap(),
                    1 if !delivery.redelivered => drop(delivery),
                    _ => {
                        delivery.ack().await.unwrap();
                        *tally.lock().unwrap().entry(number).or_default() += 1;
                    }
                }
            }
        });
    }
    while let Some(published) = publishers.join_next().await {
        published.unwrap();
    }
    let all = usize::try_from(PUBLISHERS * EACH).unwrap();
    let complete = async {
        while tally.lock().unwrap().len() < all {
            sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let seen = timeout(SOON, complete).await;
    assert!(seen.is_ok(), "{} of {all}", tally.lock().unwrap().len());
    assert!(tally.lock().unwrap().values().all(|times| *times == 1));
    consumers.shutdown().await;
    assert!(broker.dead_letters(10).await.unwrap().is_empty());
}
