//! A record as bytes: when it was created and changed, then its fields that have a value. Whole numbers are written
//! seven bits at a time, a field's number together with the type of its value.

use super::layout::{Layout, Table};
use super::row::Row;
use crate::ids::RecordId;
use crate::values::Value;

/// Bytes that are no record of this layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged;

const TEXT: u64 = 0;
const FALSE: u64 = 1;
const TRUE: u64 = 2;
const INT: u64 = 3;
const NUMBER: u64 = 4;
const DATE: u64 = 5;
const MOMENT: u64 = 6;
const REFERENCE: u64 = 7;

/// Some fields of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    has: Vec<bool>,
}

impl Fields {
    pub(crate) fn add(&mut self, field: u16) {
        let place = usize::from(field);
        if self.has.len() <= place {
            self.has.resize(place + 1, false);
        }
        self.has[place] = true;
    }

    pub(crate) fn contains(&self, field: u16) -> bool {
        self.has.get(usize::from(field)).is_some_and(|has| *has)
    }
}

/// Writes a row over what is in `out`.
pub(super) fn encode(layout: &Layout, table: &Table, row: &Row, out: &mut Vec<u8>) {
    out.clear();
    put_signed(row.created, out);
    put_signed(row.modified.wrapping_sub(row.created), out);
    for (field, value) in row.cells() {
        let number = u64::from(table.number_of(*field)) << 3;
        let mut head = |kind| put(number | kind, out);
        match value {
            Value::Null => {}
            Value::Text(text) => {
                head(TEXT);
                put(text.len() as u64, out);
                out.extend_from_slice(text.as_bytes());
            }
            Value::Bool(false) => head(FALSE),
            Value::Bool(true) => head(TRUE),
            Value::Int(number) => {
                head(INT);
                put_signed(i64::from(*number), out);
            }
            Value::Number(digits) => {
                head(NUMBER);
                put_signed(*digits, out);
            }
            Value::Date(days) => {
                head(DATE);
                put_signed(i64::from(*days), out);
            }
            Value::Moment(seconds) => {
                head(MOMENT);
                put_signed(*seconds, out);
            }
            Value::Ref(id) => {
                head(REFERENCE);
                put(u64::from(layout.table(id.object).number), out);
                put(u64::from(id.serial), out);
            }
        }
    }
}

/// Reads a row into `row`, of which nothing stays; only some fields, where they are named.
pub(super) fn decode(
    layout: &Layout,
    table: &Table,
    bytes: &[u8],
    only: Option<&Fields>,
    row: &mut Row,
) -> Result<(), Damaged> {
    let mut rest = bytes;
    row.clear();
    row.created = take_signed(&mut rest)?;
    row.modified = row.created.wrapping_add(take_signed(&mut rest)?);
    while !rest.is_empty() {
        let head = take(&mut rest)?;
        let number = u32::try_from(head >> 3).map_err(|_| Damaged)?;
        let field = table.field_of(number).ok_or(Damaged)?;
        let wanted = only.is_none_or(|only| only.contains(field));
        let value = match head & 7 {
            TEXT => {
                let length = usize::try_from(take(&mut rest)?).map_err(|_| Damaged)?;
                let (text, after) = rest.split_at_checked(length).ok_or(Damaged)?;
                rest = after;
                if !wanted {
                    continue;
                }
                Value::Text(std::str::from_utf8(text).map_err(|_| Damaged)?.into())
            }
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(small(take_signed(&mut rest)?)?),
            NUMBER => Value::Number(take_signed(&mut rest)?),
            DATE => Value::Date(small(take_signed(&mut rest)?)?),
            MOMENT => Value::Moment(take_signed(&mut rest)?),
            _ => {
                let number = u32::try_from(take(&mut rest)?).map_err(|_| Damaged)?;
                Value::Ref(RecordId {
                    object: layout.object_of(number).ok_or(Damaged)?,
                    serial: u32::try_from(take(&mut rest)?).map_err(|_| Damaged)?,
                })
            }
        };
        if wanted {
            row.set(field, value);
        }
    }
    Ok(())
}

fn small(number: i64) -> Result<i32, Damaged> {
    i32::try_from(number).map_err(|_| Damaged)
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The sign goes last, so that small negative numbers are short too.
fn put_signed(number: i64, out: &mut Vec<u8>) {
    put(((number << 1) ^ (number >> 63)) as u64, out);
}

fn take(rest: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(Damaged)?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

fn take_signed(rest: &mut &[u8]) -> Result<i64, Damaged> {
    let number = take(rest)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use crate::schema::catalogue::Catalogue;

    fn with_layout(check: impl Fn(&Catalogue, &Layout)) {
        let catalogue = Catalogue::compile(&Schema::standard()).unwrap();
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let layout = Layout::settle(&catalogue, &connection).unwrap();
        check(&catalogue, &layout);
    }

    #[test]
    fn rows_read_back() {
        with_layout(|catalogue, layout| {
            let account = catalogue.object("Account").unwrap();
            let table = layout.table(account.index);
            let mut row = Row::new(1_700_000_000, 0);
            row.modified += 5;
            let owner = RecordId {
                object: catalogue.user.object,
                serial: u32::MAX,
            };
            for (name, value) in [
                ("Name", Value::text("ทดสอบ \u{0} \"x\"")),
                ("Description", Value::text(&"long ".repeat(6000))),
                ("AnnualRevenue", Value::Number(i64::MIN)),
                ("NumberOfEmployees", Value::Int(-1)),
                ("OwnerId", Value::Ref(owner)),
            ] {
                row.set(account.field(name).unwrap(), value);
            }
            // The codec doesn't ask whether a value suits its field.
            row.set(2, Value::Moment(i64::MAX));
            row.set(3, Value::Date(i32::MIN));
            row.set(4, Value::Bool(true));
            row.set(5, Value::Bool(false));
            let mut bytes = Vec::new();
            encode(layout, table, &row, &mut bytes);
            let mut back = Row::new(1, 1);
            back.set(9, Value::Int(1));
            decode(layout, table, &bytes, None, &mut back).unwrap();
            assert_eq!(back, row);
            let mut some = Fields::default();
            some.add(4);
            decode(layout, table, &bytes, Some(&some), &mut back).unwrap();
            assert_eq!(back.cells(), [(4, Value::Bool(true))]);
        });
    }

    #[test]
    fn damage_is_noticed() {
        with_layout(|catalogue, layout| {
            let account = catalogue.object("Account").unwrap();
            let table = layout.table(account.index);
            let mut row = Row::new(1, 1);
            row.set(account.field("Name").unwrap(), Value::text("Acme"));
            let mut bytes = Vec::new();
            encode(layout, table, &row, &mut bytes);
            for end in [1, bytes.len() - 1] {
                let read = decode(layout, table, &bytes[..end], None, &mut row);
                assert_eq!(read, Err(Damaged), "cut to {end}");
            }
            let read = decode(layout, table, &[0, 0, 0xff, 0xff, 0x7f], None, &mut row);
            assert_eq!(read, Err(Damaged), "a field that is not there");
        });
    }
}
