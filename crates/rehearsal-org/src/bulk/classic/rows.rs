//! The rows that a query's batch found, in each content type, written piece by piece while they are sent.

use std::sync::Arc;

use super::NAMESPACE;
use super::format::DECLARATION;
use super::job::{Content, Matched};
use crate::bulk::csv::write_quoted;
use crate::ids::RecordId;
use crate::org::Org;
use crate::soql::shape::{Moments, Writer};
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
    ids: Vec<RecordId>,
    written: usize,
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
        let ids = {
            let store = org.read();
            let all = matched.ids.iter().copied();
            all.filter(|id| store.row(*id).is_some()).collect()
        };
        Self {
            org: Arc::clone(org),
            matched: Arc::clone(matched),
            content,
            version: version.to_owned(),
            ids,
            written: 0,
            at: At::Head,
        }
    }

    fn head(&self) -> String {
        match self.content {
            Content::Csv if self.ids.is_empty() => NONE.to_owned(),
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

    fn rows(&self, ids: &[RecordId]) -> String {
        let org = &self.org;
        let store = org.read();
        let mut out = String::with_capacity(ids.len() * 128);
        let writer = Writer {
            catalogue: &org.catalogue,
            store: &store,
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
                    columns.each(&org.catalogue, &store, *id, |_, field, value| {
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
                if self.written > 0 {
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
    type Item = String;

    fn next(&mut self) -> Option<String> {
        match self.at {
            At::Head => {
                self.at = At::Rows;
                Some(self.head())
            }
            At::Rows if self.written < self.ids.len() => {
                let to = (self.written + PIECE).min(self.ids.len());
                let piece = self.rows(&self.ids[self.written..to]);
                self.written = to;
                Some(piece)
            }
            At::Rows => {
                self.at = At::End;
                Some(self.foot())
            }
            At::End => None,
        }
    }
}
