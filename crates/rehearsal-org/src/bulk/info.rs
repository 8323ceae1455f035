//! A job as the API tells it: short when it is created or changed, full when it is asked for.

use serde_json::{Map, Value as Json, json};

use super::job::{Job, State};
use crate::org::Org;
use crate::values::moment::moment_text;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Created,
    Changed,
    Full,
    Listed,
}

pub(super) fn info(org: &Org, job: &Job, detail: Detail) -> Json {
    let progress = job.progress();
    let spec = &job.spec;
    let mut info = Map::new();
    let mut put = |name: &str, value: Json| {
        info.insert(name.to_owned(), value);
    };
    put("id", json!(job.id));
    put("operation", json!(spec.operation_name));
    put("object", json!(org.catalogue.at(spec.object).name));
    put(
        "createdById",
        json!(org.catalogue.id_text(org.catalogue.user)),
    );
    put("createdDate", json!(moment_text(job.created)));
    put("systemModstamp", json!(moment_text(progress.modified)));
    put("state", json!(progress.state.name()));
    if let Some(field) = &spec.external_id {
        put("externalIdFieldName", json!(field));
    }
    if let Some(rule) = &spec.assignment_rule {
        put("assignmentRuleId", json!(rule));
    }
    put("concurrencyMode", json!("Parallel"));
    put("contentType", json!("CSV"));
    put(
        "apiVersion",
        json!(spec.api_version.parse::<f64>().unwrap_or_default()),
    );
    if progress.state == State::Open {
        let url = format!(
            "services/data/v{}/jobs/ingest/{}/batches",
            spec.api_version, job.id
        );
        put("contentUrl", json!(url));
    }
    if detail != Detail::Changed {
        put("lineEnding", json!(if spec.crlf { "CRLF" } else { "LF" }));
        put("columnDelimiter", json!(spec.delimiter.name));
    }
    if matches!(detail, Detail::Full | Detail::Listed) {
        put("jobType", json!("V2Ingest"));
    }
    if detail == Detail::Full {
        let busy = progress.busy.as_millis() as u64;
        put("numberRecordsProcessed", json!(progress.processed));
        put("numberRecordsFailed", json!(progress.failed));
        put("retries", json!(0));
        put("totalProcessingTime", json!(busy));
        put("apiActiveProcessingTime", json!(busy));
        put("apexProcessingTime", json!(0));
        if let Some(error) = &progress.error {
            put("errorMessage", json!(error));
        }
    }
    Json::Object(info)
}
