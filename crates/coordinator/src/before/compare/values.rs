//! Values that were looked at against what the target's field, or the file's own map, allows.

use std::collections::BTreeMap;

use api::{Becomes, ComparedObject, ValueGap};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use connector::TargetField;
use mapping::{Surveyed, SurveyedValues};

use super::{Filled, Spoilt};

/// Values that are named; there may be more.
const NAMED: usize = 20;

/// Values that the field's own map does not list and refuses.
pub(super) fn unlisted(
    filled: &Filled<'_>,
    sample: &SurveyedValues,
    compared: &mut ComparedObject,
) {
    let given = mapping::texts(&sample.given);
    let unlisted = sample.unlisted.iter().filter_map(|row| given[*row].clone());
    // The map's own `otherwise` refuses them, before anything is invalid.
    gap(filled.name, "map", unlisted, Becomes::Rejected, compared);
}

/// Values that a restricted field does not allow: those of the file's map, whether they occur or not, and those that were looked at.
pub(super) fn not_allowed(
    field: &TargetField,
    filled: &Filled<'_>,
    surveyed: &Surveyed,
    sample: Option<&SurveyedValues>,
    compared: &mut ComparedObject,
) {
    let Some(allowed) = &field.values else {
        return;
    };
    let refused = |value: &String| !value.is_empty() && !allowed.contains(value);
    let looked_at: Vec<String> = sample
        .map(|sample| mapping::texts(&sample.values))
        .unwrap_or_default()
        .into_iter()
        .flatten()
        .filter(refused)
        .collect();
    let by_map: Vec<String> = surveyed
        .only_values()
        .unwrap_or_default()
        .into_iter()
        .filter(|value| refused(value) && !looked_at.contains(value))
        .collect();
    let becomes = filled.becomes(Spoilt::Unfit);
    gap(
        &field.name,
        "target",
        looked_at.into_iter(),
        becomes,
        compared,
    );
    if by_map.is_empty() {
        return;
    }
    match compared.values.last_mut() {
        Some(last) if last.field == field.name && last.by == "target" => {
            last.values.extend(by_map);
        }
        _ => compared.values.push(ValueGap {
            field: field.name.clone(),
            values: by_map,
            by: "target".to_owned(),
            records: 0,
            becomes,
        }),
    }
}

fn gap(
    field: &str,
    by: &str,
    values: impl Iterator<Item = String>,
    becomes: Becomes,
    compared: &mut ComparedObject,
) {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    if counts.is_empty() {
        return;
    }
    let records = counts.values().sum();
    let mut values: Vec<_> = counts.into_iter().collect();
    // The frequent ones first.
    values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    compared.values.push(ValueGap {
        field: field.to_owned(),
        values: values
            .into_iter()
            .take(NAMED)
            .map(|(value, _)| value)
            .collect(),
        by: by.to_owned(),
        records,
        becomes,
    });
}

/// Characters of the longest text; none where the values are no texts.
pub(super) fn longest(values: &ArrayRef) -> Option<u64> {
    lengths(values)?.max()
}

pub(super) fn longer_than(values: &ArrayRef, most: u64) -> u64 {
    lengths(values).map_or(0, |lengths| {
        lengths.filter(|length| *length > most).count() as u64
    })
}

fn lengths(values: &ArrayRef) -> Option<impl Iterator<Item = u64>> {
    (*values.data_type() == DataType::Utf8).then(|| {
        let texts = values.as_string::<i32>().iter().flatten();
        texts.map(|text| text.chars().count() as u64)
    })
}
