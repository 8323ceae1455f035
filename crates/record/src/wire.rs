//! Arrow batches as bytes: IPC streams. What is stored is compressed with LZ4; what is passed on is not, because the broker that carries it may do so.
//! A body is of parts, one of them a head in JSON, each with its length before it, little-endian.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::{StreamDecoder, StreamReader};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use bytes::Bytes;
use model::Failure;

/// A batch as a compressed IPC stream.
pub fn encode_batch(batch: &RecordBatch) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    write(batch, Some(CompressionType::LZ4_FRAME), &mut body)?;
    Ok(body)
}

/// Adds a part to a body: a batch as an IPC stream, or nothing.
pub(crate) fn add_batch(body: &mut Vec<u8>, batch: Option<&RecordBatch>) -> Result<(), Failure> {
    let start = body.len();
    body.extend_from_slice(&[0; 8]);
    if let Some(batch) = batch {
        write(batch, None, body)?;
    }
    let length = (body.len() - start - 8) as u64;
    body[start..start + 8].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn write(
    batch: &RecordBatch,
    packed: Option<CompressionType>,
    body: &mut Vec<u8>,
) -> Result<(), Failure> {
    let write = || -> Result<(), ArrowError> {
        let options = IpcWriteOptions::default().try_with_compression(packed)?;
        let mut writer = StreamWriter::try_new_with_options(body, &batch.schema(), options)?;
        writer.write(batch)?;
        writer.finish()
    };
    write().map_err(|error| Failure::bug(format!("a batch does not encode: {error}")))
}

/// Reads an IPC stream into one batch.
pub fn decode_batch(bytes: &[u8]) -> Result<RecordBatch, Failure> {
    let read = || -> Result<RecordBatch, ArrowError> {
        let reader = StreamReader::try_new(bytes, None)?;
        let schema: SchemaRef = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => Ok(batch),
            Err(batches) => concat_batches(&schema, &batches),
        }
    };
    read().map_err(|error| unreadable(&error.to_string()))
}

/// Reads an IPC stream of one batch, which stays where it is in memory.
pub(crate) fn view_batch(bytes: Bytes) -> Result<RecordBatch, Failure> {
    let read = || -> Result<Option<RecordBatch>, ArrowError> {
        let mut rest = Buffer::from(bytes);
        let mut decoder = StreamDecoder::new();
        let batch = decoder.decode(&mut rest)?;
        let another = decoder.decode(&mut rest)?;
        decoder.finish()?;
        Ok(batch.filter(|_| another.is_none()))
    };
    read()
        .map_err(|error| unreadable(&error.to_string()))?
        .ok_or_else(|| unreadable("there is not one batch in it"))
}

pub(crate) fn unreadable(reason: &str) -> Failure {
    Failure::chunk(
        "unreadable_message",
        format!("the records in a message can't be read: {reason}"),
    )
    .hint("services of different versions share one broker; bring them to one version")
}

/// Joins parts into a body.
pub fn join_parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        add_part(&mut body, part);
    }
    body
}

pub(crate) fn add_part(body: &mut Vec<u8>, part: &[u8]) {
    body.extend_from_slice(&(part.len() as u64).to_le_bytes());
    body.extend_from_slice(part);
}

/// Takes a body of `N` parts apart.
pub fn split_parts<const N: usize>(body: &[u8]) -> Result<[&[u8]; N], Failure> {
    let mut parts = [&body[..0]; N];
    let mut rest = body;
    for part in &mut parts {
        let (length, after) = rest
            .split_first_chunk::<8>()
            .ok_or_else(|| unreadable("it is cut short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        (*part, rest) = after
            .split_at_checked(length)
            .ok_or_else(|| unreadable("it is cut short"))?;
    }
    if !rest.is_empty() {
        return Err(unreadable("it has a tail that nothing announced"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_and_damage_is_noticed() {
        let body = join_parts(&[b"ab", b"", b"c"]);
        assert_eq!(split_parts::<3>(&body), Ok([&b"ab"[..], b"", b"c"]));
        for cut in 0..body.len() {
            assert!(split_parts::<3>(&body[..cut]).is_err(), "cut at {cut}");
        }
        assert!(split_parts::<2>(&body).is_err(), "a tail");
    }

    #[test]
    fn rubbish_is_a_failure_not_a_panic() {
        assert_eq!(
            decode_batch(b"rubbish").map_err(|failure| failure.code),
            Err("unreadable_message".to_owned())
        );
    }
}
