//! `query` and `queryAll`, with their pages.

use std::sync::Arc;

use super::call::Call;
use super::cursors::Cursor;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::ids::RecordId;
use crate::org::Org;
use crate::soql::metadata::columns;
use crate::soql::run::{Answer, run};
use crate::soql::shape::{Moments, Shape, Writer};

const PAGE: usize = 2000;

pub(super) async fn start(org: &Arc<Org>, call: Call, deleted: bool) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let Some(text) = call.parameter("q").map(str::to_owned) else {
        return Err(ApiError::bad(
            "MALFORMED_QUERY",
            "A query string has to be specified",
        ));
    };
    if call.flag("columns") {
        let columns = org
            .blocking(move |org| {
                columns(&org.catalogue, &org.read(), &text).map_err(|error| error.to_api(&text))
            })
            .await??;
        return Ok(Reply::json(&columns));
    }
    of_text(org, call, text, deleted).await
}

/// The first page of a query, as the call wants it.
pub(super) async fn of_text(
    org: &Arc<Org>,
    call: Call,
    text: String,
    deleted: bool,
) -> Result<Reply, ApiError> {
    let page = page(&call);
    let version = call.version;
    let body = org
        .blocking(move |org| {
            let answer = run(&org.catalogue, &org.read(), &text, deleted)
                .map_err(|error| error.to_api(&text))?;
            Ok(match answer {
                Answer::Count(count) => {
                    format!("{{\"totalSize\":{count},\"done\":true,\"records\":[]}}")
                }
                Answer::Groups { total, json } => {
                    format!("{{\"totalSize\":{total},\"done\":true,\"records\":[{json}]}}")
                }
                Answer::Records { ids, shape } => {
                    let cursor = org.cursors.open_if_paged(ids, shape, page);
                    write_page(org, &cursor, 0, page, &version)
                }
            })
        })
        .await??;
    Ok(Reply::json_text(body))
}

pub(super) async fn next(org: &Arc<Org>, call: Call, locator: String) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let page = page(&call);
    let version = call.version;
    let body = org
        .blocking(move |org| {
            let found = org.cursors.find(&locator);
            let (cursor, offset) = found
                .ok_or_else(|| ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
            Ok(write_page(org, &cursor, offset, page, &version))
        })
        .await??;
    Ok(Reply::json_text(body))
}

/// `Sforce-Query-Options: batchSize=N`, 200 to 2000.
fn page(call: &Call) -> usize {
    let options = call
        .headers
        .get("sforce-query-options")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    options
        .split(',')
        .filter_map(|option| option.trim().strip_prefix("batchSize="))
        .find_map(|size| size.trim().parse::<usize>().ok())
        .map_or(PAGE, |size| size.clamp(200, PAGE))
}

/// Where the page is that begins at `offset`.
fn next_url(version: &str, cursor: &Cursor, offset: usize) -> String {
    let locator = cursor.locator(offset);
    format!("/services/data/v{version}/query/{locator}")
}

fn write_page(org: &Org, cursor: &Cursor, offset: usize, page: usize, version: &str) -> String {
    let total = cursor.ids.len();
    let end = (offset + page).min(total);
    let done = end == total;
    let mut out = format!("{{\"totalSize\":{total},\"done\":{done},");
    if !done {
        let url = next_url(version, cursor, end);
        out.push_str(&format!("\"nextRecordsUrl\":\"{url}\","));
    }
    out.push_str("\"records\":[");
    let next_page = |ids: Vec<RecordId>, shape: &Arc<Shape>| {
        let children = org.cursors.open_if_paged(ids, Arc::clone(shape), page);
        next_url(version, &children, page)
    };
    let writer = Writer {
        catalogue: &org.catalogue,
        store: &org.read(),
        version,
        moments: Moments::Text,
        page,
        next_page: &next_page,
    };
    writer.records(&cursor.shape, &cursor.ids.some(offset..end), &mut out);
    out.push_str("]}");
    out
}
