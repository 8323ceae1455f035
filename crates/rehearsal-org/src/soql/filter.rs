//! Conditions compiled for their fields' types and tested against records or groups. Null is a value like any
//! other for `=` and `!=`, and is neither less nor greater than anything.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::QueryError;
use super::ast::{Comparison, Condition, Expression, Literal, LiteralValue, Query};
use super::like::Pattern;
use super::scalar::Scalar;
use crate::ids::RecordId;
use crate::schema::FieldKind;
use crate::schema::catalogue::Catalogue;
use crate::store::fold;
use crate::values::decimal::{self, Decimal};
use crate::values::moment::{day_of, start_of};

/// A condition on `L`: a path of a record, or a column of a group.
#[derive(Debug)]
pub(super) enum Test<L> {
    All(Vec<Test<L>>),
    Any(Vec<Test<L>>),
    Not(Box<Test<L>>),
    Compare(L, Comparison, Operand),
    Like(L, Pattern),
    In(L, Set, bool),
}

/// The right side of a comparison, in the type of the left.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Null,
    /// Folded unless the field tells case apart.
    Text {
        text: String,
        exact: bool,
    },
    Bool(bool),
    Number(Decimal),
    /// A span of days: the first, and the first after it.
    Days(i32, i32),
    /// A span of seconds; of one moment, it and the next second.
    Seconds(i64, i64),
    /// `None`: a well-formed id of no record here.
    Id(Option<RecordId>),
}

/// The members of an IN list.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) texts: HashSet<String>,
    exact: bool,
    pub(super) ids: HashSet<RecordId>,
    others: Vec<Operand>,
}

/// What the left side of a condition holds.
#[derive(Debug, Clone)]
pub(super) struct LeftType {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    pub(super) case_sensitive: bool,
}

/// Resolves left sides and answers inner queries while conditions are compiled.
pub(super) trait Scope<L> {
    fn left(&mut self, expression: &Expression) -> Result<(L, LeftType), QueryError>;
    fn members(&mut self, query: &Query) -> Result<Vec<Scalar<'static>>, QueryError>;
    fn catalogue(&self) -> &Catalogue;
}

pub(super) fn compile<L>(
    condition: &Condition,
    scope: &mut dyn Scope<L>,
) -> Result<Test<L>, QueryError> {
    let mut each = |parts: &[Condition]| {
        parts
            .iter()
            .map(|p| compile(p, scope))
            .collect::<Result<Vec<_>, _>>()
    };
    match condition {
        Condition::And(parts) => Ok(Test::All(each(parts)?)),
        Condition::Or(parts) => Ok(Test::Any(each(parts)?)),
        Condition::Not(inner) => Ok(Test::Not(Box::new(compile(inner, scope)?))),
        Condition::Compare(left, comparison, literal) => {
            let (left, kind) = scope.left(left)?;
            if *comparison == Comparison::Like {
                return Ok(Test::Like(left, pattern(&kind, literal)?));
            }
            let operand = operand(scope.catalogue(), &kind, literal)?;
            Ok(Test::Compare(left, *comparison, operand))
        }
        Condition::In {
            left,
            list,
            negated,
        } => {
            let (left, kind) = scope.left(left)?;
            let mut set = Set {
                exact: kind.case_sensitive,
                ..Set::default()
            };
            for literal in list {
                set.add(operand(scope.catalogue(), &kind, literal)?);
            }
            Ok(Test::In(left, set, *negated))
        }
        Condition::InQuery {
            left,
            query,
            negated,
        } => {
            let (left, kind) = scope.left(left)?;
            let mut set = Set {
                exact: kind.case_sensitive,
                ..Set::default()
            };
            for member in scope.members(query)? {
                match member {
                    Scalar::Id(id) => set.add(Operand::Id(Some(id))),
                    Scalar::Text(text) => set.add(text_operand(&kind, &text)),
                    Scalar::Number(number, _) => set.add(Operand::Number(number)),
                    _ => {}
                }
            }
            Ok(Test::In(left, set, *negated))
        }
    }
}

impl Set {
    fn add(&mut self, operand: Operand) {
        match operand {
            Operand::Text { text, .. } => {
                self.texts.insert(text);
            }
            Operand::Id(Some(id)) => {
                self.ids.insert(id);
            }
            Operand::Id(None) => {}
            other => self.others.push(other),
        }
    }

    /// Whether an index on text could give all members.
    pub(super) fn only_texts(&self) -> bool {
        self.others.is_empty() && self.ids.is_empty()
    }

    /// Whether an index on references could give all members.
    pub(super) fn only_ids(&self) -> bool {
        self.others.is_empty() && self.texts.is_empty()
    }

    fn holds(&self, value: &Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) if self.exact => self.texts.contains(text.as_ref()),
            Scalar::Text(text) => self.texts.contains(fold(text).as_ref()),
            Scalar::Id(id) => self.ids.contains(id),
            other => self
                .others
                .iter()
                .any(|o| holds(other, Comparison::Equal, o)),
        }
    }
}

fn text_operand(left: &LeftType, text: &str) -> Operand {
    Operand::Text {
        text: if left.case_sensitive {
            text.to_owned()
        } else {
            fold(text).into_owned()
        },
        exact: left.case_sensitive,
    }
}

