//! Which keys an object of the org holds: asked by as many keys in a query as fit, and by bulk queries where that takes fewer calls.

use std::collections::HashSet;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use connector::{Held, TargetField};
use model::Failure;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::client::{Call, Client};
use crate::csv_encode;
use crate::describe::Described;
use crate::key::KeyForm;
use crate::soql::{escaped, is_name};
use crate::source::{pages, query};
use crate::spool::Spool;

/// Characters of one query in an address, as they are sent: the org takes 16,384 bytes of address and headers (REST API guide, "Limits").
const IN_ADDRESS: usize = 12_000;
/// Characters of one bulk query: the org takes 100,000 (SOQL guide, "SOQL limits").
const IN_BULK: usize = 95_000;
/// A bulk query takes about this many calls: it is created, looked at, and its page fetched. So few plain ones are no more.
const FEW: usize = 4;

/// The keys of one field that are asked for.
struct Asked<'a> {
    object: &'a str,
    field: &'a TargetField,
    form: KeyForm,
    /// For each row, its key as it is compared; none for null.
    rows: Vec<Option<String>>,
}

pub(crate) async fn held(
    client: &Client,
    described: &Described,
    keys: &RecordBatch,
) -> Result<Held, Failure> {
    let asked = Asked::new(described, keys)?;
    let texts: HashSet<&str> = asked.rows.iter().flatten().map(String::as_str).collect();
    let mut literals: Vec<String> = texts.into_iter().map(|text| asked.literal(text)).collect();
    literals.sort_unstable();
    let mut found = HashSet::new();
    let plain = parts(&literals, IN_ADDRESS, encoded);
    let mut calls = 0;
    if plain.len() <= FEW {
        for part in plain {
            calls += ask(client, &asked, part, &mut found).await?;
        }
    } else {
        for part in parts(&literals, IN_BULK, str::len) {
            calls += ask_in_bulk(client, &asked, part, &mut found).await?;
        }
    }
    let is_there = |key: &Option<String>| key.as_ref().is_some_and(|key| found.contains(key));
    Ok(Held {
        there: asked.rows.iter().map(is_there).collect(),
        calls,
    })
}

impl<'a> Asked<'a> {
    fn new(described: &'a Described, keys: &RecordBatch) -> Result<Self, Failure> {
        let object = &described.object;
        let schema = keys.schema_ref();
        let [column] = schema.fields().as_ref() else {
            let message = format!("records of {} are found by one field", object.name);
            return Err(Failure::bug(message));
        };
        let field = object.field(column.name()).ok_or_else(|| {
            let message = format!("{} has no field `{}`", object.name, column.name());
            Failure::usage("unknown_field", message).field(column.name())
        })?;
        if !is_name(&object.name) || !is_name(&field.name) {
            let message = format!("`{}.{}` is no name", object.name, field.name);
            return Err(Failure::usage("invalid_name", message));
        }
        let mut asked = Self {
            object: &object.name,
            field,
            form: KeyForm::of(field),
            rows: Vec::new(),
        };
        let texts = csv_encode::texts(column, keys.column(0))?;
        let texts = texts.into_iter().enumerate();
        asked.rows = texts
            .map(|(row, text)| {
                let there = keys.column(0).is_valid(row) && !text.is_empty();
                there.then(|| asked.alike(&text))
            })
            .collect();
        Ok(asked)
    }

    /// A key as it is compared with another.
    fn alike(&self, text: &str) -> String {
        let normal = self.form.normal(text);
        match self.field.case_sensitive {
            true => normal,
            false => normal.to_lowercase(),
        }
    }

    /// A key as it stands in a query.
    fn literal(&self, text: &str) -> String {
        match self.field.data_type {
            DataType::Utf8 => format!("'{}'", escaped(text)),
            _ => text.to_owned(),
        }
    }

    fn query(&self, literals: &[String]) -> String {
        let (name, object) = (&self.field.name, self.object);
        let literals = literals.join(",");
        format!("SELECT {name} FROM {object} WHERE {name} IN ({literals})")
    }
}

#[derive(Deserialize)]
struct Page {
    records: Vec<Value>,
    #[serde(rename = "nextRecordsUrl")]
    next: Option<String>,
}

async fn ask(
    client: &Client,
    asked: &Asked<'_>,
    literals: &[String],
    found: &mut HashSet<String>,
) -> Result<u64, Failure> {
    let mut calls = 0;
    let mut call = Call::get(&["query"]).query("q", &asked.query(literals));
    loop {
        let page: Page = client.json(call).await?;
        calls += 1;
        for record in page.records {
            match record.get(&asked.field.name) {
                Some(Value::String(text)) => found.insert(asked.alike(text)),
                Some(Value::Null) | None => continue,
                Some(other) => found.insert(asked.alike(&other.to_string())),
            };
        }
        let Some(next) = page.next else {
            return Ok(calls);
        };
        let locator = next.rsplit('/').next().unwrap_or_default();
        call = Call::get(&["query", locator]);
    }
}

async fn ask_in_bulk(
    client: &Client,
    asked: &Asked<'_>,
    literals: &[String],
    found: &mut HashSet<String>,
) -> Result<u64, Failure> {
    let answered = query::run(client, &asked.query(literals), false).await?;
    let mut calls = answered.calls;
    let unreadable = |error: csv::Error| {
        let message = format!("a page of the query's results can't be read: {error}");
        Failure::chunk("results_unreadable", message)
    };
    let (taker, mut pages) = mpsc::channel::<Spool>(1);
    let handing_over = async {
        // Dropped at the end, so that the taking ends too.
        let taker = taker;
        pages::hand_over(client, &answered.job, &taker).await
    };
    let taking = async {
        while let Some(mut page) = pages.recv().await {
            calls += 1;
            let mut rows = csv::Reader::from_reader(page.reader()?);
            for row in rows.records() {
                let row = row.map_err(unreadable)?;
                if let Some(text) = row.get(0).filter(|text| !text.is_empty()) {
                    found.insert(asked.alike(text));
                }
            }
        }
        Ok(())
    };
    tokio::try_join!(handing_over, taking)?;
    Ok(calls)
}

/// Stretches of literals that fit into one query each, by a measure of their length.
fn parts(literals: &[String], most: usize, length: impl Fn(&str) -> usize) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let (mut from, mut sum) = (0, 0);
    for (place, literal) in literals.iter().enumerate() {
        // With a comma, which an address writes as three characters.
        let more = length(literal) + 3;
        if place > from && sum + more > most {
            parts.push(&literals[from..place]);
            (from, sum) = (place, 0);
        }
        sum += more;
    }
    if from < literals.len() {
        parts.push(&literals[from..]);
    }
    parts
}

/// The length of a text in an address: what is no letter or digit takes three characters for each byte.
fn encoded(text: &str) -> usize {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_asked_for_once_and_no_query_is_too_long() {
        let literals: Vec<String> = (0..5_000).map(|n| format!("'LEGACY_{n}'")).collect();
        let parts = parts(&literals, IN_ADDRESS, encoded);
        assert!(parts.len() > FEW);
        let again: Vec<&String> = parts.iter().flat_map(|part| part.iter()).collect();
        assert_eq!(again, literals.iter().collect::<Vec<_>>());
        for part in parts {
            assert!(encoded(&part.join(",")) <= IN_ADDRESS);
        }
        assert!(super::parts(&[], 10, str::len).is_empty());
    }
}
