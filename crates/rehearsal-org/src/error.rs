//! Why an org could not be started. What calls get as answers is in `errors`.

use std::io;
use std::path::PathBuf;

/// A rehearsal org that did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port is taken, or may not be bound.
    #[error("can't listen on 127.0.0.1:{port}; choose another port, or 0 for any free one")]
    Bind {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The schema contradicts itself.
    #[error("schema of the rehearsal org: {0}")]
    Schema(String),
    /// A schema file is wrong.
    #[error("schema file {file}: {problem}")]
    SchemaFile {
        /// The file.
        file: String,
        /// Object and field, and what is wrong there.
        problem: String,
    },
    /// The schema's JSON could not be read.
    #[error("schema of the rehearsal org is not valid JSON of its form")]
    SchemaJson(#[from] serde_json::Error),
    /// A fault that can't be ordered so.
    #[error("fault {text:?}: {problem}")]
    Fault {
        /// What was asked for.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No certificate could be made.
    #[error("the rehearsal org can't make itself a certificate")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The records' file, or the folder for temporary ones, can't be used.
    #[error("can't keep records in {}", path.display())]
    DataFile {
        /// The file, or the folder.
        path: PathBuf,
        /// What the system or the database said.
        #[source]
        source: io::Error,
    },
    /// The records' file is in use, is no org's, or holds what the schema doesn't know.
    #[error("can't keep records in {}: {what}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        what: String,
    },
    /// A setting that can't work.
    #[error("settings of the rehearsal org: {0}")]
    Settings(String),
}
