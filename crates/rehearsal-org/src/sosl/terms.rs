//! The words of a search and how they are joined: words that all have to be there, `OR`, `AND`, `AND NOT`,
//! parentheses, phrases in quotes, `*` and `?` inside of words. Letter case does not matter.

use std::iter::Peekable;
use std::vec::IntoIter;

/// How deep parentheses may nest.
const DEEPEST: usize = 20;

/// What has to be found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// These words, one after the other.
    Phrase(Vec<String>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

/// `*`, `?` and marks of our own for the two as letters of a pattern.
const MANY: char = '\u{1}';
const ONE: char = '\u{2}';

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Phrase(Vec<String>),
    And,
    Or,
    Not,
    Open,
    Close,
}

impl Terms {
    /// Reads what stands between the braces.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = cut(text)?.into_iter().peekable();
        let terms = any(&mut tokens, 0)?;
        if tokens.next().is_some() {
            return Err("there is a closing parenthesis too many".to_owned());
        }
        Ok(terms)
    }

    /// These words as they are, without joining words and wildcards.
    pub(crate) fn plain(text: &str) -> Result<Self, String> {
        let words = words(text).into_iter().map(|word| vec![word]);
        let words: Vec<Self> = words.map(Self::Phrase).collect();
        if words.is_empty() {
            return Err("No search term found".to_owned());
        }
        Ok(Self::All(words))
    }

    /// Whether they are found in these texts, given as their words.
    pub(super) fn match_any(&self, texts: &[Vec<String>]) -> bool {
        match self {
            Self::Phrase(phrase) => texts.iter().any(|text| {
                text.windows(phrase.len()).any(|words| {
                    let mut both = phrase.iter().zip(words);
                    both.all(|(pattern, word)| like(pattern, word))
                })
            }),
            Self::All(all) => all.iter().all(|terms| terms.match_any(texts)),
            Self::Any(any) => any.iter().any(|terms| terms.match_any(texts)),
            Self::Not(terms) => !terms.match_any(texts),
        }
    }
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == MANY || c == ONE));
    let words = words.filter(|word| word.contains(char::is_alphanumeric));
    words.map(str::to_lowercase).collect()
}

/// Whether a word is as a pattern says.
fn like(pattern: &str, word: &str) -> bool {
    let (pattern, word): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), word.chars().collect());
    let (mut p, mut w) = (0, 0);
    // Where to go on when what followed the last `*` was wrong.
    let mut again = None;
    while w < word.len() {
        match pattern.get(p) {
            Some(&MANY) => {
                again = Some((p, w));
                p += 1;
            }
            Some(&letter) if letter == ONE || letter == word[w] => {
                (p, w) = (p + 1, w + 1);
            }
            _ => match again {
                Some((star, from)) => {
                    again = Some((star, from + 1));
                    (p, w) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == MANY)
}

fn cut(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(&letter) = letters.peek() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => {
                letters.next();
            }
            '(' | ')' => {
                letters.next();
                tokens.push(if letter == '(' {
                    Token::Open
                } else {
                    Token::Close
                });
            }
            '"' => {
                letters.next();
                let mut phrase = String::new();
                loop {
                    match letters.next() {
                        None => return Err("a phrase is not closed by a quote".to_owned()),
                        Some('"') => break,
                        Some('\\') => phrase.extend(letters.next()),
                        Some(letter) => phrase.push(letter),
                    }
                }
                push_words(&phrase, &mut tokens);
            }
            _ => {
                let mut word = String::new();
                let mut escaped = false;
                while let Some(&letter) = letters.peek() {
                    if letter.is_whitespace() || matches!(letter, '(' | ')' | '"') {
                        break;
                    }
                    letters.next();
                    match letter {
                        '\\' => {
                            escaped = true;
                            word.extend(letters.next());
                        }
                        '*' => word.push(MANY),
                        '?' => word.push(ONE),
                        letter => word.push(letter),
                    }
                }
                match word.to_ascii_uppercase().as_str() {
                    "AND" if !escaped => tokens.push(Token::And),
                    "OR" if !escaped => tokens.push(Token::Or),
                    "NOT" if !escaped => tokens.push(Token::Not),
                    _ => push_words(&word, &mut tokens),
                }
            }
        }
    }
    Ok(tokens)
}

