//! What a draft puts at risk, as `compare` finds it in the first records: told at the field's place.

use api::ComparedObject;
use connector::{Source, Target};
use model::Failure;
use model::migration::Migration;

use super::LOOKED_AT;
use super::draft::Draft;
use crate::before::compare::Comparison;

pub(super) async fn tell(
    migration: &Migration,
    drafts: &mut [Draft],
    source: &dyn Source,
    target: &dyn Target,
) -> Result<(), Failure> {
    for draft in drafts.iter_mut().filter(|draft| draft.aside.is_none()) {
        let Some(object) = migration.object(&draft.name) else {
            continue;
        };
        let comparison = Comparison {
            migration,
            object,
            target,
            looks_at: LOOKED_AT,
        };
        let compared = comparison.compare(source).await?;
        for (field, risk) in risks(&compared) {
            if let Some(line) = draft.line_mut(&field) {
                line.risks.push(risk);
            }
        }
    }
    Ok(())
}

fn risks(compared: &ComparedObject) -> Vec<(String, String)> {
    let looked_at = compared.looked_at.map_or(0, |looked_at| looked_at.records);
    let among = format!("of the first {looked_at} records");
    let lengths = compared.lengths.iter().map(|length| {
        let from = match length.source {
            Some(source) => format!("up to {source} characters come"),
            None => "longer texts may come".to_owned(),
        };
        let found = match length.too_long {
            0 => format!("none {among} is too long; those that are would be rejected"),
            too_long => format!("{too_long} {among} are too long, and would be rejected"),
        };
        let risk = format!(
            "{from}, and {} fit: {found}; `{{ from: …, on_invalid: truncate }}` cuts them",
            length.target
        );
        (length.field.clone(), risk)
    });
    let types = compared
        .types
        .iter()
        .filter(|difference| difference.lost > 0)
        .map(|difference| {
            let risk = format!(
                "{} becomes {}: {} {among} do not fit, and would be rejected",
                difference.source, difference.target, difference.lost
            );
            (difference.field.clone(), risk)
        });
    let values = compared.values.iter().map(|gap| {
        let risk = format!(
            "the field does not take {}, which {} {among} have; `{{ from: …, values: {{ … }} }}` maps them",
            gap.values.join(", "),
            gap.records
        );
        (gap.field.clone(), risk)
    });
    let nulls = compared.nulls.iter().map(|nulls| {
        let risk = format!(
            "it must have a value, and is null in {} {among}, which would be rejected",
            nulls.nulls
        );
        (nulls.field.clone(), risk)
    });
    lengths.chain(types).chain(values).chain(nulls).collect()
}
