//! What travels between the services: an envelope with identity in its headers and a body that only its reader interprets.
//! Every message says its version; a reader that does not know it sends the message to the dead letters.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Attempt, Books, ChunkNumber, ChunkRef, Failure, Pass, RunId, Slice};

/// The version of everything on the wire. A change that an older service would misread raises it.
pub const WIRE_VERSION: u16 = 1;

/// What a message is, and so how its body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Coordinator to extractor: body is a `ChunkCommand`.
    Extract,
    /// Extractor to transformer: body is a `record::Payload` of source columns.
    Extracted,
    /// Transformer to loader: body is a `record::Payload` of target fields.
    Mapped,
    /// Loader to auditor: body is a `record::Outcome`.
    Outcome,
    /// Transformer to auditor: body is a `record::KeyHashes`.
    Keys,
    /// Extractor or transformer to auditor: body is a `record::Picks`.
    Picked,
    /// Any service to the coordinator: body is a `Report`.
    Report,
    /// Coordinator to reconciler: body is a `ReconcileCommand`.
    Reconcile,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Extract,
        Self::Extracted,
        Self::Mapped,
        Self::Outcome,
        Self::Keys,
        Self::Picked,
        Self::Report,
        Self::Reconcile,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Extracted => "extracted",
            Self::Mapped => "mapped",
            Self::Outcome => "outcome",
            Self::Keys => "keys",
            Self::Picked => "picked",
            Self::Report => "report",
            Self::Reconcile => "reconcile",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One message: identity, version and trace in the headers, the content in the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    pub version: u16,
    pub kind: Kind,
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    /// W3C `traceparent`, so that one trace follows a chunk through every service.
    pub traceparent: Option<String>,
    pub body: Bytes,
}

impl Envelope {
    pub fn new(kind: Kind, chunk: ChunkRef, attempt: Attempt, body: impl Into<Bytes>) -> Self {
        Self {
            version: WIRE_VERSION,
            kind,
            chunk,
            attempt,
            traceparent: None,
            body: body.into(),
        }
    }

    /// A message whose body is JSON.
    pub fn json<T: Serialize>(
        kind: Kind,
        chunk: ChunkRef,
        attempt: Attempt,
        body: &T,
    ) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Failure::bug(format!("a {} does not serialise: {error}", kind.as_str()))
        })?;
        Ok(Self::new(kind, chunk, attempt, body))
    }

    /// Reads a JSON body. An unreadable one is poison: no retry mends it.
    pub fn read_json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::chunk(
                "unreadable_message",
                format!(
                    "the body of a `{}` message can't be read: {error}",
                    self.kind.as_str()
                ),
            )
            .hint("services of different versions share one broker; bring them to one version")
        })
    }
}

/// A dispatch: read this slice, as this attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkCommand {
    pub slice: Slice,
    pub pass: Pass,
    /// The chunks that this one was split from, nearest first. A claim marks them split in the target.
    pub ancestors: Vec<ChunkNumber>,
}

/// Word to the coordinator on one attempt of one chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// The slice was too big; nothing of it was sent on. The slices tile it.
    Split { slices: Vec<Slice> },
    /// The chunk could not be moved, or not now; the failure's kind says which.
    Refused { failure: Failure },
    /// The chunk's books are in the audit log.
    Audited { books: Books },
    /// The chunk's target keys are stored.
    KeysAudited { records: u64 },
    /// What the chunk was read for in this pass is stored: which records are picked.
    PicksAudited { pass: Pass },
    /// An ancestor had been written whole; its own outcome is on its way to the auditor.
    Superseded { by: ChunkNumber },
    /// The object was read anew at both ends, and the results are stored.
    Reconciled { passed: bool },
    /// The object could not be read anew.
    NotReconciled { failure: Failure },
}

/// Read both ends of an object anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileCommand {
    pub level: u8,
}

/// What a stop message asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlAction {
    Stop,
    Pause,
    Resume,
}

/// A message on the exchange `stevedore.control`, which anyone with broker access may publish.
/// Unknown keys are let through: a stop must not fail for an extra word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlMessage {
    pub action: ControlAction,
    /// A run's id, or `*` for every run.
    pub run: String,
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Jobs under way are let finish instead of aborted.
    #[serde(default)]
    pub drain: bool,
}

impl ControlMessage {
    pub fn concerns(&self, run: &RunId) -> bool {
        self.run == "*" || self.run == run.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_message_of_the_documents_is_understood() {
        let text = r#"{"action":"stop","run":"*","by":"ops","reason":"wrong file"}"#;
        let message: ControlMessage = serde_json::from_str(text).expect("documented form");
        assert_eq!(message.action, ControlAction::Stop);
        assert!(message.concerns(&RunId::new("anything")));
        assert!(!message.drain);
    }

    #[test]
    fn reports_are_tagged_and_strict() {
        let report = Report::Superseded { by: ChunkNumber(3) };
        let text = serde_json::to_string(&report).expect("serialises");
        assert_eq!(text, r#"{"report":"superseded","by":3}"#);
        assert!(serde_json::from_str::<Report>(r#"{"report":"superseded","by":3,"x":1}"#).is_err());
    }
}
