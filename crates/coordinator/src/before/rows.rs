//! How many records an object has, how they are cut, and what the first of them look like.

use std::time::Duration;

use api::Known;
use arrow::array::RecordBatch;
use connector::{Sizing, Source, SourceObject};
use model::{Failure, FailureKind};
use service::ChunkSettings;

/// A look is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Slices that are cut to know their number; beyond it is estimated.
const CUT: usize = 200;
/// Of wide records fewer are looked at.
const FEWER: u64 = 20;

/// A number, and whether somebody counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    pub(super) value: u64,
    pub(super) known: Known,
}

/// The source's estimate, or else a count.
pub(super) async fn records(
    source: &dyn Source,
    object: &SourceObject,
    count: bool,
) -> Result<Number, Failure> {
    Ok(match object.estimated_records {
        Some(value) if !count => Number {
            value,
            known: Known::Estimated,
        },
        _ => Number {
            value: source.count(object).await?,
            known: Known::Counted,
        },
    })
}

/// How many chunks a run would cut: cut here where they are few, otherwise estimated from the records and what one takes in memory.
pub(super) async fn chunks(
    source: &dyn Source,
    object: &SourceObject,
    settings: &ChunkSettings,
    records: u64,
    bytes_per_record: Option<f64>,
) -> Result<Number, Failure> {
    let sizing = Sizing {
        records: settings.records,
        // As the planner cuts.
        bytes: settings.bytes / 2,
        slices: CUT,
    };
    let fits = bytes_per_record.map_or(u64::MAX, |bytes| {
        (sizing.bytes as f64 / bytes.max(1.0)).max(1.0) as u64
    });
    let estimate = records.div_ceil(settings.records.min(fits).max(1));
    if estimate < CUT as u64 {
        let split = source.split(object, None, sizing).await?;
        if split.cursor.is_none() {
            return Ok(Number {
                value: split.slices.len() as u64,
                known: Known::Counted,
            });
        }
    }
    Ok(Number {
        value: estimate,
        known: Known::Estimated,
    })
}

/// The first records, `most` of them at most. None where the source can't show some cheaply, or within our patience.
pub(super) async fn first(
    source: &dyn Source,
    object: &SourceObject,
    most: u64,
) -> Result<Option<RecordBatch>, Failure> {
    for most in [most, most / FEWER] {
        match tokio::time::timeout(PATIENCE, source.first(object, most)).await {
            Ok(Err(failure)) if failure.kind == FailureKind::FailChunk => {}
            Ok(first) => return first,
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}
