//! What a test stands on: a broker of its own, taken away again whatever happens, and words for messages.
//! Nothing here sleeps for luck; waits have a condition and a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::{Attempt, ChunkNumber, ChunkRef, Envelope, Kind, RunId, Secret};
use queue::{
    Broker, Consumer, Delivery, Error, InProcess, InProcessSettings, RabbitMq, RabbitSettings,
};
use tokio::time::{Instant, sleep, timeout};

/// Small, so that tests reach them.
pub(crate) const MAX_BODY: usize = 64 * 1024;
pub(crate) const DELIVERY_LIMIT: u32 = 3;

/// Long for a machine under load; a test that passes does not wait for it.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Long enough to see that something does not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

pub(crate) async fn in_process<F>(case: impl FnOnce(Arc<dyn Broker>) -> F)
where
    F: Future<Output = ()>,
{
    case(Arc::new(InProcess::with_settings(InProcessSettings {
        max_body: MAX_BODY,
        delivery_limit: DELIVERY_LIMIT,
    })))
    .await;
}

pub(crate) fn url() -> String {
    std::env::var("STEVEDORE_TEST_RABBITMQ")
        .expect("run `make test`, or set STEVEDORE_TEST_RABBITMQ to an AMQP URL")
}

/// Settings with a prefix that nobody else uses.
pub(crate) fn settings() -> RabbitSettings {
    let mut settings = RabbitSettings::new(Secret::new(url()));
    settings.prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
    settings.max_body = MAX_BODY;
    settings.delivery_limit = DELIVERY_LIMIT;
    settings
}

pub(crate) async fn rabbitmq<F>(case: impl FnOnce(Arc<dyn Broker>, RabbitSettings) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let settings = settings();
    let broker = RabbitMq::connect(settings.clone()).await.expect("RabbitMQ");
    let used: Arc<dyn Broker> = Arc::new(broker.clone());
    finish(broker, settings.clone(), tokio::spawn(case(used, settings))).await;
}

/// Waits for the case, leaves nothing behind on the broker, and only then fails if the case did.
pub(crate) async fn finish(
    broker: RabbitMq,
    settings: RabbitSettings,
    case: tokio::task::JoinHandle<()>,
) {
    let outcome = case.await;
    broker.close().await;
    // A broker of its own for tidying, for a case may have closed or cut off the other.
    let tidy = RabbitMq::connect(RabbitSettings {
        url: Secret::new(url()),
        ..settings
    })
    .await
    .expect("RabbitMQ");
    for queue in [load("crm", "org"), load("crm", "warehouse")] {
        tidy.depth(&queue).await.expect("known");
    }
    drop(tidy.control(Some("coordinator")).await.expect("known"));
    tidy.delete_topology().await.expect("tidied");
    tidy.close().await;
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

pub(crate) fn load(migration: &str, connection: &str) -> queue::Queue {
    queue::Queue::Load {
        migration: migration.into(),
        connection: connection.into(),
    }
}

pub(crate) fn message(number: i64) -> Envelope {
    let chunk = ChunkRef {
        run: RunId::new("run-1"),
        object: "accounts".into(),
        chunk: ChunkNumber(number),
    };
    let mut envelope = Envelope::new(
        Kind::Extracted,
        chunk,
        Attempt(1),
        format!("body {number}").into_bytes(),
    );
    envelope.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    envelope
}

pub(crate) fn number(delivery: &Delivery) -> i64 {
    delivery.envelope.chunk.chunk.0
}

pub(crate) async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    timeout(SOON, consumer.next())
        .await
        .expect("a message in time")
        .expect("a message")
}

pub(crate) async fn nothing_more(consumer: &mut Box<dyn Consumer>) {
    let more = timeout(A_WHILE, consumer.next()).await;
    assert!(more.is_err(), "unexpected: {more:?}");
}

/// Asks until the answer is the one that is waited for.
pub(crate) async fn until<T, F>(wanted: T, mut ask: impl FnMut() -> F)
where
    T: PartialEq + std::fmt::Debug,
    F: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + SOON;
    loop {
        let answer = ask().await.expect("an answer");
        if answer == wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "it stays {answer:?} and never becomes {wanted:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}
