//! A subscription to one queue that lives through broken connections.
//! Each time it starts from nothing: connection, channel, declaration, prefetch, consumer.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::Channel;
use lapin::message::Delivery as Raw;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout, timeout_at};

use super::live::Live;
use super::shared::Shared;
use super::topology::Node;
use super::trouble::Trouble;
use crate::Error;
use crate::backoff::{Backoff, Patience};

/// Time for a broker to answer the steps of subscribing.
const ANSWER: Duration = Duration::from_secs(30);
/// How often the channel of a quiet subscription is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Time to give back what was prefetched when a subscription ends.
const HAND_BACK: Duration = Duration::from_secs(5);

pub(crate) struct Subscription {
    shared: Arc<Shared>,
    node: Node,
    queue: ShortString,
    prefetch: u16,
    open: Option<Open>,
    backoff: Backoff,
}

/// A message as it came, with what it came over.
pub(crate) struct Arrived {
    pub(crate) raw: Raw,
    pub(crate) channel: Channel,
    pub(crate) live: Arc<Live>,
}

struct Open {
    live: Arc<Live>,
    channel: Channel,
    stream: lapin::Consumer,
}

impl Subscription {
    /// Subscribes, or says within the patience set why not.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        node: Node,
        queue: ShortString,
        prefetch: u16,
    ) -> Result<Self, Error> {
        let mut patience = Patience::new(shared.settings.publish_patience);
        let mut subscription = Self {
            shared,
            node,
            queue,
            prefetch: prefetch.max(1),
            open: None,
            backoff: Backoff::default(),
        };
        loop {
            let tried = timeout_at(patience.deadline(), subscription.subscribe()).await;
            let reason = match tried {
                Ok(Ok(open)) => {
                    subscription.open = Some(open);
                    return Ok(subscription);
                }
                Ok(Err(Trouble::Lasting(error))) => return Err(error),
                Ok(Err(Trouble::Passing(reason))) => reason,
                Err(_) => "no answer to the subscription".into(),
            };
            if !patience.pause().await {
                return Err(Error::NoAnswer {
                    queue: subscription.queue.to_string(),
                    waited: patience.waited(),
                    reason,
                });
            }
        }
    }

    /// Waits for a message.
    pub(crate) async fn next(&mut self) -> Result<Arrived, Error> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = shared.consumer.closed() => Err(Error::Closed),
            next = self.next_open() => next,
        }
    }

    async fn next_open(&mut self) -> Result<Arrived, Error> {
        loop {
            let Some(open) = &mut self.open else {
                self.resubscribe().await?;
                continue;
            };
            let reason = match open.next().await {
                Ok(arrived) => {
                    self.backoff.reset();
                    return Ok(arrived);
                }
                Err(reason) => reason,
            };
            self.open = None;
            tracing::info!(
                queue = self.queue.as_str(),
                reason,
                "subscription lost; will subscribe again"
            );
        }
    }

    async fn resubscribe(&mut self) -> Result<(), Error> {
        let reason = match timeout(ANSWER, self.subscribe()).await {
            Ok(Ok(open)) => {
                tracing::info!(queue = self.queue.as_str(), "subscribed again");
                self.open = Some(open);
                return Ok(());
            }
            Ok(Err(Trouble::Lasting(Error::Closed))) => return Err(Error::Closed),
            Ok(Err(Trouble::Lasting(error))) => error.to_string(),
            Ok(Err(Trouble::Passing(reason))) => reason,
            Err(_) => "no connection, or no answer".into(),
        };
        let pause = self.backoff.next();
        if self.backoff.worth_a_word() {
            tracing::warn!(
                queue = self.queue.as_str(),
                reason,
                "can't subscribe; will try again"
            );
        }
        sleep(pause).await;
        Ok(())
    }

    async fn subscribe(&self) -> Result<Open, Trouble> {
        let shared = &self.shared;
        let live = shared.consumer.live().await.map_err(Trouble::Lasting)?;
        live.during(self.subscribe_over(&live))
            .await
            .unwrap_or_else(|| Err(Trouble::lost()))
    }

    async fn subscribe_over(&self, live: &Arc<Live>) -> Result<Open, Trouble> {
        let shared = &self.shared;
        let judge = |error| shared.judge(&error, self.queue.as_str());
        let channel = live.channel().await.map_err(judge)?;
        shared
            .topology
            .declare(live, &channel, &self.node)
            .await
            .map_err(judge)?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await
            .map_err(judge)?;
        let stream = channel
            .basic_consume(
                self.queue.clone(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(judge)?;
        Ok(Open {
            live: Arc::clone(live),
            channel,
            stream,
        })
    }
}

/// What was sent to us and not handed out goes back at once; otherwise it would wait until the last message in
/// somebody's hands is settled and the channel closes.
impl Drop for Subscription {
    fn drop(&mut self) {
        if let (Some(open), Ok(runtime)) = (self.open.take(), Handle::try_current()) {
            runtime.spawn(async move {
                // On a timeout the channel's end gives it back.
                let _ = timeout(HAND_BACK, open.hand_back()).await;
            });
        }
    }
}

impl Open {
    /// The next message, or why there won't be one.
    async fn next(&mut self) -> Result<Arrived, String> {
        loop {
            let Self {
                live,
                channel,
                stream,
            } = self;
            let Some(next) = live.during(timeout(LOOK, stream.next())).await else {
                return Err("the connection broke".into());
            };
            match next {
                Ok(Some(Ok(raw))) => {
                    return Ok(Arrived {
                        raw,
                        channel: channel.clone(),
                        live: Arc::clone(live),
                    });
                }
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(None) => return Err("the broker ended it".into()),
                Err(_) if channel.status().connected() => {}
                Err(_) => return Err("the channel is closed".into()),
            }
        }
    }

    async fn hand_back(mut self) -> lapin::Result<()> {
        self.channel
            .basic_cancel(self.stream.tag(), BasicCancelOptions::default())
            .await?;
        let requeue = BasicNackOptions {
            requeue: true,
            multiple: false,
        };
        while let Some(raw) = self.stream.next().await {
            raw?.nack(requeue).await?;
        }
        Ok(())
    }
}
