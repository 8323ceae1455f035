//! Foreign keys become lookups, where the parent is in the file and can be found by what the child has; otherwise values that wait for their parent. The order
//! follows from both.

use connector::{Parent, Relation, TargetObject};
use model::migration::{Field, Lookup};

use super::draft::{Draft, Matched};
use super::names::{self, Likeness};

/// A column of one object that says which record of another it belongs to.
struct Tie {
    child: usize,
    parent: usize,
    column: String,
    /// The parent's column that it holds; by a guess its key.
    holds: Option<String>,
}

/// Finds all lookups anew: an object that was put aside meanwhile is nobody's parent.
pub(super) fn link(drafts: &mut [Draft]) {
    for draft in drafts.iter_mut() {
        draft.links.clear();
        draft.after.clear();
    }
    let declared = drafts.iter().any(|draft| !draft.listed.parents.is_empty());
    for child in 0..drafts.len() {
        for tie in ties(drafts, child, declared) {
            tied(drafts, &tie);
        }
        for parent in composites(drafts, child) {
            wait(drafts, child, parent);
        }
    }
}

/// Parents before children, otherwise in the order given.
pub(super) fn order(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut left = drafts;
    let mut ordered: Vec<Draft> = Vec::new();
    while !left.is_empty() {
        let waits = |draft: &Draft| {
            parents(draft)
                .any(|parent| parent != draft.name && left.iter().any(|other| other.name == parent))
        };
        // Of a circle, the first.
        let next = left
            .iter()
            .position(|draft| !waits(draft))
            .unwrap_or_default();
        ordered.push(left.remove(next));
    }
    ordered
}

fn parents(draft: &Draft) -> impl Iterator<Item = &str> {
    let looked_up = draft.links.iter().flat_map(|link| link.field.parents());
    looked_up.chain(&draft.after).map(String::as_str)
}

fn ties(drafts: &mut [Draft], child: usize, declared: bool) -> Vec<Tie> {
    let mut ties = Vec::new();
    let columns: Vec<String> = drafts[child].columns().map(str::to_owned).collect();
    for column in columns {
        let own = drafts[child].listed.parents.iter();
        let told: Vec<Parent> = own
            .filter(|parent| parent.columns == [column.clone()])
            .cloned()
            .collect();
        match told.as_slice() {
            [] => {
                // Where the source tells of some, a column that it does not tell of refers to nothing.
                let parent = match declared && !drafts[child].is_into_org() {
                    true => None,
                    false => guess(drafts, child, &column),
                };
                ties.extend(parent.map(|parent| Tie {
                    child,
                    parent,
                    column,
                    holds: None,
                }));
            }
            [one] => match in_file(drafts, one) {
                Some(parent) => ties.push(Tie {
                    child,
                    parent,
                    column,
                    holds: one.to.first().cloned(),
                }),
                None => not_moved(&mut drafts[child], &column, one),
            },
            several => {
                let names: Vec<&str> = several
                    .iter()
                    .map(|parent| parent.from.describe())
                    .collect();
                let why = format!(
                    "it may point to any of {}; `{{ lookup: [OBJECT, OBJECT], which: EXPRESSION, by: {column} }}` says to which",
                    some(&names)
                );
                drafts[child].why_not.insert(column, why);
            }
        }
    }
    ties
}

fn in_file(drafts: &[Draft], parent: &Parent) -> Option<usize> {
    drafts
        .iter()
        .position(|draft| draft.listed.from == parent.from && draft.aside.is_none())
}

fn not_moved(draft: &mut Draft, column: &str, parent: &Parent) {
    let name = parent.from.describe();
    let hint = match name {
        "User" => {
            "; `{ reference: User.Username, by: EXPRESSION }` finds users that are in the target already"
        }
        "RecordType" => {
            "; `RecordType: { developer_name: EXPRESSION }` finds one by its developer name"
        }
        _ => "",
    };
    let why = format!("it refers to {name}, which this file does not move{hint}");
    draft.why_not.entry(column.to_owned()).or_insert(why);
}

