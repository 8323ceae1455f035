//! Queries with more than one page, kept until their pages are read. The oldest is forgotten when there are many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::packed::Packed;
use crate::ids::{RecordId, id_text, parse_id};
use crate::soql::shape::Shape;

const PREFIX: [u8; 3] = *b"01g";
const MOST: usize = 50;
/// What they may hold together, in bytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;

pub(crate) struct Cursor {
    number: u64,
    pub(crate) ids: Packed,
    pub(crate) shape: Arc<Shape>,
}

impl Cursor {
    /// The locator of the page that begins at `offset`.
    pub(crate) fn locator(&self, offset: usize) -> String {
        format!("{}-{offset}", id_text(PREFIX, self.number))
    }
}

pub(crate) struct Cursors {
    open: Mutex<(u64, VecDeque<Arc<Cursor>>)>,
}

impl Cursors {
    /// No cursors; the first gets the number after this one.
    pub(crate) fn numbered_from(last: u64) -> Self {
        Self {
            open: Mutex::new((last, VecDeque::new())),
        }
    }

    /// A cursor over these records, remembered only if they are more than one page.
    pub(crate) fn open_if_paged(
        &self,
        ids: Vec<RecordId>,
        shape: Arc<Shape>,
        page: usize,
    ) -> Arc<Cursor> {
        let ids = Packed::new(&ids);
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
        open.1.push_back(Arc::clone(&cursor));
        let bytes = |all: &VecDeque<Arc<Cursor>>| all.iter().map(|c| c.ids.size()).sum::<usize>();
        while open.1.len() > MOST || open.1.len() > 1 && bytes(&open.1) > MOST_BYTES {
            open.1.pop_front();
        }
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
