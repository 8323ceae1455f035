//! The rows of a batch in each content type, ready for the writes that all of Bulk shares. What is wrong with a
//! batch as a whole is told in its state message.

use std::io::Write as _;
use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::job::Content;
use crate::bulk::content::Content as Upload;
use crate::bulk::process::{chunk, delete_chunk, save_chunk};
use crate::bulk::spec::Spec;
use crate::bulk::table::{Table, unreadable};
use crate::org::Org;
use crate::schema::catalogue::{Catalogue, Object};
use crate::write::{Operation, Outcome};
use crate::xml::{self, Element};

/// The most rows of one batch.
const MOST: usize = 10_000;

pub(super) enum Rows {
    Table(Table),
    Records(Vec<Map<String, Json>>),
}

impl Rows {
    pub(super) fn read(
        org: &Org,
        spec: &Spec,
        content: Content,
        request: &Upload,
    ) -> Result<Self, String> {
        let data = request.whole().map_err(unreadable)?;
        let rows = match content {
            Content::Csv => {
                let spec = Spec {
                    crlf: ends_in_crlf(&data),
                    ..spec.clone()
                };
                // A copy, since what is noted of the rows goes behind it and the request stays as it was.
                let mut copy = Upload::new(&org.jobs.spool);
                copy.write_all(&data).map_err(unreadable)?;
                Self::Table(Table::read(&org.catalogue, &spec, copy)?)
            }
            Content::Json => Self::Records(from_json(&data)?),
            Content::Xml => Self::Records(from_xml(&data)?),
        };
        if rows.len() > MOST {
            return Err(format!(
                "InvalidBatch : A batch can't have more than {MOST} records"
            ));
        }
        if let Self::Records(records) = &rows {
            known_fields(&org.catalogue, org.catalogue.at(spec.object), records)?;
        }
        Ok(rows)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Records(records) => records.len(),
        }
    }

    /// Writes some of the rows, in one transaction.
    pub(super) fn write(
        &self,
        org: &Org,
        holder: u64,
        spec: &Spec,
        rows: Range<usize>,
    ) -> Result<Vec<Outcome>, String> {
        let records = match self {
            Self::Table(table) => return chunk(org, holder, spec, table, rows),
            Self::Records(records) => &records[rows],
        };
        if let Operation::Delete | Operation::HardDelete = spec.operation {
            let ids = records.iter().map(|record| {
                let id = record
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("Id"));
                let id = id.and_then(|(_, value)| value.as_str());
                id.unwrap_or_default().to_owned()
            });
            return delete_chunk(org, spec, ids.collect());
        }
        save_chunk(org, holder, spec, records.iter(), |reader, record| {
            reader.json(record)
        })
    }
}

/// Both endings are taken; the header's tells which it is.
fn ends_in_crlf(data: &[u8]) -> bool {
    let line = data.iter().position(|byte| *byte == b'\n');
    line.is_some_and(|end| end > 0 && data[end - 1] == b'\r')
}

fn from_json(data: &[u8]) -> Result<Vec<Map<String, Json>>, String> {
    let failed = |why: String| format!("InvalidBatch : Failed to parse JSON: {why}");
    let records: Vec<Map<String, Json>> =
        serde_json::from_slice(data).map_err(|error| failed(error.to_string()))?;
    Ok(records)
}

fn from_xml(data: &[u8]) -> Result<Vec<Map<String, Json>>, String> {
    let failed = |why: String| format!("InvalidBatch : Failed to parse XML: {why}");
    let root = xml::parse(data).map_err(failed)?;
    if root.name != "sObjects" {
        return Err(failed(format!(
            "the root must be sObjects, not {}",
            root.name
        )));
    }
    Ok(root.children.iter().map(record).collect())
}

/// Empty elements are left out, as empty cells are; `xsi:nil` clears.
fn record(element: &Element) -> Map<String, Json> {
    let mut fields = Map::new();
    for field in &element.children {
        let inner = field.child("sObject");
        let value = match (field.nil, inner) {
            (true, _) => Json::Null,
            (false, Some(parent)) => {
                let mut parent = record(parent);
                // Which of several objects is meant.
                if let Some(target) = parent.remove("type") {
                    parent.insert("attributes".to_owned(), serde_json::json!({"type": target}));
                }
                Json::Object(parent)
            }
            (false, None) if field.text.is_empty() => continue,
            (false, None) => Json::String(field.text.clone()),
        };
        fields.insert(field.name.clone(), value);
    }
    fields
}

/// As in CSV, a name that is no field fails the batch and not only its row.
fn known_fields(
    catalogue: &Catalogue,
    object: &Object,
    records: &[Map<String, Json>],
) -> Result<(), String> {
    for (name, value) in records.iter().flatten() {
        let known = match value {
            Json::Object(_) if name == "attributes" => true,
            Json::Object(parent) => object.relationship(name).is_some_and(|field| {
                let targets = &object.at(field).references;
                let has = |key: &str| {
                    targets
                        .iter()
                        .any(|t| catalogue.at(*t).field(key).is_some())
                };
                parent.keys().all(|key| key == "attributes" || has(key))
            }),
            _ => object.field(name).is_some() || name == "attributes",
        };
        if !known {
            return Err(format!("InvalidBatch : Field name not found : {name}"));
        }
    }
    Ok(())
}
