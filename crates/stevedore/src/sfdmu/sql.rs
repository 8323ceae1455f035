//! The SQL that translated expressions are made of: names of columns, texts.

/// Words that an SQL parser does not take for a column's name, or not everywhere.
const WORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "default",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "leading",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlay",
    "position",
    "primary",
    "references",
    "right",
    "row",
    "select",
    "session_user",
    "some",
    "struct",
    "substring",
    "table",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// A column's name as an expression names it: in quotes where it needs them, as `"Account.Name"`.
pub(super) fn column(name: &str) -> String {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let plain = name.starts_with(starts)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !WORDS.contains(&name.to_lowercase().as_str());
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A text.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An expression's value as text, whatever its type; empty for null.
pub(super) fn text_of(expression: &str) -> String {
    format!("coalesce(cast({expression} as text), '')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_need_it() {
        assert_eq!(column("Name"), "Name");
        assert_eq!(column("Account.Name"), "\"Account.Name\"");
        assert_eq!(column("Order"), "\"Order\"");
        assert_eq!(column("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("O'Hara"), "'O''Hara'");
    }
}
