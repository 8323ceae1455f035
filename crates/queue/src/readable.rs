//! Whether a message may reach a handler, and what it is called in logs.
//! The same answers for every broker, so that a dead letter reads the same everywhere.

use model::{Envelope, WIRE_VERSION};

/// How a message is named in logs and errors: never by its body.
pub(crate) fn identity(envelope: &Envelope) -> String {
    format!(
        "{} {} attempt {}",
        envelope.kind.as_str(),
        envelope.chunk,
        envelope.attempt
    )
}

/// Why a message of this version is not handled.
pub(crate) fn version(version: u16) -> Result<(), String> {
    if version == WIRE_VERSION {
        return Ok(());
    }
    Err(format!(
        "unknown version {version}: this service reads version {WIRE_VERSION}; bring all services to one version"
    ))
}

/// Why a body of this size is not handled.
pub(crate) fn size(size: usize, limit: usize) -> Result<(), String> {
    if size <= limit {
        return Ok(());
    }
    Err(format!(
        "the body has {size} bytes, more than the {limit} that are read"
    ))
}
