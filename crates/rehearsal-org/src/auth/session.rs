//! What is asked about a token that was handed out: whose it is, and that it is valid no more.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::MOST_FORM;
use crate::errors::ApiError;
use crate::furnish::{EMAIL, USERNAME};
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::{Call, form_pairs};

/// `/services/oauth2/revoke`; the token is in the form, or in the address.
pub(crate) async fn revoke(org: &Org, call: Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let mut form = call.query.clone();
    let body = call.bytes(MOST_FORM).await?;
    form.extend(form_pairs(&String::from_utf8_lossy(&body)));
    if let Some((_, token)) = form.iter().find(|(name, _)| name == "token") {
        org.auth.revoke(token);
    }
    Ok(Reply::empty(StatusCode::OK))
}

/// `GET /services/oauth2/userinfo`, and the identity behind a token reply's `id`.
pub(crate) fn userinfo(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    org.auth.check(&call.headers)?;
    Ok(Reply::json(&identity(org)))
}

fn identity(org: &Org) -> Json {
    let (organization, user) = org.identity();
    let url = org.url();
    json!({
        "sub": format!("{url}/id/{organization}/{user}"),
        "id": format!("{url}/id/{organization}/{user}"),
        "user_id": user,
        "organization_id": organization,
        "preferred_username": USERNAME,
        "username": USERNAME,
        "email": EMAIL,
        "email_verified": true,
        "name": "Rehearsal User",
        "active": true,
        "user_type": "STANDARD",
        "urls": {
            "rest": format!("{url}/services/data/v{{version}}/"),
            "sobjects": format!("{url}/services/data/v{{version}}/sobjects/"),
            "query": format!("{url}/services/data/v{{version}}/query/"),
        },
    })
}
