//! Records made one small call after the other, by sObject Collections (REST guide, "Create Multiple Records"): parents that children miss. They are inserted,
//! never upserted: whatever has their key by then stays as it is.

use connector::Made;
use model::Failure;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Call, Client};

/// Records of one call at most.
const AT_ONCE: usize = 200;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<String>,
    success: bool,
    #[serde(default)]
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    status_code: String,
    message: String,
}

pub(crate) async fn make(
    client: &Client,
    to: &str,
    records: &[Map<String, Value>],
) -> Result<Vec<Made>, Failure> {
    let mut made = Vec::with_capacity(records.len());
    for records in records.chunks(AT_ONCE) {
        let records: Vec<Value> = records
            .iter()
            .map(|record| {
                let mut record = record.clone();
                record.insert("attributes".to_owned(), json!({ "type": to }));
                record.into()
            })
            .collect();
        let body = json!({ "allOrNone": false, "records": records });
        let call = Call::post(&["composite", "sobjects"], &body);
        let answers: Vec<Answer> = client.json(call).await?;
        if answers.len() != records.len() {
            return Err(Failure::retry(
                "results_incomplete",
                format!(
                    "the org was given {} records to make, and tells of {}",
                    records.len(),
                    answers.len()
                ),
            ));
        }
        for answer in answers {
            made.push(read(answer)?);
        }
    }
    Ok(made)
}

fn read(answer: Answer) -> Result<Made, Failure> {
    if let (true, Some(id)) = (answer.success, answer.id) {
        return Ok(Made::Made { id });
    }
    let first = answer.errors.into_iter().next();
    let (code, message) = first.map_or_else(
        || ("UNKNOWN".to_owned(), "the org gave no reason".to_owned()),
        |refusal| (refusal.status_code, refusal.message),
    );
    match code.as_str() {
        "DUPLICATE_VALUE" => Ok(Made::WasThere {
            id: id_in(&message),
        }),
        "UNABLE_TO_LOCK_ROW" | "SERVER_UNAVAILABLE" | "REQUEST_RUNNING_TOO_LONG" => {
            Err(Failure::retry(code, message))
        }
        _ => Ok(Made::Refused { code, message }),
    }
}

/// `duplicate value found: External_Id__c duplicates value on record with id: 001D000000IqhSL`.
fn id_in(message: &str) -> Option<String> {
    let (_, id) = message.rsplit_once("with id: ")?;
    let id: String = id.chars().take_while(char::is_ascii_alphanumeric).collect();
    matches!(id.len(), 15 | 18).then(|| crate::key::KeyForm::Id.normal(&id))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Made, Failure> {
        read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_is_there_already_is_no_trouble() {
        let made = answer(r#"{"id":"001D000000IqhSLIAZ","success":true,"errors":[]}"#);
        assert!(matches!(made, Ok(Made::Made { .. })));
        let there = r#"{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"duplicate value found: X__c duplicates value on record with id: 001D000000IqhSL","fields":[]}]}"#;
        let expected = Made::WasThere {
            id: Some("001D000000IqhSLIAZ".to_owned()),
        };
        assert_eq!(answer(there).unwrap(), expected);
        let unknown = there.replace("001D000000IqhSL", "<unknown>");
        assert_eq!(answer(&unknown).unwrap(), Made::WasThere { id: None });
        let locked = there.replace("DUPLICATE_VALUE", "UNABLE_TO_LOCK_ROW");
        assert_eq!(answer(&locked).unwrap_err().kind, model::FailureKind::Retry);
        let refused = there.replace("DUPLICATE_VALUE", "REQUIRED_FIELD_MISSING");
        assert!(matches!(answer(&refused), Ok(Made::Refused { .. })));
    }
}
