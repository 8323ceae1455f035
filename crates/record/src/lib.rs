#![doc = include_str!("../README.md")]

mod canonical;
mod change;
mod journey;
mod json;
mod key;
mod key_filter;
mod key_hashes;
mod ledger;
pub mod meta;
mod outcome;
mod payload;
mod picks;
mod refusal;
mod wire;

pub use canonical::{CHECKSUM_VERSION, Checksum, checksums, total};
pub use change::Change;
pub use journey::Journey;
pub use json::record_json;
pub use key::{array_texts, key_texts, key_values};
pub use key_filter::{key_filter, may_hold};
pub use key_hashes::{KeyHash, KeyHashes, hash_key};
pub use ledger::{Ledger, LedgerRow};
pub use outcome::{Outcome, PlaceholderMade};
pub use payload::Payload;
pub use picks::{Pick, Picks, pick_hash};
pub use refusal::Refusal;
pub use wire::{decode_batch, encode_batch, join_parts, split_parts};
