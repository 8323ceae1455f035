//! Which of the source's records a run is about, where it is not all of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// A choice of records. The parents of those that are chosen come with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// So many of every object, by a hash of their keys: the same ones each time.
    Sample(Sample),
    /// Those of these keys: each object with its own, as `failures` writes them, in order.
    Keys(Vec<(String, Vec<String>)>),
}

/// How many records of an object are picked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// Percent, more than 0 and up to 100.
    Percent(f64),
    Records(u64),
}

impl Sample {
    /// `1%`, `0.5%`, or a number of records.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let refuse = || {
            Failure::usage(
                "invalid_sample",
                format!("`{text}` is no share and no number of records"),
            )
            .hint("write a share above 0% and up to 100%, as 1% or 0.5%, or how many records of each object, as 500")
        };
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| refuse())?;
                let fits = share > 0.0 && share <= 100.0;
                fits.then_some(Self::Percent(share)).ok_or_else(refuse)
            }
            None => match text.parse() {
                Ok(records) if records > 0 => Ok(Self::Records(records)),
                _ => Err(refuse()),
            },
        }
    }

    /// Whether a record whose key has this hash may be of the sample. Of a number of records it is the lowest hashes that are.
    pub fn takes(self, hash: u128) -> bool {
        match self {
            // The 53 highest bits are exact in a double.
            Self::Percent(share) => (hash >> 75) as f64 / (1_u64 << 53) as f64 * 100.0 < share,
            Self::Records(_) => true,
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(share) => write!(f, "{share}%"),
            Self::Records(records) => write!(f, "{records}"),
        }
    }
}

/// As the command line writes it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample(sample) => write!(f, "--sample {sample}"),
            Self::Keys(chosen) => {
                let chosen: Vec<_> = chosen
                    .iter()
                    .map(|(object, keys)| match keys.len() {
                        0..=3 => format!("--keys {object}={}", keys.join(",")),
                        many => format!("--keys for {many} records of {object}"),
                    })
                    .collect();
                f.write_str(&chosen.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_or_a_number() {
        assert_eq!(Sample::parse("1%"), Ok(Sample::Percent(1.0)));
        assert_eq!(Sample::parse("0.5 %"), Ok(Sample::Percent(0.5)));
        assert_eq!(Sample::parse("500"), Ok(Sample::Records(500)));
        for bad in ["", "%", "0", "0%", "101%", "-1%", "1.5", "NaN%", "x"] {
            let failure = Sample::parse(bad).expect_err(bad);
            assert_eq!(failure.code, "invalid_sample");
            assert!(failure.hint.is_some());
        }
    }

    #[test]
    fn a_share_takes_about_as_many_hashes() {
        let hash = |n: u128| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let taken = |share| {
            (0..10_000)
                .filter(|n| Sample::Percent(share).takes(hash(*n)))
                .count()
        };
        assert_eq!(taken(100.0), 10_000);
        assert!((50..200).contains(&taken(1.0)), "{}", taken(1.0));
    }
}
