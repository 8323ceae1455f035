//! Whether target keys are one-to-one with a unique source key. Where they are, there are no duplicates to look for.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use crate::columns;

/// Whether the expressions of a target key, together, tell apart whatever the key columns tell apart.
pub(crate) fn is_one_to_one(expressions: &[&str], key: &[String]) -> bool {
    let columns: Option<Vec<String>> = expressions
        .iter()
        .map(|sql| columns::parse(sql).ok().and_then(|expr| carried(&expr)))
        .collect();
    columns.is_some_and(|columns| {
        !key.is_empty()
            && key.iter().all(|part| {
                columns
                    .iter()
                    .any(|column| column.to_lowercase() == part.to_lowercase())
            })
    })
}

/// The column whose every value the expression carries, unchanged but for texts around it.
fn carried(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::Nested(inner) => carried(inner),
        Expr::Cast {
            expr, data_type, ..
        } => is_text(data_type).then(|| carried(expr)).flatten(),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::StringConcat,
            right,
        } => one(&[left, right]),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("concat") => {
            let FunctionArguments::List(list) = &function.args else {
                return None;
            };
            let arguments: Option<Vec<&Expr>> = list
                .args
                .iter()
                .map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                    _ => None,
                })
                .collect();
            one(&arguments?)
        }
        _ => None,
    }
}

/// The one column among texts: two columns side by side may run into one another.
fn one(parts: &[&Expr]) -> Option<String> {
    let mut column = None;
    for part in parts {
        match part {
            Expr::Value(_) => {}
            part if column.is_none() => column = Some(carried(part)?),
            _ => return None,
        }
    }
    column
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text | DataType::Varchar(None) | DataType::String(None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_keys_apart_is_one_to_one() {
        let key = ["id".to_owned()];
        for sql in [
            "id",
            "ID",
            "'L_' || id",
            "'a' || id || 'b'",
            "concat('x', id)",
            "cast(id as text)",
            "('C' || cast(id as varchar))",
        ] {
            assert!(is_one_to_one(&[sql], &key), "{sql}");
        }
        for sql in [
            "code",
            "id || code",
            "lower(id)",
            "cast(id as int)",
            "'x'",
            "substring(id, 1, 2)",
            "id % 7",
            "cast(id as varchar(2))",
        ] {
            assert!(!is_one_to_one(&[sql], &key), "{sql}");
        }
        let two = ["a".to_owned(), "b".to_owned()];
        assert!(is_one_to_one(&["a", "'x' || b"], &two));
        assert!(!is_one_to_one(&["a"], &two));
        assert!(!is_one_to_one(&["id"], &[]));
    }
}
