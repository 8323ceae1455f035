//! The first few records by REST: a page or a few, and no job.

use arrow::array::RecordBatch;
use connector::SourceObject;
use model::Failure;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rows::Rows;
use super::select::Select;
use crate::client::{Call, Client};

/// Records that are worth their calls: an org gives two thousand in one, fewer where they are wide.
const MOST: u64 = 2_000;
/// The longest query that still fits into an address once its signs are escaped.
const LONGEST: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    records: Vec<Map<String, Value>>,
    #[serde(default)]
    next_records_url: Option<String>,
}

/// None where the query is too long to be asked for so.
pub(super) async fn first(
    client: &Client,
    object: &SourceObject,
    select: &Select,
    most: u64,
) -> Result<Option<RecordBatch>, Failure> {
    let schema = object.schema.clone();
    let key = object.key.first().and_then(|key| schema.index_of(key).ok());
    let key = key.ok_or_else(|| Failure::bug("the key is not among the columns"))?;
    let mut rows = Rows::new(schema.clone(), key)?;
    let soql = format!("{} LIMIT {}", select.soql(""), most.clamp(1, MOST));
    if soql.len() > LONGEST {
        return Ok(None);
    }
    let door = if select.all_rows { "queryAll" } else { "query" };
    let mut page: Page = client.json(Call::get(&[door]).query("q", &soql)).await?;
    loop {
        for record in &page.records {
            let fields = schema.fields().iter();
            let texts: Vec<String> = fields.map(|field| text(record, field.name())).collect();
            rows.record(&texts);
        }
        let next = page
            .next_records_url
            .as_deref()
            .and_then(|url| url.rsplit('/').next());
        match next {
            Some(locator) => {
                page = client.json(Call::get(&[door, locator])).await?;
            }
            None => return Ok(Some(rows.finish()?.0)),
        }
    }
}

/// A value as a cell of a query's CSV has it: `Account.Name` is the name in the record's account.
fn text(record: &Map<String, Value>, path: &str) -> String {
    let find = |record: &Map<String, Value>, name: &str| {
        let exact = record.get(name);
        let alike = || {
            record
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        exact.or_else(|| alike().map(|(_, value)| value)).cloned()
    };
    let mut steps = path.split('.');
    let mut value = steps.next().and_then(|step| find(record, step));
    for step in steps {
        value = value
            .as_ref()
            .and_then(Value::as_object)
            .and_then(|record| find(record, step));
    }
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}
