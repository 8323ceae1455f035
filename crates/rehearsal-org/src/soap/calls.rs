//! The calls of a session: records written and read, queries and searches, describes, and what changed.

use serde_json::{Map, Value as Json, json};

use super::records::{self, Page};
use super::{Asked, Fault, login, write_json};
use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::{collections, replication, search};
use crate::schema::describe::{describe, describe_global};
use crate::soql::run::{Answer, run};
use crate::sosl;
use crate::values::moment::{moment_text, now};
use crate::write::{CHUNK, Operation};
use crate::xml::{Element, nil};

/// The most records of a page.
const PAGE: usize = 2000;

/// Whether there is such a call.
pub(super) fn known(name: &str) -> bool {
    call(name).is_some()
}

type Perform = fn(&Org, &Asked) -> Result<String, Fault>;

fn call(name: &str) -> Option<Perform> {
    Some(match name {
        "create" => |org, asked| save(org, asked, Operation::Insert),
        "update" => |org, asked| save(org, asked, Operation::Update),
        "upsert" => upsert,
        "delete" => delete,
        "retrieve" => retrieve,
        "query" => |org, asked| query(org, asked, false),
        "queryAll" => |org, asked| query(org, asked, true),
        "queryMore" => query_more,
        "search" => search,
        "describeGlobal" => {
            |org, asked| Ok(result(&describe_global(&org.catalogue, &asked.version)))
        }
        "describeSObject" | "describeSObjects" => describe_objects,
        "getUserInfo" => |org, _| Ok(format!("<result>{}</result>", login::user_info(org))),
        "getServerTimestamp" => |_, _| Ok(result(&json!({"timestamp": moment_text(now())}))),
        "getUpdated" => |org, asked| span(org, asked, replication::updated_in),
        "getDeleted" => |org, asked| span(org, asked, replication::deleted_in),
        _ => return None,
    })
}

pub(super) fn perform(org: &Org, asked: &Asked) -> Result<String, Fault> {
    match call(&asked.operation.name) {
        Some(perform) => perform(org, asked),
        None => Err(Fault::client("No such operation")),
    }
}

fn result(told: &Json) -> String {
    let mut out = String::new();
    write_json("result", told, &mut out);
    out
}

/// The records to write, as REST would be sent them.
fn sent(asked: &Asked) -> Result<Vec<Map<String, Json>>, Fault> {
    let children = asked.operation.children.iter();
    let objects = children.filter(|child| child.name == "sObjects");
    at_most(objects.map(record).collect())
}

fn record(element: &Element) -> Map<String, Json> {
    let mut fields = Map::new();
    for field in &element.children {
        let value = match field.name.as_str() {
            "type" => {
                let attributes = json!({"type": field.text});
                fields.insert("attributes".to_owned(), attributes);
                continue;
            }
            "fieldsToNull" => {
                fields.insert(field.text.clone(), Json::Null);
                continue;
            }
            // Ids that are not known yet are sent as nil; what is to be cleared is named apart.
            _ if field.nil => continue,
            _ if !field.children.is_empty() => Json::Object(record(field)),
            _ => Json::String(field.text.clone()),
        };
        fields.insert(field.name.clone(), value);
    }
    fields
}

fn at_most<T>(all: Vec<T>) -> Result<Vec<T>, Fault> {
    if all.len() > CHUNK {
        let message = "record limit reached. cannot submit more than 200 records into this call";
        return Err(ApiError::bad("EXCEEDED_ID_LIMIT", message).into());
    }
    Ok(all)
}

fn all_or_none(asked: &Asked) -> bool {
    asked.header("AllOrNoneHeader", "allOrNone") == Some("true")
}

/// Each record's outcome; one that failed has no id.
fn outcomes(all: Vec<Json>) -> String {
    let mut out = String::new();
    for one in all {
        let mut told = String::new();
        write_json("result", &one, &mut told);
        if one["id"].is_null() {
            told = told.replacen("<success>", "<id xsi:nil=\"true\"/><success>", 1);
        }
        out.push_str(&told);
    }
    out
}

fn save(org: &Org, asked: &Asked, operation: Operation) -> Result<String, Fault> {
    let saved = collections::save_typed(org, operation, sent(asked)?, all_or_none(asked), None)?;
    Ok(outcomes(saved))
}

fn upsert(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let key = asked.text("externalIDFieldName")?;
    let records = sent(asked)?;
    let object = records
        .first()
        .and_then(|record| record.get("attributes")?.get("type")?.as_str())
        .unwrap_or_default()
        .to_owned();
    let saved = collections::upsert_all(org, &object, key, records, all_or_none(asked), None)?;
    Ok(outcomes(saved))
}

fn delete(org: &Org, asked: &Asked) -> Result<String, Fault> {
    // Old clients write them one way or the other.
    let ids = asked.texts("ids").chain(asked.texts("id"));
    let ids = at_most(ids.collect())?;
    let deleted = collections::delete_all(org, &ids, all_or_none(asked), None);
    Ok(outcomes(deleted))
}

