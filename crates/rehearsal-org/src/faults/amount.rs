//! A chance and a time, as faults have them written.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A chance from 0 to 1, written `2.5%` or `0.025`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Share(f64);

/// A time, written `250ms`, `2s` or `1m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl Share {
    /// # Errors
    /// When it is not from 0 to 1.
    pub fn new(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!(
                "a share is from 0% to 100%, or from 0 to 1; this is {share}"
            ))
        }
    }

    /// From 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (digits, whole) = match text.strip_suffix('%') {
            Some(digits) => (digits, 100.0),
            None => (text, 1.0),
        };
        let number: f64 = digits
            .trim()
            .parse()
            .map_err(|_| format!("{text:?} is no share, which is written 2.5% or 0.025"))?;
        Self::new(number / whole)
    }
}

impl TryFrom<Written> for Share {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(share) => Self::new(share),
            Written::Text(text) => Self::read(&text),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded where the binary form shows: 0.07 * 100 is 7.000000000000001.
        write!(f, "{}%", (self.0 * 100.0 * 1e9).round() / 1e9)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => 0,
        };
        match digits.trim().parse::<u32>() {
            Ok(number) if unit > 0 => Ok(Self(Duration::from_millis(u64::from(number) * unit))),
            _ => Err(format!(
                "{text:?} is no time, which is written 250ms, 2s or 1m"
            )),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        format!("{}ms", span.0.as_millis())
    }
}
