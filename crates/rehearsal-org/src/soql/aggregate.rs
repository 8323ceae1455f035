//! GROUP BY and aggregate functions: one pass over the records, two where groups are very many; sums exact.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;

use serde_json::{Value as Json, json};

use super::QueryError;
use super::ast::{Expression, Function, Name, Query};
use super::filter::{LeftType, Scope, Test, Values, compile};
use super::matching::Matching;
use super::metadata::{of_field, plain};
use super::order::Sorter;
use super::path::Path;
use super::plan::{Names, OfRecord, left_type, no_function, refuse, searchable};
use super::run::{ordering, unsorted};
use super::scalar::Scalar;
use super::tally::{Marks, Tally};
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field};

/// The most groups one reply can hold, since aggregates have no pages.
const MOST: usize = 2000;
/// The most groups that are held at a time.
const AT_ONCE: usize = 100_000;

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
        let mut groups = self
            .collect(catalogue, matching, most, at_once)
            .map_err(unsorted)?;
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

    /// The first `most` groups that pass, in order.
    fn collect(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        most: usize,
        at_once: usize,
    ) -> io::Result<Vec<Group>> {
        let mut groups = match self.all_at_once(catalogue, matching, at_once) {
            Some(groups) => groups,
            None => self.one_by_one(catalogue, matching, most)?,
        };
        self.sort(&mut groups);
        groups.truncate(most);
        Ok(groups)
    }

    /// The groups that pass; `None` if there are too many to be held.
    fn all_at_once(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        at_once: usize,
    ) -> Option<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<u128, usize> = HashMap::new();
        let mut key = String::new();
        if self.keys.is_empty() {
            // Without GROUP BY there is one group, of no records perhaps.
            groups.push(self.start(Vec::new()));
            places.insert(self.marks.of(&key), 0);
        }
        matching.each(&mut |record| {
            let mark = self.mark(catalogue, record, &mut key);
            let place = *places.entry(mark).or_insert_with(|| {
                groups.push(self.start_with(record));
                groups.len() - 1
            });
            self.tally(catalogue, record, &mut groups[place]);
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

    /// The groups that pass, of which about `most` are held: the records are gone through group by group.
    fn one_by_one(
        &self,
        catalogue: &Catalogue,
        matching: &Matching<'_>,
        most: usize,
    ) -> io::Result<Vec<Group>> {
        let mut sorter = Sorter::new(&[], usize::MAX);
        let mut key = String::new();
        matching.each(&mut |record| {
            let mark = self.mark(catalogue, record, &mut key);
            sorter.push(mark.to_be_bytes().to_vec(), record.id.serial)
        });
        let mut kept = Vec::new();
        let mut keep = |group: Group| {
            if self
                .having
                .as_ref()
                .is_none_or(|having| having.holds(&group))
            {
                kept.push(group);
            }
            if kept.len() > most.saturating_mul(2).saturating_add(MOST) {
                self.sort(&mut kept);
                kept.truncate(most);
            }
        };
        let mut current: Option<(u128, Group)> = None;
        for id in matching.sorted(sorter)? {
            matching.one(id, &mut |record| {
                let mark = self.mark(catalogue, record, &mut key);
                if let Some((_, group)) = current.take_if(|(of, _)| *of != mark) {
                    keep(group);
                }
                let (_, group) = current.get_or_insert_with(|| (mark, self.start_with(record)));
                self.tally(catalogue, record, group);
            });
        }
        if let Some((_, group)) = current {
            keep(group);
        }
        Ok(kept)
    }

    /// What tells a record's group from others.
    fn mark(&self, catalogue: &Catalogue, record: &OfRecord<'_>, key: &mut String) -> u128 {
        key.clear();
        for path in &self.keys {
            record.look(path, |value| value.write_key(catalogue, key));
        }
        self.marks.of(key)
    }

    fn tally(&self, catalogue: &Catalogue, record: &OfRecord<'_>, group: &mut Group) {
        for ((_, path), tally) in self.aggregates.iter().zip(&mut group.tallies) {
            record.look(path, |value| tally.add(catalogue, value, &self.marks));
        }
    }

    fn start_with(&self, record: &OfRecord<'_>) -> Group {
        self.start(self.keys.iter().map(|path| record.scalar(path)).collect())
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
