//! The migration file: one YAML document that says what is moved from where to where, and how.
//! `Migration::parse` is the only door; what comes out of it is consistent in itself.

mod automation;
mod chunk_by;
mod connection;
mod environment;
mod field;
mod id_map;
mod lines;
mod missing;
mod object;
mod on_invalid;
mod page;
mod phases;
mod policy;
mod rule;
mod schema;
mod second_pass;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use automation::{Automation, AutomationKind};
pub use chunk_by::check_chunk_by;
pub use connection::{Connection, CsvSettings, SalesforceSettings, SqlSettings};
pub use environment::resolve;
pub use field::{
    AnyLookup, DeveloperName, Field, Lookup, Mapped, OnNull, Otherwise, Reference, SHARED, ValueMap,
};
pub use id_map::OWN_ID;
pub use lines::Lines;
pub use missing::OnMissingParent;
pub use object::{From, Object, Operation};
pub use on_invalid::OnInvalid;
pub use page::{Entry, FieldLine, Page, scalar};
pub use phases::{Phase, phases};
pub use policy::{Limits, OnDuplicateKey, Reconcile, Threshold};
pub use rule::{Rule, Unfulfilled};
pub use schema::json_schema;

use crate::Failure;

/// A migration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// The migration's name: letters, digits, `-` and `_`. Queues and connection settings go by it.
    pub migration: String,
    /// The systems, by name. Only here may `${NAME}` stand for an environment variable.
    #[schemars(with = "BTreeMap<String, Connection>")]
    pub connections: IndexMap<String, ConnectionTemplate>,
    /// The connection that is read.
    pub source: String,
    /// The connection that is written.
    pub target: String,
    /// Target fields set on every record: `run_id`, or an SQL expression over constants. Not part of checksums.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub stamp: IndexMap<String, String>,
    pub objects: Vec<Object>,
    /// Phases by name, in their order, each with its objects: every object is in one. Left out, the order follows from the lookups alone.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub phases: IndexMap<String, Vec<String>>,
    /// What the target does by itself and must not do while a run writes.
    #[serde(default, skip_serializing_if = "Automation::is_default")]
    pub automation: Automation,
    #[serde(default)]
    pub limits: Limits,
}

/// A connection as it is written, its `${NAME}` unresolved. It holds no secret, so it can be stored;
/// `resolve` makes a `Connection` of it in the process that opens it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionTemplate(pub serde_json::Map<String, serde_json::Value>);

impl Migration {
    /// Reads a migration file. `file` names it in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, Failure> {
        let mut migration: Self = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            Failure::usage("invalid_file", plain(&error))
                .file(file)
                .line(error.location().map(|at| at.line()))
                .hint("the form of a migration file is in its JSON Schema, `stevedore check --schema`")
        })?;
        let checked = validate::validate(&migration)
            .and_then(|()| id_map::decide(&mut migration))
            .and_then(|()| second_pass::split(&mut migration))
            .and_then(|()| {
                let ordered = phases(&migration).map(|_| ());
                ordered.map_err(|failure| {
                    let named =
                        |object: &Object| Some(&object.name) == failure.place.object.as_ref();
                    let place = migration.objects.iter().position(named);
                    (failure, format!("objects.{}", place.unwrap_or_default()))
                })
            });
        checked.map_err(|(failure, path)| failure.file(file).line(Lines::of(text).line(&path)))?;
        Ok(migration)
    }

    /// The file as it is stored with a run.
    pub fn to_yaml(&self) -> Result<String, Failure> {
        serde_saphyr::to_string(self)
            .map_err(|error| Failure::bug(format!("a migration does not serialise: {error}")))
    }

    /// Makes file names relative to `folder`, so that services in other working directories find them.
    pub fn anchor(&mut self, folder: &Path) {
        for template in self.connections.values_mut() {
            template.anchor(folder);
        }
    }

    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == name)
    }

    pub fn connection(&self, name: &str) -> Result<&ConnectionTemplate, Failure> {
        self.connections.get(name).ok_or_else(|| {
            Failure::usage(
                "unknown_connection",
                format!("there is no connection `{name}`"),
            )
            .hint(format!("connections are: {}", self.connection_names()))
        })
    }

    fn connection_names(&self) -> String {
        let names: Vec<_> = self.connections.keys().map(String::as_str).collect();
        names.join(", ")
    }
}

/// YAML 1.2: only `true` and `false` are booleans, so that a column may be called `y`.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true }
}

/// The parser's message without its picture of the place: the line is told apart.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
