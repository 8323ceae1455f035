//! The broker of the distributed line: RabbitMQ, through lapin.
//! This file is the contract's methods, one by one; how each is kept is in the files beside it.

mod consumer;
mod dead;
mod dial;
mod endpoint;
mod link;
mod live;
mod packing;
mod publish;
mod receipt;
mod settings;
mod shared;
mod subscription;
mod tidy;
mod topology;
mod trouble;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lapin::types::ShortString;
use model::{ControlMessage, Envelope};
use tokio::time::timeout_at;

pub use self::settings::RabbitSettings;

use self::consumer::{RabbitConsumer, RabbitControl};
use self::dead::Afterwards;
use self::endpoint::Endpoint;
use self::link::Link;
use self::live::Live;
use self::publish::Outgoing;
use self::shared::Shared;
use self::topology::{Node, Topology};
use self::trouble::Trouble;
use crate::backoff::Patience;
use crate::{Broker, Consumer, ControlConsumer, DeadLetter, Error, Queue, readable};

/// A broker that refuses us this often in a row means it; waiting longer would only hide a wrong password.
const REFUSALS: u32 = 3;

/// A RabbitMQ broker. Clones share its connections.
#[derive(Clone)]
pub struct RabbitMq {
    shared: Arc<Shared>,
}

impl RabbitMq {
    /// Connects, waiting for a broker that is not there yet, and declares the exchanges of control messages and dead
    /// letters. Fails with [`Error::Refused`] soon after a broker has refused us, with [`Error::Unreachable`] when the
    /// patience set is at its end.
    pub async fn connect(settings: RabbitSettings) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(&settings.url)?;
        let topology = Topology::new(&settings.prefix, settings.delivery_limit)?;
        let mut patience = Patience::new(settings.connect_patience);
        let open = |purpose| Link::open(endpoint.clone(), format!("{} {purpose}", settings.name));
        // One after the other, so that a wrong password is offered by one connection and not by two.
        let publisher = open("publishing");
        reach(&publisher, &endpoint, &patience).await?;
        let consumer = open("consuming");
        reach(&consumer, &endpoint, &patience).await?;
        let shared = Arc::new(Shared::new(
            settings, endpoint, topology, publisher, consumer,
        ));
        for node in [Node::Dead, Node::Control] {
            let name = shared.topology.key(&node);
            shared.ready(&name, &node, &mut patience).await?;
        }
        Ok(Self { shared })
    }

    /// What this was connected with.
    pub fn settings(&self) -> &RabbitSettings {
        &self.shared.settings
    }

    /// Deletes the exchanges and queues of this prefix that have fixed names, and those that were used through this
    /// broker. For tests, and for leaving a shared broker clean: messages in them are lost.
    pub async fn delete_topology(&self) -> Result<(), Error> {
        self.shared.delete_all().await
    }
}

/// Waits until the link is up.
async fn reach(link: &Link, endpoint: &Endpoint, patience: &Patience) -> Result<(), Error> {
    let trouble = || link.trouble().map(|trouble| trouble.reason);
    let refused = tokio::select! {
        biased;
        live = timeout_at(patience.deadline(), link.live()) => match live {
            Ok(live) => return live.map(|_| ()),
            Err(_) => link.trouble().is_some_and(|trouble| trouble.refused),
        },
        true = link.refused(REFUSALS) => true,
    };
    let endpoint = endpoint.shown().to_owned();
    let reason = trouble().unwrap_or_default();
    Err(if refused {
        Error::Refused { endpoint, reason }
    } else {
        Error::Unreachable {
            endpoint,
            waited: patience.waited(),
            reason,
        }
    })
}

impl Shared {
    /// Declares a node, with patience, and says how many messages are ready in it.
    async fn ready(&self, name: &str, node: &Node, patience: &mut Patience) -> Result<u64, Error> {
        loop {
            let reason = match timeout_at(patience.deadline(), self.try_ready(name, node)).await {
                Ok(Ok(ready)) => return Ok(ready),
                Ok(Err(Trouble::Lasting(error))) => return Err(error),
                Ok(Err(Trouble::Passing(reason))) => reason,
                Err(_) => "no connection, or no answer".into(),
            };
            if !patience.pause().await {
                return Err(Error::NoAnswer {
                    queue: name.to_owned(),
                    waited: patience.waited(),
                    reason,
                });
            }
        }
    }