fn push_words(text: &str, tokens: &mut Vec<Token>) {
    let words = words(text);
    if !words.is_empty() {
        tokens.push(Token::Phrase(words));
    }
}

type Tokens = Peekable<IntoIter<Token>>;

fn any(tokens: &mut Tokens, depth: usize) -> Result<Terms, String> {
    let mut found = vec![all(tokens, depth)?];
    while tokens.next_if_eq(&Token::Or).is_some() {
        found.push(all(tokens, depth)?);
    }
    Ok(one_or(found, Terms::Any))
}

fn all(tokens: &mut Tokens, depth: usize) -> Result<Terms, String> {
    let mut found = vec![one(tokens, depth)?];
    loop {
        match tokens.peek() {
            None | Some(Token::Or | Token::Close) => return Ok(one_or(found, Terms::All)),
            Some(Token::And) => {
                tokens.next();
            }
            Some(_) => {}
        }
        let not = tokens.next_if_eq(&Token::Not).is_some();
        let terms = one(tokens, depth)?;
        found.push(if not {
            Terms::Not(Box::new(terms))
        } else {
            terms
        });
    }
}

fn one(tokens: &mut Tokens, depth: usize) -> Result<Terms, String> {
    match tokens.next() {
        Some(Token::Phrase(words)) => Ok(Terms::Phrase(words)),
        Some(Token::Open) if depth < DEEPEST => {
            let terms = any(tokens, depth + 1)?;
            match tokens.next() {
                Some(Token::Close) => Ok(terms),
                _ => Err("a parenthesis is not closed".to_owned()),
            }
        }
        Some(Token::Open) => Err("parentheses are nested too deeply".to_owned()),
        Some(Token::And) => Err("there is no search term before AND".to_owned()),
        Some(Token::Or) => Err("there is no search term before OR".to_owned()),
        Some(Token::Not) => Err("NOT has to follow AND".to_owned()),
        Some(Token::Close) => Err("there is no search term in parentheses".to_owned()),
        None => Err("No search term found".to_owned()),
    }
}

fn one_or(mut found: Vec<Terms>, several: fn(Vec<Terms>) -> Terms) -> Terms {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            found.extend(last);
            several(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(terms: &str, text: &str) -> bool {
        let terms = Terms::parse(terms);
        terms.is_ok_and(|terms| terms.match_any(&[words(text), words("another text")]))
    }

    #[test]
    fn words_are_joined_and_matched_whole() {
        let text = "Acme Corp. (Köln), sales@acme.example";
        for found in [
            "acme",
            "ACME köln",
            "acme AND corp",
            "nobody OR corp",
            "ac*",
            "a?me",
            "*orp",
            "\"acme corp\"",
            "sales@acme.example",
            "acme AND NOT zenith",
            "(zenith OR acme) corp",
            "acme another",
            "c*o*p",
            "acme\\ corp",
        ] {
            assert!(finds(found, text), "{found}");
        }
        for missed in [
            "acm",
            "acme zenith",
            "\"corp acme\"",
            "a?m",
            "acme AND NOT corp",
            "zenith OR nobody",
            "ac\\*",
        ] {
            assert!(!finds(missed, text), "{missed}");
        }
    }

    #[test]
    fn what_is_no_search_says_why() {
        let deep = format!("{}x{}", "(".repeat(100), ")".repeat(100));
        for wrong in [
            "", "  ", "AND x", "x OR", "(x", "x)", "()", "NOT x", "\"x", "*", &deep,
        ] {
            assert!(Terms::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Terms::plain("").is_err());
        assert_eq!(
            Terms::plain("x OR y").map(|t| t.match_any(&[words("x or y")])),
            Ok(true)
        );
    }
}
