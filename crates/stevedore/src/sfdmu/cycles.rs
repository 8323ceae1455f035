//! Lookups that go round in a circle. SFDMU fills such fields in a second pass by itself; here the second pass is an object of its own.

use model::migration::Operation;

use super::draft::Draft;
use super::fields::{Line, Planned};
use super::item::Item;
use super::loss::Loss;

/// What came of it.
pub(super) struct Passes {
    pub(super) drafts: Vec<Draft>,
    pub(super) losses: Vec<Loss>,
}

/// Takes lookups out of objects until parents can all be moved before their children, and moves them in objects of their own.
/// `in_order`: the order of the project is to be kept, so that lookups to later objects are taken out too.
pub(super) fn break_up(mut drafts: Vec<Draft>, items: &[Item], in_order: bool) -> Passes {
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (child, draft) in drafts.iter().enumerate() {
        for parent in parents(&drafts, draft) {
            if parent == child || (in_order && parent > child) {
                taken.push((child, parent));
            }
        }
    }
    while let Some((child, circle)) = circle(&drafts, &taken) {
        taken.extend(circle.into_iter().map(|parent| (child, parent)));
    }
    let mut losses = Vec::new();
    let mut seconds = Vec::new();
    for child in 0..drafts.len() {
        let from: Vec<usize> = taken
            .iter()
            .filter(|(of, _)| *of == child)
            .map(|(_, parent)| drafts[*parent].item)
            .collect();
        if from.is_empty() {
            continue;
        }
        let (later, now): (Vec<Line>, Vec<Line>) = std::mem::take(&mut drafts[child].lines)
            .into_iter()
            .partition(|line| matches!(line, Line::Field(Planned { parent: Some(parent), .. }) if from.contains(parent)));
        drafts[child].lines = now;
        match second(&drafts[child], later, items) {
            Ok(second) => seconds.push(second),
            Err(lost) => {
                let told = lost.iter().map(|loss| Line::Comment(loss.comment()));
                drafts[child].lines.extend(told);
                let api = &items[drafts[child].item].api;
                losses.extend(lost.into_iter().map(|loss| loss.of(api)));
            }
        }
    }
    // Behind the last object of their own set, so that the file reads in the order of the run.
    for second in seconds {
        let set = items[second.item].set;
        let behind = drafts
            .iter()
            .rposition(|draft| items[draft.item].set <= set);
        drafts.insert(behind.map_or(0, |place| place + 1), second);
    }
    Passes { drafts, losses }
}

const NO_KEY: &str =
    "and this object has no single external id by which a second pass would find its records";

/// The second pass of an object, which needs the field that its records are found by.
fn second(draft: &Draft, later: Vec<Line>, items: &[Item]) -> Result<Draft, Vec<Loss>> {
    let (key, why) = match draft.external_id.as_slice() {
        // An upsert of what the first pass left alone would change it after all.
        _ if items[draft.item].skips_existing => (
            None,
            "and a second pass would reach the records that are to be left as they are",
        ),
        [key] => (draft.field(key).cloned(), NO_KEY),
        _ => (None, NO_KEY),
    };
    let Some(key) = key else {
        let lost = later.iter().filter_map(|line| match line {
            Line::Field(planned) => Some(Loss::new(
                planned.target.clone(),
                format!("it is part of a circle of lookups, {why}"),
                format!("once {} has a single external id that may be upserted, a second object that comes after it and sets only this lookup", draft.name),
            )),
            Line::Comment(_) => None,
        });
        return Err(lost.collect());
    };
    let operation = match draft.operation {
        Operation::Insert => Operation::Upsert,
        other => other,
    };
    Ok(Draft {
        item: draft.item,
        name: links_name(&draft.name, items),
        comments: vec![
            format!("The second pass of {}: lookups that go round in a circle are set when all records are there.", draft.name),
            "One that is required when a record is created can't wait: let the object at its other end wait instead.".to_owned(),
        ],
        key: draft.key.clone(),
        to: draft.to.clone(),
        operation,
        external_id: draft.external_id.clone(),
        lines: std::iter::once(Line::Field(key)).chain(later).collect(),
        after: vec![draft.name.clone()],
    })
}

fn links_name(name: &str, items: &[Item]) -> String {
    // Names have 60 characters at most, and those of objects keep clear of this ending.
    let base: String = name.chars().take(54).collect();
    let mut links = format!("{base}-links");
    while items.iter().any(|item| item.name == links) {
        links.push('2');
    }
    links
}

/// The drafts that a draft's lookups name.
fn parents(drafts: &[Draft], draft: &Draft) -> Vec<usize> {
    let named = draft.fields().filter_map(|planned| planned.parent);
    named
        .filter_map(|item| drafts.iter().position(|draft| draft.item == item))
        .collect()
}

/// The first object that comes back to itself, with those of its parents that lead there.
fn circle(drafts: &[Draft], taken: &[(usize, usize)]) -> Option<(usize, Vec<usize>)> {
    let edges = |child: usize| {
        let parents = parents(drafts, &drafts[child]);
        parents
            .into_iter()
            .filter(move |parent| !taken.contains(&(child, *parent)))
    };
    let leads = |from: usize, to: usize| {
        let (mut seen, mut next) = (Vec::new(), vec![from]);
        while let Some(draft) = next.pop() {
            if draft == to {
                return true;
            }
            if !seen.contains(&draft) {
                seen.push(draft);
                next.extend(edges(draft));
            }
        }
        false
    };
    (0..drafts.len()).find_map(|child| {
        let circle: Vec<usize> = edges(child)
            .filter(|parent| leads(*parent, child))
            .collect();
        (!circle.is_empty()).then_some((child, circle))
    })
}
