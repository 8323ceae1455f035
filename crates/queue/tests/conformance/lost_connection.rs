//! Connections that break under publishers and consumers, in the middle of traffic.
//! What was confirmed arrives; what was not acknowledged arrives again and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::Secret;
use queue::{Broker, Error, Queue, RabbitMq, RabbitSettings};
use tokio::time::{Instant, sleep, timeout};

use crate::proxy::Proxy;
use crate::support::{
    SOON, finish, heard, message, next, settings, stop, through_trouble, until, url,
};

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
            let redelivered = through_trouble(&broker, 300, done).await;
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
