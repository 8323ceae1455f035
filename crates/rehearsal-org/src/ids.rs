//! Record ids: a key prefix, an instance mark and a serial number in base 62, with three check characters
//! that make the 18-character form safe where letter case is lost. Both lengths are read, 18 are written.

/// The two characters after the key prefix in every id this org hands out.
const INSTANCE: [u8; 2] = *b"Rh";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A record of this org: which object, and the record's number in it, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecordId {
    pub(crate) object: u16,
    pub(crate) serial: u32,
}

/// An id as somebody wrote it, well formed but perhaps of no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParsedId {
    pub(crate) prefix: [u8; 3],
    /// `None`: well formed, but not handed out by this org.
    pub(crate) serial: Option<u64>,
}

/// Appends the 18-character form.
pub(crate) fn write_id(prefix: [u8; 3], serial: u64, out: &mut String) {
    let mut id = [b'0'; 15];
    id[..3].copy_from_slice(&prefix);
    id[3..5].copy_from_slice(&INSTANCE);
    let mut rest = serial;
    let mut at = 14;
    while rest > 0 && at > 4 {
        id[at] = DIGITS[(rest % 62) as usize];
        rest /= 62;
        at -= 1;
    }
    for byte in id {
        out.push(char::from(byte));
    }
    for check in check_characters(&id) {
        out.push(char::from(check));
    }
}

pub(crate) fn id_text(prefix: [u8; 3], serial: u64) -> String {
    let mut out = String::with_capacity(18);
    write_id(prefix, serial, &mut out);
    out
}

/// Reads 15 or 18 characters; in 18 the check characters restore damaged case. `None`: not an id.
pub(crate) fn parse_id(text: &str) -> Option<ParsedId> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let id: [u8; 15] = match bytes.len() {
        15 => bytes.try_into().ok()?,
        18 => restore_case(bytes)?,
        _ => return None,
    };
    let prefix = [id[0], id[1], id[2]];
    let serial = if id[3..5] == INSTANCE {
        let mut serial = 0u64;
        for byte in &id[5..] {
            let digit = DIGITS.iter().position(|d| d == byte)? as u64;
            serial = serial.checked_mul(62)?.checked_add(digit)?;
        }
        Some(serial)
    } else {
        None
    };
    Some(ParsedId { prefix, serial })
}

fn check_characters(id: &[u8; 15]) -> [u8; 3] {
    let mut checks = [0; 3];
    for (group, check) in checks.iter_mut().enumerate() {
        let mut bits = 0;
        for place in 0..5 {
            if id[group * 5 + place].is_ascii_uppercase() {
                bits |= 1 << place;
            }
        }
        *check = CHECKS[bits];
    }
    checks
}

fn restore_case(bytes: &[u8]) -> Option<[u8; 15]> {
    let mut id: [u8; 15] = bytes.get(..15)?.try_into().ok()?;
    for group in 0..3 {
        let check = bytes.get(15 + group)?.to_ascii_uppercase();
        let bits = CHECKS.iter().position(|c| *c == check)?;
        for place in 0..5 {
            let byte = &mut id[group * 5 + place];
            let upper = bits & (1 << place) != 0;
            if upper && !byte.is_ascii_alphabetic() {
                return None;
            }
            *byte = if upper {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            };
        }
    }
    Some(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn writes_eighteen_characters_and_reads_them_back() {
        for serial in [1, 61, 62, 3_843, u64::from(u32::MAX)] {
            let text = id_text(*b"001", serial);
            assert_eq!(text.len(), 18);
            let parsed = parse_id(&text).unwrap();
            assert_eq!(parsed.prefix, *b"001");
            assert_eq!(parsed.serial, Some(serial));
            assert_eq!(parse_id(&text[..15]), Some(parsed));
        }
    }

    #[test]
    fn a_known_check() {
        // Five capitals set all five bits, none set none.
        let id = *b"AAAAAaaaaa00000";
        assert_eq!(check_characters(&id), *b"5AA");
    }

    #[test]
    fn eighteen_characters_survive_a_loss_of_case() {
        let text = id_text(*b"00Q", 987_654_321);
        assert_eq!(parse_id(&text.to_lowercase()), parse_id(&text));
        assert_eq!(parse_id(&text.to_uppercase()), parse_id(&text));
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in [
            "",
            "abc",
            "001Rh00000000-1",
            "001Rh0000000001AA!",
            "ÄÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(parse_id(text), None, "{text}");
        }
        assert_eq!(parse_id("0015g00000XyZab").unwrap().serial, None);
    }
}
