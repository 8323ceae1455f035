//! What a system holds that could be moved, as its own catalogue tells it: what a migration file is drafted from.

use model::Finding;
use model::migration::From;

/// The objects of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// By name.
    pub objects: Vec<Listed>,
    /// What was left out, and why: views, what is empty, what is the system's own.
    pub left_out: Vec<Finding>,
}

/// An object of a source. Its columns `Source::describe` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is read.
    pub from: From,
    /// What it is called, without a schema or a file's ending.
    pub name: String,
    /// Sets of columns that identify a record, each unique and none of them null; the primary key first.
    pub keys: Vec<Vec<String>>,
    pub parents: Vec<Parent>,
}

/// What records of one object say of another: a foreign key, a lookup. A lookup that may point to several objects is several of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The parent, as it is listed itself.
    pub from: From,
    /// The parent's columns that are referred to, in the same order.
    pub to: Vec<String>,
}

impl Catalogue {
    /// Whether an object is among those that were asked for: exactly, or ignoring case. All are where none was named.
    pub fn wants(only: &[String], name: &str) -> bool {
        only.is_empty()
            || only
                .iter()
                .any(|wanted| wanted.to_lowercase() == name.to_lowercase())
    }
}
