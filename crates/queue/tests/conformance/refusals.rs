//! A broker that isn't there, won't have us, or has other queues than ours.
//! Each says which, and none says the password.

use std::time::Duration;

use model::Secret;
use queue::{Broker, Error, Queue, RabbitMq, RabbitSettings};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{DELIVERY_LIMIT, rabbitmq, settings, url};

const PASSWORD: &str = "hunter2";

fn elsewhere(url: String) -> RabbitSettings {
    RabbitSettings {
        url: Secret::new(url),
        ..settings()
    }
}

async fn refused(settings: RabbitSettings) -> Error {
    let error = RabbitMq::connect(settings).await.err().expect("an error");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    error
}

fn host_of_broker() -> String {
    let url = url();
    let authority = url.rsplit('@').next().unwrap();
    authority.trim_start_matches("amqp://").to_owned()
}

#[tokio::test]
async fn a_wrong_password_is_told_soon() {
    let began = Instant::now();
    let error = refused(elsewhere(format!(
        "amqp://nobody:{PASSWORD}@{}",
        host_of_broker()
    )))
    .await;
    let Error::Refused { endpoint, reason } = &error else {
        panic!("{error}");
    };
    assert!(endpoint.contains("nobody:[secret]@"), "{endpoint}");
    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_virtual_host_that_does_not_exist_is_named() {
    let base = url();
    let base = base.trim_end_matches('/').trim_end_matches("/%2f");
    let error = refused(elsewhere(format!("{base}/no-such-place"))).await;
    let Error::Refused { reason, .. } = &error else {
        panic!("{error}");
    };
    assert!(reason.contains("no-such-place"), "{reason}");
}

#[tokio::test]
async fn an_unreachable_host_is_told_after_the_patience_set() {
    // A port that was free a moment ago.
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut settings = elsewhere(format!("amqp://ops:{PASSWORD}@127.0.0.1:{port}"));
    settings.connect_patience = Duration::from_millis(500);
    let error = refused(settings).await;
    let Error::Unreachable {
        endpoint,
        waited,
        reason,
    } = &error
    else {
        panic!("{error}");
    };
    assert!(
        endpoint.contains(&format!("127.0.0.1:{port}")),
        "{endpoint}"
    );
    assert!(*waited >= Duration::from_millis(500), "{waited:?}");
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_told_at_once() {
    for url in [
        format!("postgres://u:{PASSWORD}@host/db"),
        PASSWORD.to_owned(),
    ] {
        let error = refused(elsewhere(url)).await;
        assert!(matches!(error, Error::Settings(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_of_other_settings_are_not_used() {
    rabbitmq(async |broker, settings| {
        broker.depth(&Queue::Extract).await.unwrap();
        let other = RabbitMq::connect(RabbitSettings {
            delivery_limit: DELIVERY_LIMIT + 1,
            ..settings.clone()
        })
        .await
        .unwrap();
        let name = Queue::Extract.name(&settings.prefix);
        let errors = [
            other.depth(&Queue::Extract).await.err(),
            other.consume(&Queue::Extract, 1).await.err(),
            other
                .publish(&Queue::Extract, crate::support::message(1))
                .await
                .err(),
        ];
        for error in errors {
            let error = error.expect("an error");
            assert!(matches!(error, Error::Topology { .. }), "{error}");
            assert!(error.to_string().contains(&name), "{error}");
            assert!(error.to_string().contains("x-delivery-limit"), "{error}");
        }
        other.close().await;
    })
    .await;
}
