//! Records and pages of them as XML.

use crate::ids::RecordId;
use crate::org::Org;
use crate::rest::cursors::Cursor;
use crate::soql::shape::{Moments, Shape, Writer};
use crate::store::Store;
use crate::xml::write_element;

/// A page of a query's records.
pub(super) struct Page<'a> {
    pub(super) cursor: &'a Cursor,
    pub(super) from: usize,
    pub(super) size: usize,
}

/// A whole answer in one page.
pub(super) fn only(total: usize, records: &str) -> String {
    format!(
        "<result xsi:type=\"QueryResult\"><done>true</done><queryLocator xsi:nil=\"true\"/>{records}<size>{total}</size></result>"
    )
}

pub(super) fn page(org: &Org, page: &Page<'_>) -> String {
    let Page { cursor, from, size } = *page;
    let total = cursor.ids.len();
    let end = (from + size).min(total);
    let mut records = String::new();
    let ids = cursor.ids.some(from..end);
    write(
        org,
        &org.read(),
        "records",
        &cursor.shape,
        &ids,
        &mut records,
    );
    if end == total {
        return only(total, &records);
    }
    let mut out = String::from("<result xsi:type=\"QueryResult\"><done>false</done>");
    write_element("queryLocator", &cursor.locator(end), &mut out);
    out.push_str(&records);
    out.push_str(&format!("<size>{total}</size></result>"));
    out
}

/// Appends records as elements of this name.
pub(super) fn write(
    org: &Org,
    store: &Store,
    name: &str,
    shape: &Shape,
    ids: &[RecordId],
    out: &mut String,
) {
    let writer = Writer {
        catalogue: &org.catalogue,
        store,
        version: "",
        moments: Moments::Text,
        page: usize::MAX,
        next_page: &|_, _| String::new(),
    };
    writer.soap(name, shape, ids, out);
}
