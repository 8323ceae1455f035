//! A few records by sObject Collections, 200 a call: REST calls that answer at once. Their answers come in the order of what was sent, and only so are
//! they bound to it: answer and request are never apart.

mod encode;
mod there;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connector::{Calls, Gate, LoadPlan, Sent, SmallRow, SmallSets, Verdict};
use csv::{ByteRecord, StringRecord};
use model::Failure;
use model::migration::Operation;
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::columns::columns;
use crate::estimate;
use crate::key::{self, KeyForm};
use crate::row_error::RowError;

/// Records of one call (REST guide, "sObject Collections").
const AT_ONCE: usize = 200;
/// Rows of a small set in bytes: they are stored with it.
const MOST_BYTES: u64 = 1 << 20;
/// The kill switch was read right before a call, which is not sent later than this after.
const LEAVE: Duration = Duration::from_secs(1);

pub(crate) struct Collections {
    client: Arc<Client>,
}

impl Collections {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

/// What became of one record.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<String>,
    success: bool,
    /// Told by upserts alone.
    #[serde(default)]
    created: Option<bool>,
    #[serde(default)]
    errors: Vec<AnswerError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerError {
    status_code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    fields: Vec<String>,
}

#[async_trait]
impl SmallSets for Collections {
    fn is_small(&self, plan: &LoadPlan, records: u64, bytes: u64) -> bool {
        // There is no collection of hard deletes, and only a job's results give back the rows that are sent again for a missing parent.
        plan.operation != Operation::HardDelete
            && plan.missing.is_empty()
            && bytes <= MOST_BYTES
            && calls_for(plan, records).total() < estimate::calls(1, 0.0).total()
    }

    fn calls(&self, plan: &LoadPlan, records: u64) -> Calls {
        calls_for(plan, records)
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    fn rows(&self, plan: &LoadPlan, encoded: &[u8]) -> Result<Vec<SmallRow>, Failure> {
        let field = key::field(plan)?;
        let form = KeyForm::of(field);
        let key = columns(plan)?
            .iter()
            .position(|column| column.header == field.name)
            .ok_or_else(|| Failure::bug("the key is not sent").field(&field.name))?;
        let encoded = Bytes::copy_from_slice(encoded);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(encoded.as_ref());
        let mut rows = Vec::new();
        let mut row = ByteRecord::new();
        let mut start = 0;
        while reader.read_byte_record(&mut row).map_err(unreadable)? {
            let end = usize::try_from(reader.position().byte())
                .map_err(|_| Failure::bug("a small set is larger than memory"))?;
            let key = row.get(key).unwrap_or_default();
            rows.push(SmallRow {
                key: form.normal(&String::from_utf8_lossy(key)),
                row: encoded.slice(start..end),
            });
            start = end;
        }
        Ok(rows)
    }

    async fn there(
        &self,
        plan: &LoadPlan,
        keys: &[&str],
    ) -> Result<BTreeMap<String, String>, Failure> {
        there::there(&self.client, plan, keys)
            .await
            .map_err(|failure| failure.object(&plan.object))
    }

    async fn write(
        &self,
        plan: &LoadPlan,
        rows: &[SmallRow],
        gate: &dyn Gate,
    ) -> Result<Vec<Sent>, Failure> {
        let rows = rows
            .iter()
            .map(|row| cells(row).map(|cells| (row.key.as_str(), cells)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let call = call(plan, &rows)?.unless_acted(Some(LEAVE));
        gate.pass().await?;
        let answers: Vec<Answer> = self
            .client
            .json(call)
            .await
            .map_err(|error| Failure::from(error).object(&plan.object))?;
        if answers.len() != rows.len() {
            return Err(Failure::bug(format!(
                "the org was sent {} records by one call and answered for {}: which answer is whose can't be told",
                rows.len(),
                answers.len()
            ))
            .object(&plan.object)
            .hint("compare the object with the source, then `stevedore retry`; `collections: false` under the connection loads by jobs alone"));
        }
        let columns = columns(plan)?;
        let headers: Vec<_> = columns.iter().map(|column| &column.header).collect();
        let sent = rows.iter().zip(answers).map(|((key, cells), answer)| {
            let verdict = verdict(plan, key, answer)?;
            let fields = match verdict {
                Verdict::Failed { .. } | Verdict::Contended { .. } => headers
                    .iter()
                    .zip(cells)
                    .map(|(name, cell)| ((*name).clone(), cell.to_owned()))
                    .collect(),
                _ => BTreeMap::new(),
            };
            Ok(Sent {
                key: (*key).to_owned(),
                verdict,
                fields,
            })
        });
        sent.collect()
    }
}

/// Records are looked for before they are written, but for updates, and written.
fn calls_for(plan: &LoadPlan, records: u64) -> Calls {
    let calls = records.div_ceil(AT_ONCE as u64);
    let looks = match plan.operation {
        Operation::Update => 0,
        _ => calls,
    };
    let each = [("look-ups", looks), ("collections", calls)];
    Calls(
        each.into_iter()
            .filter(|(_, calls)| *calls > 0)
            .map(|(kind, calls)| (kind.to_owned(), calls))
            .collect(),
    )
}

/// The one call that writes these.
fn call(plan: &LoadPlan, rows: &[(&str, StringRecord)]) -> Result<Call, Failure> {
    let objects = ["composite", "sobjects"];
    if plan.operation.deletes() {
        let ids: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
        return Ok(Call::delete(&objects)
            .query("ids", &ids.join(","))
            .query("allOrNone", "false"));
    }
    let cells = rows.iter().map(|(_, cells)| cells);
    let body = encode::body(plan, &columns(plan)?, cells)?;
    Ok(match plan.operation {
        Operation::Insert => Call::post_bytes(&objects, body),
        Operation::Upsert => {
            let path = [objects[0], objects[1], &plan.to, &key::field(plan)?.name];
            Call::patch_bytes(&path, body)
        }
        _ => Call::patch_bytes(&objects, body),
    })
}

fn cells(row: &SmallRow) -> Result<StringRecord, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(row.row.as_ref());
    let mut cells = StringRecord::new();
    reader.read_record(&mut cells).map_err(unreadable)?;
    Ok(cells)
}

fn unreadable(error: csv::Error) -> Failure {
    Failure::bug(format!("our own rows can't be read: {error}"))
}

fn verdict(plan: &LoadPlan, key: &str, answer: Answer) -> Result<Verdict, Failure> {
    if !answer.success {
        let errors = answer.errors.into_iter().map(|error| RowError {
            code: error.status_code,
            message: error.message,
            fields: error.fields,
        });
        return Ok(RowError::of_several(errors).verdict());
    }
    let Some(id) = answer.id.filter(|id| !id.is_empty()) else {
        return Err(
            Failure::bug("the org says that it wrote a record, and not which it is")
                .object(&plan.object)
                .key(key),
        );
    };
    Ok(match (plan.operation, answer.created) {
        (Operation::Insert, _) | (Operation::Upsert, Some(true)) => Verdict::Created { id },
        (operation, _) if operation.deletes() => Verdict::Deleted { id },
        _ => Verdict::Updated { id },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sets_take_two_calls_for_each_two_hundred() {
        let plan = |operation| crate::testing::plan(operation, "External_Id__c", &[]);
        let upsert = plan(Operation::Upsert);
        assert_eq!(calls_for(&upsert, 150).total(), 2);
        assert_eq!(calls_for(&upsert, 801).0["collections"], 5);
        assert_eq!(calls_for(&plan(Operation::Update), 150).total(), 1);
    }
}