/// Records by their ids, in their order; nil for those that are not there.
fn retrieve(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let object = asked.text("sObjectType")?;
    let ids: Vec<_> = asked
        .texts("ids")
        .map(|id| org.catalogue.read_id(id.trim()).ok())
        .collect();
    if ids.len() > PAGE {
        return Err(ApiError::bad("EXCEEDED_ID_LIMIT", "too many ids").into());
    }
    let known: Vec<String> = ids
        .iter()
        .flatten()
        .map(|id| format!("'{}'", org.catalogue.id_text(*id)))
        .collect();
    // No id is that of the one record there is none of.
    let known = if known.is_empty() {
        "null".to_owned()
    } else {
        known.join(",")
    };
    let soql = format!(
        "SELECT {} FROM {object} WHERE Id IN ({known})",
        asked.text("fieldList")?
    );
    let store = org.read();
    let answer = run(&org.catalogue, &store, &soql, false).map_err(|error| error.to_api(&soql))?;
    let Answer::Records { ids: found, shape } = answer else {
        return Err(ApiError::bad("MALFORMED_QUERY", "fieldList names fields").into());
    };
    let mut out = String::new();
    for id in ids {
        match id.filter(|id| found.contains(id)) {
            Some(id) => records::write(org, &store, "result", &shape, &[id], &mut out),
            None => nil("result", &mut out),
        }
    }
    Ok(out)
}

fn page(asked: &Asked) -> usize {
    let size = asked.header("QueryOptions", "batchSize");
    let size = size.and_then(|size| size.parse().ok());
    size.map_or(PAGE, |size: usize| size.clamp(200, PAGE))
}

fn query(org: &Org, asked: &Asked, deleted: bool) -> Result<String, Fault> {
    let text = asked.text("queryString")?;
    let answer =
        run(&org.catalogue, &org.read(), text, deleted).map_err(|error| error.to_api(text))?;
    Ok(match answer {
        Answer::Count(count) => records::only(count, ""),
        Answer::Groups { total, json } => records::only(total, &groups(&json)),
        Answer::Records { ids, shape } => {
            let page = page(asked);
            let cursor = org.cursors.open_if_paged(ids, shape, page);
            records::page(
                org,
                &Page {
                    cursor: &cursor,
                    from: 0,
                    size: page,
                },
            )
        }
    })
}

fn query_more(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let locator = asked.text("queryLocator")?.trim();
    let found = org.cursors.find(locator);
    let (cursor, from) =
        found.ok_or_else(|| ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
    Ok(records::page(
        org,
        &Page {
            cursor: &cursor,
            from,
            size: page(asked),
        },
    ))
}

/// Groups as records of a type that no object is of.
fn groups(json: &str) -> String {
    // Our own JSON reads back.
    let groups: Vec<Map<String, Json>> =
        serde_json::from_str(&format!("[{json}]")).unwrap_or_default();
    let mut out = String::new();
    for group in groups {
        out.push_str(
            "<records xsi:type=\"sf:sObject\"><sf:type>AggregateResult</sf:type><sf:Id xsi:nil=\"true\"/>",
        );
        for (name, value) in group.iter().filter(|(name, _)| *name != "attributes") {
            match value {
                Json::Null => nil(&format!("sf:{name}"), &mut out),
                value => write_json(&format!("sf:{name}"), value, &mut out),
            }
        }
        out.push_str("</records>");
    }
    out
}

fn search(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let search = sosl::parse(asked.text("searchString")?)?;
    let store = org.read();
    let mut out = String::from("<result>");
    for (ids, shape) in search::found(org, &store, search)? {
        for id in ids {
            out.push_str("<searchRecords>");
            records::write(org, &store, "record", &shape, &[id], &mut out);
            out.push_str("</searchRecords>");
        }
    }
    out.push_str("</result>");
    Ok(out)
}

fn describe_objects(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let mut out = String::new();
    for name in asked.texts("sObjectType") {
        let object = org.catalogue.object(name.trim()).ok_or_else(|| {
            let message = format!("sObject type '{name}' is not supported.");
            ApiError::bad("INVALID_TYPE", message)
        })?;
        let mut told = describe(&org.catalogue, object, &asked.version);
        // The addresses of REST give way to those of a person's pages.
        if let Json::Object(told) = &mut told {
            told.remove("urls");
            let prefix = told["keyPrefix"].as_str().unwrap_or_default().to_owned();
            let page = |path: &str| json!(format!("{}/{path}", org.url()));
            told.insert("urlDetail".to_owned(), page("{ID}"));
            told.insert("urlEdit".to_owned(), page("{ID}/e"));
            told.insert("urlNew".to_owned(), page(&format!("{prefix}/e")));
        }
        write_json("result", &told, &mut out);
    }
    Ok(out)
}

type InSpan = fn(&Org, &str, Option<&str>, Option<&str>) -> Result<Json, ApiError>;

fn span(org: &Org, asked: &Asked, told: InSpan) -> Result<String, Fault> {
    let date = |name: &str| asked.text(name).ok();
    let told = told(
        org,
        asked.text("sObjectType")?,
        date("startDate"),
        date("endDate"),
    )?;
    Ok(result(&told))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_rest_would_be_sent_it() {
        let sent = "<s><type>Contact</type><Id xsi:nil=\"true\"/><fieldsToNull>Email</fieldsToNull><LastName>A &amp; B</LastName>\
                    <Account><type>Account</type><External_Id__c>A1</External_Id__c></Account></s>";
        let read = record(&crate::xml::parse(sent.as_bytes()).unwrap());
        assert_eq!(
            Json::Object(read),
            json!({
                "attributes": {"type": "Contact"}, "Email": null, "LastName": "A & B",
                "Account": {"attributes": {"type": "Account"}, "External_Id__c": "A1"},
            })
        );
    }

    #[test]
    fn a_failed_outcome_has_a_nil_id() {
        let failed = json!({"success": false, "errors": [{"statusCode": "X", "message": "a<b", "fields": ["F", "G"]}]});
        assert_eq!(
            outcomes(vec![failed]),
            "<result><errors><fields>F</fields><fields>G</fields><message>a&lt;b</message><statusCode>X</statusCode>\
             </errors><id xsi:nil=\"true\"/><success>false</success></result>"
        );
        assert_eq!(result(&json!("y")), "<result>y</result>");
    }
}
