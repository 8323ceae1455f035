//! What the test binaries share: a broker of one's own, words for messages, traffic to break.
//! Each binary uses a part of it.

#![allow(dead_code, unused_imports)]

mod bed;
mod stop;
mod trouble;

pub(crate) use bed::*;
pub(crate) use stop::{heard, stop};
pub(crate) use trouble::through_trouble;

/// How often each number was acknowledged.
pub(crate) type Tally = std::sync::Arc<std::sync::Mutex<std::collections::BTreeMap<i64, usize>>>;
