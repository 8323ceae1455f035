//! Cuts a query into tokens: words (with points, for paths), quoted strings with backslash escapes, numbers, dates
//! and moments (which stand bare), and symbols.

use super::QueryError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, path, keyword or date literal such as `LAST_N_DAYS:3`.
    Word(String),
    Text(String),
    /// A number, date or moment.
    Number(String),
    Symbol(&'static str),
    End,
}

impl Token {
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) | Self::Number(word) => word.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Symbol(symbol) => (*symbol).to_owned(),
            Self::End => "<EOF>".to_owned(),
        }
    }
}

/// Tokens with the byte position of each; the last is [`Token::End`].
pub(super) fn cut(query: &str) -> Result<Vec<(Token, usize)>, QueryError> {
    let mut tokens = Vec::new();
    let bytes = query.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (token, next) = match byte {
            b'\'' => text(query, at)?,
            b'0'..=b'9' | b'+' | b'-' | b'.' => run(query, at, Token::Number, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b':')
            }),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => run(query, at, Token::Word, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':')
            }),
            _ => symbol(query, at)?,
        };
        tokens.push((token, at));
        at = next;
    }
    tokens.push((Token::End, query.len()));
    Ok(tokens)
}

fn run(
    query: &str,
    from: usize,
    token: fn(String) -> Token,
    part: fn(u8) -> bool,
) -> (Token, usize) {
    let length = query.as_bytes()[from..]
        .iter()
        .take_while(|b| part(**b))
        .count();
    (token(query[from..from + length].to_owned()), from + length)
}

fn symbol(query: &str, at: usize) -> Result<(Token, usize), QueryError> {
    const SYMBOLS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "*"];
    match SYMBOLS.iter().find(|s| query[at..].starts_with(**s)) {
        Some(symbol) => Ok((Token::Symbol(symbol), at + symbol.len())),
        None => {
            let odd = query[at..]
                .chars()
                .next()
                .map(String::from)
                .unwrap_or_default();
            Err(QueryError::unexpected(&odd, at))
        }
    }
}

fn text(query: &str, from: usize) -> Result<(Token, usize), QueryError> {
    let mut out = String::new();
    let mut letters = query[from + 1..].char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((Token::Text(out), from + 1 + place + 1)),
            '\\' => match letters.next().map(|(_, escaped)| escaped) {
                Some('n' | 'N') => out.push('\n'),
                Some('r' | 'R') => out.push('\r'),
                Some('t' | 'T') => out.push('\t'),
                Some('b' | 'B') => out.push('\u{8}'),
                Some('f' | 'F') => out.push('\u{c}'),
                Some(same @ ('\'' | '"' | '\\')) => out.push(same),
                // Left for LIKE, where they take the wildcard's meaning away.
                Some(wildcard @ ('_' | '%')) => {
                    out.push('\\');
                    out.push(wildcard);
                }
                _ => {
                    let error = QueryError::new(
                        "MALFORMED_QUERY",
                        "Illegal string literal: unknown escape",
                    );
                    return Err(error.at(from + 1 + place));
                }
            },
            other => out.push(other),
        }
    }
    Err(QueryError::new(
        "MALFORMED_QUERY",
        "Illegal string literal: it has no closing quote",
    )
    .at(from))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_query() {
        let tokens =
            cut(r"SELECT Id,Account.Name FROM X WHERE a!='it\'s' AND d>=2024-01-01T00:00:00+07:00")
                .unwrap();
        let shown: Vec<String> = tokens.iter().map(|(t, _)| t.shown()).collect();
        assert_eq!(
            shown,
            [
                "SELECT",
                "Id",
                ",",
                "Account.Name",
                "FROM",
                "X",
                "WHERE",
                "a",
                "!=",
                "'it's'",
                "AND",
                "d",
                ">=",
                "2024-01-01T00:00:00+07:00",
                "<EOF>"
            ]
        );
        assert!(cut("SELECT 'x").is_err());
        assert!(cut("SELECT ;").is_err());
    }
}
