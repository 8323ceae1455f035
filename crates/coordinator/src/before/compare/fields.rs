//! The fields that the file fills against those that the target has: missing ones, types, declared lengths, nulls.

use api::{
    ComparedObject, LengthDifference, Metadata, MissingField, NullDifference, TypeDifference,
};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use connector::{NewField, SourceObject, TargetField, TargetObject};
use mapping::{Fit, Surveyed, SurveyedValues};
use model::migration::{OWN_ID, Operation};
use model::{Failure, Finding};
use record::meta;

use super::{Comparison, Filled, Spoilt, values};

impl Comparison<'_> {
    pub(super) fn compare_fields(
        &self,
        read: &SourceObject,
        written: &TargetObject,
        filled: &[Filled<'_>],
        first: Option<&RecordBatch>,
        compared: &mut ComparedObject,
    ) -> Result<(), Failure> {
        // A record's own id is the target's to give.
        for filled in filled.iter().filter(|filled| filled.name != OWN_ID) {
            let sample = match (filled.surveyed, first) {
                (Some(surveyed), Some(first)) => Some(surveyed.values(first)?),
                _ => None,
            };
            if let Some(sample) = &sample {
                failing(filled, sample, compared);
                values::unlisted(filled, sample, compared);
            }
            match written.field(filled.name) {
                Some(field) if !self.is_reference(filled) => {
                    let Some(surveyed) = filled.surveyed else {
                        continue;
                    };
                    types(field, filled, surveyed, sample.as_ref(), compared)?;
                    lengths(field, read, filled, surveyed, sample.as_ref(), compared);
                    self.nulls(field, filled, sample.as_ref(), compared);
                    values::not_allowed(field, filled, surveyed, sample.as_ref(), compared);
                }
                // A parent is found in the target; what is compared of its key, its own object tells.
                Some(_) => {}
                None if written.relation(filled.name).is_some() => {}
                None => compared.missing_fields.push(self.missing(
                    written,
                    read,
                    filled,
                    sample.as_ref(),
                )),
            }
        }
        for (name, sql) in &self.migration.stamp {
            if written.field(name).is_none() {
                let field = NewField {
                    data_type: DataType::Utf8,
                    ..new_field(written, name, format!("the stamp {sql}"))
                };
                compared.missing_fields.push(self.described(&field, None));
            }
        }
        Ok(())
    }

    fn is_reference(&self, filled: &Filled<'_>) -> bool {
        use model::migration::Field::{AnyLookup, DeveloperName, Lookup, Reference};
        matches!(
            filled.field,
            Lookup(_) | AnyLookup(_) | Reference(_) | DeveloperName(_)
        )
    }

    fn nulls(
        &self,
        field: &TargetField,
        filled: &Filled<'_>,
        sample: Option<&SurveyedValues>,
        compared: &mut ComparedObject,
    ) {
        let creates = matches!(self.object.operation, Operation::Insert | Operation::Upsert);
        let needed = !field.nullable || (field.required && creates);
        let nulls = sample.map_or(0, |sample| sample.values.logical_null_count());
        if needed && nulls > 0 {
            compared.nulls.push(NullDifference {
                field: field.name.clone(),
                nulls: nulls as u64,
                becomes: filled.becomes(Spoilt::Missing),
            });
        }
    }

    fn missing(
        &self,
        written: &TargetObject,
        read: &SourceObject,
        filled: &Filled<'_>,
        sample: Option<&SurveyedValues>,
    ) -> MissingField {
        let surveyed = filled.surveyed;
        let mut field = new_field(written, filled.name, filled.field.expression().to_owned());
        field.is_key = self
            .object
            .external_id
            .iter()
            .any(|key| key.eq_ignore_ascii_case(filled.name));
        // A custom lookup points to one object.
        field.parent = match filled.field.parents() {
            [parent] => self
                .migration
                .object(parent)
                .map(|parent| parent.to.clone()),
            _ => None,
        };
        if let Some(surveyed) = surveyed {
            let column = surveyed.column.as_deref();
            let column = column.and_then(|name| read.schema.field_with_name(name).ok());
            field.is_number = column.is_some_and(meta::is_number);
            field.data_type = surveyed.data_type().clone();
            field.values = surveyed.only_values();
            let declared = column.and_then(declared_length);
            let longest = sample.and_then(|sample| values::longest(&sample.values));
            field.length = declared.or_else(|| longest.map(with_room));
        }
        self.described(&field, surveyed)
    }

    fn described(&self, field: &NewField, surveyed: Option<&Surveyed>) -> MissingField {
        let described = self.target.metadata(field);
        let (metadata, hint) = match described {
            Some(Ok(file)) => (
                Some(Metadata {
                    path: file.path,
                    content: file.content,
                }),
                None,
            ),
            Some(Err(failure)) => (None, Some(failure.hint.unwrap_or(failure.message))),
            None => (
                None,
                Some("add it to the target, or correct its name".to_owned()),
            ),
        };
        MissingField {
            field: field.name.clone(),
            filled_by: field.filled_by.clone(),
            data_type: surveyed.map(|surveyed| mapping::type_name(surveyed.data_type())),
            metadata,
            hint,
        }
    }
}

