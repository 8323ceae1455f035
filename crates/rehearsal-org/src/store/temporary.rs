//! The folder of an org that is not kept: gone when the org stops, and where the org was killed, when the next one
//! starts.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "rehearsal-org-";
/// The name of the database in the folder.
pub(super) const DATABASE: &str = "records.db";
/// The end of the name of the file that the org holds locked.
pub(super) const LOCK: &str = "-lock";
/// Younger folders may be of an org that is about to lock.
const OLD: Duration = Duration::from_secs(60);

/// A new folder in this one.
pub(super) fn folder(within: &Path) -> io::Result<TempDir> {
    sweep(within, OLD);
    TempDir::with_prefix_in(PREFIX, within)
}

/// Removes the folders of orgs that are no more. What can't be removed is left to others.
fn sweep(within: &Path, age: Duration) {
    for entry in fs::read_dir(within).into_iter().flatten().flatten() {
        let of_an_org = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if of_an_org && is_left(&entry.path(), age).unwrap_or(false) {
            let path = entry.path();
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed what a killed org left"),
                Err(error) => tracing::debug!(%error, path = %path.display(), "not removed"),
            }
        }
    }
}

/// Whether nobody holds the lock in a folder, and nobody is about to.
fn is_left(folder: &Path, age: Duration) -> io::Result<bool> {
    let lock = File::options()
        .write(true)
        .open(folder.join(format!("{DATABASE}{LOCK}")))?;
    let is_old = lock
        .metadata()?
        .modified()?
        .elapsed()
        .is_ok_and(|passed| passed >= age);
    Ok(is_old && lock.try_lock().is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_is_removed() {
        let within = tempfile::tempdir().unwrap();
        let named = |name: &str| {
            let folder = within.path().join(name);
            fs::create_dir(&folder).unwrap();
            let lock = File::create(folder.join(format!("{DATABASE}{LOCK}"))).unwrap();
            (folder, lock)
        };
        let (left, _) = named("rehearsal-org-left");
        let (held, lock) = named("rehearsal-org-held");
        let (other, _) = named("somebody-elses");
        lock.lock().unwrap();
        let empty = within.path().join("rehearsal-org-starting");
        fs::create_dir(&empty).unwrap();
        sweep(within.path(), OLD);
        assert!(left.exists(), "it is young");
        sweep(within.path(), Duration::ZERO);
        assert!(!left.exists());
        assert!(held.exists() && other.exists() && empty.exists());
        let new = folder(within.path()).unwrap();
        assert!(new.path().starts_with(within.path()));
    }
}
