//! The binary format of `COPY … TO`, decoded row by row into Arrow columns.
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

mod numeric;
mod value;

use arrow::datatypes::SchemaRef;
use bytes::{Buf, BytesMut};
use model::Failure;

use crate::rows::{Rows, changed};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of what follows them.
const HEAD: usize = SIGNATURE.len() + 8;

/// A stream of `COPY` data so far.
pub(crate) struct Decoder {
    pub(crate) rows: Rows,
    state: State,
    /// What has arrived and is not a whole row yet.
    pending: BytesMut,
    keys: KeyWatch,
}

#[derive(PartialEq)]
enum State {
    Head,
    Rows,
    Ended,
}

/// Notices when the key changes, so that a slice of one key is not taken for one that can be cut.
struct KeyWatch {
    columns: Vec<usize>,
    first: Option<Vec<Option<Vec<u8>>>>,
    differ: bool,
}

impl Decoder {
    /// `key` are the places of the key columns in the schema.
    pub(crate) fn new(schema: &SchemaRef, key: Vec<usize>) -> Result<Self, Failure> {
        Ok(Self {
            rows: Rows::new(schema)?,
            state: State::Head,
            pending: BytesMut::new(),
            keys: KeyWatch {
                columns: key,
                first: None,
                differ: false,
            },
        })
    }

    /// Whether two of the keys so far differ.
    pub(crate) fn keys_differ(&self) -> bool {
        self.keys.differ
    }

    /// Takes what arrived.
    pub(crate) fn push(&mut self, arrived: &[u8]) -> Result<(), Failure> {
        if self.pending.is_empty() {
            let used = self.decode(arrived)?;
            self.pending.extend_from_slice(&arrived[used..]);
            return Ok(());
        }
        self.pending.extend_from_slice(arrived);
        let pending = std::mem::take(&mut self.pending);
        let used = self.decode(&pending)?;
        self.pending = pending;
        self.pending.advance(used);
        Ok(())
    }

    /// The rows, if the stream was whole.
    pub(crate) fn finish(self) -> Result<Rows, Failure> {
        if self.state != State::Ended {
            return Err(Failure::retry(
                "connection_lost",
                "the database's answer ended in the middle",
            ));
        }
        Ok(self.rows)
    }

    /// Decodes the whole rows in front, and returns the bytes that they took.
    fn decode(&mut self, data: &[u8]) -> Result<usize, Failure> {
        let mut rest = data;
        if self.state == State::Head {
            let Some(length) = head(rest)? else {
                return Ok(0);
            };
            rest = &rest[length..];
            self.state = State::Rows;
        }
        while self.state == State::Rows {
            match self.row(rest)? {
                Some(length) => rest = &rest[length..],
                None => break,
            }
        }
        Ok(data.len() - rest.len())
    }

    /// Decodes one row, if it is all there, and returns its length.
    fn row(&mut self, data: &[u8]) -> Result<Option<usize>, Failure> {
        let Some((count, rest)) = data.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.state = State::Ended;
            return Ok(Some(2));
        }
        let width = self.rows.width();
        if usize::try_from(count) != Ok(width) {
            return Err(changed(format!(
                "a row has {count} columns instead of {width}"
            )));
        }
        let Some(length) = whole(rest, width)? else {
            return Ok(None);
        };
        let mut fields = rest;
        let mut key = self.keys.wanted();
        for column in 0..width {
            let value = next(&mut fields);
            match value {
                None => self.rows.put_null(column)?,
                Some(bytes) => {
                    self.rows
                        .put(column, value::size(bytes), |into| value::put(into, bytes))?;
                }
            }
            if let Some(key) = &mut key
                && self.keys.columns.contains(&column)
            {
                key.push(value.map(<[u8]>::to_vec));
            }
        }
        if let Some(key) = key {
            self.keys.saw(key);
        }
        self.rows.end_row();
        Ok(Some(2 + length))
    }
}

impl KeyWatch {
    fn wanted(&self) -> Option<Vec<Option<Vec<u8>>>> {
        (!self.differ && !self.columns.is_empty()).then(Vec::new)
    }

