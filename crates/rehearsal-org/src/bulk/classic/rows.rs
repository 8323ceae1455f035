//! The rows that a query's batch found, in each content type, written piece by piece while they are sent.

use std::io;
use std::sync::Arc;

use super::format::{DECLARATION, NAMESPACE};
use super::job::{Content, Matched};
use crate::bulk::csv::write_quoted;
use crate::ids::RecordId;
use crate::org::Org;
use crate::soql::shape::{Moments, Writer};
use crate::store::Store;
use crate::values::Value;
use crate::values::plain::write_plain;

/// Rows written at a time.
const PIECE: usize = 500;
/// The whole of a CSV result without rows.
const NONE: &str = "Records not found for this query\n";

/// One result, ready to be sent.
pub(super) struct Result {
    org: Arc<Org>,
    matched: Arc<Matched>,
    content: Content,
    version: String,
    /// How many of those that matched were looked at.
    looked_at: usize,
    /// Whether one of them was still there.
    any: bool,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    Rows,
    End,
}

impl Result {
    /// A record that was erased since the query ran is left out.
    pub(super) fn new(
        org: &Arc<Org>,
        matched: &Arc<Matched>,
        content: Content,
        version: &str,
    ) -> Self {
        Self {
            org: Arc::clone(org),
            matched: Arc::clone(matched),
            content,
            version: version.to_owned(),
            looked_at: 0,
            any: false,
            at: At::Head,
        }
    }

    /// Those of a piece that are still there.
    fn there(&self, store: &Store, from: usize) -> Vec<RecordId> {
        let mut ids = self.matched.ids.some(from..from + PIECE);
        ids.retain(|id| store.is_there(*id));
        ids
    }

    fn is_empty(&self) -> bool {
        let store = self.org.read();
        let mut pieces = (0..self.matched.ids.len()).step_by(PIECE);
        pieces.all(|from| self.there(&store, from).is_empty())
    }

    fn head(&self) -> String {
        match self.content {
            Content::Csv if self.is_empty() => NONE.to_owned(),
            Content::Csv => {
                let mut out = String::new();
                for (place, name) in self.matched.columns.names().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_quoted(name, &mut out);
                }
                out.push('\n');
                out
            }
            Content::Json => "[".to_owned(),
            Content::Xml => format!(
                "{DECLARATION}<queryResult xmlns=\"{NAMESPACE}\" \
                 xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
            ),
        }
    }

    fn foot(&self) -> String {
        match self.content {
            Content::Csv => String::new(),
            Content::Json => "]".to_owned(),
            Content::Xml => "</queryResult>".to_owned(),
        }
    }

    fn rows(&self, store: &Store, ids: &[RecordId]) -> String {
        let org = &self.org;
        let mut out = String::with_capacity(ids.len() * 128);
        let writer = Writer {
            catalogue: &org.catalogue,
            store,
            version: &self.version,
            moments: Moments::Milliseconds,
            page: usize::MAX,
            // Bulk queries have no children, and so no pages of them.
            next_page: &|_, _| String::new(),
        };
        match self.content {
            Content::Csv => {
                for id in ids {
                    let start = out.len();
                    let columns = &self.matched.columns;
                    columns.each(&org.catalogue, store, *id, |_, field, value| {
                        if out.len() > start {
                            out.push(',');
                        }
                        if let Value::Text(text) = value {
                            return write_quoted(text, &mut out);
                        }
                        out.push('"');
                        write_plain(&org.catalogue, field, value, &mut out);
                        out.push('"');
                    });
                    out.push('\n');
                }
            }
            Content::Json => {
                if self.any {
                    out.push(',');
                }
                writer.records(&self.matched.shape, ids, &mut out);
            }
            Content::Xml => {
                for id in ids {
                    writer.xml("records", &self.matched.shape, *id, &mut out);
                }
            }
        }
        out
    }
}

impl Iterator for Result {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = match self.at {
            At::Head => {
                self.at = At::Rows;
                self.head()
            }
            At::Rows if self.looked_at < self.matched.ids.len() => {
                let store = self.org.read();
                let ids = self.there(&store, self.looked_at);
                let piece = if ids.is_empty() {
                    String::new()
                } else {
                    self.rows(&store, &ids)
                };
                drop(store);
                self.looked_at += PIECE;
                self.any |= !ids.is_empty();
                piece
            }
            At::Rows => {
                self.at = At::End;
                self.foot()
            }
            At::End => return None,
        };
        Some(
            self.org
                .still_sound()
                .map(|()| piece)
                .map_err(io::Error::other),
        )
    }
}
