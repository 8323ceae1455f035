//! What an ingest job is to do, as it was created.

use crate::write::Operation;

/// What a job was created to do.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) object: u16,
    pub(super) operation: Operation,
    pub(super) operation_name: &'static str,
    /// As the client wrote it.
    pub(super) external_id: Option<String>,
    pub(super) delimiter: Delimiter,
    pub(super) crlf: bool,
    pub(super) assignment_rule: Option<String>,
    pub(super) api_version: String,
    /// Whether an upsert by another key may have a column `Id`, blank in every row: clients of Bulk API 1.0 send one.
    pub(super) blank_id: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delimiter {
    pub(super) name: &'static str,
    pub(super) byte: u8,
}