    async fn try_ready(&self, name: &str, node: &Node) -> Result<u64, Trouble> {
        let live = self.publisher.live().await.map_err(Trouble::Lasting)?;
        live.during(self.ready_over(&live, name, node))
            .await
            .unwrap_or_else(|| Err(Trouble::lost()))
    }

    async fn ready_over(&self, live: &Arc<Live>, name: &str, node: &Node) -> Result<u64, Trouble> {
        let lease = live.lease().await.map_err(|e| self.judge(&e, name))?;
        let ready = self
            .topology
            .declare(lease.live(), lease.channel(), node)
            .await
            .map_err(|e| self.judge(&e, name))?;
        lease.live().remember(&self.topology.key(node));
        lease.give_back();
        Ok(ready)
    }

    fn line(&self, queue: &Queue) -> Result<ShortString, Error> {
        let name = self.topology.line(queue)?;
        if matches!(queue, Queue::Load { .. } | Queue::DryRun { .. }) {
            self.known().insert(name.clone());
        }
        Ok(name)
    }
}

#[async_trait]
impl Broker for RabbitMq {
    async fn publish(&self, queue: &Queue, envelope: Envelope) -> Result<(), Error> {
        let name = self.shared.line(queue)?;
        let (properties, identity) = (wire::write(&envelope), readable::identity(&envelope));
        let limit = self.shared.settings.max_body;
        let (body, encoding) = packing::pack(envelope.kind, envelope.body, limit);
        if body.len() > limit {
            return Err(Error::TooLarge {
                queue: name.to_string(),
                message: identity,
                size: body.len(),
                limit,
            });
        }
        let outgoing = Outgoing {
            exchange: "".into(),
            routing_key: name.clone(),
            node: Node::Line(name),
            properties: match encoding {
                Some(encoding) => properties.with_content_encoding(encoding.into()),
                None => properties,
            },
            identity,
            body,
        };
        self.shared.publish(&outgoing).await
    }

    async fn consume(&self, queue: &Queue, prefetch: u16) -> Result<Box<dyn Consumer>, Error> {
        let name = self.shared.line(queue)?;
        let consumer = RabbitConsumer::start(Arc::clone(&self.shared), name, prefetch).await?;
        Ok(Box::new(consumer))
    }

    async fn depth(&self, queue: &Queue) -> Result<u64, Error> {
        let name = self.shared.line(queue)?;
        let mut patience = Patience::new(self.shared.settings.publish_patience);
        let node = Node::Line(name.clone());
        self.shared.ready(name.as_str(), &node, &mut patience).await
    }

    async fn publish_control(&self, message: &ControlMessage) -> Result<(), Error> {
        let body = serde_json::to_vec(message).map_err(|error| {
            Error::Settings(format!("the control message can't be written: {error}"))
        })?;
        let outgoing = Outgoing {
            exchange: self.shared.topology.control(),
            routing_key: "".into(),
            node: Node::Control,
            properties: dead::plain_json(),
            body: Bytes::from(body),
            identity: format!("{:?} for run {}", message.action, message.run),
        };
        self.shared.publish(&outgoing).await
    }

    async fn control(&self, durable: Option<&str>) -> Result<Box<dyn ControlConsumer>, Error> {
        let control = RabbitControl::start(Arc::clone(&self.shared), durable).await?;
        Ok(Box::new(control))
    }

    async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error> {
        self.shared.read_dead_letters(most, Afterwards::Leave).await
    }

    async fn take_dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error> {
        self.shared
            .read_dead_letters(most, Afterwards::Remove)
            .await
    }

    async fn close(&self) {
        let shared = &self.shared;
        shared.delete_listeners().await;
        tokio::join!(shared.consumer.close(), shared.publisher.close());
    }
}
