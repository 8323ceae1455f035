//! The house rules that a compiler does not hold: which crate may use which, and where the great libraries live.
//! Crates are listed from the ground up; a crate may use only what its own line names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Each crate of ours with those it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("rehearsal-org", &[]),
    ("record", &["model"]),
    ("api", &["model"]),
    ("queue", &["model"]),
    ("control", &["model"]),
    ("connector", &["model", "record"]),
    ("mapping", &["model", "record", "connector"]),
    ("connector-sql", &["model", "record", "connector"]),
    ("connector-files", &["model", "record", "connector"]),
    ("connector-salesforce", &["model", "record", "connector"]),
    (
        "connectors",
        &[
            "model",
            "connector",
            "connector-sql",
            "connector-files",
            "connector-salesforce",
        ],
    ),
    ("service", &["model", "connector", "queue", "control"]),
    (
        "extractor",
        &[
            "model",
            "record",
            "connector",
            "connectors",
            "queue",
            "control",
            "service",
        ],
    ),
    (
        "transformer",
        &[
            "model",
            "record",
            "connector",
            "mapping",
            "queue",
            "control",
            "service",
        ],
    ),
    (
        "loader",
        &[
            "model",
            "record",
            "connector",
            "connectors",
            "queue",
            "control",
            "service",
        ],
    ),
    (
        "auditor",
        &["model", "record", "queue", "control", "service"],
    ),
    (
        "reconciler",
        &[
            "model",
            "record",
            "connector",
            "connectors",
            "queue",
            "control",
            "service",
        ],
    ),
    (
        "coordinator",
        &[
            "model",
            "record",
            "connector",
            "connectors",
            "mapping",
            "queue",
            "control",
            "service",
            "api",
        ],
    ),
    (
        "stevedore",
        &[
            "model",
            "api",
            "queue",
            "control",
            "connectors",
            "service",
            "coordinator",
            "extractor",
            "transformer",
            "loader",
            "auditor",
            "reconciler",
            "rehearsal-org",
        ],
    ),
];

/// Libraries that live in one place each.
const LIVES_IN: &[(&str, &[&str])] = &[
    ("lapin", &["queue"]),
    ("datafusion-expr", &["mapping"]),
    ("datafusion-sql", &["mapping"]),
    ("datafusion-physical-expr", &["mapping"]),
    ("axum", &["coordinator", "rehearsal-org"]),
    ("sqlx", &["control", "connector-sql"]),
    ("rusqlite", &["rehearsal-org"]),
    ("reqwest", &["api", "connector-salesforce"]),
    ("clap", &["stevedore"]),
];

/// The whole line's names that no crate may have.
const NO_NAMES: &[&str] = &["common", "utils", "types", "helpers"];

#[test]
fn crates_use_only_what_is_below_them() {
    let crates = crates();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(
        found, known,
        "the list of crates in this test and the workspace differ"
    );
    for (name, allowed) in MAY_USE {
        let ours = crates[*name]
            .iter()
            .filter(|used| known.contains(used.as_str()));
        let wrong: Vec<_> = ours
            .filter(|used| !allowed.contains(&used.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{name} may not use {wrong:?}");
    }
}

#[test]
fn great_libraries_live_in_one_place() {
    for (library, homes) in LIVES_IN {
        for (name, uses) in crates() {
            let stranger = uses.contains(*library) && !homes.contains(&name.as_str());
            assert!(
                !stranger,
                "{library} lives in {homes:?}, and {name} uses it"
            );
        }
    }
}

#[test]
fn crates_are_named_for_what_they_do() {
    for name in crates().keys() {
        assert!(
            !NO_NAMES.contains(&name.as_str()),
            "a crate called {name} says nothing"
        );
    }
}

#[test]
fn files_stay_of_one_idea() {
    let mut long = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                assert!(
                    text.starts_with("//!") || text.starts_with("#!["),
                    "{}: what lives here?",
                    path.display()
                );
                if text.lines().count() > 500 {
                    long.push(path);
                }
            }
        }
    }
    assert!(
        long.is_empty(),
        "past 500 lines there is a second idea: {long:?}"
    );
}

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Our crates and what each depends on outside of tests.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| dependency["name"].as_str())
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().expect("a name").to_owned(), uses)
        })
        .collect()
}
