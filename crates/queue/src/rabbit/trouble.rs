//! What an error of AMQP means for the one who got it: try again, or not.
//! The one place where lapin's errors are judged.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};

use crate::Error;

/// Why a try failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Again, over a new channel or connection.
    Passing(String),
    /// Trying again is no use.
    Lasting(Error),
}

impl Trouble {
    /// The connection broke before there was an answer.
    pub(crate) fn lost() -> Self {
        Self::Passing("the connection broke".into())
    }

    /// Judges an error met while working on `name`, over a connection to `endpoint`.
    pub(crate) fn judge(error: &lapin::Error, name: &str, endpoint: &str) -> Self {
        match error.kind() {
            ErrorKind::RuntimeShutdownError(_) => Self::Lasting(Error::Closed),
            ErrorKind::ProtocolError(protocol) => match protocol.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                    Self::Lasting(Error::Refused {
                        endpoint: endpoint.to_owned(),
                        reason: protocol.get_message().to_string(),
                    })
                }
                AMQPErrorKind::Soft(
                    AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE,
                ) => Self::Lasting(Error::Topology {
                    name: name.to_owned(),
                    reason: protocol.get_message().to_string(),
                }),
                // A queue whose node is down, one that an old connection of ours still holds, and everything that
                // ends a whole connection.
                _ => Self::Passing(error.to_string()),
            },
            _ => Self::Passing(error.to_string()),
        }
    }
}
