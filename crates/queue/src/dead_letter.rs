//! A message that nobody will handle, kept for a person to look at.
//! It says where it came from and why it is here.

use std::fmt;

use bytes::Bytes;
use model::Envelope;

/// One dead letter.
#[derive(Clone, PartialEq)]
pub struct DeadLetter {
    /// The name of the queue that it came from, prefix included.
    pub queue: String,
    /// What was given as the reason, or what the broker says.
    pub reason: String,
    /// The message, where it can be read as one.
    pub envelope: Option<Envelope>,
    /// The body as it came.
    pub body: Bytes,
}

/// Shows the body's size and not the body, which may hold people's data.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("queue", &self.queue)
            .field("reason", &self.reason)
            .field(
                "message",
                &self.envelope.as_ref().map(crate::readable::identity),
            )
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What is said of a message that came back too often.
pub(crate) fn too_often(limit: u32) -> String {
    format!("came back unacknowledged more than {limit} times")
}
