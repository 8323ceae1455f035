//! GROUP BY and aggregate functions: one pass over the records, sums exact.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::QueryError;
use super::ast::{Expression, Function, Name, Query};
use super::filter::{LeftType, Scope, Test, Values, compile};
use super::metadata::{of_field, plain};
use super::path::Path;
use super::plan::{Names, left_type, no_function, refuse, searchable};
use super::run::ordering;
use super::scalar::Scalar;
use crate::ids::RecordId;
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field};
use crate::store::Store;
use crate::values::decimal::{self, Decimal};

/// The most groups one reply can hold, since aggregates have no pages.
const MOST: usize = 2000;

pub(super) struct Grouping {
    keys: Vec<Path>,
    /// Columns beyond the keys.
    aggregates: Vec<(Function, Path)>,
    /// What is written: a name, and which column.
    select: Vec<(String, Column)>,
    having: Option<Test<Column>>,
    order: Vec<(Column, bool, bool)>,
}

/// A column of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Key(usize),
    Aggregate(usize),
}

struct Building<'a, 'b> {
    names: &'b Names<'a>,
    keys: Vec<Path>,
    aggregates: Vec<(Function, Path)>,
}

impl Grouping {
    pub(super) fn plan(names: &Names<'_>, query: &Query) -> Result<Self, QueryError> {
        let mut building = Building {
            names,
            keys: Vec::new(),
            aggregates: Vec::new(),
        };
        for name in &query.group_by {
            let path = names.path(name)?;
            let field = path.field(names.catalogue);
            if !searchable(field) || !groupable(field.kind()) {
                return Err(refuse(field, "grouped", name.at));
            }
            building.keys.push(path);
        }
        let mut select = Vec::new();
        let mut unnamed = 0;
        for item in &query.select {
            let (column, _) = building.left(&item.expression)?;
            let name = match (&item.alias, &item.expression) {
                (Some(alias), _) => alias.clone(),
                (None, Expression::Field(_)) => building.key_name(column),
                (None, Expression::Aggregate(..)) => {
                    unnamed += 1;
                    format!("expr{}", unnamed - 1)
                }
            };
            if select.iter().any(|(n, _)| *n == name) {
                return Err(QueryError::new(
                    "MALFORMED_QUERY",
                    format!("duplicate alias: {name}"),
                ));
            }
            select.push((name, column));
        }
        let having = query
            .having
            .as_ref()
            .map(|c| compile(c, &mut building))
            .transpose()?;
        let mut order = Vec::new();
        for by in &query.order_by {
            let aliased = |name: &Name| {
                select
                    .iter()
                    .find(|(alias, _)| alias.eq_ignore_ascii_case(&name.text))
            };
            let column = match &by.by {
                Expression::Field(name) if aliased(name).is_some() => {
                    aliased(name).map(|(_, column)| *column)
                }
                _ => None,
            };
            let column = match column {
                Some(column) => column,
                None => building.left(&by.by)?.0,
            };
            order.push((column, by.descending, by.nulls_last));
        }
        Ok(Self {
            keys: building.keys,
            aggregates: building.aggregates,
            select,
            having,
            order,
        })
    }

    /// What is selected, for who asks about columns alone.
    pub(super) fn columns(&self, catalogue: &Catalogue) -> Vec<Json> {
        let each = self.select.iter();
        each.map(|(name, column)| match column {
            Column::Key(key) => of_field(name, self.keys[*key].field(catalogue)),
            Column::Aggregate(place) => {
                let (function, path) = &self.aggregates[*place];
                let field = path.field(catalogue).name();
                let mut column = plain(name, true);
                column["displayName"] = json!(format!("{}({field})", function.name()));
                column
            }
        })
        .collect()
    }

