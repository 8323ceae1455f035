//! The token endpoint: client credentials, JWT bearer, refresh token, username and password.

use axum::http::{HeaderMap, StatusCode, header};
use ring::hmac;
use serde_json::{Value as Json, json};

use super::{Auth, MOST_FORM, base64, jwt, same};
use crate::errors::ApiError;
use crate::furnish::USERNAME;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::{Call, form_pairs};
use crate::values::moment::now;

const JWT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Clocks differ; an assertion may be this old, in seconds, after its end.
const GRACE: f64 = 180.0;

/// A call's fields, and the client's id and secret from its header.
struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

fn refused(error: &str, description: &str) -> ApiError {
    ApiError {
        status: StatusCode::BAD_REQUEST,
        body: json!({"error": error, "error_description": description}),
    }
}

/// `POST /services/oauth2/token`.
pub(crate) async fn token(org: &Org, call: Call) -> Result<Reply, ApiError> {
    call.only("POST")?;
    // Some clients send the fields in the address.
    let mut fields = call.query.clone();
    let basic = basic_credentials(&call.headers);
    let body = call.bytes(MOST_FORM).await?;
    fields.extend(form_pairs(&String::from_utf8_lossy(&body)));
    let form = Form { fields, basic };
    let signed = match form.field("grant_type") {
        Some("client_credentials") => {
            form.client(&org.auth, true)?;
            true
        }
        Some(JWT) => {
            by_assertion(&org.auth, &form)?;
            false
        }
        Some("refresh_token") => {
            form.client(&org.auth, false)?;
            if !org.auth.may_refresh(form.needed("refresh_token")?) {
                return Err(refused("invalid_grant", "expired access/refresh token"));
            }
            true
        }
        Some("password") => {
            form.client(&org.auth, true)?;
            let (username, password) = (form.needed("username")?, form.needed("password")?);
            if !org.auth.knows(username, password) {
                return Err(refused("invalid_grant", "authentication failure"));
            }
            true
        }
        Some(_) => {
            return Err(refused(
                "unsupported_grant_type",
                "grant type not supported",
            ));
        }
        None => return Err(missing("grant_type")),
    };
    Ok(Reply::json(&granted(org, signed)))
}

/// `POST /services/oauth2/introspect`: whether a token is valid, and whose it is.
pub(crate) async fn introspect(org: &Org, call: Call) -> Result<Reply, ApiError> {
    call.only("POST")?;
    let basic = basic_credentials(&call.headers);
    let body = call.bytes(MOST_FORM).await?;
    let fields = form_pairs(&String::from_utf8_lossy(&body));
    let form = Form { fields, basic };
    form.client(&org.auth, true)?;
    let token = form.needed("token")?;
    let kind = if org.auth.check_token(token).is_ok() {
        "access_token"
    } else if org.auth.may_refresh(token) {
        "refresh_token"
    } else {
        return Ok(Reply::json(&json!({"active": false})));
    };
    let (organization, user) = org.identity();
    Ok(Reply::json(&json!({
        "active": true,
        "scope": "api",
        "client_id": org.auth.client_id,
        "username": USERNAME,
        "sub": format!("{}/id/{organization}/{user}", org.url()),
        "token_type": kind,
    })))
}

fn missing(field: &str) -> ApiError {
    refused(
        "invalid_request",
        &format!("missing required parameter: {field}"),
    )
}

impl Form {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &str) -> Result<&str, ApiError> {
        self.field(name).ok_or_else(|| missing(name))
    }

    /// Refuses a client that is not the connected app, or has not its secret.
    fn client(&self, auth: &Auth, secret_needed: bool) -> Result<(), ApiError> {
        let basic = self.basic.as_ref();
        let id = self
            .field("client_id")
            .or(basic.map(|(id, _)| id.as_str()))
            .ok_or_else(|| missing("client_id"))?;
        let secret = self
            .field("client_secret")
            .or(basic.map(|(_, secret)| secret.as_str()));
        if !same(id, &auth.client_id) {
            return Err(refused("invalid_client_id", "client identifier invalid"));
        }
        match secret {
            Some(secret) if same(secret, &auth.client_secret) => Ok(()),
            None if !secret_needed => Ok(()),
            None => Err(missing("client_secret")),
            Some(_) => Err(refused("invalid_client", "invalid client credentials")),
        }
    }
}

fn by_assertion(auth: &Auth, form: &Form) -> Result<(), ApiError> {
    let assertion = form.needed("assertion")?;
    let claims = jwt::read(assertion, auth.key.as_ref())
        .ok_or_else(|| refused("invalid_grant", "invalid assertion"))?;
    if !same(&claims.issuer, &auth.client_id) {
        return Err(refused("invalid_client_id", "client identifier invalid"));
    }
    if !claims.subject.eq_ignore_ascii_case(USERNAME) {
        return Err(refused(
            "invalid_grant",
            "user hasn't approved this consumer",
        ));
    }
    if claims.expires + GRACE < now() as f64 {
        return Err(refused("invalid_grant", "expired authorization code"));
    }
    Ok(())
}

/// A new token and what clients want to know with it. An assertion's reply is neither signed nor dated.
fn granted(org: &Org, signed: bool) -> Json {
    let (organization, user) = org.identity();
    let id = format!("{}/id/{organization}/{user}", org.url());
    let mut reply = json!({
        "access_token": org.auth.issue(&organization),
        "scope": "api",
        "instance_url": org.url(),
        "api_instance_url": org.url(),
        "id": id,
        "token_type": "Bearer",
    });
    if signed {
        let issued = (now() * 1000).to_string();
        reply["signature"] = json!(signature(&org.auth.client_secret, &id, &issued));
        reply["issued_at"] = json!(issued);
    }
    reply
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(base64::decode(encoded.trim())?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// By which a client can tell that the identity comes from whoever knows its secret.
fn signature(secret: &str, id: &str, issued: &str) -> String {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&secret, format!("{id}{issued}").as_bytes());
    base64::encode(signature.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_time_are_signed_with_the_clients_secret() {
        assert_eq!(
            signature("secret", "https://x/id/00D/005", "1700000000000"),
            "JzI/7yJRCJAFeoU3MJD0sQxls5Q2R2t2yc9wCp8FkY4="
        );
    }
}
