//! What is read: an org, or the CSV files beside export.json; and the names that the command line or the project give to both ends.

use std::path::Path;

use model::Failure;

use super::known;
use super::loss::Loss;
use super::script::{Script, Settings};
use super::tables::Folder;

/// SFDMU's name for files in the place of an org.
const FILES: &str = "csvfile";

/// The source, and what is known of both orgs.
pub(super) struct Source {
    files: bool,
    pub(super) folder: Folder,
    pub(super) has_ids: bool,
    pub(super) api_version: Option<String>,
    pub(super) source_org: Org,
    pub(super) target_org: Org,
    pub(super) losses: Vec<Loss>,
}

/// An org, as far as the project knows it. Never its token.
#[derive(Default)]
pub(super) struct Org {
    pub(super) name: Option<String>,
    pub(super) instance_url: Option<String>,
}

/// The names as given to `sf sfdmu run`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) source: Option<String>,
    pub(crate) target: Option<String>,
}

impl Source {
    pub(super) fn of(script: &Script, folder: &Path, names: &Names) -> Result<Self, Failure> {
        let root = &script.root;
        let listed = script
            .orgs
            .iter()
            .map(|org| org.text("name"))
            .collect::<Result<Vec<_>, _>>()?;
        // Not told otherwise, the first org of the list is the source, the second the target.
        let nth = |place: usize| listed.get(place).cloned().flatten();
        let source = names
            .source
            .clone()
            .or(root.text("sourceUsername")?)
            .or_else(|| nth(0));
        let is_files = |name: &Option<String>| {
            name.as_ref()
                .is_some_and(|name| name.eq_ignore_ascii_case(FILES))
        };
        // Files are on one side only.
        let other = |place: usize| match is_files(&source) {
            true => listed
                .iter()
                .flatten()
                .find(|name| !name.eq_ignore_ascii_case(FILES))
                .cloned(),
            false => nth(place),
        };
        let target = names
            .target
            .clone()
            .or(root.text("targetUsername")?)
            .or_else(|| other(1));
        if is_files(&target) {
            return Err(root
                .failure(
                    "orgs",
                    "target_is_files",
                    "the target are CSV files, and Stevedore writes none".to_owned(),
                )
                .hint(
                    "name the org that is written with --targetusername, or move into a database",
                ));
        }
        let mut losses = Vec::new();
        for (place, org) in script.orgs.iter().enumerate() {
            let name = listed[place]
                .clone()
                .unwrap_or_else(|| format!("number {}", place + 1));
            losses.extend(known::of_org(org, &name));
        }
        let files = is_files(&source);
        Ok(Self {
            files,
            folder: Folder {
                path: folder.to_owned(),
                delimiter: delimiter(root, files, &mut losses)?,
            },
            has_ids: !root.is_set("excludeIdsFromCSVFiles")?,
            api_version: api_version(root, &mut losses)?,
            source_org: Org::named(script, source)?,
            target_org: Org::named(script, target)?,
            losses,
        })
    }

    pub(super) fn is_files(&self) -> bool {
        self.files
    }

    /// The columns of an object's file, if files are the source and it is there.
    pub(super) fn header(&self, object: &str) -> Result<Option<Vec<String>>, Failure> {
        if self.files {
            self.folder.header(object)
        } else {
            Ok(None)
        }
    }
}

impl Org {
    fn named(script: &Script, name: Option<String>) -> Result<Self, Failure> {
        let mut instance_url = None;
        for org in &script.orgs {
            let listed = org.text("name")?;
            let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
            if listed
                .as_ref()
                .zip(name.as_ref())
                .is_some_and(|(a, b)| same(a, b))
            {
                instance_url = org.text("instanceUrl")?.as_deref().and_then(origin);
            }
        }
        Ok(Self { name, instance_url })
    }
}

/// Scheme and host of an address: what follows, or stands before the host, may be a credential.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(format!("{scheme}://{host}"))
}

fn delimiter(root: &Settings, files: bool, losses: &mut Vec<Loss>) -> Result<char, Failure> {
    for key in ["csvFileDelimiter", "csvReadFileDelimiter"] {
        // Read whole: a tab alone is a text too.
        let Some(text) = root.get(key).and_then(serde_json::Value::as_str) else {
            continue;
        };
        let mut characters = text.chars();
        return Ok(
            match (
                text.trim().to_lowercase().as_str(),
                characters.next(),
                characters.next(),
            ) {
                ("comma", ..) => ',',
                ("semicolon", ..) => ';',
                ("tab" | "\\t", ..) => '\t',
                (_, Some(one), None) if one.is_ascii() => one,
                (_, None, _) => ',',
                _ => {
                    let why = "a delimiter here is one ASCII character";
                    if files {
                        losses.push(Loss::new(key, why, "write the files anew with such a one"));
                    }
                    ','
                }
            },
        );
    }
    Ok(',')
}

fn api_version(root: &Settings, losses: &mut Vec<Loss>) -> Result<Option<String>, Failure> {
    let Some(written) = root.text("apiVersion")? else {
        return Ok(None);
    };
    let digits = |text: &str| {
        !text.is_empty() && text.len() <= 3 && text.chars().all(|c| c.is_ascii_digit())
    };
    let version = match written.split_once('.') {
        None => (written.clone(), "0".to_owned()),
        Some((major, minor)) => (major.to_owned(), minor.to_owned()),
    };
    if digits(&version.0) && digits(&version.1) {
        return Ok(Some(format!("{}.{}", version.0, version.1)));
    }
    losses.push(Loss::new(
        "apiVersion",
        "it is no number like 65.0",
        "`api_version` under the connection",
    ));
    Ok(None)
}
