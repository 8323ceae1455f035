//! Inner queries of the select list: a record's children by the name of their relationship, gathered for a whole
//! page of parents: by the index of the reference, or where there is none in one pass.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::QueryError;
use super::ast::Query;
use super::filter::Test;
use super::order::{By, sort_key};
use super::path::Path;
use super::plan::{Names, OfRecord, Output, plan_of};
use super::shape::Shape;
use crate::ids::RecordId;
use crate::schema::catalogue::Catalogue;
use crate::store::{Fields, Row, Store};
use crate::values::Value;

/// The deepest a query may go from parent to child.
const DEEPEST: usize = 5;

/// One inner query, resolved.
#[derive(Debug)]
pub(super) struct Children {
    pub(super) name: String,
    pub(super) object: u16,
    /// The reference to the parent.
    field: u16,
    filter: Option<Test<Path>>,
    order: Vec<By>,
    limit: usize,
    offset: usize,
    deleted: bool,
    pub(super) shape: Arc<Shape>,
}

impl Children {
    pub(super) fn plan(
        names: &Names<'_>,
        query: &Query,
        deleted: bool,
        depth: usize,
    ) -> Result<Self, QueryError> {
        let from = &query.from;
        let refuse = |text: &str| Err(QueryError::new("MALFORMED_QUERY", text).at(from.at));
        if depth >= DEEPEST {
            return refuse("Parent to child relationships may be up to 5 levels deep");
        }
        let own = |first: &str| {
            first.eq_ignore_ascii_case(&names.object.name)
                || names.alias.is_some_and(|a| a.eq_ignore_ascii_case(first))
        };
        let name = match from.text.split_once('.') {
            Some((first, rest)) if own(first) => rest,
            _ => &from.text,
        };
        let Some(named) = names.object.children_named(name) else {
            let text = format!(
                "Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a \
                 custom relationship, be sure to append the '__r' after the custom relationship name. Please \
                 reference your WSDL or the describe call for the appropriate names."
            );
            return Err(QueryError::new("INVALID_TYPE", text).at(from.at));
        };
        let object = names.catalogue.at(named.object);
        let plan = plan_of(
            names.catalogue,
            names.store,
            object,
            query,
            deleted,
            depth + 1,
        )?;
        let Output::Records(shape) = plan.output else {
            return refuse("only root queries support aggregate expressions");
        };
        Ok(Self {
            name: named.name.clone(),
            object: named.object,
            field: named.field,
            filter: plan.filter,
            order: plan.order,
            limit: plan.limit,
            offset: plan.offset,
            deleted,
            shape,
        })
    }

    /// The children of each of these parents that has any.
    fn of(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        parents: &[RecordId],
    ) -> HashMap<RecordId, Vec<RecordId>> {
        let found = self.by_index(catalogue, store, parents);
        let mut found = found.unwrap_or_else(|| self.by_scan(catalogue, store, parents));
        for ids in found.values_mut() {
            self.sort(catalogue, store, ids);
            ids.drain(..self.offset.min(ids.len()));
            ids.truncate(self.limit);
        }
        found.retain(|_, ids| !ids.is_empty());
        found
    }

    /// The children of one parent, which are in memory anyway.
    fn sort(&self, catalogue: &Catalogue, store: &Store, ids: &mut [RecordId]) {
        if self.order.is_empty() {
            return;
        }
        ids.sort_by_cached_key(|id| {
            let row = store.row(*id).unwrap_or_default();
            let record = of_record(catalogue, store, *id, &row);
            (sort_key(&self.order, &record), *id)
        });
    }

    /// Looked up parent by parent; `None` where the reference has no index, or deleted children, which are in none,
    /// are asked for.
    fn by_index(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        parents: &[RecordId],
    ) -> Option<HashMap<RecordId, Vec<RecordId>>> {
        if self.deleted {
            return None;
        }
        let mut found = HashMap::with_capacity(parents.len());
        for parent in parents {
            let serials = store.children(self.object, self.field, *parent)?;
            let ids = serials.into_iter().map(|serial| RecordId {
                object: self.object,
                serial,
            });
            let passes = |id: &RecordId| {
                self.filter.is_none()
                    || store
                        .row(*id)
                        .is_some_and(|row| self.passes(&of_record(catalogue, store, *id, &row)))
            };
            found.insert(*parent, ids.filter(passes).collect());
        }
        Some(found)
    }

    fn by_scan(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        parents: &[RecordId],
    ) -> HashMap<RecordId, Vec<RecordId>> {
        let mut found: HashMap<RecordId, Vec<RecordId>> = HashMap::new();
        let wanted: HashSet<RecordId> = parents.iter().copied().collect();
        if wanted.is_empty() {
            return found;
        }
        let mut fields = Fields::default();
        fields.add(self.field);
        if let Some(filter) = &self.filter {
            filter.lefts(&mut |path| path.add_own(catalogue, self.object, &mut fields));
        }
        store.scan(self.object, self.deleted, Some(&fields), &mut |id, row| {
            if let Some(Value::Ref(parent)) = row.get(self.field)
                && wanted.contains(parent)
                && self.passes(&of_record(catalogue, store, id, row))
            {
                found.entry(*parent).or_default().push(id);
            }
            true
        });
        found
    }

    fn passes(&self, record: &OfRecord<'_>) -> bool {
        self.filter.as_ref().is_none_or(|test| test.holds(record))
    }
}

fn of_record<'a>(
    catalogue: &'a Catalogue,
    store: &'a Store,
    id: RecordId,
    row: &'a Row,
) -> OfRecord<'a> {
    OfRecord {
        catalogue,
        store,
        id,
        row,
    }
}

/// The children of a page of records, per list of their shape: by parent, and these children's own.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) lists: Vec<(HashMap<RecordId, Vec<RecordId>>, Gathered)>,
}

impl Gathered {
    pub(super) fn of(
        shape: &Shape,
        catalogue: &Catalogue,
        store: &Store,
        parents: &[RecordId],
    ) -> Self {
        let lists = shape.children().map(|children| {
            let found = children.of(catalogue, store, parents);
            let next: Vec<RecordId> = if children.shape.children().next().is_some() {
                found.values().flatten().copied().collect()
            } else {
                Vec::new()
            };
            let inner = Self::of(&children.shape, catalogue, store, &next);
            (found, inner)
        });
        Self {
            lists: lists.collect(),
        }
    }
}
