//! Names in expressions: each is a column of the source, exactly or else ignoring case.

use std::ops::ControlFlow;

use arrow::datatypes::Schema;
use datafusion_sql::sqlparser::ast::{Expr, Ident, visit_expressions_mut};
use datafusion_sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};
use model::Failure;

use crate::bounds::{self, LONGEST, PARENTHESES, PARSED};

/// Parses an expression; the whole text must be one.
pub(crate) fn parse(sql: &str) -> Result<Expr, Failure> {
    let invalid = |message: String| {
        Failure::usage("invalid_expression", format!("`{}` is no SQL expression: {message}", short(sql)))
            .hint("an expression is SQL over the source's columns, like `'LEGACY_' || id`; quote a column whose name is a word of SQL")
    };
    if sql.len() > LONGEST {
        return Err(invalid(format!("it is longer than {LONGEST} bytes")));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| invalid(error.to_string()))?;
    if bounds::parentheses(&tokens) > PARENTHESES {
        return Err(invalid(format!(
            "its parentheses go deeper than {PARENTHESES}"
        )));
    }
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(PARSED)
        .with_tokens_with_locations(tokens);
    let expr = parser
        .parse_expr()
        .map_err(|error| invalid(error.to_string()))?;
    match parser.peek_token().token {
        Token::EOF => {}
        other => return Err(invalid(format!("`{other}` follows where it should end"))),
    }
    match bounds::complaint(&expr) {
        None => Ok(expr),
        Some(complaint) => Err(invalid(complaint)),
    }
}

/// Puts the source's own spelling in the place of every name, and returns the columns that are used.
pub(crate) fn resolve(expr: &mut Expr, source: &Schema) -> Result<Vec<String>, Failure> {
    let mut used = Vec::new();
    let flow = visit_expressions_mut(expr, |expr| {
        let name = match expr {
            Expr::Identifier(name) => name.value.clone(),
            Expr::CompoundIdentifier(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.value.as_str()).collect();
                return ControlFlow::Break(qualified(&parts.join(".")));
            }
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                return ControlFlow::Break(
                    Failure::usage(
                        "subquery",
                        "an expression reads its own record only: no subqueries",
                    )
                    .hint("join in the source, with `from: { query: … }`"),
                );
            }
            _ => return ControlFlow::Continue(()),
        };
        match find(source, &name) {
            Ok(column) => {
                *expr = Expr::Identifier(Ident::with_quote('"', column));
                used.push(column.to_owned());
                ControlFlow::Continue(())
            }
            Err(failure) => ControlFlow::Break(failure),
        }
    });
    match flow {
        ControlFlow::Break(failure) => Err(failure),
        ControlFlow::Continue(()) => Ok(used),
    }
}

/// The column of this name, exactly or else ignoring case.
pub(crate) fn find<'a>(source: &'a Schema, name: &str) -> Result<&'a str, Failure> {
    let names = || source.fields().iter().map(|field| field.name().as_str());
    if let Some(exact) = names().find(|column| *column == name) {
        return Ok(exact);
    }
    let alike: Vec<&str> = names()
        .filter(|column| column.to_lowercase() == name.to_lowercase())
        .collect();
    match alike.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::usage(
            "unknown_column",
            format!("the source has no column `{name}`"),
        )
        .hint(nearest(name, &names().collect::<Vec<_>>()))),
        several => Err(Failure::usage(
            "ambiguous_column",
            format!("`{name}` may be {}", several.join(" or ")),
        )
        .hint("write it in the source's own spelling, in double quotes")),
    }
}

fn qualified(name: &str) -> Failure {
    Failure::usage("qualified_name", format!("`{name}` is a qualified name"))
        .hint("columns are named without their table; a text stands in single quotes")
}

/// Names near to a wrong one, or else all there are.
pub(crate) fn nearest(name: &str, names: &[&str]) -> String {
    let wanted = name.to_lowercase();
    let mut near: Vec<_> = names
        .iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= wanted.len().div_ceil(3).max(1))
        .collect();
    near.sort_unstable();
    if let Some((_, best)) = near.first() {
        return format!("did you mean `{best}`?");
    }
    let shown: Vec<_> = names.iter().take(40).copied().collect();
    format!("there are: {}", shown.join(", "))
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

pub(crate) fn short(sql: &str) -> String {
    match sql.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &sql[..end]),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn source() -> Schema {
        Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("FullName", DataType::Utf8, true),
            Field::new("fullname", DataType::Utf8, true),
            Field::new("Zip", DataType::Utf8, true),
        ])
    }

    #[test]
    fn names_match_exactly_then_ignoring_case() {
        assert_eq!(find(&source(), "ZIP").expect("one"), "Zip");
        assert_eq!(find(&source(), "FullName").expect("exact"), "FullName");
        assert_eq!(
            find(&source(), "FULLNAME").expect_err("two").code,
            "ambiguous_column"
        );
        let unknown = find(&source(), "Zipp").expect_err("none");
        assert_eq!(unknown.hint.as_deref(), Some("did you mean `Zip`?"));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for sql in ["", "a b", "select 1", "1;2", &"(".repeat(5_000)] {
            assert_eq!(
                parse(sql).expect_err("no expression").code,
                "invalid_expression"
            );
        }
    }
}
