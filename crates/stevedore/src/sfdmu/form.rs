//! How one field is written under `fields`: the forms of the migration file that a project can be said in.

/// A value under `fields`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// An SQL expression.
    Expression(String),
    /// The parent in an object of this file.
    Lookup {
        lookup: String,
        by: String,
        second_pass: bool,
    },
    /// A record that is in the target already, by `Object.Field`.
    Reference { reference: String, by: String },
    /// A record type.
    DeveloperName(String),
    /// An expression with a value map; what the map does not list stays as it is.
    Values {
        from: String,
        values: Vec<(String, String)>,
    },
}

impl Form {
    /// The SQL in it.
    pub(super) fn expression(&self) -> &str {
        match self {
            Self::Expression(sql)
            | Self::DeveloperName(sql)
            | Self::Lookup { by: sql, .. }
            | Self::Reference { by: sql, .. }
            | Self::Values { from: sql, .. } => sql,
        }
    }
}
