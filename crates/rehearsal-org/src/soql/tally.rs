//! What aggregate functions keep of a group while its records go by.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::ast::Function;
use super::scalar::Scalar;
use crate::schema::catalogue::Catalogue;
use crate::values::decimal::{self, Decimal};

/// Marks of texts, so long that two texts never have the same.
#[derive(Default)]
pub(super) struct Marks([RandomState; 2]);

impl Marks {
    pub(super) fn of(&self, text: &str) -> u128 {
        let [a, b] = self
            .0
            .each_ref()
            .map(|state| u128::from(state.hash_one(text)));
        a << 64 | b
    }
}

pub(super) enum Tally {
    Count(i128),
    /// By the marks of the values.
    Distinct(HashSet<u128>),
    Sum {
        sum: Option<(Decimal, bool)>,
    },
    Average {
        sum: Decimal,
        count: i128,
    },
    Extreme {
        best: Scalar<'static>,
        wanted: Ordering,
    },
}

const ZERO: Decimal = Decimal {
    digits: 0,
    scale: 0,
};

impl Tally {
    pub(super) fn start(function: Function) -> Self {
        let extreme = |wanted| Self::Extreme {
            best: Scalar::Null,
            wanted,
        };
        match function {
            Function::Count => Self::Count(0),
            Function::CountDistinct => Self::Distinct(HashSet::new()),
            Function::Sum => Self::Sum { sum: None },
            Function::Avg => Self::Average {
                sum: ZERO,
                count: 0,
            },
            Function::Min => extreme(Ordering::Less),
            Function::Max => extreme(Ordering::Greater),
        }
    }

    pub(super) fn add(&mut self, catalogue: &Catalogue, value: &Scalar<'_>, marks: &Marks) {
        if value.is_null() {
            return;
        }
        match (self, value) {
            (Self::Count(count), _) => *count += 1,
            (Self::Distinct(seen), value) => {
                let mut key = String::new();
                value.write_key(catalogue, &mut key);
                seen.insert(marks.of(&key));
            }
            // One field has one scale, so that digits add up as they are.
            (Self::Sum { sum }, Scalar::Number(number, whole)) => {
                let before = sum.map_or(0, |(sum, _)| sum.digits);
                let digits = before.saturating_add(number.digits);
                *sum = Some((Decimal { digits, ..*number }, *whole));
            }
            (Self::Average { sum, count }, Scalar::Number(number, _)) => {
                let digits = sum.digits.saturating_add(number.digits);
                *sum = Decimal { digits, ..*number };
                *count += 1;
            }
            (Self::Extreme { best, wanted }, value) => {
                if best.is_null() || value.compare(best) == *wanted {
                    *best = value.clone().into_owned();
                }
            }
            (Self::Sum { .. } | Self::Average { .. }, _) => {}
        }
    }

    pub(super) fn value(&self) -> Scalar<'_> {
        let whole = |digits| Scalar::Number(Decimal { digits, scale: 0 }, true);
        match self {
            Self::Count(count) => whole(*count),
            Self::Distinct(seen) => whole(seen.len() as i128),
            Self::Sum { sum: None } => Scalar::Null,
            Self::Sum {
                sum: Some((sum, is_whole)),
            } => Scalar::Number(*sum, *is_whole),
            Self::Average { count: 0, .. } => Scalar::Null,
            Self::Average { sum, count } => Scalar::Double(decimal::to_f64(*sum) / *count as f64),
            Self::Extreme { best, .. } => best.clone(),
        }
    }
}
