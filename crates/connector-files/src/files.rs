//! The files of an object: found by pattern, and recognised when they change.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use model::Failure;
use serde::{Deserialize, Serialize};

/// A file as it was when the object was described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileFacts {
    /// Its name in the folder.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Milliseconds since 1970.
    pub(crate) modified: u64,
}

/// The files of a pattern, by name. `*` stands for any characters.
pub(crate) fn find(folder: &Path, pattern: &str) -> Result<Vec<FileFacts>, Failure> {
    if pattern.contains(['/', '\\']) {
        return Err(Failure::usage(
            "invalid_file",
            format!("`{pattern}` is not a name in the connection's folder"),
        )
        .hint("set the connection's `folder` to where the files are"));
    }
    let unreadable = |error: std::io::Error| {
        Failure::pause(
            "unreadable_folder",
            format!("the folder {} can't be read: {error}", folder.display()),
        )
        .hint("look whether it exists where the service runs, and may be read")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry
            .map_err(unreadable)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if matches(pattern, &name) {
            files.push(facts(folder, &name)?);
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(
            "unknown_file",
            format!("no file in {} is called `{pattern}`", folder.display()),
        )
        .hint("name a file, or a pattern with `*`"));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Fails when a file is no longer what it was.
pub(crate) fn check(folder: &Path, file: &FileFacts) -> Result<PathBuf, Failure> {
    if facts(folder, &file.name)? != *file {
        return Err(Failure::pause(
            "source_changed",
            format!("the file {} was changed since the run began", file.name),
        )
        .hint("put it back as it was, or start a new run"));
    }
    Ok(folder.join(&file.name))
}

fn facts(folder: &Path, name: &str) -> Result<FileFacts, Failure> {
    let path = folder.join(name);
    let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
    Ok(FileFacts {
        name: name.to_owned(),
        bytes: metadata.len(),
        modified,
    })
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::pause(
        "unreadable_file",
        format!("{} can't be read: {error}", path.display()),
    )
    .hint("look whether it exists where the service runs, and may be read")
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in [
            ("a.csv", "a.csv"),
            ("a-*.csv", "a-1.csv"),
            ("*", "x"),
            ("a*b*c", "axxbc"),
            ("a-*.csv", "a-.csv"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a.csv", "a.csv2"),
            ("a-*.csv", "b-1.csv"),
            ("a*b*c", "acb"),
            ("ab*b", "ab"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
