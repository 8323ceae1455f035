//! Messages that other clients publish: some are to be obeyed, some to be put aside.
//! They are published by a bare AMQP client that knows nothing of ours.

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use model::ControlAction;
use queue::Queue;
use tokio::time::Instant;

use crate::support::{MAX_BODY, SOON, heard, message, next, nothing_more, rabbitmq, until, url};

struct Foreign {
    channel: lapin::Channel,
    connection: Connection,
}

impl Foreign {
    async fn connect() -> Self {
        let connection = Connection::connect(&url(), ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        Self {
            channel,
            connection,
        }
    }

    async fn publish(&self, exchange: &str, key: &str, properties: BasicProperties, body: &[u8]) {
        let confirmed = self
            .channel
            .basic_publish(
                exchange.into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .unwrap()
            .await
            .unwrap();
        assert!(confirmed.is_ack());
    }

    /// Waits until the queue is there and somebody takes messages from it.
    async fn until_consumed(&self, queue: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            // A queue that is not there closes the channel.
            let channel = self.connection.create_channel().await.unwrap();
            let options = QueueDeclareOptions::durable().passive();
            let asked = channel
                .queue_declare(queue.into(), options, FieldTable::default())
                .await;
            if asked.is_ok_and(|queue| queue.consumer_count() == 1) {
                return;
            }
            assert!(Instant::now() < deadline, "nobody consumes {queue}");
        }
    }
}

fn headers(kind: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    // As a client in another language might write them: small integers, texts.
    headers.insert("version".into(), AMQPValue::ShortShortUInt(1));
    headers.insert("chunk".into(), AMQPValue::LongInt(5));
    headers.insert("attempt".into(), AMQPValue::ShortInt(1));
    headers.insert("kind".into(), AMQPValue::LongString(kind.into()));
    headers.insert("run".into(), AMQPValue::LongString("run-1".into()));
    headers.insert("object".into(), AMQPValue::LongString("accounts".into()));
    BasicProperties::default().with_headers(headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_stop_message_is_understood_and_nonsense_is_skipped() {
    rabbitmq(async |broker, settings| {
        let mut service = broker.control(None).await.unwrap();
        let mut coordinator = broker.control(Some("coordinator")).await.unwrap();
        let foreign = Foreign::connect().await;
        let exchange = format!("{}.control", settings.prefix);
        let plain = BasicProperties::default;
        for nonsense in [
            "STOP!".as_bytes(),
            b"",
            br#"{"action":"explode","run":"*"}"#,
            &[b' '; 100_000],
        ] {
            foreign.publish(&exchange, "", plain(), nonsense).await;
        }
        let stop = br#"{"action":"stop","run":"r1","by":"ops","reason":"wrong file","ticket":7}"#;
        foreign.publish(&exchange, "ignored", plain(), stop).await;
        for listener in [&mut service, &mut coordinator] {
            let delivery = heard(listener).await;
            assert_eq!(delivery.message.action, ControlAction::Stop);
            assert_eq!(delivery.message.run, "r1");
            assert_eq!(delivery.message.by.as_deref(), Some("ops"));
            delivery.ack().await.unwrap();
        }
        assert!(broker.dead_letters(10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_goes_to_the_dead_letters_with_the_reason() {
    rabbitmq(async |broker, settings| {
        let mut consumer = broker.consume(&Queue::Extract, 2).await.unwrap();
        let foreign = Foreign::connect().await;
        let key = Queue::Extract.name(&settings.prefix);
        let cases = [
            (
                BasicProperties::default(),
                3,
                "the header `version` is missing",
            ),
            (headers("dance"), 3, "unknown kind `dance`"),
            (headers("extract"), MAX_BODY + 1, "more than the 65536"),
        ];
        for (properties, size, _) in &cases {
            foreign
                .publish("", &key, properties.clone(), &vec![1; *size])
                .await;
        }
        foreign.publish("", &key, headers("extract"), b"fine").await;
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope.body, "fine");
        assert_eq!(delivery.envelope.chunk.chunk.0, 5);
        delivery.ack().await.unwrap();
        nothing_more(&mut consumer).await;
        until(cases.len(), async || {
            Ok(broker.dead_letters(10).await?.len())
        })
        .await;
        let letters = broker.take_dead_letters(10).await.unwrap();
        for ((_, size, reason), letter) in cases.iter().zip(&letters) {
            assert!(letter.reason.contains(reason), "{letter:?}");
            assert_eq!(letter.queue, key);
            assert_eq!(letter.body.len(), *size);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_somebody_deletes_is_made_again() {
    rabbitmq(async |broker, settings| {
        let foreign = Foreign::connect().await;
        let key = Queue::Audit.name(&settings.prefix);
        let delete = async || {
            let options = QueueDeleteOptions::default();
            foreign
                .channel
                .queue_delete(key.as_str().into(), options)
                .await
                .unwrap();
        };
        broker.publish(&Queue::Audit, message(1)).await.unwrap();
        delete().await;
        // The publisher has declared it once and believes in it; the broker returns the message.
        broker.publish(&Queue::Audit, message(2)).await.unwrap();
        let mut consumer = broker.consume(&Queue::Audit, 1).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope, message(2));
        delivery.ack().await.unwrap();
        let waiting = tokio::spawn(async move { next(&mut consumer).await });
        delete().await;
        // The consumer is told, makes the queue anew and subscribes to it.
        foreign.until_consumed(&key).await;
        broker.publish(&Queue::Audit, message(3)).await.unwrap();
        let delivery = waiting.await.unwrap();
        assert_eq!(delivery.envelope, message(3));
        delivery.ack().await.unwrap();
    })
    .await;
}
