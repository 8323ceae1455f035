//! Reads `FIND {…} [IN … FIELDS] [RETURNING …] [LIMIT n]`. What stands in the parentheses behind an object is SOQL, and
//! is only cut into its clauses here.

use super::{MOST, Search, Terms, Wanted, Within, malformed};
use crate::errors::ApiError;

pub(crate) fn parse(text: &str) -> Result<Search, ApiError> {
    let rest =
        keyword(text.trim(), "FIND").ok_or_else(|| malformed("A search begins with FIND"))?;
    let (terms, mut rest) = braced(rest)?;
    let terms = Terms::parse(&terms).map_err(malformed)?;
    let mut search = Search {
        terms,
        within: Within::All,
        returning: Vec::new(),
        limit: MOST,
    };
    if let Some(after) = keyword(rest, "IN") {
        let (name, after) = word(after);
        search.within = Within::named(name)
            .ok_or_else(|| malformed(format!("unknown group of fields: {name}")))?;
        rest = keyword(after, "FIELDS")
            .ok_or_else(|| malformed(format!("FIELDS is missing after IN {name}")))?;
    }
    if let Some(after) = keyword(rest, "RETURNING") {
        rest = after;
        loop {
            let (wanted, after) = wanted(rest)?;
            search.returning.push(wanted);
            rest = after;
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None => break,
            }
        }
    }
    if let Some(after) = keyword(rest, "LIMIT") {
        let (number, after) = word(after);
        search.limit = count(number)?.min(MOST);
        rest = after;
    }
    if rest.is_empty() {
        Ok(search)
    } else {
        Err(malformed(format!("unexpected token: {rest}")))
    }
}

/// What follows a keyword, where the text begins with it.
fn keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (first, rest) = word(text);
    first.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

fn count(number: &str) -> Result<usize, ApiError> {
    number
        .parse()
        .map_err(|_| malformed(format!("not a number: {number}")))
}

/// What stands between braces, its escapes kept but for those of braces, and what follows.
fn braced(text: &str) -> Result<(String, &str), ApiError> {
    let none = || malformed("No search term found. The search term must be enclosed in braces.");
    let inner = text.strip_prefix('{').ok_or_else(none)?;
    let mut out = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '}' => return Ok((out, inner[at + 1..].trim_start())),
            '\\' => {
                let (_, next) = letters.next().ok_or_else(none)?;
                if !matches!(next, '{' | '}') {
                    out.push('\\');
                }
                out.push(next);
            }
            letter => out.push(letter),
        }
    }
    Err(none())
}

/// An object, and what is wanted of it.
fn wanted(text: &str) -> Result<(Wanted, &str), ApiError> {
    let (object, rest) = word(text);
    if object.is_empty() {
        return Err(malformed("RETURNING names objects"));
    }
    let mut wanted = Wanted::of(object);
    let Some(inner) = rest.strip_prefix('(') else {
        return Ok((wanted, rest));
    };
    let end = outside(inner)
        .find(|(at, depth)| *depth == 0 && inner[*at..].starts_with(')'))
        .map(|(at, _)| at);
    let end =
        end.ok_or_else(|| malformed(format!("the parenthesis after {object} is not closed")))?;
    let (inner, rest) = (&inner[..end], inner[end + 1..].trim_start());
    let clause = |name| find_keyword(inner, name);
    let limits = [clause("LIMIT"), clause("OFFSET")];
    let conditions = [clause("WHERE"), clause("ORDER")];
    let first = |places: &[Option<usize>]| places.iter().flatten().min().copied();
    let to = first(&limits).unwrap_or(inner.len());
    let from = first(&conditions).unwrap_or(to).min(to);
    let fields = inner[..from].trim();
    if !fields.is_empty() {
        wanted.fields = fields.to_owned();
    }
    wanted.conditions = inner[from..to].trim().to_owned();
    if let Some(limit) = limits[0] {
        let number = word(word(&inner[limit..]).1).0;
        wanted.limit = count(number)?.min(MOST);
    }
    if let Some(offset) = limits[1] {
        wanted.offset = count(word(word(&inner[offset..]).1).0)?;
    }
    Ok((wanted, rest))
}

/// Where a keyword stands, outside of quotes and parentheses.
fn find_keyword(text: &str, keyword: &str) -> Option<usize> {
    let begins = |at: usize| {
        let before = text[..at].chars().next_back();
        let parts_words = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        before.is_none_or(parts_words) && word(&text[at..]).0.eq_ignore_ascii_case(keyword)
    };
    let mut places = outside(text).filter(|(_, depth)| *depth == 0);
    places.find(|(at, _)| begins(*at)).map(|(at, _)| at)
}

/// The places of a text that are not in quotes, each with how many parentheses are open before it.
fn outside(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut quoted = false;
    let mut escaped = false;
    let mut depth = 0_usize;
    text.char_indices().filter_map(move |(at, letter)| {
        if quoted {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => quoted = false,
                _ => {}
            }
            return None;
        }
        let before = depth;
        match letter {
            '\'' => quoted = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        Some((at, before))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_told_apart() {
        let search = parse(
            "find {a\\}b \"c\"} in name fields returning Account(Id, Name where Name = 'x) limit 1' and \
             (Industry in ('a', 'b')) order by Name limit 7 offset 2), Contact , Lead(Id LIMIT 3) limit 50",
        )
        .unwrap();
        assert_eq!((search.within, search.limit), (Within::Name, 50));
        let [account, contact, lead] = search.returning.as_slice() else {
            panic!("{:?}", search.returning);
        };
        assert_eq!(account.fields, "Id, Name");
        assert_eq!(
            account.conditions,
            "where Name = 'x) limit 1' and (Industry in ('a', 'b')) order by Name"
        );
        assert_eq!((account.limit, account.offset), (7, 2));
        assert_eq!(*contact, Wanted::of("Contact"));
        assert_eq!((lead.fields.as_str(), lead.limit), ("Id", 3));
    }

    #[test]
    fn what_is_no_search_is_refused() {
        for wrong in [
            "",
            "SELECT Id FROM Account",
            "FIND x",
            "FIND {x",
            "FIND {}",
            "FIND {x} IN SOME FIELDS",
            "FIND {x} IN ALL",
            "FIND {x} RETURNING",
            "FIND {x} RETURNING Account(Id",
            "FIND {x} RETURNING Account(Id LIMIT many)",
            "FIND {x} WITH SNIPPET",
            "FIND {x\\",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
