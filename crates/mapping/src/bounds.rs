//! How large an expression, and what it makes of a record, may be: a migration file is somebody else's until it is parsed.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, Visit, Visitor,
};
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Bytes of an expression at most.
pub(crate) const LONGEST: usize = 20_000;
/// Nesting that the parser follows.
pub(crate) const PARSED: usize = 40;
/// Parentheses within one another: the parser reads a function's arguments twice, and theirs four times.
pub(crate) const PARENTHESES: usize = 16;
/// Operators and functions within one another, as in `a || b || c`.
const DEEPEST: usize = 250;
/// Characters that a text is repeated or padded to.
const WIDEST: u64 = 10_000;

/// Says what is wrong with an expression's size; nothing if it is in bounds.
pub(crate) fn complaint(expr: &Expr) -> Option<String> {
    match expr.visit(&mut Bounds { depth: 0 }) {
        ControlFlow::Break(complaint) => Some(complaint),
        ControlFlow::Continue(()) => None,
    }
}

/// How deep parentheses go.
pub(crate) fn parentheses(tokens: &[TokenWithSpan]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

struct Bounds {
    depth: usize,
}

impl Visitor for Bounds {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return ControlFlow::Break(format!("it nests deeper than {DEEPEST}"));
        }
        match widened(expr) {
            Some(name) => ControlFlow::Break(format!(
                "`{name}` takes a number up to {WIDEST}, written out"
            )),
            None => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// The name of a function that makes texts of any length, where its length is not a small number.
fn widened(expr: &Expr) -> Option<String> {
    let Expr::Function(function) = expr else {
        return None;
    };
    let name = function.name.to_string().to_lowercase();
    if !matches!(name.trim_matches('"'), "repeat" | "lpad" | "rpad" | "space") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return Some(name);
    };
    let place = usize::from(name != "space");
    let is_small = list.args.get(place).is_some_and(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
            Value::Number(number, _) => number.parse().is_ok_and(|number: u64| number <= WIDEST),
            _ => false,
        },
        _ => false,
    });
    (!is_small).then_some(name)
}
