//! PostgreSQL's text can't hold a NUL, which text of other systems may; it is written as `␀0` there and read back.

/// U+2400, SYMBOL FOR NULL. It escapes itself, so that every text comes back as it was.
const MARK: char = '\u{2400}';

pub(super) fn to_postgres(text: String) -> String {
    if !text.contains(['\0', MARK]) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\0' => escaped.extend([MARK, '0']),
            MARK => escaped.extend([MARK, MARK]),
            other => escaped.push(other),
        }
    }
    escaped
}

pub(super) fn from_postgres(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let escaped = if char == MARK { chars.peek() } else { None };
        match escaped {
            Some('0') => plain.push('\0'),
            Some(&MARK) => plain.push(MARK),
            // Written by hand.
            _ => {
                plain.push(char);
                continue;
            }
        }
        chars.next();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "plain", "a\0b", "␀", "␀0", "\0␀\0", "ก\0"] {
            let stored = to_postgres(text.to_owned());
            assert!(!stored.contains('\0'));
            assert_eq!(from_postgres(stored), text);
        }
        assert_eq!(from_postgres("␀x␀".to_owned()), "␀x␀");
    }
}