/// The object that a column is called after.
fn guess(drafts: &[Draft], child: usize, column: &str) -> Option<usize> {
    let draft = &drafts[child];
    if draft.key.iter().any(|key| key == column) {
        return None;
    }
    let base = names::bare(column);
    let base = ["id", "key", "no", "number", "code"]
        .iter()
        .find_map(|end| base.strip_suffix(end))?;
    let base = Some(base).filter(|base| !base.is_empty())?;
    let is_called = |parent: &Draft| {
        let one = names::bare(&names::singular(&parent.listed.name));
        parent.found_by().is_some_and(|key| {
            !one.is_empty() && (base.ends_with(&one) || names::bare(key) == names::bare(column))
        })
    };
    let by_name = || {
        drafts
            .iter()
            .enumerate()
            .filter(|(place, parent)| *place != child && is_called(parent))
    };
    if let (Some((place, _)), 1) = (by_name().next(), by_name().count()) {
        return Some(place);
    }
    // Or the lookup of the target that it is called like, where one object of the file fills what that points to.
    let target = draft.target.as_ref()?;
    let relation = target
        .relations
        .iter()
        .find(|relation| alike(column, relation).is_some())?;
    let mut to = drafts
        .iter()
        .enumerate()
        .filter(|(_, parent)| points_to(relation, parent) && parent.found_by().is_some());
    match (to.next(), to.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

fn tied(drafts: &mut [Draft], tie: &Tie) {
    let parent = &drafts[tie.parent];
    let key = parent.found_by().map(str::to_owned);
    let by_key = key.is_some() && (tie.holds.is_none() || tie.holds == key);
    let draft = &drafts[tie.child];
    if draft.is_into_org() {
        let why = match (
            by_key,
            draft
                .target
                .as_ref()
                .map(|target| relation(target, draft, parent, &tie.column)),
        ) {
            (false, _) => format!("it refers to {} by other than its key", parent.name),
            (true, Some(Some((relation, likeness)))) => {
                let guess = tie.holds.is_none() || likeness.is_none_or(Likeness::is_guess);
                let line = lookup(draft, parent, &tie.column, relation, guess);
                drafts[tie.child].links.push(line);
                return;
            }
            _ => format!(
                "it refers to {}, and {} has no lookup to {} that is free for it",
                parent.name, draft.to, parent.to
            ),
        };
        drafts[tie.child].why_not.insert(tie.column.clone(), why);
        return;
    }
    let own = draft.own.iter().find(|own| own.column == tie.column);
    let Some(name) = own.map(|own| own.name.clone()) else {
        return;
    };
    let plain = draft.external_id.contains(&name) || draft.not_looked_up.contains(&name);
    if by_key && !plain {
        let line = lookup(draft, parent, &tie.column, name, tie.holds.is_none());
        drafts[tie.child].links.push(line);
    } else {
        wait(drafts, tie.child, tie.parent);
    }
}

fn lookup(draft: &Draft, parent: &Draft, column: &str, name: String, guess: bool) -> Matched {
    Matched {
        column: column.to_owned(),
        field: Field::Lookup(Lookup {
            lookup: parent.name.clone(),
            by: draft.expression(column),
            second_pass: false,
            on_missing_parent: None,
        }),
        name,
        note: guess.then(|| "a guess by the column's name".to_owned()),
        risks: Vec::new(),
    }
}

/// The lookup of the target that a column fills: the one called like it, or else the only one that points there.
fn relation(
    target: &TargetObject,
    draft: &Draft,
    parent: &Draft,
    column: &str,
) -> Option<(String, Option<Likeness>)> {
    let free = |relation: &&Relation| {
        let field = target.field(&relation.field);
        points_to(relation, parent)
            && field.is_some_and(|field| field.createable)
            && !draft.links.iter().any(|link| link.name == relation.name)
            && !draft.not_looked_up.contains(&relation.name)
    };
    let candidates: Vec<&Relation> = target.relations.iter().filter(free).collect();
    let named = candidates
        .iter()
        .filter_map(|relation| Some((alike(column, relation)?, relation)));
    if let Some((likeness, relation)) = named.min_by_key(|(likeness, _)| *likeness) {
        return Some((relation.name.clone(), Some(likeness)));
    }
    match candidates.as_slice() {
        [only] => Some((only.name.clone(), None)),
        _ => None,
    }
}

fn alike(column: &str, relation: &Relation) -> Option<Likeness> {
    let by_field = names::fields(column, &relation.field, "");
    by_field.or_else(|| names::fields(column, &format!("{} id", relation.name), ""))
}

fn points_to(relation: &Relation, parent: &Draft) -> bool {
    relation
        .to
        .iter()
        .any(|to| to.eq_ignore_ascii_case(&parent.to))
}

/// Parents by several columns: no lookup, but an order.
fn composites(drafts: &[Draft], child: usize) -> Vec<usize> {
    let parents = drafts[child].listed.parents.iter();
    let several = parents.filter(|parent| parent.columns.len() > 1);
    several
        .filter_map(|parent| in_file(drafts, parent))
        .collect()
}

/// The parent comes first, unless it waits for the child already.
fn wait(drafts: &mut [Draft], child: usize, parent: usize) {
    let (name, parent_name) = (drafts[child].name.clone(), drafts[parent].name.clone());
    if name == parent_name || drafts[child].after.contains(&parent_name) {
        return;
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut next = vec![parent_name.as_str()];
    while let Some(one) = next.pop() {
        if one == name {
            return;
        }
        if !seen.contains(&one) {
            seen.push(one);
            let draft = drafts.iter().find(|draft| draft.name == one);
            next.extend(draft.into_iter().flat_map(parents));
        }
    }
    drafts[child].after.push(parent_name);
}

/// A few names of many.
pub(super) fn some(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() > SHOWN {
        true => format!("{shown} and {} more", names.len() - SHOWN),
        false => shown,
    }
}
