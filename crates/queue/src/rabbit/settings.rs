//! What a process needs to know to use RabbitMQ.
//! Every process of one line gives the same prefix and delivery limit; the broker refuses what differs.

use std::time::Duration;

use model::Secret;

use crate::{DEFAULT_DELIVERY_LIMIT, DEFAULT_MAX_BODY};

/// Settings of a RabbitMQ broker.
#[derive(Debug, Clone)]
pub struct RabbitSettings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://…` with TLS by the system's certificates.
    pub url: Secret,
    /// What the names of all queues and exchanges begin with.
    pub prefix: String,
    /// What this process is called in the broker's list of connections.
    pub name: String,
    /// How long `connect` waits for a broker that is not there yet.
    pub connect_patience: Duration,
    /// How long a call waits out a broker that went away.
    pub publish_patience: Duration,
    /// The largest body, in bytes, that is published or read.
    pub max_body: usize,
    /// How often a message may come back before it goes to the dead letters.
    pub delivery_limit: u32,
}

impl RabbitSettings {
    /// The settings that go with a URL unless one says otherwise.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            prefix: "stevedore".into(),
            name: "stevedore".into(),
            connect_patience: Duration::from_secs(60),
            publish_patience: Duration::from_secs(60),
            max_body: DEFAULT_MAX_BODY,
            delivery_limit: DEFAULT_DELIVERY_LIMIT,
        }
    }
}
