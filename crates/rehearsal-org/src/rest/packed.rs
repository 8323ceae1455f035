//! Ids of many records in little memory: each as its distance from the one before, mostly one byte.

use std::ops::Range;

use crate::ids::RecordId;

/// The ids between two places from which can be read.
const STRIDE: usize = 1000;

/// Ids of records of one object.
#[derive(Debug)]
pub(crate) struct Packed {
    object: u16,
    length: usize,
    bytes: Vec<u8>,
    /// Of every [`STRIDE`]th id: where its bytes begin, and the number before it.
    marks: Vec<(usize, i64)>,
}

impl Packed {
    pub(crate) fn new(ids: &[RecordId]) -> Self {
        let mut packed = Self {
            object: ids.first().map_or(0, |id| id.object),
            length: ids.len(),
            bytes: Vec::with_capacity(ids.len()),
            marks: Vec::with_capacity(ids.len() / STRIDE + 1),
        };
        let mut before = 0;
        for (place, id) in ids.iter().enumerate() {
            if place % STRIDE == 0 {
                packed.marks.push((packed.bytes.len(), before));
            }
            let serial = i64::from(id.serial);
            let distance = serial - before;
            let mut rest = ((distance << 1) ^ (distance >> 63)) as u64;
            while rest >= 0x80 {
                packed.bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            packed.bytes.push(rest as u8);
            before = serial;
        }
        packed.bytes.shrink_to_fit();
        packed
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// In bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.marks.len() * size_of::<(usize, i64)>()
    }

    /// The ids in these places, as far as they go.
    pub(crate) fn some(&self, places: Range<usize>) -> Vec<RecordId> {
        let stride = places.start / STRIDE;
        let Some((from, mut serial)) = self.marks.get(stride).copied() else {
            return Vec::new();
        };
        let mut ids = Vec::with_capacity(places.len().min(self.length));
        let (mut rest, mut shift) = (0_u64, 0);
        let mut place = stride * STRIDE;
        for byte in &self.bytes[from..] {
            if place >= places.end {
                break;
            }
            rest |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            serial += (rest >> 1) as i64 ^ -((rest & 1) as i64);
            if place >= places.start {
                ids.push(RecordId {
                    object: self.object,
                    serial: serial as u32,
                });
            }
            place += 1;
            (rest, shift) = (0, 0);
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_reads_back() {
        let far = [u32::MAX, 1, u32::MAX, 5, 5, 77];
        let ids: Vec<RecordId> = (1..=4321)
            .chain(far)
            .map(|serial| RecordId { object: 3, serial })
            .collect();
        let packed = Packed::new(&ids);
        assert_eq!(packed.len(), ids.len());
        assert!(packed.size() < 4321 + 5 * 16 + 6 * 5 + 1);
        for places in [0..1, 0..4327, 999..1000, 1000..3001, 4320..4327, 7..7] {
            assert_eq!(packed.some(places.clone()), ids[places]);
        }
        assert_eq!(packed.some(4300..9999), ids[4300..]);
        assert_eq!(packed.some(9000..9999), []);
        assert_eq!(Packed::new(&[]).some(0..10), []);
    }
}
