//! A broker that is restarted in the middle of traffic, by the command `STEVEDORE_TEST_RABBITMQ_RESTART`; given the
//! word `hard`, it kills the broker first. A test binary of its own, because it disturbs all others on that broker.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use queue::{Broker, Queue, RabbitMq};
use tokio::process::Command;
use tokio::time::sleep;

use crate::support::{finish, heard, load, message, next, settings, stop, through_trouble};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_broker_restarts_in_mid_traffic() {
    let Ok(restart) = std::env::var("STEVEDORE_TEST_RABBITMQ_RESTART") else {
        println!(
            "not covered: a restart of the broker (STEVEDORE_TEST_RABBITMQ_RESTART is not set)"
        );
        return;
    };
    let mut settings = settings();
    settings.delivery_limit = 1000;
    settings.publish_patience = Duration::from_secs(180);
    let broker = RabbitMq::connect(settings.clone()).await.expect("RabbitMQ");
    let used = broker.clone();
    let case = tokio::spawn(async move {
        // These wait through the restart.
        let mut listener = used.control(None).await.unwrap();
        drop(used.control(Some("coordinator")).await.unwrap());
        used.publish_control(&stop("r1")).await.unwrap();
        used.publish(&load("crm", "org"), message(1)).await.unwrap();
        used.publish(&Queue::Reports, message(2)).await.unwrap();

        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let restarting = tokio::spawn(async move {
            // An orderly restart, then one of a broker that is killed.
            let mut outputs = Vec::new();
            for manner in ["", "hard"] {
                sleep(Duration::from_millis(500)).await;
                let command = format!("{restart} {manner}");
                outputs.push(Command::new("sh").arg("-c").arg(command).output().await);
            }
            flag.store(true, Ordering::SeqCst);
            outputs
        });
        let redelivered = through_trouble(&used, 300, done).await;
        for output in restarting.await.unwrap() {
            let output = output.expect("the restart command");
            assert!(output.status.success(), "{output:?}");
        }
        assert!(redelivered > 0, "the restart broke no delivery");

        assert_eq!(heard(&mut listener).await.message, stop("r1"));
        let mut coordinator = used.control(Some("coordinator")).await.unwrap();
        assert_eq!(heard(&mut coordinator).await.message, stop("r1"));
        for (queue, at) in [(load("crm", "org"), 1), (Queue::Reports, 2)] {
            let mut consumer = used.consume(&queue, 1).await.unwrap();
            let delivery = next(&mut consumer).await;
            assert_eq!(delivery.envelope, message(at));
            delivery.ack().await.unwrap();
        }
    });
    finish(broker, settings, case).await;
}
