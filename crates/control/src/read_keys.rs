//! The target keys of an object while they are read: packed into a row per chunk and bucket, by the first bits of the hash, so that a million records are
//! some hundreds of rows, and the repeated keys are found bucket by bucket, in the memory of one.

use model::{ChunkNumber, ChunkRef, RunId};

use crate::db::{Arg, Tx, args};
use crate::{Control, Error, Result, Term};

/// The target key of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub hash: [u8; 16],
    /// The source key as text.
    pub source_key: String,
    /// The watermark as text that sorts like it byte by byte; the highest is the latest.
    pub rank: Option<String>,
    /// The record's place in its chunk.
    pub position: i64,
}

/// Rows of packed keys read at a time.
const PAGE: usize = 200;
/// Records of an object for which few buckets do.
const FEW: i64 = 4_000_000;
/// The length of a text that is not there.
const NONE: u32 = u32::MAX;

impl Control {
    /// Stores a chunk's keys in place of those that an earlier attempt has stored. False, and nothing is changed, if the chunk's keys
    /// are not asked for (any more).
    pub async fn store_keys(&self, chunk: &ChunkRef, keys: &[KeyRow]) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let sql = "select chunk from chunks where run_id = $1 and object = $2 and chunk = $3 and pass = 'keys'
                   and state in ('pending', 'dispatched', 'failed') {keep}";
        let place = || args![&chunk.run, &chunk.object, chunk.chunk];
        if tx.fetch(sql, place()).await?.is_empty() {
            return Ok(false);
        }
        let sql = "select estimated_records from objects where run_id = $1 and name = $2";
        let object = tx.fetch_one(sql, args![&chunk.run, &chunk.object]).await?;
        let estimated = object.map(|object| object.opt_int("estimated_records"));
        let bits = bits(estimated.transpose()?.flatten());
        let sql = "delete from read_keys where run_id = $1 and object = $2 and chunk = $3";
        tx.execute(sql, place()).await?;
        let packed = (0..=u8::MAX).zip(pack(keys, bits)?);
        let rows = packed.filter(|(_, keys)| !keys.is_empty());
        let rows = rows.map(|(bucket, keys)| {
            let (run, object, chunk) = (&chunk.run, &chunk.object, chunk.chunk);
            args![run, object, chunk, bucket, keys]
        });
        let head = "insert into read_keys (run_id, object, chunk, bucket, keys)";
        // Two attempts at one chunk may store at once: the later rows are the same records'.
        let tail = "on conflict (run_id, object, chunk, bucket) do update set keys = excluded.keys";
        tx.insert_many(head, 5, rows.collect(), tail).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Finds the keys that occur more than once, and throws all others away, and those of chunks that were split or superseded; gives how
    /// many were found. It walks all keys of the object, once its plan is closed and all its keys are read.
    ///
    /// Errors: `Deposed`.
    pub async fn fold_keys(&self, term: Term, run: &RunId, object: &str) -> Result<u64> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "select distinct bucket from read_keys where run_id = $1 and object = $2";
        let mut buckets = Vec::new();
        for row in tx.fetch(sql, args![run, object]).await? {
            buckets.push(row.int("bucket")?);
        }
        for bucket in buckets {
            let mut bucket = Bucket {
                run,
                object,
                bucket,
            };
            let repeated = bucket.repeated(&mut tx).await?;
            if !repeated.is_empty() {
                bucket.keep(&mut tx, &repeated).await?;
            }
        }
        let sql = "delete from read_keys where run_id = $1 and object = $2";
        tx.execute_long(sql, args![run, object]).await?;
        let sql = "select count(*) as keys from target_keys where run_id = $1 and object = $2";
        let found = tx.fetch_one(sql, args![run, object]).await?;
        let found = found.map_or(Ok(0), |row| row.count("keys"))?;
        tx.commit().await?;
        Ok(found)
    }
}

/// How many bits of the hash make a bucket: it is pinned with the run, and the same for all chunks of the object.
fn bits(estimated_records: Option<i64>) -> u32 {
    match estimated_records {
        Some(records) if records <= FEW => 4,
        _ => 8,
    }
}

/// An object's keys of which the hash begins with the same bits.
struct Bucket<'a> {
    run: &'a RunId,
    object: &'a str,
    bucket: i64,
}