fn new_field(written: &TargetObject, name: &str, filled_by: String) -> NewField {
    NewField {
        to: written.name.clone(),
        name: name.to_owned(),
        data_type: DataType::Null,
        is_number: false,
        length: None,
        is_key: false,
        values: None,
        parent: None,
        filled_by,
    }
}

fn failing(filled: &Filled<'_>, sample: &SurveyedValues, compared: &mut ComparedObject) {
    if sample.failed > 0 {
        compared.not_compared.push(
            Finding::warning(
                "expression_failed",
                format!(
                    "field {}: its expression fails for {} of the records looked at",
                    filled.name, sample.failed
                ),
            )
            .hint("such records are rejected; guard the expression, as with `nullif` or `case`"),
        );
    }
}

fn types(
    field: &TargetField,
    filled: &Filled<'_>,
    surveyed: &Surveyed,
    sample: Option<&SurveyedValues>,
    compared: &mut ComparedObject,
) -> Result<(), Failure> {
    let (never, lost, hint) = match surveyed.fit(&field.data_type) {
        Fit::Always => return Ok(()),
        Fit::Never(failure) => (true, 0, failure.hint),
        Fit::Checked => {
            let lost = match sample {
                Some(sample) => surveyed.lost(&sample.values, &field.data_type)?,
                None => 0,
            };
            (false, lost as u64, None)
        }
    };
    compared.types.push(TypeDifference {
        field: field.name.clone(),
        source: mapping::type_name(surveyed.data_type()),
        target: field.native.clone(),
        never,
        lost,
        becomes: filled.becomes(Spoilt::Unfit),
        hint,
    });
    Ok(())
}

fn lengths(
    field: &TargetField,
    read: &SourceObject,
    filled: &Filled<'_>,
    surveyed: &Surveyed,
    sample: Option<&SurveyedValues>,
    compared: &mut ComparedObject,
) {
    let Some(target) = field.max_length.map(u64::from) else {
        return;
    };
    let column = surveyed.column.as_deref();
    let column = column.and_then(|name| read.schema.field_with_name(name).ok());
    let source = column.and_then(declared_length);
    let longest = sample.and_then(|sample| values::longest(&sample.values));
    let too_long = sample.map_or(0, |sample| values::longer_than(&sample.values, target));
    if source.is_some_and(|source| source > target) || too_long > 0 {
        compared.lengths.push(LengthDifference {
            field: field.name.clone(),
            source,
            target,
            longest,
            too_long,
            becomes: filled.becomes(Spoilt::TooLong),
        });
    }
}

/// The characters that a column of text may hold, where its type says so: `varchar(300)`.
fn declared_length(column: &arrow::datatypes::Field) -> Option<u64> {
    if !column.data_type().is_string() || meta::is_number(column) {
        return None;
    }
    let native = meta::native(column)?.to_lowercase();
    if !native.contains("char") && !native.contains("text") {
        return None;
    }
    let (_, behind) = native.split_once('(')?;
    behind.split(')').next()?.trim().parse().ok()
}

/// Longer values than those looked at will come.
fn with_room(longest: u64) -> u64 {
    [40, 80, 255, 1_000, 4_000, 32_000]
        .into_iter()
        .find(|room| longest * 5 / 4 <= *room)
        .unwrap_or(131_072)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn lengths_are_read_from_types_of_text() {
        let of = |native: &str, data_type: DataType| {
            declared_length(&meta::with_native(Field::new("x", data_type, true), native))
        };
        assert_eq!(of("character varying(300)", DataType::Utf8), Some(300));
        assert_eq!(of("NVARCHAR( 40 )", DataType::Utf8), Some(40));
        assert_eq!(of("text", DataType::Utf8), None);
        assert_eq!(of("bit(8)", DataType::Utf8), None);
        assert_eq!(of("numeric(10,2)", DataType::Decimal128(10, 2)), None);
    }

    #[test]
    fn a_new_field_has_room_for_more() {
        assert_eq!(
            [0, 30, 70, 250, 900, 200_000].map(with_room),
            [40, 40, 255, 1_000, 4_000, 131_072]
        );
    }
}
