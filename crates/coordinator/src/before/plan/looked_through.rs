//! What a run would make of the first records: which it would refuse, and which values it would change because the file says so.

use std::collections::BTreeMap;

use api::{Becomes, LookedThrough, PlannedChange, PlannedRefusal};
use mapping::Mapped;
use model::migration::{Field, Object, OnInvalid};

pub(super) fn summary(object: &Object, records: usize, mapped: &Mapped) -> LookedThrough {
    let mut refused: BTreeMap<(String, String, Option<String>), u64> = BTreeMap::new();
    for refusal in &mapped.refusals {
        let fate = refusal.fate.as_str().to_owned();
        let field = refusal.fields.first().cloned();
        *refused
            .entry((fate, refusal.code.clone(), field))
            .or_default() += 1;
    }
    let mut changed: BTreeMap<(String, String), u64> = BTreeMap::new();
    for change in &mapped.changes {
        let of = (change.field.clone(), change.code.clone());
        *changed.entry(of).or_default() += 1;
    }
    let refused = refused.into_iter();
    let changed = changed.into_iter();
    LookedThrough {
        records: records as u64,
        refused: refused
            .map(|((fate, code, field), records)| PlannedRefusal {
                fate,
                code,
                field,
                records,
            })
            .collect(),
        changed: changed
            .map(|((field, code), values)| PlannedChange {
                becomes: becomes(object, &field),
                field,
                code,
                values,
            })
            .collect(),
    }
}

/// What the field's policy makes of a value that it changes.
fn becomes(object: &Object, field: &str) -> Becomes {
    let fields = object.fields.iter().flatten();
    let mut named = fields.filter(|(name, _)| name.eq_ignore_ascii_case(field));
    match named.next() {
        Some((_, Field::Mapped(mapped))) => match mapped.on_invalid {
            OnInvalid::Reject => Becomes::Rejected,
            OnInvalid::Truncate => Becomes::Cut,
            OnInvalid::Null => Becomes::Nulled,
            OnInvalid::Default(_) => Becomes::Replaced,
        },
        _ => Becomes::Rejected,
    }
}
