//! Rehearsal orgs as a person starts them, `stevedore rehearse`, and what they hold by their own word: SOQL over REST, by nothing of the line's.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::stage::Stage;

pub(crate) struct Org {
    process: Child,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Org {
    /// An org with the standard objects and those of a schema file.
    pub(crate) fn start(stage: &Stage, schema: &Path) -> Self {
        let mut process = stage
            .command(&["rehearse", "--port", "0", "--schema"])
            .arg(schema)
            .stdout(Stdio::piped())
            .spawn()
            .expect("an org");
        let printed = BufReader::new(process.stdout.take().expect("its words"));
        let mut org = Self {
            process,
            url: String::new(),
            token: String::new(),
        };
        for line in printed.lines().map(|line| line.expect("a line")) {
            if let Some(told) = line.strip_prefix("ORG_URL=") {
                told.clone_into(&mut org.url);
            }
            if let Some(token) = line.strip_prefix("ORG_TOKEN=") {
                token.trim_matches('\'').clone_into(&mut org.token);
                return org;
            }
        }
        panic!("the org did not start");
    }

    /// Every record that a query finds, its values by path.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        let client = reqwest::Client::new();
        let mut next = Some(
            client
                .get(format!("{}/services/data/v66.0/query", self.url))
                .query(&[("q", soql)]),
        );
        let mut records = Vec::new();
        while let Some(call) = next.take() {
            let answer = call.bearer_auth(&self.token).send().await.expect("sent");
            let mut page: Value = answer.json().await.expect("JSON");
            let Value::Array(found) = page["records"].take() else {
                panic!("{soql}: {page}");
            };
            records.extend(found);
            if let Some(path) = page["nextRecordsUrl"].as_str() {
                next = Some(client.get(format!("{}{path}", self.url)));
            }
        }
        records
    }
}

impl Drop for Org {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A value by its path (`Artist__r.Key__c`), as text; nothing for null, or for what a parent that is not there would have.
pub(crate) fn text(record: &Value, path: &str) -> String {
    let value = path.split('.').fold(record, |value, name| &value[name]);
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // Numbers come as doubles.
        other => other
            .as_f64()
            .map_or_else(|| other.to_string(), |number| number.to_string()),
    }
}
