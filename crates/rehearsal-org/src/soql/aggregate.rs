//! GROUP BY and aggregate functions: one pass over the records unless groups are very many, sums exact.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::QueryError;
use super::ast::{Expression, Function, Name, Query};
use super::filter::{LeftType, Scope, Test, Values, compile};
use super::matching::Matching;
use super::metadata::{of_field, plain};
use super::path::Path;
use super::plan::{Names, left_type, no_function, refuse, searchable};
use super::run::ordering;
use super::scalar::Scalar;
use super::tally::{Marks, Tally};
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field};

/// The most groups one reply can hold, since aggregates have no pages.
const MOST: usize = 2000;
/// The most groups that are held at a time.
const AT_ONCE: usize = 200_000;

pub(super) struct Grouping {
    keys: Vec<Path>,
    /// Columns beyond the keys.
    aggregates: Vec<(Function, Path)>,
    /// What is written: a name, and which column.
    select: Vec<(String, Column)>,
    having: Option<Test<Column>>,
    order: Vec<(Column, bool, bool)>,
    marks: Marks,
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
            marks: Marks::default(),
        })
    }

    /// What is asked of each record.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.keys
            .iter()
            .chain(self.aggregates.iter().map(|(_, path)| path))
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
        matching: &Matching<'_>,
        offset: usize,
        limit: usize,
    ) -> Result<(usize, String), QueryError> {
        self.run_with(catalogue, matching, offset, limit, AT_ONCE)
    }

    pub(super) fn run_with(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        offset: usize,
        limit: usize,
        at_once: usize,
    ) -> Result<(usize, String), QueryError> {
        // One more than fits shows that there are too many.
        let most = offset.saturating_add(limit.min(MOST + 1));
        let mut groups = self.collect(catalogue, matching, most, at_once);
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

    /// The first `most` groups that pass, in order. Where there are more than can be held at once, the records are gone
    /// through several times, for a share of the groups each time.
    fn collect(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        most: usize,
        at_once: usize,
    ) -> Vec<Group> {
        let mut shares = 1;
        loop {
            if let Some(groups) = self.in_shares(catalogue, matching, most, shares, at_once) {
                return groups;
            }
            // Enough for a group per record, and some more, since shares are not quite of one size.
            let enough = (matching.total() / at_once) as u64 * 5 / 4 + 1;
            shares = enough.max(shares * 2);
        }
    }

    fn in_shares(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        most: usize,
        shares: u64,
        at_once: usize,
    ) -> Option<Vec<Group>> {
        let mut kept = Vec::new();
        for share in 0..shares {
            kept.extend(self.share(catalogue, matching, (share, shares), at_once)?);
            self.sort(&mut kept);
            kept.truncate(most);
        }
        Some(kept)
    }

    /// The groups of one share that pass; `None` if they are too many.
    fn share(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        (share, shares): (u64, u64),
        at_once: usize,
    ) -> Option<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<u128, usize> = HashMap::new();
        if self.keys.is_empty() {
            // Without GROUP BY there is one group, of no records perhaps.
            groups.push(self.start(Vec::new()));
            places.insert(self.marks.of(""), 0);
        }
        let mut key = String::new();
        matching.each(&mut |record| {
            key.clear();
            for path in &self.keys {
                record.look(path, |value| value.write_key(catalogue, &mut key));
            }
            let hash = self.marks.of(&key);
            if hash as u64 % shares != share {
                return true;
            }
            let place = *places.entry(hash).or_insert_with(|| {
                let keys = self.keys.iter().map(|path| record.scalar(path));
                groups.push(self.start(keys.collect()));
                groups.len() - 1
            });
            for ((_, path), tally) in self.aggregates.iter().zip(&mut groups[place].tallies) {
                record.look(path, |value| tally.add(catalogue, value, &self.marks));
            }
            groups.len() <= at_once
        });
        if groups.len() > at_once {
            return None;
        }
        if let Some(having) = &self.having {
            groups.retain(|group| having.holds(group));
        }
        Some(groups)
    }

    fn sort(&self, groups: &mut [Group]) {
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
