//! A stop message, and hearing one.
//! The words of the tests about control messages.

use model::{ControlAction, ControlMessage};
use queue::{ControlConsumer, ControlDelivery};
use tokio::time::timeout;

use super::SOON;

pub(crate) fn stop(run: &str) -> ControlMessage {
    ControlMessage {
        action: ControlAction::Stop,
        run: run.into(),
        by: Some("ops".into()),
        reason: Some("wrong file".into()),
        drain: false,
    }
}

pub(crate) async fn heard(listener: &mut Box<dyn ControlConsumer>) -> ControlDelivery {
    timeout(SOON, listener.next())
        .await
        .expect("a control message in time")
        .expect("a control message")
}
