//! The coordinators' own, durable queue of stop messages: one that was published while nobody was up is stored when somebody is.
//! Every process obeys stop messages by itself; this only makes sure that none is missed.

use std::time::Duration;

use model::{ControlAction, DesiredState, RunId};
use service::Line;

/// The queue's name among those bound to the control exchange.
const QUEUE: &str = "coordinator";

/// Stores what is asked, until the process ends.
pub(crate) async fn keep(line: Line) {
    let ending = line.ending.clone();
    tokio::select! {
        () = ending.cancelled() => {}
        () = store(&line) => {}
    }
}

async fn store(line: &Line) {
    loop {
        let kept = async {
            let mut messages = line.broker.control(Some(QUEUE)).await?;
            loop {
                let heard = messages.next().await?;
                let message = &heard.message;
                let desired = match message.action {
                    ControlAction::Stop => DesiredState::Stopped,
                    ControlAction::Pause => DesiredState::Paused,
                    ControlAction::Resume => DesiredState::Running,
                };
                let run = (message.run != "*").then(|| RunId::new(&message.run));
                let (by, reason) = (message.by.as_deref(), message.reason.as_deref());
                let set =
                    line.control
                        .set_desired(run.as_ref(), desired, by, reason, message.drain);
                match set.await {
                    Err(error) if error.is_retryable() => {
                        tracing::warn!(run = message.run, %error, "a stop message can't be stored yet");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                        heard.requeue().await?;
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(run = message.run, %error, "a stop message asks what can't be done");
                    }
                    Ok(_) => {}
                }
                heard.ack().await?;
            }
        };
        let ended: Result<(), queue::Error> = kept.await;
        if let Err(error) = ended {
            tracing::warn!(%error, "the queue of stop messages can't be read");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
