//! Which entry of the project holds a lookup's parents, and how a child finds one there.

use model::migration::Operation;

use super::item::{Fate, Item};
use super::relations::{Refers, any_of, field_of, refers};
use super::source::Source;
use super::sql::column;

/// What a child needs of its parent to find it.
#[derive(Debug, PartialEq)]
pub(super) enum Link {
    /// The parent's external id, by this field of the parent in the source.
    External(String),
    /// The parent's Id in the source, of which its external id is computed.
    Id,
    /// The parent's Id in the source, beside which the one that the target gave it is kept.
    Kept,
    /// Nothing: ids are the same at both ends.
    Same,
    /// It can't.
    None(&'static str),
}

/// The entry that holds an object's parents for a child: of the child's own set, or else of the latest before it.
pub(super) fn holder(items: &[Item], child: usize, parent: &str) -> Option<usize> {
    let set = items[child].set;
    let mut found: Option<usize> = None;
    for (place, item) in items.iter().enumerate() {
        let fits = item.is_moved() && item.set <= set && item.api.eq_ignore_ascii_case(parent);
        // A later entry of the same set is the same object once more; the first stands.
        if fits && found.is_none_or(|found| items[found].set < item.set) {
            found = Some(place);
        }
    }
    found
}

/// The entry by which an object's records are looked up in the target only, with the field that finds them there: an External ID, or a user's name.
pub(super) fn looked_up(items: &[Item], child: usize, parent: &str) -> Option<(usize, String)> {
    let set = items[child].set;
    let is_of = |item: &Item| {
        item.fate == Fate::OnlyRead && item.set == set && item.api.eq_ignore_ascii_case(parent)
    };
    let place = items.iter().position(is_of)?;
    let field = items[place].external_field()?;
    let is_key = field.to_lowercase().ends_with("__c")
        || (parent.eq_ignore_ascii_case("User") && field.eq_ignore_ascii_case("Username"));
    is_key.then(|| (place, field.to_owned()))
}

/// Whether SFDMU leaves out lookups to an object, because the project excludes it.
pub(super) fn is_excluded(items: &[Item], parent: &str) -> bool {
    items
        .iter()
        .any(|item| item.fate == Fate::Excluded && item.api.eq_ignore_ascii_case(parent))
}

/// The object that a field refers to, or those that it may refer to.
pub(super) fn refers_to(items: &[Item], child: usize, field: &str) -> Option<Refers> {
    let item = &items[child];
    let mut project: Vec<&str> = Vec::new();
    for other in items {
        if !project.contains(&other.api.as_str()) {
            project.push(&other.api);
        }
    }
    let told = item.told(field);
    if !told.is_empty() {
        let told = told.into_iter().map(str::to_owned);
        return Some(Refers::ToSeveral(told.collect()));
    }
    if item.is_polymorphic(field) {
        return Some(Refers::ToSeveral(any_of(&item.api, field, &project)));
    }
    refers(&item.api, field, &project)
}

/// Whether any entry has a lookup to this one.
pub(super) fn is_looked_up(items: &[Item], parent: usize) -> bool {
    refer_to_it(items, parent, |refers| match refers {
        Refers::To(name) => vec![name],
        Refers::ToSeveral(names) => names,
        Refers::ToRecordType | Refers::ToUnknown => Vec::new(),
    })
}

/// Whether any entry has a lookup that may point to this one and to others.
fn is_one_of_several(items: &[Item], parent: usize) -> bool {
    refer_to_it(items, parent, |refers| match refers {
        Refers::ToSeveral(names) => names,
        Refers::To(_) | Refers::ToRecordType | Refers::ToUnknown => Vec::new(),
    })
}

fn refer_to_it(items: &[Item], parent: usize, objects: impl Fn(Refers) -> Vec<String>) -> bool {
    let refers = |child: usize, field: &str| {
        let names = refers_to(items, child, field).map_or_else(Vec::new, &objects);
        let mut holders = names.iter().map(|name| holder(items, child, name));
        holders.any(|holder| holder == Some(parent))
    };
    items.iter().enumerate().any(|(child, item)| {
        item.is_moved()
            && item.names().any(|name| match name.split_once('.') {
                Some((relation, _)) => refers(child, &field_of(relation)),
                None => refers(child, name),
            })
    })
}

/// Whether an entry writes the field by which SFDMU finds its records: an insert needs none, unless children do.
pub(super) fn writes_external(items: &[Item], place: usize) -> bool {
    let item = &items[place];
    let is_insert = item.fate == Fate::Moved(Operation::Insert);
    let is_id = item
        .external_field()
        .is_some_and(|field| field.eq_ignore_ascii_case("Id"));
    !is_insert || (!is_id && (item.external_is_told || is_looked_up(items, place)))
}

/// How an entry's records are found by their children.
pub(super) fn link(items: &[Item], place: usize, source: &Source) -> Link {
    let item = &items[place];
    let field = item.external_field();
    let is_id = field.is_some_and(|field| field.eq_ignore_ascii_case("Id"));
    if is_id && item.fate != Fate::Moved(Operation::Insert) {
        return Link::Same;
    }
    // Of records that may be of several objects an org tells the Id, and no field that only some of the objects have.
    let by_id = is_id || (!source.is_files() && is_one_of_several(items, place));
    if by_id && id_column(item, source).is_some() {
        return Link::Kept;
    }
    if is_id {
        return Link::None(
            "its records get new ids in the target, and its file does not have the old ones",
        );
    }
    let Some(field) = field else {
        return Link::None(
            "its records are known by several fields together, and a lookup goes by one External ID",
        );
    };
    if !writes_external(items, place) {
        return Link::None("its records are inserted without an external id");
    }
    if !item.may_have(field) {
        return Link::None("its file lacks the column of its external id");
    }
    let Some(mock) = item.mocks.iter().find(|mock| mock.is_for(field, false)) else {
        return Link::External(field.to_owned());
    };
    let mocked = mock.apply(&column(field), id_column(item, source));
    match (mocked.sql, mocked.reads_id, mocked.reads_own) {
        (None, ..) => Link::None("its external id is made up"),
        (Some(_), true, true) => Link::None("its external id is made up from two of its columns"),
        (Some(_), true, false) => Link::Id,
        (Some(_), false, _) => Link::External(field.to_owned()),
    }
}

/// The column of the source's own Id.
pub(super) fn id_column(item: &Item, source: &Source) -> Option<&'static str> {
    let has = if item.header.is_some() {
        item.may_have("Id")
    } else {
        !source.is_files() || source.has_ids
    };
    has.then_some("Id")
}
