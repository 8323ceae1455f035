//! Inner queries of the select list: a record's children by the name of their relationship, gathered for a whole
//! page of parents in one pass.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::QueryError;
use super::ast::Query;
use super::filter::Test;
use super::path::Path;
use super::plan::{Names, OfRecord, Output, plan_of};
use super::run::sorted;
use super::shape::Shape;
use crate::ids::RecordId;
use crate::schema::catalogue::Catalogue;
use crate::store::Store;
use crate::values::Value;

/// The deepest a query may go from parent to child.
const DEEPEST: usize = 5;

/// One inner query, resolved.
#[derive(Debug)]
pub(super) struct Children {
    pub(super) name: String,
    object: u16,
    /// The reference to the parent.
    field: u16,
    filter: Option<Test<Path>>,
    order: Vec<(Path, bool, bool)>,
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
            shape: Arc::new(shape),
        })
    }

    /// The children of each of these parents that has any.
    fn of(
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
        for id in store.ids(self.object, self.deleted) {
            let parent = match store.value(catalogue, id, self.field).as_ref() {
                Value::Ref(parent) if wanted.contains(parent) => *parent,
                _ => continue,
            };
            let record = OfRecord {
                catalogue,
                store,
                id,
            };
            if self.filter.as_ref().is_none_or(|test| test.holds(&record)) {
                found.entry(parent).or_default().push(id);
            }
        }
        for ids in found.values_mut() {
            let mut all = sorted(catalogue, store, &self.order, std::mem::take(ids));
            all.drain(..self.offset.min(all.len()));
            all.truncate(self.limit);
            *ids = all;
        }
        found.retain(|_, ids| !ids.is_empty());
        found
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
