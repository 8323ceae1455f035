//! Records reached through another: `sobjects/X/<id>/<relationship>`, its parent or its children.

use std::sync::Arc;

use super::call::Call;
use super::reply::Reply;
use super::{query, records};
use crate::errors::ApiError;
use crate::ids::RecordId;
use crate::org::Org;
use crate::schema::catalogue::Object;
use crate::values::Value;

/// A parent is answered as if it were named itself, children as the query for them.
pub(super) async fn answer(
    org: &Arc<Org>,
    call: Call,
    object: &Object,
    id: RecordId,
    relationship: &str,
) -> Result<Reply, ApiError> {
    if let Some(field) = object.relationship(relationship) {
        call.only("GET,PATCH,DELETE")?;
        let Value::Ref(parent) = *org.read().value(&org.catalogue, id, field) else {
            return Err(ApiError::not_found());
        };
        let name = &org.catalogue.at(parent.object).name;
        let parent = org.catalogue.id_text(parent);
        return records::by_id(org, call, name, &parent).await;
    }
    let Some(children) = object.children_named(relationship) else {
        return Err(ApiError::not_found());
    };
    call.only("GET")?;
    let child = org.catalogue.at(children.object);
    let fields: Vec<u16> = match call.parameter("fields") {
        None => (0..child.fields.len() as u16).collect(),
        Some(names) => records::field_list(child, names.split(','))?,
    };
    let fields: Vec<&str> = fields.iter().map(|field| child.at(*field).name()).collect();
    let soql = format!(
        "SELECT {} FROM {} WHERE {} = '{}'",
        fields.join(", "),
        child.name,
        child.at(children.field).name(),
        org.catalogue.id_text(id),
    );
    query::of_text(org, call, soql, false).await
}
