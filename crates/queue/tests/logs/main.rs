//! What reaches the logs: names of messages and queues, and never a body or a password.
//! A test binary of its own, because a process has one log.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use model::Secret;
use queue::{Error, Queue, RabbitMq};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{message, next, rabbitmq, settings, stop};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_bodies_nor_passwords_are_logged() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    rabbitmq(async |broker, _| {
        // Nobody listens, so the broker returns the message with its body.
        let returned = broker.publish_control(&stop("nobody-hears-this")).await;
        assert!(matches!(returned, Err(Error::Unroutable { .. })));
        let mut unreadable = message(1);
        unreadable.version = 99;
        broker.publish(&Queue::Audit, unreadable).await.unwrap();
        broker.publish(&Queue::Audit, message(2)).await.unwrap();
        let mut consumer = broker.consume(&Queue::Audit, 1).await.unwrap();
        next(&mut consumer).await.reject("spoilt").await.unwrap();
    })
    .await;
    let mut wrong = settings();
    wrong.url = Secret::new(wrong.url.expose().replace("guest:", "guest:hunter2-"));
    wrong.connect_patience = std::time::Duration::from_secs(5);
    let refused = RabbitMq::connect(wrong.clone()).await;
    assert_eq!(refused.is_err(), wrong.url.expose().contains("hunter2"));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("extracted run-1/accounts/1 attempt 1"),
        "{log}"
    );
    assert!(log.contains("unknown version 99"), "{log}");
    assert!(log.contains("spoilt"), "{log}");
    let body = b"nobody-hears-this";
    let as_numbers = format!("{body:?}");
    for secret in [
        "nobody-hears-this",
        as_numbers.trim_matches(['[', ']']),
        "body 1",
        "hunter2",
    ] {
        assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
    }
}
