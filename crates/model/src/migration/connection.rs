//! The systems a migration can name, each with its settings.
//! A connection is only made by `resolve`, in the process that opens it, because it may hold credentials.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ConnectionTemplate, Threshold};
use crate::Secret;

/// How a system is reached, with its credentials in place.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Connection {
    /// PostgreSQL: `postgres://user:password@host:port/database`.
    Postgres(SqlSettings),
    /// A SQLite file: `sqlite:///absolute/path.db`.
    Sqlite(SqlSettings),
    /// A folder of CSV files.
    Csv(CsvSettings),
    /// A Salesforce org.
    Salesforce(Box<SalesforceSettings>),
}

impl Connection {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
            Self::Csv(_) => "csv",
            Self::Salesforce(_) => "salesforce",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlSettings {
    pub url: Secret,
    /// The schema in which table names without one are looked up; the database's default otherwise.
    #[serde(default)]
    pub schema: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSettings {
    /// Absolute, or relative to the migration file.
    pub folder: PathBuf,
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The text that stands for null, in quotes or not; by default the empty text.
    #[serde(default)]
    pub null: String,
}

fn comma() -> char {
    ','
}

/// One login: an access token; `client_id` and `client_secret` (OAuth client credentials); `client_id`, `username` and a private key (JWT bearer); a
/// refresh token with `client_id`; or an org that the Salesforce CLI is logged in to.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SalesforceSettings {
    /// The org's own address, `https://<my domain>.my.salesforce.com`. May be left out where the login tells it: all but the access token do.
    #[serde(default)]
    pub instance_url: Option<String>,
    /// Where JWT and refresh token log in: `https://login.salesforce.com` (the default where there is no `instance_url`), `https://test.salesforce.com`
    /// for sandboxes, or the org's own address. For client credentials the org's own address alone.
    #[serde(default)]
    pub login_url: Option<String>,
    /// Used first where another login is given too, and until it ends.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// The consumer key of the connected app.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The consumer secret of the connected app.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// JWT bearer: the user to act as.
    #[serde(default)]
    pub username: Option<String>,
    /// JWT bearer: the RSA key, as PEM text, whose certificate the connected app holds.
    #[serde(default)]
    pub private_key: Option<Secret>,
    /// The same key in a file; absolute, or relative to the migration file.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// OAuth refresh token; with `client_id`, and `client_secret` where the app asks for it.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// Alias or username of an org that the Salesforce CLI on the services' machine is logged in to.
    #[serde(default)]
    pub target_org: Option<String>,
    #[serde(default = "api_version")]
    pub api_version: String,
    /// How many of the org's API calls in 24 hours may be used, by whomever, before the run pauses: a number, or a share of the limit such as `50%`.
    #[serde(default)]
    pub api_budget: Option<Threshold>,
    /// API calls of the org's limit that are left to others.
    #[serde(default)]
    pub api_reserve: Option<u64>,
    /// Whether a few records are written by sObject collections, 200 a call, where that takes fewer calls than a bulk job. `false`: by jobs alone, which give
    /// triggers more time.
    #[serde(default = "yes")]
    pub collections: bool,
}

fn yes() -> bool {
    true
}

fn api_version() -> String {
    "66.0".to_owned()
}

/// No login yet, and the usual API version.
impl Default for SalesforceSettings {
    fn default() -> Self {
        Self {
            instance_url: None,
            login_url: None,
            access_token: None,
            client_id: None,
            client_secret: None,
            username: None,
            private_key: None,
            private_key_file: None,
            refresh_token: None,
            target_org: None,
            api_version: api_version(),
            api_budget: None,
            api_reserve: None,
            collections: true,
        }
    }
}

impl ConnectionTemplate {
    pub fn kind(&self) -> &str {
        self.0
            .get("kind")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// The setting that says where the system is: what `--connection NAME=VALUE` replaces.
    pub fn set_address(&mut self, value: &str) {
        let setting = match self.kind() {
            "salesforce" => "instance_url",
            "csv" => "folder",
            _ => "url",
        };
        self.0.insert(setting.to_owned(), value.into());
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for setting in ["folder", "private_key_file"] {
            let Some(serde_json::Value::String(path)) = self.0.get_mut(setting) else {
                continue;
            };
            if !path.starts_with("${") && Path::new(path).is_relative() {
                *path = folder.join(&path).to_string_lossy().into_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(json: serde_json::Value) -> ConnectionTemplate {
        ConnectionTemplate(json.as_object().cloned().expect("an object"))
    }

    #[test]
    fn files_are_found_beside_the_migration_file() {
        for (written, found) in [
            ("keys/app.pem", "/migrations/keys/app.pem"),
            ("/etc/app.pem", "/etc/app.pem"),
            ("${KEY_FILE}", "${KEY_FILE}"),
        ] {
            let mut org =
                template(serde_json::json!({"kind": "salesforce", "private_key_file": written}));
            org.anchor(Path::new("/migrations"));
            assert_eq!(org.0["private_key_file"], found);
        }
    }

    #[test]
    fn an_org_needs_no_more_than_its_name_in_the_cli() {
        let json = serde_json::json!({
            "kind": "salesforce", "target_org": "dev", "api_budget": "50%", "api_reserve": 1000,
        });
        let connection: Connection = serde_json::from_value(json).expect("it parses");
        let settings = SalesforceSettings {
            target_org: Some("dev".to_owned()),
            api_budget: Some(Threshold::Percent(50.0)),
            api_reserve: Some(1000),
            ..SalesforceSettings::default()
        };
        assert_eq!(connection, Connection::Salesforce(Box::new(settings)));
    }
}
