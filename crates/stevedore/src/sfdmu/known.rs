//! The settings of an export.json that Stevedore has no counterpart of, with SFDMU's defaults: one that is left at its default says nothing.
//! Names and defaults are those of SFDMU 5.8 (its Script and ScriptObject classes).

use serde_json::Value;

use super::loss::Loss;
use super::script::Settings;

use Default::{Empty, Is, Number, Text};

/// A setting without counterpart.
struct Known {
    key: &'static str,
    default: Default,
    why: &'static str,
    way_out: &'static str,
}

enum Default {
    Is(bool),
    Number(f64),
    Text(&'static str),
    /// Nothing, an empty text or an empty list.
    Empty,
}

const fn known(
    key: &'static str,
    default: Default,
    why: &'static str,
    way_out: &'static str,
) -> Known {
    Known {
        key,
        default,
        why,
        way_out,
    }
}

const OWN_PACE: &str = "Stevedore writes through Bulk API 2.0 and paces itself";
const NOTHING: &str = "none is needed";
const NO_ADDONS: &str = "Stevedore runs no add-ons";
const INSTEAD_OF_ADDONS: &str = "say it with SQL expressions under `fields`, with the query, or with a step before or after the run";
const WRITES_NO_FILES: &str = "it is about files that SFDMU writes, and Stevedore writes none";
const OWN_QUERIES: &str = "Stevedore does not compare with the target's records before it writes";

/// Of the project as a whole.
const OF_PROJECT: &[Known] = &[
    known("pollingIntervalMs", Number(5000.0), OWN_PACE, NOTHING),
    known(
        "pollingQueryTimeoutMs",
        Number(240_000.0),
        OWN_PACE,
        NOTHING,
    ),
    known(
        "concurrencyMode",
        Text("Parallel"),
        "Bulk API 2.0 knows parallel processing only",
        "none is needed: rows that failed because of locks are sent again alone",
    ),
    known("bulkThreshold", Number(200.0), OWN_PACE, NOTHING),
    known("queryBulkApiThreshold", Number(30_000.0), OWN_PACE, NOTHING),
    known("bulkApiVersion", Text("2.0"), OWN_PACE, NOTHING),
    known("bulkApiV1BatchSize", Number(9500.0), OWN_PACE, NOTHING),
    known("restApiBatchSize", Empty, OWN_PACE, NOTHING),
    known("parallelBulkJobs", Number(1.0), OWN_PACE, NOTHING),
    known("parallelRestJobs", Number(1.0), OWN_PACE, NOTHING),
    known(
        "parallelBinaryDownloads",
        Number(20.0),
        "Stevedore carries no file contents yet",
        "move the files with another tool",
    ),
    known(
        "alwaysUseRestApiToUpdateRecords",
        Is(false),
        OWN_PACE,
        NOTHING,
    ),
    known(
        "binaryDataCache",
        Text("InMemory"),
        "Stevedore keeps no cache",
        NOTHING,
    ),
    known(
        "sourceRecordsCache",
        Text("InMemory"),
        "Stevedore keeps no cache",
        NOTHING,
    ),
    known(
        "promptOnMissingParentObjects",
        Is(true),
        "with false SFDMU moves a record whose parent is missing, its lookup empty; Stevedore rejects it",
        "`stevedore failures` lists such records; `retry` sends them once their parents are there",
    ),
    known(
        "promptOnIssuesInCSVFiles",
        Is(true),
        "Stevedore asks nothing; a record that it can't read is rejected alone",
        NOTHING,
    ),
    known(
        "validateCSVFilesOnly",
        Is(false),
        "it is a way to run, and not part of a migration file",
        "`stevedore check` reads file, source and target and moves nothing",
    ),
    known(
        "simulationMode",
        Is(false),
        "it is a way to run, and not part of a migration file",
        "`stevedore check` reads file, source and target and moves nothing",
    ),
    known(
        "createTargetCSVFiles",
        Is(true),
        "Stevedore writes no such files; it keeps audit log, ledger and failed records always",
        "`stevedore failures RUN --csv FILE`",
    ),
    known(
        "importCSVFilesAsIs",
        Is(false),
        "Stevedore reads files as they are, always",
        NOTHING,
    ),
    known(
        "allowFieldTruncation",
        Is(false),
        "Stevedore shortens no text by itself; one that is too long is rejected",
        "`left(Field, 80)` under `fields`",
    ),
    known(
        "csvFileEncoding",
        Text("utf8"),
        "Stevedore reads UTF-8",
        "`iconv -t UTF-8` before the run",
    ),
    known(
        "csvInsertNulls",
        Is(true),
        "here an empty cell is null and clears the field",
        "`{ from: Column, on_null: keep }` leaves the field as it is",
    ),
    known(
        "csvUseEuropeanDateFormat",
        Is(false),
        "Stevedore guesses no date's form",
        "`to_date(Column, '%d.%m.%Y')` under `fields`",
    ),
    known("csvWriteFileDelimiter", Text(","), WRITES_NO_FILES, NOTHING),
    known(
        "csvWriteUpperCaseHeaders",
        Is(false),
        WRITES_NO_FILES,
        NOTHING,
    ),
    known(
        "csvUseUtf8Bom",
        Is(true),
        "a byte-order mark is understood, and none is needed",
        NOTHING,
    ),
    known("csvAlwaysQuoted", Is(true), WRITES_NO_FILES, NOTHING),
    known(
        "useSeparatedCSVFiles",
        Is(false),
        "all files are looked for beside export.json",
        "put the folder before the file's name under `from`",
    ),
    known(
        "proxyUrl",
        Text(""),
        "a migration file says nothing about the network",
        "set it where Stevedore's services run, as HTTPS_PROXY",
    ),
    known(
        "groupQuery",
        Text(""),
        "groups and queues are not looked up",
        "fill `OwnerId` with an id of the target under `fields`",
    ),
    known("beforeAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("afterAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("dataRetrievedAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
];

const READ_BY_PROJECT: &[&str] = &[
    "$schema",
    "orgs",
    "objects",
    "objectSets",
    "excludedObjects",
    "apiVersion",
    "csvFileDelimiter",
    "csvReadFileDelimiter",
    "excludeIdsFromCSVFiles",
    "keepObjectOrderWhileExecute",
    "allOrNone",
    "sourceUsername",
    "targetUsername",
];

const DELETE_FIRST: &str = "delete them before the run, or with a migration file of its own whose source and target are the target org: \
     `from: { query: … }`, `key: Id`, `operation: delete`, `external_id: Id`, `fields: { Id: Id }`";

/// Of an object.
const OF_OBJECT: &[Known] = &[
    known(
        "deleteOldData",
        Is(false),
        "Stevedore deletes nothing in the target before it writes",
        DELETE_FIRST,
    ),
    known(
        "deleteQuery",
        Text(""),
        "Stevedore deletes nothing in the target before it writes",
        DELETE_FIRST,
    ),
    known(
        "hardDelete",
        Is(false),
        "what Stevedore deletes goes to the recycle bin",
        "empty the recycle bin afterwards",
    ),
    known(
        "deleteFromSource",
        Is(false),
        "Stevedore writes nothing into a source",
        "delete the records there once the run is signed off",
    ),
    known(
        "deleteByHierarchy",
        Is(false),
        "Stevedore deletes nothing in the target before it writes",
        DELETE_FIRST,
    ),
    known(
        "respectOrderByOnDeleteRecords",
        Is(false),
        "Stevedore deletes nothing in the target before it writes",
        DELETE_FIRST,
    ),
    known(
        "master",
        Is(true),
        "with false SFDMU moves only the records that others refer to; here all that the query gives are moved",
        "narrow the query, as with `WHERE Id IN (SELECT AccountId FROM Contact WHERE …)`",
    ),
    known("skipRecordsComparison", Is(false), OWN_QUERIES, NOTHING),
    known(
        "sourceRecordsFilter",
        Text(""),
        "it is a filter in SFDMU's own dialect over the records read",
        "say it in the `WHERE` of the query",
    ),
    known(
        "targetRecordsFilter",
        Text(""),
        "it is a filter in SFDMU's own dialect over the records about to be written",
        "say it in the `WHERE` of the query",
    ),
    known("queryAllTarget", Is(false), OWN_QUERIES, NOTHING),
    known(
        "targetFullQueryRecordsThreshold",
        Number(30_000.0),
        OWN_QUERIES,
        NOTHING,
    ),
    known("includedInClauseFields", Empty, OWN_QUERIES, NOTHING),
    known("excludedFromInClauseFields", Empty, OWN_QUERIES, NOTHING),
    known(
        "alwaysUseBulkApiToUpdateRecords",
        Is(false),
        OWN_PACE,
        NOTHING,
    ),
    known("alwaysUseRestApi", Is(false), OWN_PACE, NOTHING),
    known("alwaysUseBulkApi", Is(false), OWN_PACE, NOTHING),
    known("bulkApiV1BatchSize", Empty, OWN_PACE, NOTHING),
    known("restApiBatchSize", Empty, OWN_PACE, NOTHING),
    known("parallelBulkJobs", Empty, OWN_PACE, NOTHING),
    known("parallelRestJobs", Number(1.0), OWN_PACE, NOTHING),
    known("beforeAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("afterAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("beforeUpdateAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("afterUpdateAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
    known("filterRecordsAddons", Empty, NO_ADDONS, INSTEAD_OF_ADDONS),
];

const READ_BY_OBJECT: &[&str] = &[
    "name",
    "query",
    "operation",
    "externalId",
    "excluded",
    "useFieldMapping",
    "fieldMapping",
    "useValuesMapping",
    "useCSVValuesMapping",
    "updateWithMockData",
    "mockFields",
    "polymorphicLookups",
    "excludedFields",
    "excludedFromUpdateFields",
    "skipExistingRecords",
    "useSourceCSVFile",
    "useQueryAll",
];

const READ_BY_ORG: &[&str] = &["name", "orgUserName", "instanceUrl", "accessToken"];

pub(super) fn of_project(root: &Settings) -> Vec<Loss> {
    let mut losses = losses(root, OF_PROJECT, READ_BY_PROJECT, "");
    if root.is_set("allOrNone").unwrap_or_default() {
        losses.push(Loss::new(
            "allOrNone",
            "the run pauses once a record fails, by `limits`, and does not take back what is written by then",
            "look at `stevedore failures`, mend them, and resume the run",
        ));
    }
    losses
}

pub(super) fn of_object(object: &Settings) -> Vec<Loss> {
    losses(object, OF_OBJECT, READ_BY_OBJECT, "")
}

pub(super) fn of_org(org: &Settings, name: &str) -> Vec<Loss> {
    let mut losses = losses(org, &[], READ_BY_ORG, &format!("orgs, {name}: "));
    if org.get("accessToken").is_some() {
        losses.push(Loss::new(
            format!("orgs, {name}: accessToken"),
            "a credential does not belong in a file that is stored with every run",
            "put it into the environment variable that the connection names",
        ));
    }
    losses
}

/// Unknown settings of an entry within an object, as of a mock field.
pub(super) fn of_entry(entry: &Settings, read: &[&str], prefix: &str) -> Vec<Loss> {
    losses(entry, &[], read, &format!("{prefix}: "))
}

/// Values are not told: a proxy's address or an add-on's arguments may hold a credential.
fn losses(settings: &Settings, known: &[Known], read: &[&str], prefix: &str) -> Vec<Loss> {
    let mut losses = Vec::new();
    for key in settings.keys() {
        let Some(value) = settings.get(key) else {
            continue;
        };
        if read.contains(&key) {
            continue;
        }
        let what = format!("{prefix}{key}");
        match known.iter().find(|known| known.key == key) {
            Some(known) if is_default(value, &known.default) => {}
            Some(known) => losses.push(Loss::new(what, known.why, known.way_out)),
            None => losses.push(Loss::new(
                what,
                "SFDMU 5.8 does not know this setting, and neither does Stevedore",
                "look up what it was meant to do",
            )),
        }
    }
    losses
}

fn is_default(value: &Value, default: &Default) -> bool {
    let text = match value {
        Value::String(text) => text.trim().to_lowercase(),
        Value::Array(list) => return list.is_empty(),
        other => other.to_string(),
    };
    match default {
        Is(flag) => text == flag.to_string(),
        Number(number) => text.parse() == Ok(*number),
        Text("utf8") => matches!(text.as_str(), "" | "utf8" | "utf-8"),
        Text("2.0") => matches!(text.as_str(), "" | "2" | "2.0"),
        Text(default) => text == default.to_lowercase(),
        Empty => text.is_empty(),
    }
}
