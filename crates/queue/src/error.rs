//! What a broker can't do, told apart by what the caller may do about it.
//! No variant holds the broker's URL: only `endpoint`, in which the password is left out.

use std::time::Duration;

use model::Failure;

/// An error of the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings can't be used as they are; nothing was tried.
    #[error("{0}")]
    Settings(String),

    /// The broker answered and would not have us: wrong credentials, no such virtual host, no permission.
    #[error("the broker {endpoint} refuses us: {reason}")]
    Refused { endpoint: String, reason: String },

    /// No connection came about within the patience set.
    #[error("the broker {endpoint} can't be reached, for {waited:.0?} now: {reason}")]
    Unreachable {
        endpoint: String,
        waited: Duration,
        reason: String,
    },

    /// The broker has not said that the message is safe. It may have it nevertheless: publishing again is right,
    /// and the reader must bear with two.
    #[error("{message} is not confirmed on `{queue}` within {waited:.0?}: {reason}")]
    Unconfirmed {
        queue: String,
        message: String,
        waited: Duration,
        reason: String,
    },

    /// Nothing is bound where the message was to go; nobody has it.
    #[error("nothing takes messages at `{queue}`")]
    Unroutable { queue: String },

    /// The message was not sent, and never will be at this size (bytes).
    #[error("{message} for `{queue}` has {size} bytes, more than the {limit} that the queue takes")]
    TooLarge {
        queue: String,
        message: String,
        size: usize,
        limit: usize,
    },

    /// The broker won't have a queue or exchange as we declare it.
    #[error("the broker does not accept `{name}` as it is declared: {reason}")]
    Topology { name: String, reason: String },

    /// A question to the broker was not answered in time.
    #[error("no answer on `{queue}` within {waited:.0?}: {reason}")]
    NoAnswer {
        queue: String,
        waited: Duration,
        reason: String,
    },

    /// The connection that this delivery came over is gone, and its acknowledgement with it: the message will be
    /// delivered again, to somebody.
    #[error("the connection of this delivery is lost; the message will be delivered again")]
    Lost,

    /// The broker was closed by its owner.
    #[error("the queue is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Unconfirmed { .. }
            | Self::Unroutable { .. }
            | Self::NoAnswer { .. }
            | Self::Lost => true,
            Self::Settings(_)
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Topology { .. }
            | Self::Closed => false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Settings(_) => Failure::usage("broker_settings", message),
            Error::Refused { .. } => Failure::pause("broker_refused", message).hint(
                "look at user, password and virtual host in STEVEDORE__BROKER__URL, and at the user's permissions",
            ),
            Error::Unreachable { .. } => Failure::retry("broker_unreachable", message)
                .hint("look whether the broker runs and STEVEDORE__BROKER__URL names it"),
            Error::Unconfirmed { .. } => Failure::retry("message_unconfirmed", message),
            Error::Unroutable { .. } => Failure::retry("message_unroutable", message),
            Error::NoAnswer { .. } => Failure::retry("broker_silent", message),
            Error::TooLarge { .. } => Failure::chunk("message_too_large", message)
                .hint(
                "name a `key` by which the object can be cut, set STEVEDORE__CHUNKS__BYTES lower, or raise STEVEDORE__CHUNKS__BODY_LIMIT and the broker's own limit",
            ),
            Error::Topology { .. } => Failure::pause("broker_topology", message).hint(
                "a queue of that name was made with other settings; use another prefix, or delete it while it is empty",
            ),
            Error::Lost => Failure::retry("delivery_lost", message),
            Error::Closed => Failure::retry("queue_closed", message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_retried_and_what_does_not_is_not() {
        let lost = Error::Lost;
        assert!(lost.is_passing());
        assert_eq!(Failure::from(lost).kind, model::FailureKind::Retry);
        let large = Error::TooLarge {
            queue: "stevedore.transform".into(),
            message: "extracted r/accounts/3 attempt 1".into(),
            size: 20,
            limit: 10,
        };
        assert!(!large.is_passing());
        assert_eq!(Failure::from(large).kind, model::FailureKind::FailChunk);
    }
}
