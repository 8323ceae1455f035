//! The part of SOQL that clients and checks need: `lexer` and `parser` read it, `plan` resolves names against the
//! schema, `matching` finds the records that pass a `filter`, `order` sorts them, `aggregate` groups them, `run`
//! answers; `shape` and `children` write records, `extract` serves bulk queries.

mod aggregate;
mod ast;
mod children;
pub(crate) mod extract;
mod fields;
mod filter;
mod lexer;
mod like;
mod literal;
mod matching;
pub(crate) mod metadata;
mod order;
mod parser;
mod path;
mod plan;
pub(crate) mod run;
mod scalar;
pub(crate) mod shape;
mod shape_soap;
mod shape_xml;
mod tally;
#[cfg(test)]
mod tests;

use crate::errors::ApiError;

/// A query that was refused: a code, a text, and where in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryError {
    code: &'static str,
    text: String,
    /// Byte position; `None` when the whole query is meant.
    at: Option<usize>,
}

impl QueryError {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            at: None,
        }
    }

    fn at(mut self, at: usize) -> Self {
        self.at = Some(at);
        self
    }

    fn unexpected(token: &str, at: usize) -> Self {
        Self::new("MALFORMED_QUERY", format!("unexpected token: '{token}'")).at(at)
    }

    /// The reply to the call that brought the query.
    pub(crate) fn to_api(&self, query: &str) -> ApiError {
        ApiError::bad(self.code, self.message(query))
    }

    /// The query, a caret line, `ERROR at Row:1:Column:n`, then the text.
    fn message(&self, query: &str) -> String {
        let Some(at) = self.at else {
            return self.text.clone();
        };
        let before = query.get(..at).unwrap_or(query);
        let row = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let column = before[line_start..].chars().count() + 1;
        let line = query[line_start..].lines().next().unwrap_or_default();
        let caret = " ".repeat(column - 1);
        format!(
            "\n{line}\n{caret}^\nERROR at Row:{row}:Column:{column}\n{}",
            self.text
        )
    }
}
