//! The files of a folder as objects: one each, or one for several that are numbered parts of one table.

use std::path::Path;

use connector::{Catalogue, Listed};
use model::migration::From;
use model::{Failure, Finding};

use crate::{files, header};

/// `only` holds names of objects, of files, or patterns of them.
pub(crate) fn catalogue(
    folder: &Path,
    delimiter: u8,
    only: &[String],
) -> Result<Catalogue, Failure> {
    let is_file = |name: &&String| name.contains('*') || is_csv(name);
    if !only.is_empty() && only.iter().all(|name| is_file(&name)) {
        let objects = only.iter().map(|pattern| {
            files::find(folder, pattern)?;
            Ok(listed(pattern))
        });
        return Ok(Catalogue {
            objects: objects.collect::<Result<_, Failure>>()?,
            left_out: Vec::new(),
        });
    }
    let all = files::find(folder, "*")?;
    let (files, others): (Vec<_>, Vec<_>) = all.iter().partition(|file| is_csv(&file.name));
    let mut patterns: Vec<String> = Vec::new();
    for file in files {
        let pattern = pattern_of_parts(folder, delimiter, &file.name);
        let pattern = pattern.unwrap_or_else(|| file.name.clone());
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    let objects = patterns.iter().map(|pattern| listed(pattern));
    let others: Vec<&str> = others.iter().map(|file| file.name.as_str()).collect();
    let left_out = format!("not called .csv, and so left out: {}", others.join(", "));
    let left_out =
        Finding::ok("left_out", left_out).hint("name what is wanted all the same: --only FILE");
    Ok(Catalogue {
        objects: objects
            .filter(|listed| {
                Catalogue::wants(only, &listed.name)
                    || Catalogue::wants(only, listed.from.describe())
            })
            .collect(),
        left_out: match others.as_slice() {
            [] => Vec::new(),
            _ => vec![left_out],
        },
    })
}

fn is_csv(name: &str) -> bool {
    name.to_lowercase().ends_with(".csv")
}

fn listed(pattern: &str) -> Listed {
    let stem = match is_csv(pattern) {
        true => &pattern[..pattern.len() - ".csv".len()],
        false => pattern,
    };
    let name = stem.replace('*', "");
    let name = name.trim_matches(|c: char| matches!(c, '-' | '_' | '.' | ' '));
    Listed {
        from: From::File(pattern.to_owned()),
        name: if name.is_empty() { "records" } else { name }.to_owned(),
        // A file says nothing of keys or parents.
        keys: Vec::new(),
        parents: Vec::new(),
    }
}

/// `accounts-*.csv` for `accounts-2.csv`, where its files are numbered, all of them, and have the same columns.
fn pattern_of_parts(folder: &Path, delimiter: u8, name: &str) -> Option<String> {
    let base = |name: &str| {
        let stem = &name[..name.len() - ".csv".len()];
        let base = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        (base.len() < stem.len() && base.ends_with(['-', '_', '.', ' '])).then(|| base.to_owned())
    };
    let own = base(name)?;
    let pattern = format!("{own}*{}", &name[name.len() - ".csv".len()..]);
    let parts = files::find(folder, &pattern).ok()?;
    let columns = |name: &str| {
        header::read(&folder.join(name), delimiter)
            .ok()
            .map(|(names, _)| names)
    };
    let first = columns(name)?;
    let is_part =
        |name: &str| base(name).as_ref() == Some(&own) && columns(name).as_ref() == Some(&first);
    (parts.len() > 1 && parts.iter().all(|part| is_part(&part.name))).then_some(pattern)
}