    /// The number of groups and their JSON.
    pub(super) fn run(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        ids: &[RecordId],
        offset: usize,
        limit: usize,
    ) -> Result<(usize, String), QueryError> {
        let mut groups = self.collect(catalogue, store, ids);
        if let Some(having) = &self.having {
            groups.retain(|group| having.holds(group));
        }
        groups.sort_by(|a, b| {
            let each = self.order.iter();
            each.map(|(column, descending, nulls_last)| {
                ordering(
                    &a.value(*column),
                    &b.value(*column),
                    *descending,
                    *nulls_last,
                )
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
        });
        groups.drain(..offset.min(groups.len()));
        groups.truncate(limit);
        if groups.len() > MOST {
            return Err(QueryError::new(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            ));
        }
        let mut json = String::new();
        for (place, group) in groups.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            json.push_str("{\"attributes\":{\"type\":\"AggregateResult\"}");
            for (name, column) in &self.select {
                json.push_str(",\"");
                json.push_str(name);
                json.push_str("\":");
                group.value(*column).write(catalogue, &mut json);
            }
            json.push('}');
        }
        Ok((groups.len(), json))
    }

    fn collect(&self, catalogue: &Catalogue, store: &Store, ids: &[RecordId]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        if self.keys.is_empty() {
            // Without GROUP BY there is one group, of no records perhaps.
            groups.push(self.start(Vec::new()));
            places.insert(String::new(), 0);
        }
        let mut key = String::new();
        for id in ids {
            key.clear();
            let value = |path: &Path| {
                Scalar::of(path.field(catalogue), &path.value(catalogue, store, *id)).into_owned()
            };
            for path in &self.keys {
                value(path).write_key(catalogue, &mut key);
            }
            let place = match places.get(&key) {
                Some(place) => *place,
                None => {
                    groups.push(self.start(self.keys.iter().map(value).collect()));
                    places.insert(key.clone(), groups.len() - 1);
                    groups.len() - 1
                }
            };
            for ((_, path), tally) in self.aggregates.iter().zip(&mut groups[place].tallies) {
                tally.add(catalogue, value(path));
            }
        }
        groups
    }

    fn start(&self, keys: Vec<Scalar<'static>>) -> Group {
        let tallies = self
            .aggregates
            .iter()
            .map(|(function, _)| Tally::start(*function))
            .collect();
        Group { keys, tallies }
    }
}

fn groupable(kind: FieldKind) -> bool {
    use FieldKind as K;
    !matches!(
        kind,
        K::Double | K::Currency | K::Percent | K::Datetime | K::Address
    )
}

impl Building<'_, '_> {
    fn key_name(&self, column: Column) -> String {
        match column {
            Column::Key(key) => self.keys[key].field(self.names.catalogue).name().to_owned(),
            Column::Aggregate(_) => String::new(),
        }
    }

    fn check(&self, function: Function, field: &Field, at: usize) -> Result<(), QueryError> {
        use FieldKind as K;
        let number = matches!(field.kind(), K::Int | K::Double | K::Currency | K::Percent);
        let (fits, name) = match function {
            Function::Sum => (number, "SUM"),
            Function::Avg => (number, "AVG"),
            Function::Min => (searchable(field) && field.kind() != K::Boolean, "MIN"),
            Function::Max => (searchable(field) && field.kind() != K::Boolean, "MAX"),
            Function::Count | Function::CountDistinct => (searchable(field), "COUNT"),
        };
        if fits {
            Ok(())
        } else {
            Err(no_function(name, field, at))
        }
    }
}

impl Scope<Column> for Building<'_, '_> {
    fn left(&mut self, expression: &Expression) -> Result<(Column, LeftType), QueryError> {
        let catalogue = self.names.catalogue;
        match expression {
            Expression::Field(name) => {
                let path = self.names.path(name)?;
                let place = self
                    .keys
                    .iter()
                    .position(|key| *key == path)
                    .ok_or_else(|| {
                        let text = format!("Field must be grouped or aggregated: {}", name.text);
                        QueryError::new("MALFORMED_QUERY", text).at(name.at)
                    })?;
                Ok((Column::Key(place), left_type(path.field(catalogue))))
            }
            Expression::Aggregate(function, name) => {
                let path = self.names.path(name)?;
                let field = path.field(catalogue);
                self.check(*function, field, name.at)?;
                let mut left = left_type(field);
                match function {
                    Function::Count | Function::CountDistinct => left.kind = FieldKind::Int,
                    Function::Sum | Function::Avg => left.kind = FieldKind::Double,
                    Function::Min | Function::Max => {}
                }
                let aggregate = (*function, path);
                let place = self
                    .aggregates
                    .iter()
                    .position(|a| *a == aggregate)
                    .unwrap_or_else(|| {
                        self.aggregates.push(aggregate);
                        self.aggregates.len() - 1
                    });
                Ok((Column::Aggregate(place), left))
            }
        }
    }

