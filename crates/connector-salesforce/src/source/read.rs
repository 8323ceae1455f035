//! One slice read whole: its query run, its pages turned into columns; or cut where it proves too big.

use connector::{Read, SourceObject};
use model::{Failure, Slice};
use tokio::sync::mpsc;

use super::rows::Rows;
use super::select::Select;
use super::slice::Part;
use super::{pages, query};
use crate::client::Client;
use crate::describe::ID;
use crate::spool::Spool;

pub(super) async fn read(
    client: &Client,
    object: &SourceObject,
    select: &Select,
    slice: &Slice,
    budget: usize,
) -> Result<Read, Failure> {
    let part = Part::of(slice)?;
    let answered = query::run(client, &select.soql(&part.condition()), select.all_rows).await?;
    let schema = object.schema.clone();
    let key = object.key.first().and_then(|key| schema.index_of(key).ok());
    let key = key.ok_or_else(|| Failure::bug("the key is not among the columns"))?;
    let id = schema.index_of(ID).ok();
    let epoch = answered.epoch;
    let (taker, mut pages) = mpsc::channel::<Spool>(1);
    let reading = tokio::task::spawn_blocking(move || {
        let mut rows = Rows::new(schema, key)?;
        while let Some(mut page) = pages.blocking_recv() {
            rows.page(page.reader()?)?;
        }
        Ok::<_, Failure>(rows)
    });
    let handed_over = pages::hand_over(client, &answered.job, &taker).await;
    drop(taker);
    let rows = reading
        .await
        .map_err(|error| Failure::bug(format!("reading results did not end: {error}")))??;
    // A page that can't be read ends the handing over too, and says why itself.
    handed_over?;
    if rows.bytes > budget
        && let (Part::Range(range), true) = (&part, id == Some(key))
    {
        let pieces = rows
            .bytes
            .div_ceil(budget.max(1) / 2 + 1)
            .min(rows.keys.len());
        let mut ids = rows.keys.clone();
        ids.sort_unstable();
        let cuts = (1..pieces).map(|piece| ids[ids.len() * piece / pieces].clone());
        let ranges = range.cut(cuts);
        if ranges.len() > 1 {
            let slices = ranges.iter().map(super::slice::Range::slice);
            return Ok(Read::TooBig(slices.collect::<Result<_, _>>()?));
        }
    }
    let (records, rejected) = rows.finish()?;
    Ok(Read::Whole {
        records,
        rejected,
        epoch,
    })
}
