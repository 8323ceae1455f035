//! Queries with more than one page, kept until their pages are read. The oldest is forgotten when there are many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::{RecordId, id_text, parse_id};
use crate::soql::shape::Shape;

const PREFIX: [u8; 3] = *b"01g";
/// Each holds eight bytes per record.
const MOST: usize = 50;

pub(crate) struct Cursor {
    number: u64,
    pub(crate) ids: Vec<RecordId>,
    pub(crate) shape: Arc<Shape>,
}

impl Cursor {
    /// The locator of the page that begins at `offset`.
    pub(crate) fn locator(&self, offset: usize) -> String {
        format!("{}-{offset}", id_text(PREFIX, self.number))
    }
}

#[derive(Default)]
pub(crate) struct Cursors {
    open: Mutex<(u64, VecDeque<Arc<Cursor>>)>,
}

impl Cursors {
    /// A cursor over these records, remembered only if they are more than one page.
    pub(crate) fn open_if_paged(
        &self,
        ids: Vec<RecordId>,
        shape: Arc<Shape>,
        page: usize,
    ) -> Arc<Cursor> {
        if ids.len() <= page {
            return Arc::new(Cursor {
                number: 0,
                ids,
                shape,
            });
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 += 1;
        let number = open.0;
        let cursor = Arc::new(Cursor { number, ids, shape });
        if open.1.len() >= MOST {
            open.1.pop_front();
        }
        open.1.push_back(Arc::clone(&cursor));
        cursor
    }

    /// The cursor of a locator, and where its page begins.
    pub(crate) fn find(&self, locator: &str) -> Option<(Arc<Cursor>, usize)> {
        let (id, offset) = locator.split_once('-')?;
        let id = parse_id(id).filter(|id| id.prefix == PREFIX)?;
        let offset = offset.parse().ok()?;
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let cursor = open.1.iter().find(|c| Some(c.number) == id.serial)?;
        (offset <= cursor.ids.len()).then(|| (Arc::clone(cursor), offset))
    }
}
