//! Control messages: everybody hears them, and who is to keep them misses none.
//! A stop that is not heard is the one message that must not be lost.

use std::sync::Arc;

use queue::{Broker, ControlConsumer, Error};
use tokio::time::timeout;

use crate::support::{A_WHILE, heard, stop};

async fn silent(listener: &mut Box<dyn ControlConsumer>) {
    let more = timeout(A_WHILE, listener.next()).await;
    assert!(more.is_err(), "unexpected: {more:?}");
}

pub(crate) async fn every_listener_hears_it(broker: Arc<dyn Broker>) {
    let mut listeners = vec![
        broker.control(Some("coordinator")).await.unwrap(),
        broker.control(None).await.unwrap(),
        broker.control(None).await.unwrap(),
    ];
    broker.publish_control(&stop("r1")).await.unwrap();
    broker.publish_control(&stop("*")).await.unwrap();
    for listener in &mut listeners {
        for run in ["r1", "*"] {
            let delivery = heard(listener).await;
            assert_eq!(delivery.message, stop(run));
            delivery.ack().await.unwrap();
        }
        silent(listener).await;
    }
}

pub(crate) async fn a_durable_listener_hears_what_it_missed(broker: Arc<dyn Broker>) {
    drop(broker.control(Some("coordinator")).await.unwrap());
    broker.publish_control(&stop("r1")).await.unwrap();
    let mut newcomer = broker.control(None).await.unwrap();
    let mut coordinator = broker.control(Some("coordinator")).await.unwrap();
    let delivery = heard(&mut coordinator).await;
    assert_eq!(delivery.message, stop("r1"));
    delivery.ack().await.unwrap();
    silent(&mut coordinator).await;
    silent(&mut newcomer).await;
}

pub(crate) async fn a_durable_listener_that_did_not_acknowledge_hears_it_again(
    broker: Arc<dyn Broker>,
) {
    let mut coordinator = broker.control(Some("coordinator")).await.unwrap();
    broker.publish_control(&stop("r1")).await.unwrap();
    // It dies before the stop is stored.
    let held = heard(&mut coordinator).await;
    drop(coordinator);
    drop(held);
    let mut coordinator = broker.control(Some("coordinator")).await.unwrap();
    // A stop is never given up, however often storing it fails.
    for _ in 0..30 {
        heard(&mut coordinator).await.requeue().await.unwrap();
    }
    let delivery = heard(&mut coordinator).await;
    assert_eq!(delivery.message, stop("r1"));
    delivery.ack().await.unwrap();
    silent(&mut coordinator).await;
}

pub(crate) async fn with_nobody_there_the_publisher_is_told(broker: Arc<dyn Broker>) {
    let error = broker.publish_control(&stop("r1")).await.unwrap_err();
    assert!(matches!(error, Error::Unroutable { .. }), "{error}");
    let mut listener = broker.control(None).await.unwrap();
    broker.publish_control(&stop("r2")).await.unwrap();
    assert_eq!(heard(&mut listener).await.message, stop("r2"));
}
