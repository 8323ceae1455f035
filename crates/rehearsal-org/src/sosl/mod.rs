//! Text search: `parser` reads the SOSL statement, `terms` what stands between its braces and which words match that.
//! What is returned of each object is selected, filtered and sorted by SOQL.

mod parser;
mod terms;

use crate::errors::ApiError;
use crate::schema::FieldKind;
use crate::schema::catalogue::{Home, Object};
use crate::store::Row;
use crate::values::Value;

pub(crate) use parser::parse;
pub(crate) use terms::Terms;
use terms::words;

/// The most records a search gives.
pub(crate) const MOST: usize = 2000;

/// A search, as it was asked for.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) terms: Terms,
    pub(crate) within: Within,
    /// None: every object that can be searched.
    pub(crate) returning: Vec<Wanted>,
    pub(crate) limit: usize,
}

/// The fields that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    All,
    Name,
    Email,
    Phone,
}

/// What is returned of one object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) object: String,
    /// As after SELECT.
    pub(crate) fields: String,
    /// WHERE and ORDER BY.
    pub(crate) conditions: String,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

impl Wanted {
    /// All records of an object, by their ids.
    pub(crate) fn of(object: &str) -> Self {
        Self {
            object: object.to_owned(),
            fields: "Id".to_owned(),
            conditions: String::new(),
            limit: MOST,
            offset: 0,
        }
    }

    /// The query for the records among which the search looks.
    pub(crate) fn soql(&self) -> String {
        let Self {
            object,
            fields,
            conditions,
            ..
        } = self;
        format!("SELECT {fields} FROM {object} {conditions}")
    }
}

impl Within {
    /// By the word before FIELDS.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "ALL" | "SIDEBAR" => Some(Self::All),
            "NAME" => Some(Self::Name),
            "EMAIL" => Some(Self::Email),
            "PHONE" => Some(Self::Phone),
            _ => None,
        }
    }

    fn has(self, kind: FieldKind, name: &str) -> bool {
        use FieldKind as K;
        match self {
            Self::All => matches!(
                kind,
                K::String
                    | K::Textarea
                    | K::Picklist
                    | K::Multipicklist
                    | K::Phone
                    | K::Email
                    | K::Url
            ),
            Self::Name => matches!(name, "Name" | "FirstName" | "LastName" | "Subject"),
            Self::Email => kind == K::Email,
            Self::Phone => kind == K::Phone,
        }
    }
}

impl Search {
    /// Whether a record of this object has what is looked for.
    pub(crate) fn finds(&self, object: &Object, row: &Row) -> bool {
        let fields = object.fields.iter().zip(0..);
        let texts = fields.filter_map(|(field, place)| {
            let looked_at =
                field.home == Home::Stored && self.within.has(field.kind(), field.name());
            match row.get(place).filter(|_| looked_at) {
                Some(Value::Text(text)) => Some(words(text)),
                _ => None,
            }
        });
        self.terms.match_any(&texts.collect::<Vec<_>>())
    }
}

/// A search that can't be read.
pub(crate) fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::bad("MALFORMED_SEARCH", message)
}