fn operand(
    catalogue: &Catalogue,
    left: &LeftType,
    literal: &Literal,
) -> Result<Operand, QueryError> {
    use FieldKind as K;
    let wrong = |should: &str| {
        let text = format!(
            "value of filter criterion for field '{}' must be of type {should}",
            left.name
        );
        QueryError::new("INVALID_FIELD", text).at(literal.at)
    };
    Ok(match (left.kind, &literal.value) {
        (_, LiteralValue::Null) => Operand::Null,
        (K::Id | K::Reference, LiteralValue::Text(text)) if text.is_empty() => Operand::Null,
        (K::Id | K::Reference, LiteralValue::Text(text)) => match catalogue.read_id(text) {
            Ok(id) => Operand::Id(Some(id)),
            Err(true) => Operand::Id(None),
            Err(false) if left.name.ends_with("EntityDefinitionId") => {
                Operand::Id(catalogue.entity(text))
            }
            Err(false) => {
                let text = format!("invalid ID field: {text}");
                return Err(QueryError::new("INVALID_QUERY_FILTER_OPERATOR", text).at(literal.at));
            }
        },
        (K::Id | K::Reference, _) => return Err(wrong("ID and should be enclosed in quotes")),
        (K::Boolean, LiteralValue::Bool(flag)) => Operand::Bool(*flag),
        (K::Boolean, _) => return Err(wrong("boolean and should not be enclosed in quotes")),
        (K::Int | K::Double | K::Currency | K::Percent, LiteralValue::Number(text)) => {
            Operand::Number(decimal::parse(text).map_err(|_| wrong("number"))?)
        }
        (K::Int | K::Double | K::Currency | K::Percent, _) => {
            return Err(wrong("number and should not be enclosed in quotes"));
        }
        (K::Date, LiteralValue::Days(from, to)) => Operand::Days(*from, *to),
        (K::Date, _) => return Err(wrong("date and should not be enclosed in quotes")),
        (K::Datetime, LiteralValue::Moment(seconds)) => Operand::Seconds(*seconds, *seconds + 1),
        (K::Datetime, LiteralValue::Days(from, to)) => {
            Operand::Seconds(start_of(*from), start_of(*to))
        }
        (K::Datetime, _) => return Err(wrong("dateTime and should not be enclosed in quotes")),
        (_, LiteralValue::Text(text)) if text.is_empty() => Operand::Null,
        (_, LiteralValue::Text(text)) => text_operand(left, text),
        (_, _) => return Err(wrong("string and should be enclosed in quotes")),
    })
}

fn pattern(left: &LeftType, literal: &Literal) -> Result<Pattern, QueryError> {
    use FieldKind as K;
    let text_field = matches!(
        left.kind,
        K::String | K::Textarea | K::Picklist | K::Multipicklist | K::Phone | K::Email | K::Url
    );
    let LiteralValue::Text(text) = &literal.value else {
        return Err(QueryError::new(
            "INVALID_QUERY_FILTER_OPERATOR",
            "LIKE needs a quoted pattern",
        )
        .at(literal.at));
    };
    if !text_field {
        let text = format!(
            "invalid operator on {} field '{}'",
            kind_name(left.kind),
            left.name
        );
        return Err(QueryError::new("INVALID_QUERY_FILTER_OPERATOR", text).at(literal.at));
    }
    Ok(Pattern::read(text))
}

/// The type's name in messages.
pub(super) fn kind_name(kind: FieldKind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// Gives a test the values of its left sides.
pub(super) trait Values<L> {
    fn with(&self, left: &L, check: &dyn Fn(&Scalar<'_>) -> bool) -> bool;
}

impl<L> Test<L> {
    /// Shows all left sides.
    pub(super) fn lefts(&self, show: &mut dyn FnMut(&L)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.lefts(show)),
            Self::Not(inner) => inner.lefts(show),
            Self::Compare(left, ..) | Self::Like(left, _) | Self::In(left, ..) => show(left),
        }
    }

    pub(super) fn holds(&self, values: &dyn Values<L>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(values)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(values)),
            Self::Not(inner) => !inner.holds(values),
            Self::Compare(left, comparison, operand) => {
                values.with(left, &|v| holds(v, *comparison, operand))
            }
            Self::Like(left, pattern) => values.with(left, &|v| match v {
                Scalar::Text(text) => pattern.matches(&fold(text)),
                _ => false,
            }),
            Self::In(left, set, negated) => values.with(left, &|v| set.holds(v) != *negated),
        }
    }
}

fn holds(value: &Scalar<'_>, comparison: Comparison, operand: &Operand) -> bool {
    let order = match (value, operand) {
        (Scalar::Null, Operand::Null) => Some(Ordering::Equal),
        (Scalar::Text(value), Operand::Text { text, exact: true }) => {
            Some(value.as_ref().cmp(text.as_str()))
        }
        (Scalar::Text(value), Operand::Text { text, .. }) => {
            Some(fold(value).as_ref().cmp(text.as_str()))
        }
        (Scalar::Bool(a), Operand::Bool(b)) => Some(a.cmp(b)),
        (Scalar::Number(a, _), Operand::Number(b)) => Some(decimal::compare(*a, *b)),
        (Scalar::Double(a), Operand::Number(b)) => Some(a.total_cmp(&decimal::to_f64(*b))),
        (Scalar::Id(a), Operand::Id(Some(b))) => Some(a.cmp(b)),
        (Scalar::Date(day), Operand::Days(from, to)) => Some(in_span(*day, *from, *to)),
        (Scalar::Moment(at), Operand::Seconds(from, to)) => Some(in_span(*at, *from, *to)),
        (Scalar::Moment(at), Operand::Days(from, to)) => Some(in_span(day_of(*at), *from, *to)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => {
            matches!(order, Some(Ordering::Less | Ordering::Equal)) && !value.is_null()
        }
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => {
            matches!(order, Some(Ordering::Greater | Ordering::Equal)) && !value.is_null()
        }
        Comparison::Like => false,
    }
}

/// Before, in, or after a span.
fn in_span<T: PartialOrd>(value: T, from: T, to: T) -> Ordering {
    if value < from {
        Ordering::Less
    } else if value < to {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}
