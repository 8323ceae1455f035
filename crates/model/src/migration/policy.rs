//! The rules a migration sets: what is done about awkward records, what is checked, and how much failure is accepted.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Records of one object that would go to the same target record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicateKey {
    /// None of them is moved: which one is right is for a person to say.
    #[default]
    Reject,
    /// The first in source-key order is moved, the others are skipped.
    Skip,
    /// The one with the highest watermark is moved, the others are skipped.
    KeepLatest,
    /// Likewise, and where a column of it is null, the value of the next latest that has one stands in; columns of the target key stay. Of each key the
    /// 100 latest count.
    Merge,
}

impl OnDuplicateKey {
    /// Whether it must be known which of two records is the later.
    pub fn ranks(self) -> bool {
        matches!(self, Self::KeepLatest | Self::Merge)
    }
}

/// What is read anew at both ends, after the object is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// Count the records at both ends.
    #[serde(default = "yes")]
    pub counts: bool,
}

fn yes() -> bool {
    true
}

impl Default for Reconcile {
    fn default() -> Self {
        Self { counts: true }
    }
}

/// How much failure a run accepts, and when it pauses by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The run pauses when more records than this were rejected or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_at_failed: Option<Threshold>,
    /// More rejected or failed records than this make the run end with exit code 3. None are accepted by default.
    #[serde(default)]
    pub accept_failed: Threshold,
}

/// A number, or a share of the whole (of the records extracted, of the calls there are): `500` or `0.1%`.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema)]
#[schemars(with = "ThresholdText")]
pub enum Threshold {
    Records(u64),
    /// In percent, 0 to 100.
    Percent(f64),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum ThresholdText {
    Records(u64),
    Percent(String),
}

impl Default for Threshold {
    fn default() -> Self {
        Self::Records(0)
    }
}

impl Threshold {
    /// How many of `whole` this is; a share in whole numbers, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Self::Records(number) => number,
            // Far below the 2^52 that a double holds exactly, and never more than the whole.
            Self::Percent(share) => ((whole as f64) * share / 100.0) as u64,
        }
    }

    pub fn is_exceeded(self, refused: u64, extracted: u64) -> bool {
        match self {
            Self::Records(limit) => refused > limit,
            // Counts of records stay far below the 2^52 that a double holds exactly.
            Self::Percent(limit) => {
                refused > 0 && (refused as f64) * 100.0 > limit * (extracted.max(1) as f64)
            }
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(number) => write!(f, "{number}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Threshold {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Records(records) => serializer.serialize_u64(*records),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ThresholdText::deserialize(deserializer)? {
            ThresholdText::Records(records) => Ok(Self::Records(records)),
            ThresholdText::Percent(text) => text
                .strip_suffix('%')
                .and_then(|number| number.trim().parse().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Self::Percent)
                .ok_or_else(|| {
                    serde::de::Error::custom(format!(
                        "`{text}` is neither a number nor a share like 0.1%"
                    ))
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_numbers_or_shares() {
        let number: Threshold = serde_json::from_str("500").expect("a number");
        assert!(!number.is_exceeded(500, 1) && number.is_exceeded(501, 1_000_000));
        let share: Threshold = serde_json::from_str("\"0.1%\"").expect("a share");
        assert!(!share.is_exceeded(1, 1000) && share.is_exceeded(2, 1000));
        assert!(!share.is_exceeded(0, 0));
        assert_eq!((number.of(100), share.of(15_999)), (500, 15));
        assert_eq!(format!("{number} {share}"), "500 0.1%");
        for wrong in ["\"5\"", "\"-1%\"", "\"101%\"", "-3"] {
            assert!(serde_json::from_str::<Threshold>(wrong).is_err(), "{wrong}");
        }
    }
}
