//! The systems a migration can name, each with its settings.
//! A connection is only made by `resolve`, in the process that opens it, because it may hold credentials.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConnectionTemplate;
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
    Salesforce(SalesforceSettings),
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

/// Logs in with an access token, or with client id and secret (OAuth client credentials).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SalesforceSettings {
    /// The org's own address, `https://<my domain>.my.salesforce.com`.
    pub instance_url: String,
    #[serde(default)]
    pub access_token: Option<Secret>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<Secret>,
    #[serde(default = "api_version")]
    pub api_version: String,
}

fn api_version() -> String {
    "66.0".to_owned()
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
        let Some(serde_json::Value::String(path)) = self.0.get_mut("folder") else {
            return;
        };
        if !path.starts_with("${") && Path::new(path).is_relative() {
            *path = folder.join(&path).to_string_lossy().into_owned();
        }
    }
}
