#![doc = include_str!("../README.md")]

use std::collections::HashMap;
use std::sync::Arc;

use connector::{Source, Target};
use indexmap::IndexMap;
use model::Failure;
use model::migration::{Connection, ConnectionTemplate, Migration, resolve};
use tokio::sync::Mutex;

/// Connections by migration and name that stand before those of the migration file.
pub type Overrides = IndexMap<String, IndexMap<String, ConnectionTemplate>>;

/// Opens sources and targets, and keeps them.
#[derive(Clone)]
pub struct Connections {
    overrides: Arc<Overrides>,
    sources: Opened<dyn Source>,
    targets: Opened<dyn Target>,
}

/// By migration and name, for each of the settings that runs at work have: of two runs of one migration each may go elsewhere.
type Known<T> = HashMap<(String, String), Vec<(ConnectionTemplate, Arc<T>)>>;
type Opened<T> = Arc<Mutex<Known<T>>>;

impl Connections {
    pub fn new(overrides: Overrides) -> Self {
        Self {
            overrides: Arc::new(overrides),
            sources: Arc::default(),
            targets: Arc::default(),
        }
    }

    /// The source of a migration.
    pub async fn source(&self, migration: &Migration) -> Result<Arc<dyn Source>, Failure> {
        let name = &migration.source;
        let template = self.template(migration, name)?;
        let mut opened = self.sources.lock().await;
        if let Some(source) = kept(&opened, migration, name, template) {
            return Ok(source);
        }
        let source = open_source(name, &connection(name, template)?).await?;
        let key = (migration.migration.clone(), name.clone());
        let of_that_name = opened.entry(key).or_default();
        of_that_name.push((template.clone(), source.clone()));
        Ok(source)
    }

    /// The target of a migration.
    pub async fn target(&self, migration: &Migration) -> Result<Arc<dyn Target>, Failure> {
        let name = &migration.target;
        let template = self.template(migration, name)?;
        let mut opened = self.targets.lock().await;
        if let Some(target) = kept(&opened, migration, name, template) {
            return Ok(target);
        }
        let target = open_target(name, &connection(name, template)?).await?;
        let key = (migration.migration.clone(), name.clone());
        let of_that_name = opened.entry(key).or_default();
        of_that_name.push((template.clone(), target.clone()));
        Ok(target)
    }

    fn template<'a>(
        &'a self,
        migration: &'a Migration,
        name: &str,
    ) -> Result<&'a ConnectionTemplate, Failure> {
        let overridden = self
            .overrides
            .get(&migration.migration)
            .and_then(|connections| connections.get(name));
        overridden.map_or_else(|| migration.connection(name), Ok)
    }
}

/// Opens a source by its settings. It is not kept.
pub async fn open_source(name: &str, settings: &Connection) -> Result<Arc<dyn Source>, Failure> {
    Ok(match settings {
        Connection::Postgres(settings) => connector_sql::postgres_source(name, settings).await?,
        Connection::Sqlite(settings) => connector_sql::sqlite_source(name, settings)?,
        Connection::Csv(settings) => connector_files::csv_source(name, settings)?,
        Connection::Salesforce(settings) => {
            connector_salesforce::salesforce_source(name, settings).await?
        }
    })
}

/// Opens a target by its settings. It is not kept.
pub async fn open_target(name: &str, settings: &Connection) -> Result<Arc<dyn Target>, Failure> {
    match settings {
        Connection::Postgres(settings) => connector_sql::postgres_target(name, settings).await,
        Connection::Salesforce(settings) => {
            connector_salesforce::salesforce_target(name, settings).await
        }
        other @ (Connection::Sqlite(_) | Connection::Csv(_)) => Err(cannot(name, other, "written")),
    }
}

fn connection(name: &str, template: &ConnectionTemplate) -> Result<Connection, Failure> {
    resolve(name, template, |variable| std::env::var(variable).ok())
}

fn kept<T: ?Sized>(
    opened: &Known<T>,
    migration: &Migration,
    name: &str,
    template: &ConnectionTemplate,
) -> Option<Arc<T>> {
    let of_that_name = opened.get(&(migration.migration.clone(), name.to_owned()))?;
    let same = |(opened_with, _): &&(ConnectionTemplate, Arc<T>)| opened_with == template;
    of_that_name
        .iter()
        .find(same)
        .map(|(_, connector)| connector.clone())
}

fn cannot(name: &str, connection: &Connection, done: &str) -> Failure {
    Failure::usage(
        "unsupported_connection",
        format!("a {} connection can't be {done} yet", connection.kind()),
    )
    .connection(name)
    .hint("targets are postgres and salesforce")
}