    fn members(&mut self, query: &Query) -> Result<Vec<Scalar<'static>>, QueryError> {
        Err(
            QueryError::new("MALFORMED_QUERY", "inner queries are not allowed in HAVING")
                .at(query.from.at),
        )
    }

    fn catalogue(&self) -> &Catalogue {
        self.names.catalogue
    }
}

struct Group {
    keys: Vec<Scalar<'static>>,
    tallies: Vec<Tally>,
}

impl Group {
    fn value(&self, column: Column) -> Scalar<'_> {
        match column {
            Column::Key(place) => self.keys[place].clone(),
            Column::Aggregate(place) => self.tallies[place].value(),
        }
    }
}

impl Values<Column> for Group {
    fn with(&self, left: &Column, check: &dyn Fn(&Scalar<'_>) -> bool) -> bool {
        check(&self.value(*left))
    }
}

enum Tally {
    Count(i128),
    Distinct(HashSet<String>),
    Sum {
        sum: Option<(Decimal, bool)>,
    },
    Average {
        sum: Decimal,
        count: i128,
    },
    Extreme {
        best: Scalar<'static>,
        wanted: Ordering,
    },
}

const ZERO: Decimal = Decimal {
    digits: 0,
    scale: 0,
};

impl Tally {
    fn start(function: Function) -> Self {
        let extreme = |wanted| Self::Extreme {
            best: Scalar::Null,
            wanted,
        };
        match function {
            Function::Count => Self::Count(0),
            Function::CountDistinct => Self::Distinct(HashSet::new()),
            Function::Sum => Self::Sum { sum: None },
            Function::Avg => Self::Average {
                sum: ZERO,
                count: 0,
            },
            Function::Min => extreme(Ordering::Less),
            Function::Max => extreme(Ordering::Greater),
        }
    }

    fn add(&mut self, catalogue: &Catalogue, value: Scalar<'static>) {
        if value.is_null() {
            return;
        }
        match (self, value) {
            (Self::Count(count), _) => *count += 1,
            (Self::Distinct(seen), value) => {
                let mut key = String::new();
                value.write_key(catalogue, &mut key);
                seen.insert(key);
            }
            // One field has one scale, so that digits add up as they are.
            (Self::Sum { sum }, Scalar::Number(number, whole)) => {
                let before = sum.map_or(0, |(sum, _)| sum.digits);
                let digits = before.saturating_add(number.digits);
                *sum = Some((Decimal { digits, ..number }, whole));
            }
            (Self::Average { sum, count }, Scalar::Number(number, _)) => {
                let digits = sum.digits.saturating_add(number.digits);
                *sum = Decimal { digits, ..number };
                *count += 1;
            }
            (Self::Extreme { best, wanted }, value) => {
                if best.is_null() || value.compare(best) == *wanted {
                    *best = value;
                }
            }
            (Self::Sum { .. } | Self::Average { .. }, _) => {}
        }
    }

    fn value(&self) -> Scalar<'_> {
        let whole = |digits| Scalar::Number(Decimal { digits, scale: 0 }, true);
        match self {
            Self::Count(count) => whole(*count),
            Self::Distinct(seen) => whole(seen.len() as i128),
            Self::Sum { sum: None } => Scalar::Null,
            Self::Sum {
                sum: Some((sum, is_whole)),
            } => Scalar::Number(*sum, *is_whole),
            Self::Average { count: 0, .. } => Scalar::Null,
            Self::Average { sum, count } => Scalar::Double(decimal::to_f64(*sum) / *count as f64),
            Self::Extreme { best, .. } => best.clone(),
        }
    }
}
