//! Connections that break under publishers and consumers, in the middle of traffic.
//! What was confirmed arrives; what was not acknowledged arrives again and says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use model::Secret;
use queue::{Broker, Error, Queue, RabbitMq, RabbitSettings};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::bed::{SOON, finish, message, next, number, settings, until, url};
use crate::control::{heard, stop};
use crate::proxy::Proxy;
use crate::traffic::Tally;

/// The broker's URL with the proxy's address in place of its own, and its own address.
fn through(address: std::net::SocketAddr) -> (String, String) {
    let url = url();
    let (start, host) = match url.rsplit_once('@') {
        Some((start, host)) => (format!("{start}@"), host.to_owned()),
        None => (
            "amqp://".to_owned(),
            url.trim_start_matches("amqp://").to_owned(),
        ),
    };
    let (host, path) = match host.split_once('/') {
        Some((host, path)) => (host.to_owned(), format!("/{path}")),
        None => (host, String::new()),
    };
    let upstream = if host.contains(':') {
        host
    } else {
        format!("{host}:5672")
    };
    (format!("{start}{address}{path}"), upstream)
}

async fn behind_a_proxy<F>(
    change: impl FnOnce(&mut RabbitSettings),
    case: impl FnOnce(RabbitMq, Arc<Proxy>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let placeholder = "127.0.0.1:1".parse().unwrap();
    let proxy = Arc::new(Proxy::before(through(placeholder).1).await);
    let mut settings = settings();
    settings.url = Secret::new(through(proxy.address()).0);
    // Connections break often here; a message must not be given up for it.
    settings.delivery_limit = 1000;
    change(&mut settings);
    let broker = RabbitMq::connect(settings.clone()).await.expect("RabbitMQ");
    let case = tokio::spawn(case(broker.clone(), Arc::clone(&proxy)));
    finish(broker, settings, case).await;
}

/// Publishes and consumes until at least `least` messages are through and `done` is set; then checks that every
/// confirmed message was handled. Says how many deliveries were redeliveries.
pub(crate) async fn traffic(broker: &RabbitMq, least: i64, done: Arc<AtomicBool>) -> usize {
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
    let mut confirmed = BTreeMap::new();
    while let Some(numbers) = publishers.join_next().await {
        confirmed.extend(numbers.unwrap().into_iter().map(|number| (number, ())));
    }
    let deadline = Instant::now() + SOON * 2;
    loop {
        // Handled may be more: a message whose confirm was lost is published twice.
        let missing = {
            let handled = handled.lock().unwrap();
            confirmed
                .keys()
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_connections_break_in_mid_traffic() {
    behind_a_proxy(
        |_| {},
        async |broker, proxy| {
            let done = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&done);
            let breaking = tokio::spawn(async move {
                for round in 0..6 {
                    sleep(Duration::from_millis(400)).await;
                    // Sometimes the broker stays away for a while.
                    proxy.set_open(round % 2 == 0);
                    proxy.cut();
                    sleep(Duration::from_millis(300)).await;
                    proxy.set_open(true);
                }
                flag.store(true, Ordering::SeqCst);
            });
            let redelivered = traffic(&broker, 300, done).await;
            breaking.await.unwrap();
            assert!(redelivered > 0, "no connection broke under a delivery");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_on_a_lost_connection_says_so_and_the_message_comes_again() {
    behind_a_proxy(
        |_| {},
        async |broker, proxy| {
            broker.publish(&Queue::Extract, message(1)).await.unwrap();
            let mut consumer = broker.consume(&Queue::Extract, 1).await.unwrap();
            let held = next(&mut consumer).await;
            proxy.cut();
            let again = next(&mut consumer).await;
            assert!(again.redelivered);
            assert_eq!(again.envelope, held.envelope);
            assert_eq!(held.ack().await.unwrap_err(), Error::Lost);
            again.ack().await.unwrap();
            until(0, || broker.depth(&Queue::Extract)).await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_what_was_published_while_its_connection_was_down() {
    behind_a_proxy(
        |_| {},
        async |broker, proxy| {
            let mut listener = broker.control(None).await.unwrap();
            let direct = RabbitMq::connect(RabbitSettings {
                url: Secret::new(url()),
                ..broker.settings().clone()
            })
            .await
            .unwrap();
            proxy.set_open(false);
            proxy.cut();
            direct.publish_control(&stop("r1")).await.unwrap();
            proxy.set_open(true);
            let delivery = heard(&mut listener).await;
            assert_eq!(delivery.message, stop("r1"));
            delivery.ack().await.unwrap();
            direct.close().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_gives_up_after_the_patience_set_and_says_what_is_wrong() {
    behind_a_proxy(
        |settings| settings.publish_patience = Duration::from_secs(1),
        async |broker, proxy| {
            broker.publish(&Queue::Extract, message(1)).await.unwrap();
            proxy.set_open(false);
            proxy.cut();
            let given_up = timeout(SOON, broker.publish(&Queue::Extract, message(2)));
            let error = given_up.await.expect("in time").unwrap_err();
            assert!(error.is_passing());
            let text = error.to_string();
            assert!(matches!(error, Error::Unconfirmed { .. }), "{text}");
            assert!(text.contains("run-1/accounts/2"), "{text}");
            assert!(text.contains("no connection to amqp://"), "{text}");
            proxy.set_open(true);
            // As soon as the broker is there again, all is well.
            let deadline = Instant::now() + SOON;
            while let Err(error) = broker.publish(&Queue::Extract, message(3)).await {
                assert!(Instant::now() < deadline, "{error}");
            }
        },
    )
    .await;
}
