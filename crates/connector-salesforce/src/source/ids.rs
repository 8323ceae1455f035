//! Ids as numbers: the last nine of their fifteen characters count records in base 62, in the order in which the org compares ids.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Of an id's fifteen characters, those that name the object and the org's part.
const HEAD: usize = 6;
/// An id without its check characters.
pub(super) const LENGTH: usize = 15;

/// The number that an id counts, and what stands before it.
pub(super) fn number(id: &str) -> Option<(&str, u64)> {
    let (head, tail) = id.get(..LENGTH)?.split_at_checked(HEAD)?;
    let mut number = 0u64;
    for byte in tail.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        // Nine digits in base 62 are below 2^54.
        number = number * 62 + digit as u64;
    }
    Some((head, number))
}

pub(super) fn id(head: &str, mut number: u64) -> String {
    let mut tail = [b'0'; LENGTH - HEAD];
    for place in tail.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    tail.iter().fold(head.to_owned(), |mut id, byte| {
        id.push(char::from(*byte));
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_in_base_62() {
        assert_eq!(number("001D00000000010AAA"), Some(("001D00", 62)));
        assert_eq!(id("001D00", 62), "001D00000000010");
        let max = "001D00zzzzzzzzz";
        let (head, last) = number(max).unwrap_or_default();
        assert_eq!(id(head, last), max);
        assert_eq!(number("001D000000000"), None);
        assert_eq!(number("001D000000000-0"), None);
    }
}
