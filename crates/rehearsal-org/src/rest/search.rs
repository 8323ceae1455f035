//! `search` by a SOSL statement, and `parameterizedSearch` by words and objects.

use std::sync::Arc;

use axum::http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::ids::RecordId;
use crate::org::Org;
use crate::soql::run::{Answer, run};
use crate::soql::shape::{Moments, Shape, Writer};
use crate::sosl::{MOST, Search, Terms, Wanted, Within, malformed, parse};
use crate::store::Store;

/// `GET search?q=FIND …`.
pub(super) async fn by_statement(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let text = call.parameter("q").unwrap_or_default();
    let search = parse(text)?;
    answered(org, search, call.version).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    q: String,
    r#in: Option<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    sobjects: Vec<AskedObject>,
    overall_limit: Option<usize>,
    default_limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct AskedObject {
    name: String,
    #[serde(default)]
    fields: Vec<String>,
    r#where: Option<String>,
    limit: Option<usize>,
}

/// `parameterizedSearch`, asked in the address or in JSON.
pub(super) async fn by_parameters(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let version = call.version.clone();
    let asked = if call.method == Method::POST {
        serde_json::from_value(Json::Object(call.json().await?))
            .map_err(|error| ApiError::json(error.to_string()))?
    } else {
        in_address(&call)?
    };
    let within = asked.r#in.as_deref().unwrap_or("ALL");
    let returning = asked.sobjects.into_iter().map(|object| {
        let own = Some(object.fields).filter(|fields| !fields.is_empty());
        let fields = own.unwrap_or_else(|| asked.fields.clone());
        let mut wanted = Wanted::of(&object.name);
        if !fields.is_empty() {
            wanted.fields = fields.join(", ");
        }
        if let Some(condition) = object.r#where {
            wanted.conditions = format!("WHERE {condition}");
        }
        wanted.limit = object.limit.or(asked.default_limit).unwrap_or(MOST);
        wanted
    });
    let search = Search {
        terms: Terms::plain(&asked.q).map_err(malformed)?,
        within: Within::named(within)
            .ok_or_else(|| malformed(format!("unknown group of fields: {within}")))?,
        returning: returning.collect(),
        limit: asked.overall_limit.unwrap_or(MOST).min(MOST),
    };
    answered(org, search, version).await
}

fn in_address(call: &Call) -> Result<Asked, ApiError> {
    let list = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
    let number = |name: &str| match call.parameter(name).map(str::parse) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(malformed(format!("{name} must be a number"))),
    };
    let objects = call.query.iter().filter(|(name, _)| name == "sobject");
    let objects = objects.map(|(_, object)| {
        let own = |part: &str| call.parameter(&format!("{object}.{part}"));
        Ok(AskedObject {
            name: object.clone(),
            fields: own("fields").map(list).unwrap_or_default(),
            r#where: own("where").map(str::to_owned),
            limit: number(&format!("{object}.limit"))?,
        })
    });
    Ok(Asked {
        q: call.parameter("q").unwrap_or_default().to_owned(),
        r#in: call.parameter("in").map(str::to_owned),
        fields: call.parameter("fields").map(list).unwrap_or_default(),
        sobjects: objects.collect::<Result<_, ApiError>>()?,
        overall_limit: number("overallLimit")?,
        default_limit: number("defaultLimit")?,
    })
}

async fn answered(org: &Arc<Org>, search: Search, version: String) -> Result<Reply, ApiError> {
    org.blocking(move |org| {
        let records = written(org, search, &version)?;
        // Before this version the records were told alone.
        let alone = version.parse::<f64>().is_ok_and(|version| version < 37.0);
        Ok(Reply::json_text(if alone {
            format!("[{records}]")
        } else {
            format!("{{\"searchRecords\":[{records}]}}")
        }))
    })
    .await?
}

fn written(org: &Org, search: Search, version: &str) -> Result<String, ApiError> {
    let store = org.read();
    let writer = Writer {
        catalogue: &org.catalogue,
        store: &store,
        version,
        moments: Moments::Text,
        page: MOST,
        next_page: &|_, _| String::new(),
    };
    let mut out = String::new();
    for (ids, shape) in found(org, &store, search)? {
        if !ids.is_empty() && !out.is_empty() {
            out.push(',');
        }
        writer.records(&shape, &ids, &mut out);
    }
    Ok(out)
}

/// Records of one object, and what to write of them.
pub(crate) type Found = (Vec<RecordId>, Arc<Shape>);

/// What a search finds, object by object.
pub(crate) fn found(org: &Org, store: &Store, mut search: Search) -> Result<Vec<Found>, ApiError> {
    if search.returning.is_empty() {
        let objects = org.catalogue.objects.iter();
        let objects = objects.filter(|object| object.writable && org.catalogue.shows(object));
        search.returning = objects.map(|object| Wanted::of(&object.name)).collect();
    }
    let mut all = Vec::new();
    let mut left = search.limit;
    for wanted in &search.returning {
        let soql = wanted.soql();
        let answer =
            run(&org.catalogue, store, &soql, false).map_err(|error| error.to_api(&soql))?;
        let Answer::Records { ids, shape } = answer else {
            return Err(malformed("a search returns records, not aggregates"));
        };
        let found = ids.into_iter().filter(|id| {
            let row = store.live(*id);
            row.is_some_and(|row| search.finds(org.catalogue.at(id.object), &row))
        });
        let found: Vec<RecordId> = found
            .skip(wanted.offset)
            .take(wanted.limit.min(left))
            .collect();
        left -= found.len();
        all.push((found, shape));
    }
    Ok(all)
}
