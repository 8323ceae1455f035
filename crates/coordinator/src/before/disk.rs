//! Room for the temporary files that bulk jobs go through, on the machine that serves the API; other loaders' machines are not asked.

use model::Finding;

/// A job of ninety megabytes and its results, for a few jobs at once.
const NEEDED_MB: u64 = 1_000;
/// A single job.
const LEAST_MB: u64 = 300;

#[cfg(unix)]
pub(super) fn inspect() -> Option<Finding> {
    let folder = std::env::temp_dir();
    let shown = folder.display();
    Some(match rustix::fs::statvfs(&folder) {
        Ok(told) => judge(
            &shown.to_string(),
            told.f_bavail.saturating_mul(told.f_frsize) / 1_000_000,
        ),
        Err(error) => Finding::problem(
            "disk",
            format!("the folder for temporary files, {shown}, can't be used: {error}"),
        )
        .hint("name another in TMPDIR"),
    })
}

/// Other systems don't tell.
#[cfg(not(unix))]
pub(super) fn inspect() -> Option<Finding> {
    None
}

#[cfg_attr(not(unix), allow(dead_code, reason = "nothing tells the room there"))]
fn judge(folder: &str, free: u64) -> Finding {
    let said =
        format!("{free} MB are free for temporary files in {folder}, on the coordinator's machine");
    let hint = "loaders keep the rows and results of jobs there for a while; make room, or name another folder in TMPDIR";
    match free {
        free if free < LEAST_MB => Finding::problem("disk", said).hint(hint),
        free if free < NEEDED_MB => Finding::warning("disk", said).hint(hint),
        _ => Finding::ok("disk", said),
    }
}

#[cfg(test)]
mod tests {
    use model::Grade;

    use super::*;

    #[test]
    fn room_is_judged_by_what_jobs_take() {
        let grade = |free| judge("/tmp", free).grade;
        assert_eq!(grade(LEAST_MB - 1), Grade::Problem);
        assert_eq!(grade(LEAST_MB), Grade::Warning);
        assert_eq!(grade(NEEDED_MB), Grade::Ok);
    }
}
