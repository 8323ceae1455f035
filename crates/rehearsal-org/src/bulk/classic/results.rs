//! What came of each row of a batch, in the order sent, in the batch's own content type.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::format::{CSV, DECLARATION, Format, NAMESPACE};
use super::job::{Batch, Content};
use crate::bulk::csv::write_quoted;
use crate::errors::{RowError, bulk_text};
use crate::org::Org;
use crate::rest::Reply;
use crate::write::Outcome;

pub(super) fn results(org: &Org, batch: &Batch, content: Content) -> Reply {
    let progress = batch.progress();
    // Rows that were not come to, in a batch that failed half-way.
    let left = progress.rows.saturating_sub(progress.outcomes.len());
    let unprocessed = || {
        let message = "The record was not processed, its batch failed";
        Err(vec![RowError::new("UNKNOWN_EXCEPTION", message)])
    };
    let rest: Vec<Outcome> = std::iter::repeat_with(unprocessed).take(left).collect();
    let all = progress.outcomes.iter().chain(&rest);
    match content {
        Content::Csv => Reply::whole(StatusCode::OK, CSV, csv(org, all)),
        Content::Json => Format::Json.reply(StatusCode::OK, json_text(org, all)),
        Content::Xml => Format::Xml.reply(StatusCode::OK, xml(org, all)),
    }
}

fn csv<'a>(org: &Org, outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut out = String::from("\"Id\",\"Success\",\"Created\",\"Error\"\n");
    for outcome in outcomes {
        let (id, success, created, error) = match outcome {
            Ok(saved) => {
                let id = org.catalogue.id_text(saved.id);
                (id, true, saved.created, String::new())
            }
            Err(errors) => (String::new(), false, false, bulk_text(errors)),
        };
        write_quoted(&id, &mut out);
        out.push_str(&format!(",\"{success}\",\"{created}\","));
        write_quoted(&error, &mut out);
        out.push('\n');
    }
    out
}

fn json_text<'a>(org: &Org, outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let all = outcomes.map(|outcome| match outcome {
        Ok(saved) => json!({
            "success": true,
            "created": saved.created,
            "id": org.catalogue.id_text(saved.id),
            "errors": [],
        }),
        Err(errors) => {
            let errors: Vec<Json> = errors.iter().map(RowError::to_collection_json).collect();
            json!({"success": false, "created": false, "id": null, "errors": errors})
        }
    });
    Json::Array(all.collect()).to_string()
}

fn xml<'a>(org: &Org, outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    use crate::xml::write_element;
    let mut out = format!("{DECLARATION}<results xmlns=\"{NAMESPACE}\">");
    for outcome in outcomes {
        out.push_str("<result>");
        let (success, created) = match outcome {
            Ok(saved) => {
                write_element("id", &org.catalogue.id_text(saved.id), &mut out);
                (true, saved.created)
            }
            Err(errors) => {
                for error in errors {
                    out.push_str("<errors>");
                    for field in &error.fields {
                        write_element("fields", field, &mut out);
                    }
                    write_element("message", &error.message, &mut out);
                    write_element("statusCode", error.code, &mut out);
                    out.push_str("</errors>");
                }
                (false, false)
            }
        };
        out.push_str(&format!(
            "<success>{success}</success><created>{created}</created></result>"
        ));
    }
    out.push_str("</results>");
    out
}
