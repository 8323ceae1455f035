//! The queues and exchanges on RabbitMQ: what they are called and how they are declared.
//! Every process declares what it uses, in the same words; RabbitMQ refuses other words for the same name.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::endpoint::SHORT_STRING;
use super::live::Live;
use crate::{Error, Queue};

/// As good as none. Since RabbitMQ 4 a quorum queue has a limit of 20 unless it is given one.
const NO_LIMIT: i32 = 1_000_000_000;
/// A listener that has been away for this long (milliseconds) is gone; until then its queue keeps what it misses.
const LISTENER_EXPIRES: i32 = 10 * 60 * 1000;
const LONGEST_PREFIX: usize = 64;

pub(crate) struct Topology {
    prefix: String,
    delivery_limit: u32,
}

/// Something to be declared.
#[derive(Clone)]
pub(crate) enum Node {
    /// The exchange and queue of the dead letters.
    Dead,
    /// The exchange that control messages are published to.
    Control,
    /// A queue of the line.
    Line(ShortString),
    /// A durable queue on the control exchange.
    Keeper(ShortString),
    /// The queue of one listening process on the control exchange.
    Listener(ShortString),
}

impl Topology {
    pub(crate) fn new(prefix: &str, delivery_limit: u32) -> Result<Self, Error> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.chars().all(allowed) {
            return Err(Error::Settings(format!(
                "`{prefix}` can't be the prefix of queue names: it takes 1 to {LONGEST_PREFIX} ASCII letters, digits, \
                 `-`, `_` and `.`"
            )));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            delivery_limit,
        })
    }

    pub(crate) fn delivery_limit(&self) -> u32 {
        self.delivery_limit
    }

    /// The exchange of the dead letters, and their queue.
    pub(crate) fn dead(&self) -> ShortString {
        short(format!("{}.dead", self.prefix))
    }

    pub(crate) fn control(&self) -> ShortString {
        short(format!("{}.control", self.prefix))
    }

    pub(crate) fn line(&self, queue: &Queue) -> Result<ShortString, Error> {
        checked(queue.name(&self.prefix), "the migration or its connection")
    }

    pub(crate) fn keeper(&self, name: &str) -> Result<ShortString, Error> {
        checked(format!("{}.control.{name}", self.prefix), "the listener")
    }

    pub(crate) fn listener(&self) -> ShortString {
        short(format!("{}.control.{}", self.prefix, uuid::Uuid::new_v4()))
    }

    /// Every queue that has a fixed name.
    pub(crate) fn fixed(&self) -> Vec<ShortString> {
        let mut names = vec![self.dead()];
        for queue in [
            Queue::Extract,
            Queue::Transform,
            Queue::Audit,
            Queue::Reports,
            Queue::Reconcile,
        ] {
            names.push(short(queue.name(&self.prefix)));
        }
        names
    }

    /// Declares what was not declared over this connection yet.
    pub(crate) async fn ensure(
        &self,
        live: &Live,
        channel: &Channel,
        node: &Node,
    ) -> lapin::Result<()> {
        let key = self.key(node);
        if !live.has_declared(&key) {
            self.declare(live, channel, node).await?;
            live.remember(&key);
        }
        Ok(())
    }

    /// What a node is remembered by.
    pub(crate) fn key(&self, node: &Node) -> String {
        match node {
            // Exchange and queue of one name; never confused with a line's queue, which can't be called so.
            Node::Dead => self.dead().to_string(),
            Node::Control => self.control().to_string(),
            Node::Line(name) | Node::Keeper(name) | Node::Listener(name) => name.to_string(),
        }
    }

    /// Declares the node and says how many messages are ready in it.
    pub(crate) async fn declare(
        &self,
        live: &Live,
        channel: &Channel,
        node: &Node,
    ) -> lapin::Result<u64> {
        match node {
            Node::Dead => {
                let name = self.dead();
                fanout(channel, name.clone()).await?;
                let ready = queue(channel, name.clone(), quorum(NO_LIMIT)).await?;
                bind(channel, name.clone(), name).await?;
                Ok(ready)
            }
            Node::Control => {
                fanout(channel, self.control()).await?;
                Ok(0)
            }
            Node::Line(name) => {
                Box::pin(self.ensure(live, channel, &Node::Dead)).await?;
                queue(channel, name.clone(), self.line_arguments()).await
            }
            Node::Keeper(name) => self.listen(live, channel, name, quorum(NO_LIMIT)).await,
            Node::Listener(name) => {
                let mut arguments = FieldTable::default();
                arguments.insert("x-expires".into(), AMQPValue::LongInt(LISTENER_EXPIRES));
                self.listen(live, channel, name, arguments).await
            }
        }
    }

    async fn listen(
        &self,
        live: &Live,
        channel: &Channel,
        name: &ShortString,
        arguments: FieldTable,
    ) -> lapin::Result<u64> {
        Box::pin(self.ensure(live, channel, &Node::Control)).await?;
        let ready = queue(channel, name.clone(), arguments).await?;
        bind(channel, name.clone(), self.control()).await?;
        Ok(ready)
    }

    fn line_arguments(&self) -> FieldTable {
        let limit = i32::try_from(self.delivery_limit).unwrap_or(NO_LIMIT);
        let mut arguments = quorum(limit.min(NO_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), text(self.dead().as_str()));
        // Without these two a message on its way to the dead letters can be lost.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments
    }
}

fn quorum(delivery_limit: i32) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongInt(delivery_limit),
    );
    arguments
}

async fn fanout(channel: &Channel, name: ShortString) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default())
        .await
}

async fn queue(channel: &Channel, name: ShortString, arguments: FieldTable) -> lapin::Result<u64> {
    let queue = channel
        .queue_declare(name, QueueDeclareOptions::durable(), arguments)
        .await?;
    Ok(u64::from(queue.message_count()))
}

async fn bind(channel: &Channel, queue: ShortString, exchange: ShortString) -> lapin::Result<()> {
    channel
        .queue_bind(
            queue,
            exchange,
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// For names that are short by their making: a prefix of 64 bytes and a few words.
fn short(name: String) -> ShortString {
    ShortString::from(name)
}

fn checked(name: String, of: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name.clone()).map_err(|_| Error::Topology {
        reason: format!("AMQP allows {SHORT_STRING} bytes; give {of} a shorter name"),
        name,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_cannot_be_used_is_refused() {
        for prefix in ["", "a b", "ü", &"x".repeat(65)] {
            assert!(Topology::new(prefix, 20).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_says_so() {
        let topology = Topology::new("stevedore", 20).unwrap();
        let error = topology
            .line(&Queue::Load {
                migration: "m".repeat(300),
                connection: "org".into(),
            })
            .unwrap_err();
        assert!(error.to_string().contains("shorter name"), "{error}");
    }
}