    fn saw(&mut self, key: Vec<Option<Vec<u8>>>) {
        match &self.first {
            None => self.first = Some(key),
            Some(first) => self.differ = *first != key,
        }
    }
}

/// The length of the head, if it is all there.
fn head(data: &[u8]) -> Result<Option<usize>, Failure> {
    if data.len() < HEAD {
        return Ok(None);
    }
    let (signature, rest) = data.split_at(SIGNATURE.len());
    let flags = number(rest);
    // The upper half of the flags is for changes that a reader must know of.
    if signature != SIGNATURE || (flags as u32) >> 16 != 0 {
        return Err(Failure::bug("the database's COPY has an unknown form"));
    }
    let extension = usize::try_from(number(&rest[4..])).unwrap_or(usize::MAX);
    let length = HEAD.saturating_add(extension);
    Ok((data.len() >= length).then_some(length))
}

/// The length of the fields of one row, if they are all there.
fn whole(data: &[u8], width: usize) -> Result<Option<usize>, Failure> {
    let mut at = 0;
    for _ in 0..width {
        let Some(rest) = data.get(at..).filter(|rest| rest.len() >= 4) else {
            return Ok(None);
        };
        at += 4;
        match number(rest) {
            -1 => {}
            length => {
                at += usize::try_from(length)
                    .map_err(|_| Failure::bug("the database's COPY has an unknown form"))?;
            }
        }
    }
    Ok((at <= data.len()).then_some(at))
}

/// Takes the next field of a row that is all there.
fn next<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(data));
    *data = &data[4..];
    let (value, rest) = data.split_at(length.ok()?);
    *data = rest;
    Some(value)
}

/// The four bytes in front, which are there.
fn number(data: &[u8]) -> i32 {
    i32::from_be_bytes([data[0], data[1], data[2], data[3]])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Field, Int32Type, Schema};

    use super::*;
    use crate::rows::Naming;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int32, false),
            Field::new("name", DataType::Utf8, true),
        ]))
    }

    fn stream() -> Vec<u8> {
        let mut data = SIGNATURE.to_vec();
        data.extend([0; 8]);
        for (id, name) in [(1_i32, Some("a")), (2, None), (3, Some("ü"))] {
            data.extend(2_i16.to_be_bytes());
            data.extend(4_i32.to_be_bytes());
            data.extend(id.to_be_bytes());
            match name {
                None => data.extend((-1_i32).to_be_bytes()),
                Some(name) => {
                    data.extend(i32::try_from(name.len()).unwrap().to_be_bytes());
                    data.extend(name.as_bytes());
                }
            }
        }
        data.extend((-1_i16).to_be_bytes());
        data
    }

    #[test]
    fn a_stream_is_the_same_in_any_pieces() {
        let stream = stream();
        for piece in 1..=stream.len() {
            let mut decoder = Decoder::new(&schema(), vec![0]).unwrap();
            for part in stream.chunks(piece) {
                decoder.push(part).unwrap();
            }
            assert!(decoder.keys_differ());
            let (batch, rejected) = decoder
                .finish()
                .unwrap()
                .finish(&Naming::default())
                .unwrap();
            assert!(rejected.is_empty());
            assert_eq!(
                batch.column(0).as_primitive::<Int32Type>().values(),
                &[1, 2, 3]
            );
            let names: Vec<_> = batch.column(1).as_string::<i32>().iter().collect();
            assert_eq!(names, [Some("a"), None, Some("ü")]);
        }
    }

    #[test]
    fn a_stream_cut_short_or_of_another_form_is_noticed() {
        let stream = stream();
        let mut decoder = Decoder::new(&schema(), vec![0]).unwrap();
        decoder.push(&stream[..stream.len() - 2]).unwrap();
        assert_eq!(decoder.finish().err().unwrap().code, "connection_lost");
        let mut decoder = Decoder::new(&schema(), vec![0]).unwrap();
        assert!(decoder.push(&[b'x'; 40]).is_err());
        let one = Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]));
        let mut decoder = Decoder::new(&one, vec![0]).unwrap();
        assert_eq!(decoder.push(&stream).unwrap_err().code, "schema_changed");
    }
}
