//! `import`, through the binary: whole projects of other tools and the migration files that come of them, word by word.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod refusals;
mod sfdmu;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A project, copied to where it may be written to.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a folder"),
        }
    }

    /// With a project of `tests/import/projects`.
    fn with(project: &str) -> Self {
        let desk = Self::new();
        let own = desk.path(project);
        std::fs::create_dir(&own).expect("a folder");
        for file in std::fs::read_dir(kept(project)).expect("a project") {
            let file = file.expect("a file").path();
            std::fs::copy(&file, own.join(file.file_name().expect("a name"))).expect("copied");
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    fn stevedore(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stevedore"));
        command.args(args).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STEVEDORE__") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs `import sfdmu … --json`: exit code and document.
    fn import(&self, args: &[&str]) -> (i32, Value) {
        let args = [&["import", "sfdmu", "--json"], args].concat();
        let output = self.stevedore(&args).output().expect("it runs");
        (output.status.code().expect("a code"), document(&output))
    }
}

/// Where a project is kept.
fn kept(project: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/import/projects")
        .join(project)
}

fn document(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{error}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
