//! Reads a slice in one snapshot, by binary `COPY` straight into Arrow columns.
//! Reading stops as soon as the budget is passed and the slice can be cut, and its cuts are returned instead.

use std::collections::HashSet;

use connector::{Read, SourceObject};
use futures::StreamExt;
use model::{Failure, Slice};

use super::along::Along;
use super::details::Details;
use super::{cut, predicate};
use crate::postgres::connections::Connections;
use crate::postgres::copy::decode::Decoder;
use crate::postgres::quote;
use crate::rows::{Naming, Rows};
use crate::split::{KeySlice, cut_keys, hard_limit, rows_per_part, too_large};

/// What one reading came to.
enum Reading {
    Whole {
        rows: Rows,
        epoch: String,
    },
    /// The budget was passed, and there are two keys to cut between.
    Over {
        rows: usize,
        bytes: usize,
    },
}

pub(super) async fn read(
    connections: &Connections,
    object: &SourceObject,
    slice: &Slice,
    budget: usize,
) -> Result<Read, Failure> {
    let details = Details::of(object)?;
    let slice = KeySlice::<String>::parse(slice)?;
    let mut reading = attempt(connections, object, &details, &slice, budget, true).await?;
    if let Reading::Over { rows, bytes } = reading {
        let part = rows_per_part(rows, bytes, budget);
        let parts = match &slice {
            KeySlice::Keys(keys) => {
                cut_keys(keys, part).map(|parts| parts.into_iter().map(KeySlice::Keys).collect())
            }
            range => cut::ranges(connections, object, &details, range, part).await?,
        };
        if let Some(parts) = parts {
            let parts = parts.iter().map(KeySlice::slice);
            return Ok(Read::TooBig(parts.collect::<Result<_, _>>()?));
        }
        // Keys that differ in their bytes and are one to the database, or others have gone since.
        reading = attempt(connections, object, &details, &slice, budget, false).await?;
    }
    let Reading::Whole { rows, epoch } = reading else {
        return Err(Failure::bug("a slice that is not cut was not read"));
    };
    let only: Option<HashSet<&str>> = match &slice {
        KeySlice::Keys(keys) => Some(keys.iter().map(String::as_str).collect()),
        _ => None,
    };
    let (records, rejected) = rows.finish(&Naming {
        key: &object.key,
        only: only.as_ref(),
        names: None,
    })?;
    Ok(Read::Whole {
        records,
        rejected,
        epoch,
    })
}

async fn attempt(
    connections: &Connections,
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
    budget: usize,
    may_cut: bool,
) -> Result<Reading, Failure> {
    let along = slice.range().map(|(section, ..)| details.along(section));
    let watched = along.iter().flat_map(|along| &along.columns);
    let watched = watched
        .filter_map(|column| object.schema.index_of(&column.name).ok())
        .collect();
    let mut decoder = Decoder::new(&object.schema, watched)?;
    let limit = hard_limit(budget);
    let mut session = connections.begin().await?;
    let epoch = session.text(EPOCH).await?.unwrap_or_default();
    let sql = statement(object, details, slice, along.as_ref());
    let failed = |error: sqlx::Error| connections.failure(&error);
    let mut stream = session
        .connection
        .copy_out_raw(&sql)
        .await
        .map_err(failed)?;
    while let Some(data) = stream.next().await {
        decoder.push(&data.map_err(failed)?)?;
        let (rows, bytes) = (decoder.rows.len(), decoder.rows.bytes());
        let can_cut = match slice {
            KeySlice::Range { .. } | KeySlice::Parentless { .. } => decoder.keys_differ(),
            KeySlice::Keys(keys) => keys.len() > 1,
            KeySlice::Whole | KeySlice::Nulls => false,
        };
        if bytes > budget && may_cut && can_cut {
            // The connection is closed with the session: what it still sends is not waited for.
            return Ok(Reading::Over { rows, bytes });
        }
        if bytes > limit {
            return Err(too_large(
                &object.object.name,
                first_key(object, decoder, slice),
                limit,
                !object.key.is_empty(),
            ));
        }
    }
    drop(stream);
    session.end().await?;
    Ok(Reading::Whole {
        rows: decoder.finish()?,
        epoch,
    })
}

/// The snapshot, and when it was taken.
const EPOCH: &str = "select pg_catalog.txid_current_snapshot()::text || '@' || \
    pg_catalog.to_char(pg_catalog.clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

/// Every column is cast to the type that it had when it was described, so that the decoder never takes one type for another.
fn statement(
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
    along: Option<&Along<'_>>,
) -> String {
    let columns: Vec<String> = object
        .schema
        .fields()
        .iter()
        .zip(&details.casts)
        .map(|(field, cast)| format!("q.{}::{cast}", quote::name(field.name())))
        .collect();
    let order = along.map_or_else(String::new, |along| format!("order by {}", along.list()));
    format!(
        "copy (select {} from {} q {} {order}) to stdout (format binary)",
        columns.join(","),
        details.relation,
        predicate::condition(object, details, slice),
    )
}

/// The key that all records of a slice share.
fn first_key(object: &SourceObject, decoder: Decoder, slice: &KeySlice<String>) -> Option<String> {
    match slice {
        KeySlice::Whole => return None,
        KeySlice::Nulls => return Some("null".to_owned()),
        KeySlice::Range { .. } | KeySlice::Parentless { .. } | KeySlice::Keys(_) => {}
    }
    let naming = Naming {
        key: &object.key,
        ..Naming::default()
    };
    let (records, _) = decoder.rows.finish(&naming).ok()?;
    let keys = record::key_texts(&records.slice(0, records.num_rows().min(1)), &object.key).ok()?;
    keys.iter().flatten().next().map(str::to_owned)
}
