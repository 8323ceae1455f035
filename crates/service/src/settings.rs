//! The settings of a process: defaults, then a file, then the environment.
//! Names in the environment are those of the file in capitals, joined with two underscores after `STEVEDORE`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use config::{Config, Environment, File};
use indexmap::IndexMap;
use model::migration::ConnectionTemplate;
use model::{Failure, Secret};
use serde::Deserialize;

/// Everything a process can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the embedded line keeps its control database, token and log.
    pub folder: PathBuf,
    pub database: DatabaseSettings,
    pub broker: BrokerSettings,
    pub api: ApiSettings,
    /// The coordinator that the CLI talks to; none for the embedded line.
    pub server: Option<String>,
    pub chunks: ChunkSettings,
    pub telemetry: TelemetrySettings,
    /// Connections by migration and name; they stand before those of the migration file.
    pub connections: IndexMap<String, IndexMap<String, ConnectionTemplate>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `postgres://…` or `sqlite:///…`.
    pub url: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrokerSettings {
    /// `amqp://…` or `amqps://…`.
    pub url: Option<Secret>,
    /// Begins the names of all queues and exchanges.
    pub prefix: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSettings {
    pub listen: SocketAddr,
    pub token: Option<Secret>,
}

/// How large chunks are and how many are under way.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChunkSettings {
    /// Records planned for a chunk.
    pub records: u64,
    /// Bytes in memory of a chunk; a slice that proves bigger is split.
    pub bytes: usize,
    /// Bytes of a message at most, as the broker gets it: its records are packed.
    pub body_limit: usize,
    /// Chunks in flight per run for each ready loader.
    pub window_per_loader: u32,
    /// Chunks that one service works on at once.
    pub concurrency: u16,
    /// Seconds until a lease that is not renewed ends.
    pub lease_seconds: u64,
    /// Attempts until a chunk that only meets passing trouble is given up.
    pub attempts: i64,
    /// Bytes of one bulk job; the target's own limit if left out.
    pub job_bytes: Option<usize>,
    /// Milliseconds that a loader waits for another chunk before it uploads a job that is not full.
    pub job_linger_ms: u64,
    /// Seconds that a loader keeps chunks in hand for a job that does not fill, or that it may not send yet. What is held for longer than the broker's
    /// acknowledgement time-out, half an hour unless set otherwise, the broker takes away; this is to be well below a third of it.
    pub hold_seconds: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Where traces go, OTLP over HTTP, `http://collector:4318`; nowhere if left out.
    pub otlp_endpoint: Option<String>,
    /// Logs as JSON lines.
    pub json: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: PathBuf::from(".stevedore"),
            database: DatabaseSettings::default(),
            broker: BrokerSettings::default(),
            api: ApiSettings::default(),
            server: None,
            chunks: ChunkSettings::default(),
            telemetry: TelemetrySettings::default(),
            connections: IndexMap::new(),
        }
    }
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "stevedore".to_owned(),
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7410)),
            token: None,
        }
    }
}

impl Default for ChunkSettings {
    fn default() -> Self {
        Self {
            records: 20_000,
            bytes: 8 << 20,
            // What RabbitMQ 4 takes unless it is told otherwise.
            body_limit: 16 << 20,
            window_per_loader: 6,
            concurrency: 2,
            lease_seconds: 30,
            attempts: 8,
            job_bytes: None,
            job_linger_ms: 1_000,
            hold_seconds: 300,
        }
    }
}

impl ChunkSettings {
    /// Chunks of one bulk job at most: small ones can't take up all that a loader holds, and what it knows of each record stays small while it reads
    /// a job's results. At the usual size of chunks it is half a million records, or what a job takes by bytes.
    pub const OF_A_JOB: usize = 25;

    /// Bytes of one bulk job, of which the target takes `limit`.
    pub fn job_capacity(&self, limit: usize) -> usize {
        self.job_bytes.map_or(limit, |wanted| wanted.min(limit))
    }

    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.max(1))
    }

    pub fn job_linger(&self) -> Duration {
        Duration::from_millis(self.job_linger_ms)
    }

    pub fn hold(&self) -> Duration {
        Duration::from_secs(self.hold_seconds.max(1))
    }
}

/// How the line is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One process, an in-process queue, SQLite.
    Embedded,
    /// RabbitMQ and Postgres between processes.
    Distributed,
}

impl Settings {
    /// Reads `file`, or `stevedore.yaml` where it is there, and the environment.
    pub fn load(file: Option<&std::path::Path>) -> Result<Self, Failure> {
        let source = match file {
            Some(path) => File::from(path).required(true),
            None => File::with_name("stevedore").required(false),
        };
        Config::builder()
            .add_source(source.format(config::FileFormat::Yaml))
            .add_source(
                Environment::with_prefix("STEVEDORE")
                    .prefix_separator("__")
                    .separator("__")
                    .try_parsing(true),
            )
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| {
                Failure::usage("invalid_settings", format!("the settings can't be read: {error}"))
                    .hint("settings come from stevedore.yaml and from variables like STEVEDORE__DATABASE__URL")
            })
    }

    /// Distributed with broker and database, embedded with neither; one alone is refused.
    pub fn layout(&self) -> Result<Layout, Failure> {
        let missing = match (&self.database.url, &self.broker.url) {
            (Some(_), Some(_)) => return Ok(Layout::Distributed),
            (None, None) => return Ok(Layout::Embedded),
            (Some(_), None) => ("a broker", "STEVEDORE__BROKER__URL"),
            (None, Some(_)) => ("a control database", "STEVEDORE__DATABASE__URL"),
        };
        Err(Failure::usage(
            "incomplete_settings",
            format!(
                "{} is not set, and the other half of a distributed line is",
                missing.0
            ),
        )
        .hint(format!(
            "set {} as well, or neither for the embedded line",
            missing.1
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_distributed_line_is_refused() {
        let mut settings = Settings::default();
        assert_eq!(settings.layout(), Ok(Layout::Embedded));
        settings.broker.url = Some(Secret::new("amqp://x"));
        let failure = settings.layout().expect_err("no database");
        assert!(
            failure
                .hint
                .is_some_and(|hint| hint.contains("STEVEDORE__DATABASE__URL"))
        );
        settings.database.url = Some(Secret::new("postgres://x"));
        assert_eq!(settings.layout(), Ok(Layout::Distributed));
    }
}
