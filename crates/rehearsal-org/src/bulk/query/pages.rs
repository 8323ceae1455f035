//! Result pages of a query job: where one begins and ends, and its CSV, written piece by piece while it is sent.

use std::io;
use std::sync::Arc;

use super::job::{Matched, QueryJob};
use crate::bulk::csv::write_quoted;
use crate::ids::{RecordId, id_text, parse_id};
use crate::org::Org;
use crate::values::Value;
use crate::values::plain::write_plain;

/// Rows written at a time.
const PIECE: usize = 500;
/// What a locator looks like is nobody's business; here it is an id that counts rows.
const PREFIX: [u8; 3] = *b"0rP";

/// The locator of the page that begins at a row; the text `null` when there is none.
pub(super) fn locator(from: usize, total: usize) -> String {
    if from >= total {
        return "null".to_owned();
    }
    id_text(PREFIX, from as u64)
}

/// The row a locator means.
pub(super) fn read_locator(text: &str) -> Option<usize> {
    let id = parse_id(text).filter(|id| id.prefix == PREFIX)?;
    usize::try_from(id.serial?).ok()
}

/// One page, ready to be sent.
pub(super) struct Page {
    org: Arc<Org>,
    job: Arc<QueryJob>,
    matched: Arc<Matched>,
    ids: Vec<RecordId>,
    written: usize,
    header_sent: bool,
}

impl Page {
    /// The rows from `from` to `to`. A record that was erased since the query ran has no values left to tell, and
    /// is left out.
    pub(super) fn new(
        org: &Arc<Org>,
        job: &Arc<QueryJob>,
        matched: &Arc<Matched>,
        from: usize,
        to: usize,
    ) -> Self {
        let ids = {
            let store = org.read();
            let mut ids = matched.ids.some(from..to);
            ids.retain(|id| store.is_there(*id));
            ids
        };
        Self {
            org: Arc::clone(org),
            job: Arc::clone(job),
            matched: Arc::clone(matched),
            ids,
            written: 0,
            header_sent: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    fn marks(&self) -> (char, &'static str) {
        let spec = &self.job.spec;
        let ending = if spec.crlf { "\r\n" } else { "\n" };
        (char::from(spec.delimiter.byte), ending)
    }

    fn header(&self) -> String {
        let (delimiter, ending) = self.marks();
        let mut out = String::new();
        for (place, name) in self.matched.columns.names().enumerate() {
            if place > 0 {
                out.push(delimiter);
            }
            write_quoted(name, &mut out);
        }
        out.push_str(ending);
        out
    }
}

impl Iterator for Page {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if !std::mem::replace(&mut self.header_sent, true) {
            return Some(Ok(self.header()));
        }
        let to = (self.written + PIECE).min(self.ids.len());
        let ids = &self.ids[self.written..to];
        if ids.is_empty() {
            return None;
        }
        let (delimiter, ending) = self.marks();
        let mut out = String::with_capacity(ids.len() * 128);
        let store = self.org.read();
        for id in ids {
            let start = out.len();
            self.matched
                .columns
                .each(&self.org.catalogue, &store, *id, |_, field, value| {
                    if out.len() > start {
                        out.push(delimiter);
                    }
                    if let Value::Text(text) = value {
                        return write_quoted(text, &mut out);
                    }
                    out.push('"');
                    write_plain(&self.org.catalogue, field, value, &mut out);
                    out.push('"');
                });
            out.push_str(ending);
        }
        drop(store);
        self.written = to;
        Some(
            self.org
                .still_sound()
                .map(|()| out)
                .map_err(io::Error::other),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_read_back_until_the_end() {
        assert_eq!(read_locator(&locator(50_000, 50_001)), Some(50_000));
        assert_eq!(locator(7, 7), "null");
        assert_eq!(read_locator("null"), None);
        assert_eq!(read_locator("001Rh0000000001AAA"), None);
    }
}
