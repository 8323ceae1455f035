//! The dead letters on RabbitMQ: putting a message there with a reason, and reading them again.
//! The broker puts messages there too, when they came back too often; it says so in headers of its own.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::time::timeout;

use super::live::Live;
use super::publish::Outgoing;
use super::shared::Shared;
use super::topology::Node;
use super::trouble::Trouble;
use super::wire::{self, Headers};
use crate::dead_letter::too_often;
use crate::{DeadLetter, Error};

const REASON: &str = "x-stevedore-reason";
const QUEUE: &str = "x-stevedore-queue";
/// Long enough for any sentence, short enough for a header.
const LONGEST_REASON: usize = 1000;

/// What is done with letters that were read.
#[derive(Clone, Copy)]
pub(crate) enum Afterwards {
    Leave,
    Remove,
}

impl Shared {
    /// Puts a message with the dead letters; returns once it is confirmed there.
    pub(crate) async fn bury(
        &self,
        queue: &ShortString,
        properties: &BasicProperties,
        body: Bytes,
        reason: &str,
    ) -> Result<(), Error> {
        let identity = wire::claimed_identity(properties);
        tracing::warn!(
            queue = queue.as_str(),
            message = identity,
            reason,
            "a message goes to the dead letters"
        );
        let mut headers = properties.headers().clone().unwrap_or_default();
        let reason: String = reason.chars().take(LONGEST_REASON).collect();
        headers.insert(REASON.into(), text(&reason));
        headers.insert(QUEUE.into(), text(queue.as_str()));
        let content_type = properties.content_type().as_ref();
        let written = wire::properties(
            content_type.map_or("application/octet-stream", ShortString::as_str),
            headers,
        );
        let outgoing = Outgoing {
            exchange: self.topology.dead(),
            routing_key: "".into(),
            node: Node::Dead,
            properties: match properties.content_encoding() {
                Some(encoding) => written.with_content_encoding(encoding.clone()),
                None => written,
            },
            body,
            identity,
        };
        self.publish(&outgoing).await
    }

    pub(crate) async fn read_dead_letters(
        &self,
        most: usize,
        afterwards: Afterwards,
    ) -> Result<Vec<DeadLetter>, Error> {
        let waited = self.settings.publish_patience;
        let no_answer = |reason| Error::NoAnswer {
            queue: self.topology.dead().to_string(),
            waited,
            reason,
        };
        match timeout(waited, self.try_read_dead_letters(most, afterwards)).await {
            Ok(Ok(letters)) => Ok(letters),
            Ok(Err(Trouble::Lasting(error))) => Err(error),
            Ok(Err(Trouble::Passing(reason))) => Err(no_answer(reason)),
            Err(_) => Err(no_answer("no connection, or no answer".into())),
        }
    }

    async fn try_read_dead_letters(
        &self,
        most: usize,
        afterwards: Afterwards,
    ) -> Result<Vec<DeadLetter>, Trouble> {
        let live = self.publisher.live().await.map_err(Trouble::Lasting)?;
        live.during(self.read_dead_letters_over(&live, most, afterwards))
            .await
            .unwrap_or_else(|| Err(Trouble::lost()))
    }

    async fn read_dead_letters_over(
        &self,
        live: &Live,
        most: usize,
        afterwards: Afterwards,
    ) -> Result<Vec<DeadLetter>, Trouble> {
        let name = self.topology.dead();
        let judge = |error| self.judge(&error, name.as_str());
        let channel = live.channel().await.map_err(judge)?;
        self.topology
            .ensure(live, &channel, &Node::Dead)
            .await
            .map_err(judge)?;
        let mut letters = Vec::new();
        let mut last = None;
        while letters.len() < most {
            let got = channel
                .basic_get(name.clone(), BasicGetOptions::default())
                .await
                .map_err(judge)?;
            let Some(got) = got else { break };
            last = Some(got.delivery.delivery_tag);
            letters.push(self.letter(got));
        }
        if let Some(tag) = last {
            let multiple = true;
            match afterwards {
                Afterwards::Leave => {
                    let options = BasicNackOptions {
                        multiple,
                        requeue: true,
                    };
                    channel.basic_nack(tag, options).await.map_err(judge)?;
                }
                Afterwards::Remove => {
                    let options = BasicAckOptions { multiple };
                    channel.basic_ack(tag, options).await.map_err(judge)?;
                }
            }
        }
        // Its answer says that the broker has done what came before.
        channel.close(200, "done".into()).await.map_err(judge)?;
        Ok(letters)
    }

    fn letter(&self, got: BasicGetMessage) -> DeadLetter {
        let raw = got.delivery;
        let body = Bytes::from(raw.data);
        let headers = Headers(raw.properties.headers().as_ref());
        let queue = headers
            .text(QUEUE)
            .or_else(|_| headers.text("x-first-death-queue"))
            .unwrap_or("unknown");
        let reason = headers.text(REASON).map_or_else(
            |_| match headers.text("x-first-death-reason") {
                Ok("delivery_limit") => too_often(self.topology.delivery_limit()),
                Ok(reason) => format!("the broker says: {reason}"),
                Err(_) => "not given".to_owned(),
            },
            str::to_owned,
        );
        DeadLetter {
            queue: queue.to_owned(),
            reason,
            envelope: wire::read(&raw.properties, body.clone(), usize::MAX).ok(),
            body,
        }
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// No headers of ours; for a message that everybody may publish.
pub(crate) fn plain_json() -> BasicProperties {
    wire::properties(wire::JSON, FieldTable::default())
}