impl Bucket<'_> {
    /// The hashes that occur more than once, in order.
    async fn repeated(&mut self, tx: &mut Tx) -> Result<Vec<[u8; 16]>> {
        let mut hashes = Vec::new();
        let mut after = ChunkNumber(0);
        loop {
            let page = self.page(tx, &mut after).await?;
            if page.is_empty() {
                break;
            }
            for (_, packed) in &page {
                for key in unpack(packed) {
                    hashes.push(key?.hash);
                }
            }
        }
        hashes.sort_unstable();
        let mut repeated: Vec<[u8; 16]> = hashes
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
            .collect();
        repeated.dedup();
        Ok(repeated)
    }

    /// Keeps the records that have one of these.
    async fn keep(&mut self, tx: &mut Tx, repeated: &[[u8; 16]]) -> Result<()> {
        let head =
            "insert into target_keys (run_id, object, chunk, position, hash, source_key, rank)";
        let mut after = ChunkNumber(0);
        loop {
            let page = self.page(tx, &mut after).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut rows: Vec<Vec<Arg>> = Vec::new();
            for (chunk, packed) in &page {
                for key in unpack(packed) {
                    let key = key?;
                    if repeated.binary_search(&key.hash).is_ok() {
                        rows.push(args![
                            self.run,
                            self.object,
                            *chunk,
                            key.position,
                            key.hash.as_slice(),
                            key.source_key,
                            key.rank
                        ]);
                    }
                }
            }
            tx.insert_many(head, 7, rows, "").await?;
        }
    }

    /// The next packed keys, by chunk; none behind the last.
    async fn page(
        &self,
        tx: &mut Tx,
        after: &mut ChunkNumber,
    ) -> Result<Vec<(ChunkNumber, Vec<u8>)>> {
        let sql = "select k.chunk, k.keys from read_keys k
                   join chunks c on c.run_id = k.run_id and c.object = k.object and c.chunk = k.chunk
                   where k.run_id = $1 and k.object = $2 and k.bucket = $3 and k.chunk > $4
                   and c.state not in ('split', 'superseded') order by k.chunk limit $5";
        let values = args![self.run, self.object, self.bucket, *after, PAGE];
        let mut page = Vec::new();
        for row in tx.fetch(sql, values).await? {
            *after = row.chunk("chunk")?;
            page.push((*after, row.bytes("keys")?));
        }
        Ok(page)
    }
}

/// Keys, by the first bits of their hash, eight at most.
fn pack(keys: &[KeyRow], bits: u32) -> Result<Vec<Vec<u8>>> {
    let mut packed = vec![Vec::new(); 1 << bits];
    for key in keys {
        let out: &mut Vec<u8> = &mut packed[usize::from(key.hash[0]) >> (8 - bits)];
        out.extend_from_slice(&key.hash);
        out.extend_from_slice(&key.position.to_le_bytes());
        for text in [Some(&key.source_key), key.rank.as_ref()] {
            let length = text.map_or(Some(NONE), |text| {
                u32::try_from(text.len()).ok().filter(|n| *n != NONE)
            });
            let length = length.ok_or_else(|| {
                Error::Settings("a key of four gigabytes can't be stored".to_owned())
            })?;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(text.map_or(&[], |text| text.as_bytes()));
        }
    }
    Ok(packed)
}

/// A key as it is packed.
struct Packed<'a> {
    hash: [u8; 16],
    position: i64,
    source_key: &'a str,
    rank: Option<&'a str>,
}

fn unpack(mut packed: &[u8]) -> impl Iterator<Item = Result<Packed<'_>>> {
    std::iter::from_fn(move || {
        if packed.is_empty() {
            return None;
        }
        let key = take_key(&mut packed);
        if key.is_none() {
            packed = &[];
        }
        Some(key.ok_or_else(|| Error::Corrupt("column keys: cut short".to_owned())))
    })
}

fn take_key<'a>(from: &mut &'a [u8]) -> Option<Packed<'a>> {
    let hash = take::<16>(from)?;
    let position = i64::from_le_bytes(take(from)?);
    let source_key = take_text(from)??;
    let rank = take_text(from)?;
    Some(Packed {
        hash,
        position,
        source_key,
        rank,
    })
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

fn take_text<'a>(from: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let length = u32::from_le_bytes(take(from)?);
    if length == NONE {
        return Some(None);
    }
    let (text, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    std::str::from_utf8(text).ok().map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packed_keys_come_back_and_damage_is_noticed() {
        let key = |first: u8, rank: Option<&str>| KeyRow {
            hash: [first; 16],
            source_key: format!("ключ {first}"),
            rank: rank.map(str::to_owned),
            position: i64::from(first) - 1,
        };
        let keys = [key(7, Some("")), key(0, None), key(7, Some("2024"))];
        let packed = pack(&keys, 8).unwrap();
        let back = |packed: &[u8]| -> Result<Vec<KeyRow>> {
            unpack(packed)
                .map(|key| {
                    key.map(|key| KeyRow {
                        hash: key.hash,
                        source_key: key.source_key.to_owned(),
                        rank: key.rank.map(str::to_owned),
                        position: key.position,
                    })
                })
                .collect()
        };
        assert_eq!(back(&packed[0]).unwrap(), [keys[1].clone()]);
        let sevens = [keys[0].clone(), keys[2].clone()];
        assert_eq!(back(&packed[7]).unwrap(), sevens);
        let fewer = pack(&keys, 4).unwrap();
        assert_eq!(back(&fewer[0]).unwrap(), keys, "in one bucket");
        let cuts = (1..packed[0].len()).map(|cut| &packed[0][..cut]);
        for cut in cuts {
            assert!(back(cut).is_err(), "cut at {}", cut.len());
        }
    }
}
