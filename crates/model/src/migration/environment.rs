//! `${NAME}` under `connections`: resolved from the environment of the process that opens the connection.
//! A template with a literal credential is refused, so that the stored file never holds one.

use serde_json::Value;

use super::{Connection, ConnectionTemplate};
use crate::Failure;

/// The settings whose value is a credential, and so may not stand in the file itself.
const CREDENTIALS: &[&str] = &[
    "access_token",
    "client_secret",
    "private_key",
    "refresh_token",
];

/// Puts the environment's values into a connection. `lookup` reads one variable.
pub fn resolve(
    name: &str,
    template: &ConnectionTemplate,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Connection, Failure> {
    let mut settings = template.0.clone();
    for value in settings.values_mut() {
        if let Value::String(text) = value {
            *text = substitute(text, &lookup).map_err(|failure| failure.connection(name))?;
        }
    }
    // The parser's message may quote a value, and a value may be a credential: name the setting only.
    parse(settings).map_err(|_| {
        Failure::usage(
            "invalid_connection",
            "a setting has a value of the wrong form",
        )
        .connection(name)
    })
}

/// Checks a connection as written: known kind and keys, no literal credential.
pub(super) fn check(template: &ConnectionTemplate) -> Result<(), Failure> {
    if let Err(error) = parse(template.0.clone()) {
        return Err(Failure::usage("invalid_connection", error.to_string())
            .hint("kinds are postgres, sqlite, csv, salesforce; their settings are in the JSON Schema"));
    }
    for (setting, value) in &template.0 {
        let Value::String(text) = value else { continue };
        let literal = if CREDENTIALS.contains(&setting.as_str()) {
            !text.contains("${")
        } else {
            setting == "url" && has_literal_password(text)
        };
        if literal {
            return Err(Failure::usage(
                "literal_credential",
                format!("`{setting}` holds a credential, and this file is stored with every run"),
            )
            .hint("put it into an environment variable of the services and write ${NAME} here"));
        }
    }
    Ok(())
}

fn parse(settings: serde_json::Map<String, Value>) -> Result<Connection, serde_json::Error> {
    serde_json::from_value(Value::Object(settings))
}

/// `scheme://user:password@host`, the password not being a `${NAME}`.
fn has_literal_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("${"))
}

fn substitute(text: &str, lookup: &impl Fn(&str) -> Option<String>) -> Result<String, Failure> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err(Failure::usage(
                "invalid_variable",
                "a `${` has no closing `}`",
            ));
        };
        let variable = &rest[start + 2..start + length];
        out.push_str(&lookup(variable).ok_or_else(|| {
            Failure::usage(
                "missing_variable",
                format!("the environment variable `{variable}` is not set"),
            )
            .hint(format!(
                "set {variable} where the service that opens this connection runs"
            ))
        })?);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(json: Value) -> ConnectionTemplate {
        ConnectionTemplate(json.as_object().cloned().expect("an object"))
    }

    #[test]
    fn variables_are_put_in_and_missing_ones_named() {
        let postgres =
            template(serde_json::json!({"kind": "postgres", "url": "postgres://u:${PW}@h/d"}));
        let connection = resolve("legacy", &postgres, |_| Some("x".into())).expect("resolves");
        let Connection::Postgres(settings) = connection else {
            panic!("a postgres connection")
        };
        assert_eq!(settings.url.expose(), "postgres://u:x@h/d");
        let failure = resolve("legacy", &postgres, |_| None).expect_err("is missing");
        assert_eq!(failure.code, "missing_variable");
        assert!(failure.message.contains("PW") && failure.place.connection.is_some());
    }

    #[test]
    fn literal_credentials_are_refused() {
        for json in [
            serde_json::json!({"kind": "postgres", "url": "postgres://u:hunter2@h/d"}),
            serde_json::json!({"kind": "salesforce", "instance_url": "https://x", "access_token": "00D!x"}),
            serde_json::json!({"kind": "salesforce", "client_id": "x", "client_secret": "hunter2"}),
            serde_json::json!({"kind": "salesforce", "client_id": "x", "refresh_token": "hunter2"}),
            serde_json::json!({"kind": "salesforce", "username": "x", "private_key": "-----BEGIN PRIVATE KEY-----\nhunter2"}),
        ] {
            let failure = check(&template(json)).expect_err("is refused");
            assert_eq!(failure.code, "literal_credential");
            assert!(!failure.to_string().contains("hunter2"));
        }
        for url in [
            "postgres://u@h/d",
            "${URL}",
            "postgres://u:${PW}@h/d",
            "sqlite:///a@b:c.db",
        ] {
            check(&template(
                serde_json::json!({"kind": "postgres", "url": url}),
            ))
            .expect("no password");
        }
    }
}
