//! A query as written, names unresolved.

/// A name with its byte position, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) select: Vec<Item>,
    /// `FIELDS(…)`, each with the number of items before it.
    pub(super) fields: Vec<Fields>,
    /// Inner queries of the select list, each with the number of items before it.
    pub(super) children: Vec<(usize, Query)>,
    /// `SELECT COUNT()`.
    pub(super) count_only: bool,
    pub(super) from: Name,
    pub(super) alias: Option<String>,
    pub(super) filter: Option<Condition>,
    pub(super) group_by: Vec<Name>,
    pub(super) having: Option<Condition>,
    pub(super) order_by: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// A group of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) place: usize,
    pub(super) at: usize,
    pub(super) group: FieldGroup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldGroup {
    All,
    Standard,
    Custom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) expression: Expression,
    pub(super) alias: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Field(Name),
    Aggregate(Function, Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

impl Function {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) by: Expression,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Expression, Comparison, Literal),
    In {
        left: Expression,
        list: Vec<Literal>,
        negated: bool,
    },
    InQuery {
        left: Expression,
        query: Box<Query>,
        negated: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) value: LiteralValue,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LiteralValue {
    Null,
    Text(String),
    /// A number, as written.
    Number(String),
    Bool(bool),
    /// Days from the epoch: the first of the span, and the first after it.
    Days(i32, i32),
    /// Seconds from the epoch.
    Moment(i64),
}
