//! What a client asks of a job, in XML or JSON: to be one, or to change its state.

use serde_json::Value as Json;

use super::format::{Exception, Format, plain};
use super::job::{Content, Kind, Spec};
use crate::bulk::create::{COMMA, object, operation};
use crate::bulk::spec as two;
use crate::rest::call::Call;
use crate::schema::catalogue::Catalogue;
use crate::xml;

/// Records in a batch of a query that is cut by ids, unless the client says.
const CHUNK_SIZE: usize = 100_000;
const MOST_CHUNK_SIZE: usize = 250_000;

/// The values of a `jobInfo`, by name.
pub(super) struct JobInfo(Vec<(String, String)>);

impl JobInfo {
    pub(super) fn read(format: Format, body: &[u8]) -> Result<Self, Exception> {
        let values = match format {
            Format::Xml => {
                let root = xml::parse(body).map_err(|e| Exception::new("InvalidXML", e))?;
                let children = root.children.into_iter();
                children
                    .map(|child| (child.name, child.text.trim().to_owned()))
                    .collect()
            }
            Format::Json => {
                let body: Json = serde_json::from_slice(body)
                    .map_err(|e| Exception::new("InvalidJob", e.to_string()))?;
                let fields = body.as_object().cloned().unwrap_or_default();
                let known = fields
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), plain(Some(value))?)));
                known.collect()
            }
        };
        Ok(Self(values))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn needed(&self, name: &str) -> Result<&str, Exception> {
        self.get(name)
            .ok_or_else(|| Exception::new("InvalidJob", format!("No {name} was specified")))
    }
}

/// The job that is asked for.
pub(super) fn spec(
    catalogue: &Catalogue,
    call: &Call,
    info: &JobInfo,
    format: Format,
) -> Result<Spec, Exception> {
    let operation_name = info.needed("operation")?;
    let object_name = info.needed("object")?;
    let (object_name, kind) = match operation_name {
        "query" | "queryAll" => {
            let known = catalogue.object(object_name).ok_or_else(|| {
                let message = format!("Entity '{object_name}' is not supported by the Bulk API.");
                Exception::new("InvalidEntity", message)
            })?;
            let deleted = operation_name == "queryAll";
            (known.name.clone(), Kind::Query { deleted })
        }
        _ => {
            let object = object(catalogue, object_name)?;
            let key = info.get("externalIdFieldName");
            let (operation, operation_name) = operation(object, operation_name, key)?;
            let spec = two::Spec {
                object: object.index,
                operation,
                operation_name,
                external_id: key.map(str::to_owned),
                delimiter: COMMA,
                crlf: false,
                assignment_rule: None,
                api_version: call.version.clone(),
                blank_id: true,
            };
            (object.name.clone(), Kind::Ingest(spec))
        }
    };
    let content = match info.get("contentType") {
        None | Some("XML") => Content::Xml,
        Some("CSV") => Content::Csv,
        Some("JSON") => Content::Json,
        Some(other) => {
            let message = format!("Content type {other} is not supported by this org");
            return Err(Exception::new("InvalidJob", message));
        }
    };
    let serial = match info.get("concurrencyMode") {
        None | Some("Parallel" | "0") => false,
        Some("Serial" | "1") => true,
        Some(other) => {
            let message = format!("Concurrency mode {other} is not supported");
            return Err(Exception::new("InvalidJob", message));
        }
    };
    Ok(Spec {
        operation: operation_name.to_owned(),
        object: object_name,
        kind,
        content,
        serial,
        external_id: info.get("externalIdFieldName").map(str::to_owned),
        assignment_rule: info.get("assignmentRuleId").map(str::to_owned),
        chunk_size: chunk_size(call)?,
        format,
        api_version: call.version.clone(),
    })
}

/// `Sforce-Enable-PKChunking: true|false|chunkSize=n;…`.
fn chunk_size(call: &Call) -> Result<Option<usize>, Exception> {
    let value = call.headers.get("sforce-enable-pkchunking");
    let Some(value) = value.and_then(|v| v.to_str().ok()).map(str::trim) else {
        return Ok(None);
    };
    if value.is_empty() || value.eq_ignore_ascii_case("false") {
        return Ok(None);
    }
    let size = value
        .split(';')
        .find_map(|part| part.trim().strip_prefix("chunkSize="));
    match size.map(|size| size.trim().parse()) {
        None => Ok(Some(CHUNK_SIZE)),
        Some(Ok(size)) if (1..=MOST_CHUNK_SIZE).contains(&size) => Ok(Some(size)),
        Some(_) => Err(Exception::new(
            "InvalidJob",
            format!("chunkSize must be from 1 to {MOST_CHUNK_SIZE}"),
        )),
    }
}
