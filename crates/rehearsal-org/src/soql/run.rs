//! Runs a query: finds the records by an index where a key is asked for, else by looking at all, then sorts, cuts
//! and hands them on as ids with the shape to write them in.

use std::cmp::Ordering;
use std::sync::Arc;

use super::QueryError;
use super::ast::{Comparison, Query};
use super::filter::{Operand, Test};
use super::parser::parse;
use super::path::Path;
use super::plan::{OfRecord, Output, Plan, plan};
use super::scalar::Scalar;
use super::shape::Shape;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home};
use crate::store::{Found, Store};

/// What a query gives.
#[derive(Debug)]
pub(crate) enum Answer {
    /// `COUNT()`: only a number.
    Count(usize),
    /// Records, to be written page by page.
    Records {
        ids: Vec<RecordId>,
        shape: Arc<Shape>,
    },
    /// Groups, written: their number and the JSON of each, joined by commas.
    Groups { total: usize, json: String },
}

/// Runs a query, over deleted records too if asked.
pub(crate) fn run(
    catalogue: &Catalogue,
    store: &Store,
    text: &str,
    deleted: bool,
) -> Result<Answer, QueryError> {
    let query = parse(text)?;
    let plan = plan(catalogue, store, &query, deleted)?;
    let mut ids = matching(catalogue, store, &plan);
    Ok(match plan.output {
        Output::Count => Answer::Count(cut(&mut ids, plan.offset, plan.limit).len()),
        Output::Records(shape) => {
            ids = sorted(catalogue, store, &plan.order, ids);
            cut(&mut ids, plan.offset, plan.limit);
            let shape = Arc::new(shape);
            Answer::Records { ids, shape }
        }
        Output::Groups(grouping) => {
            let (total, json) = grouping.run(catalogue, store, &ids, plan.offset, plan.limit)?;
            Answer::Groups { total, json }
        }
    })
}

fn cut(ids: &mut Vec<RecordId>, offset: usize, limit: usize) -> &Vec<RecordId> {
    ids.drain(..offset.min(ids.len()));
    ids.truncate(limit);
    ids
}

/// The values an inner query gives for IN.
pub(super) fn members(
    catalogue: &Catalogue,
    store: &Store,
    query: &Query,
) -> Result<Vec<Scalar<'static>>, QueryError> {
    let plan = plan(catalogue, store, query, false)?;
    let ([only], []) = (query.select.as_slice(), query.children.as_slice()) else {
        return Err(
            QueryError::new("MALFORMED_QUERY", "an inner query of IN selects one field")
                .at(query.from.at),
        );
    };
    let super::ast::Expression::Field(name) = &only.expression else {
        return Err(
            QueryError::new("MALFORMED_QUERY", "an inner query of IN selects a field")
                .at(query.from.at),
        );
    };
    let path = Path::resolve(catalogue, plan.object, query.alias.as_deref(), name)?;
    let field = path.field(catalogue);
    Ok(matching(catalogue, store, &plan)
        .into_iter()
        .map(|id| Scalar::of(field, &path.value(catalogue, store, id)).into_owned())
        .filter(|value| !value.is_null())
        .collect())
}

pub(super) fn matching(catalogue: &Catalogue, store: &Store, plan: &Plan<'_>) -> Vec<RecordId> {
    let deleted = plan.deleted;
    let passes = |id: &RecordId| match &plan.filter {
        None => true,
        Some(test) => test.holds(&OfRecord {
            catalogue,
            store,
            id: *id,
        }),
    };
    // Indexes hold live records only.
    let candidates = match &plan.filter {
        Some(test) => candidates(catalogue, store, plan.object.index, test, deleted),
        None => None,
    };
    match candidates {
        Some(mut ids) => {
            ids.sort_unstable();
            ids.dedup();
            ids.retain(passes);
            ids
        }
        None => store
            .ids(plan.object.index, deleted)
            .filter(passes)
            .collect(),
    }
}

/// Records that may pass, when a key that has to match tells.
fn candidates(
    catalogue: &Catalogue,
    store: &Store,
    object: u16,
    test: &Test<Path>,
    deleted: bool,
) -> Option<Vec<RecordId>> {
    let visible = |id: &RecordId| {
        id.object == object
            && match store.row(*id) {
                Some(row) => deleted || !row.deleted,
                None => false,
            }
    };
    let own = |path: &Path| path.hops.is_empty().then(|| path.leaves[0].1);
    let is_id = |field: u16| catalogue.at(object).at(field).home == Home::Id;
    let by_keys = |field: u16, keys: &mut dyn Iterator<Item = &String>| {
        if deleted || catalogue.at(object).at(field).index.is_none() {
            return None;
        }
        let mut ids = Vec::new();
        for key in keys {
            let mut add = |serial: u32| ids.push(RecordId { object, serial });
            match store.find_key(catalogue, object, field, key) {
                Found::None => {}
                Found::One(serial) => add(serial),
                Found::Many(serials) => serials.iter().copied().for_each(add),
            }
        }
        Some(ids)
    };
    match test {
        Test::All(parts) => parts
            .iter()
            .find_map(|p| candidates(catalogue, store, object, p, deleted)),
        Test::Compare(path, Comparison::Equal, operand) => {
            let field = own(path)?;
            match operand {
                Operand::Id(id) if is_id(field) => {
                    Some(id.iter().copied().filter(visible).collect())
                }
                Operand::Text { text, .. } => by_keys(field, &mut std::iter::once(text)),
                _ => None,
            }
        }
        Test::In(path, set, false) => {
            let field = own(path)?;
            if is_id(field) {
                return Some(set.ids.iter().copied().filter(visible).collect());
            }
            if set.only_texts() {
                by_keys(field, &mut set.texts.iter())
            } else {
                None
            }
        }
        _ => None,
    }
}

pub(super) fn sorted(
    catalogue: &Catalogue,
    store: &Store,
    order: &[(Path, bool, bool)],
    ids: Vec<RecordId>,
) -> Vec<RecordId> {
    if order.is_empty() {
        return ids;
    }
    let mut keyed: Vec<(Vec<Scalar<'static>>, RecordId)> = ids
        .iter()
        .map(|id| {
            let keys = order.iter().map(|(path, ..)| {
                Scalar::of(path.field(catalogue), &path.value(catalogue, store, *id)).into_owned()
            });
            (keys.collect(), *id)
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let each = a.iter().zip(b).zip(order);
        each.map(|((a, b), (_, descending, nulls_last))| ordering(a, b, *descending, *nulls_last))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    keyed.into_iter().map(|(_, id)| id).collect()
}

/// Nulls are first, in descending order too, unless asked to be last.
pub(super) fn ordering(
    a: &Scalar<'_>,
    b: &Scalar<'_>,
    descending: bool,
    nulls_last: bool,
) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) if descending => b.compare(a),
        (false, false) => a.compare(b),
        (a_null, b_null) if nulls_last => a_null.cmp(&b_null),
        (a_null, b_null) => b_null.cmp(&a_null),
    }
}
