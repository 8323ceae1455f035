//! Text into a field's value, with every complaint the platform makes about one value: length, type, range,
//! picklist, email, id.

use super::decimal::{self, NumberFault};
use super::{Value, moment};
use crate::errors::RowError;
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field};

/// Reads a value that is there; the empty text is null.
pub(crate) fn parse(catalogue: &Catalogue, field: &Field, text: &str) -> Result<Value, RowError> {
    use FieldKind as K;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    match field.kind() {
        K::String | K::Textarea | K::Phone | K::Url => short_enough(field, text),
        K::Email => {
            let value = short_enough(field, text)?;
            if is_email(text) {
                Ok(value)
            } else {
                Err(complaint(
                    field,
                    "INVALID_EMAIL_ADDRESS",
                    format!("invalid email address: {text}"),
                ))
            }
        }
        K::Picklist => {
            if field.schema.restricted && !field.schema.picklist.iter().any(|v| v == text) {
                return Err(complaint(
                    field,
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    format!("bad value for restricted picklist field: {text}"),
                ));
            }
            short_enough(field, text)
        }
        K::Multipicklist => {
            let known = |part: &&str| field.schema.picklist.iter().any(|v| v == part);
            let unknown = text.split(';').map(str::trim).find(|part| !known(part));
            if let Some(unknown) = unknown.filter(|_| field.schema.restricted) {
                return Err(complaint(
                    field,
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    format!("bad value for restricted picklist field: {unknown}"),
                ));
            }
            short_enough(field, text)
        }
        K::Int => text.parse().map(Value::Int).map_err(|_| {
            let whole = text.strip_prefix(['-', '+']).unwrap_or(text);
            if whole.bytes().all(|b| b.is_ascii_digit()) && !whole.is_empty() {
                out_of_range(field, text)
            } else {
                wrong_type(field, text)
            }
        }),
        K::Double | K::Currency | K::Percent => decimal::parse(text)
            .and_then(|number| decimal::fit(number, field.schema.precision, field.schema.scale))
            .map(Value::Number)
            .map_err(|fault| match fault {
                NumberFault::Malformed => wrong_type(field, text),
                NumberFault::TooLarge => out_of_range(field, text),
            }),
        K::Boolean => match text {
            "1" => Ok(Value::Bool(true)),
            "0" => Ok(Value::Bool(false)),
            _ if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err(wrong_type(field, text)),
        },
        K::Date => moment::parse_date(text)
            .map(Value::Date)
            .ok_or_else(|| wrong_type(field, text)),
        K::Datetime => moment::parse_moment(text)
            .map(Value::Moment)
            .ok_or_else(|| wrong_type(field, text)),
        K::Id | K::Reference => reference(catalogue, field, text),
        K::Address => Err(wrong_type(field, text)),
    }
}

fn reference(catalogue: &Catalogue, field: &Field, text: &str) -> Result<Value, RowError> {
    match catalogue.read_id(text) {
        Ok(id) if field.references.contains(&id.object) => Ok(Value::Ref(id)),
        Err(true) => Err(RowError::new(
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
        )
        .on(field.name())),
        _ => Err(complaint(
            field,
            "MALFORMED_ID",
            format!("id value of incorrect type: {text}"),
        )
        .unreadable()),
    }
}

fn complaint(field: &Field, code: &'static str, message: String) -> RowError {
    RowError::new(code, format!("{}: {message}", field.label)).on(field.name())
}

pub(crate) fn wrong_type(field: &Field, text: &str) -> RowError {
    complaint(
        field,
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        format!("value not of required type: {text}"),
    )
    .unreadable()
}

fn out_of_range(field: &Field, text: &str) -> RowError {
    complaint(
        field,
        "NUMBER_OUTSIDE_VALID_RANGE",
        format!("value outside of valid range on numeric field: {text}"),
    )
}

fn short_enough(field: &Field, text: &str) -> Result<Value, RowError> {
    let most = field.schema.length as usize;
    // UTF-8 is never shorter than UTF-16 counts units, so most texts need no counting.
    if text.len() > most && text.encode_utf16().count() > most {
        return Err(complaint(
            field,
            "STRING_TOO_LONG",
            format!("data value too large: {text} (max length={most})"),
        ));
    }
    Ok(Value::text(text))
}

/// The platform's check is about syntax only: one `@`, a local part, a domain of labels with a point in it.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
    let label_ok = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    local_ok && domain.contains('.') && domain.split('.').all(label_ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_syntax() {
        for good in [
            "a@b.co",
            "first.last+tag@sub.example.com",
            "o'brien@example.org",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "", "a", "a@b", "@b.co", "a b@c.de", "a@b..co", "a@@b.co", "a@-b.co", ".a@b.co",
            "ä@b.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
