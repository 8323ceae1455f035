//! Creates jobs, with the errors the platform gives at once.

use serde::Deserialize;

use super::spec::{Delimiter, Spec};
use crate::errors::ApiError;
use crate::schema::catalogue::{Catalogue, Object};
use crate::write::Operation;

/// The body of a create call. Unknown keys are refused by the platform too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    object: Option<String>,
    operation: Option<String>,
    external_id_field_name: Option<String>,
    content_type: Option<String>,
    column_delimiter: Option<String>,
    line_ending: Option<String>,
    assignment_rule_id: Option<String>,
}

pub(super) const COMMA: Delimiter = Delimiter {
    name: "COMMA",
    byte: b',',
};

const DELIMITERS: [Delimiter; 6] = [
    COMMA,
    Delimiter {
        name: "BACKQUOTE",
        byte: b'`',
    },
    Delimiter {
        name: "CARET",
        byte: b'^',
    },
    Delimiter {
        name: "PIPE",
        byte: b'|',
    },
    Delimiter {
        name: "SEMICOLON",
        byte: b';',
    },
    Delimiter {
        name: "TAB",
        byte: b'\t',
    },
];

/// What is wrong with a job as it was asked for.
pub(super) fn invalid(message: impl std::fmt::Display) -> ApiError {
    ApiError::bad("INVALIDJOB", format!("InvalidJob : {message}"))
}

pub(super) fn delimiter(name: Option<String>) -> Result<Delimiter, ApiError> {
    let Some(name) = name else {
        return Ok(DELIMITERS[0]);
    };
    let known = DELIMITERS.into_iter().find(|d| d.name == name);
    known.ok_or_else(|| invalid(format!("Column delimiter {name} is not supported")))
}

/// Whether lines end in CRLF.
pub(super) fn line_ending(name: Option<&str>) -> Result<bool, ApiError> {
    match name {
        None | Some("LF") => Ok(false),
        Some("CRLF") => Ok(true),
        Some(other) => Err(invalid(format!(
            "Line ending {other} is not supported, it must be LF or CRLF"
        ))),
    }
}

pub(super) fn spec(catalogue: &Catalogue, version: &str, body: &[u8]) -> Result<Spec, ApiError> {
    let wanted: Wanted =
        serde_json::from_slice(body).map_err(|error| ApiError::json(error.to_string()))?;
    let name = wanted
        .object
        .ok_or_else(|| invalid("No object was specified"))?;
    let object = object(catalogue, &name)?;
    let operation = wanted
        .operation
        .ok_or_else(|| invalid("No operation was specified"))?;
    let key = wanted.external_id_field_name.as_deref();
    let (operation, operation_name) = self::operation(object, &operation, key)?;
    if let Some(content) = wanted.content_type.filter(|c| c != "CSV") {
        return Err(invalid(format!(
            "Content type {content} is not supported, it must be CSV"
        )));
    }
    let delimiter = delimiter(wanted.column_delimiter)?;
    let crlf = line_ending(wanted.line_ending.as_deref())?;
    Ok(Spec {
        object: object.index,
        operation,
        operation_name,
        external_id: wanted.external_id_field_name,
        delimiter,
        crlf,
        assignment_rule: wanted.assignment_rule_id,
        api_version: version.to_owned(),
        blank_id: false,
    })
}

/// The object of a job, which must be one that can be written.
pub(super) fn object<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Object, ApiError> {
    let found = catalogue.object(name).filter(|object| object.writable);
    found.ok_or_else(|| {
        ApiError::bad(
            "INVALIDENTITY",
            format!("InvalidEntity : Entity '{name}' is not supported by the Bulk API."),
        )
    })
}

/// What a job is to do, by its name.
pub(super) fn operation(
    object: &Object,
    name: &str,
    key: Option<&str>,
) -> Result<(Operation, &'static str), ApiError> {
    let found = match name {
        "insert" => (Operation::Insert, "insert"),
        "update" => (Operation::Update, "update"),
        "delete" => (Operation::Delete, "delete"),
        "hardDelete" => (Operation::HardDelete, "hardDelete"),
        "upsert" => {
            let Some(key) = key.filter(|k| !k.is_empty()) else {
                return Err(invalid(format!(
                    "External ID was blank for {}. An External ID must be specified for upsert.",
                    object.name
                )));
            };
            let field = object.field(key).filter(|f| object.at(*f).is_key()).ok_or_else(|| {
                invalid(format!(
                    "Field name provided, {key} does not match an External ID, Salesforce Id, or indexed field for {}",
                    object.name
                ))
            })?;
            return Ok((Operation::Upsert(field), "upsert"));
        }
        other => {
            return Err(ApiError::bad(
                "INVALIDOPERATION",
                format!("InvalidOperation : {other} is not supported"),
            ));
        }
    };
    if key.is_some() {
        return Err(invalid(format!(
            "External ID field name is for upsert, not for {name}"
        )));
    }
    Ok(found)
}
