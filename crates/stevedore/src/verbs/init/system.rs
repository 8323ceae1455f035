//! A system as it is named on the command line, and as a migration file names it: what is secret in it becomes a variable.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use model::migration::ConnectionTemplate;
use model::{Failure, Secret};
use serde_json::json;

const FORMS: &str = "a system is postgres://user:password@host/database, sqlite:///absolute/path.db or the file itself, a CSV file, folder or pattern, \
    https://….my.salesforce.com, an alias of the Salesforce CLI, or a connection as it stands in a migration file, `{ kind: …, … }`";
/// What a SQLite file begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

#[derive(Debug)]
pub(super) struct System {
    /// A name for what is moved out of it.
    pub(super) name: String,
    /// As it stands under `connections`.
    pub(super) template: ConnectionTemplate,
    /// What its `${NAME}` stand for.
    pub(super) variables: BTreeMap<String, Secret>,
    /// The files that are meant, where not all of the folder are.
    pub(super) files: Vec<String>,
}

impl System {
    /// `end` is SOURCE or TARGET, for the names of variables. What is said of a text that is no system does not repeat it: it may hold a password.
    pub(super) fn read(text: &str, end: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::inline(text, end);
        }
        let scheme = text
            .split_once("://")
            .map(|(scheme, _)| scheme.to_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => Ok(Self::postgres(text, end)),
            Some("sqlite") => Ok(Self::sqlite(text)),
            Some("http" | "https") => Self::org(text, end),
            Some(_) => Err(unknown(end, "its scheme is none that is known")),
            None if text.starts_with("sqlite:") => Ok(Self::sqlite(text)),
            None if text.is_empty() => Err(unknown(end, "it is empty")),
            None => Self::on_this_machine(text, end),
        }
    }

    fn new(name: &str, template: serde_json::Value) -> Self {
        Self {
            name: plain(name),
            template: ConnectionTemplate(template.as_object().cloned().unwrap_or_default()),
            variables: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    fn postgres(url: &str, end: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let database = path.splitn(4, '/').nth(3).unwrap_or_default();
        let name = if database.is_empty() {
            "postgres"
        } else {
            database
        };
        // Somebody who keeps the password in a variable has written the rest for the file already.
        if url.contains("${") {
            return Self::new(name, json!({ "kind": "postgres", "url": url }));
        }
        let variable = known(url).unwrap_or_else(|| format!("{end}_URL"));
        let mut system = Self::new(
            name,
            json!({ "kind": "postgres", "url": format!("${{{variable}}}") }),
        );
        system.variables.insert(variable, Secret::new(url));
        system
    }

    fn sqlite(url: &str) -> Self {
        let path = url.split('?').next().unwrap_or_default();
        Self::new(stem(path), json!({ "kind": "sqlite", "url": url }))
    }

    fn org(url: &str, end: &str) -> Result<Self, Failure> {
        let host = url.split_once("://").map_or("", |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(unknown(end, "an org's address holds no user and password"));
        }
        let name = host.split(['.', ':']).next().unwrap_or_default();
        let is_number = name.chars().all(|c| c.is_ascii_digit());
        let name = if is_number { "org" } else { name };
        let token = format!("${{{end}_TOKEN}}");
        Ok(Self::new(
            name,
            json!({ "kind": "salesforce", "instance_url": url, "access_token": token }),
        ))
    }

    fn inline(text: &str, end: &str) -> Result<Self, Failure> {
        // Read as the migration file is, so that what is accepted here is accepted there.
        let file = format!(
            "migration: m\nconnections:\n  a: {text}\nsource: a\ntarget: a\nobjects:\n  - {{ name: a, from: {{ table: a }}, to: a }}\n"
        );
        let migration =
            model::migration::Migration::parse(&file, "the connection").map_err(|failure| {
                let why = match failure.code.as_str() {
                    // Its message is ours, and names the setting alone.
                    "literal_credential" => failure.message,
                    _ => "it is no connection as a migration file has them".to_owned(),
                };
                unknown(end, &why)
            })?;
        let template = migration.connection("a")?.clone();
        Ok(Self::new(
            template.kind(),
            serde_json::Value::Object(template.0.clone()),
        ))
    }

    fn on_this_machine(text: &str, end: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        if text.contains('*') || text.to_lowercase().ends_with(".csv") {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let mut system = Self::new(
                stem(&name),
                json!({ "kind": "csv", "folder": whole(folder, end)? }),
            );
            system.files = vec![name];
            return Ok(system);
        }
        if path.is_dir() {
            let folder = whole(path, end)?;
            return Ok(Self::new(
                stem(&folder),
                json!({ "kind": "csv", "folder": folder }),
            ));
        }
        if path.is_file() {
            let mut begin = [0; SQLITE.len()];
            let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
            return match read {
                Ok(()) if begin == SQLITE => {
                    Ok(Self::sqlite(&format!("sqlite://{}", whole(path, end)?)))
                }
                _ => Err(unknown(
                    end,
                    "the file is neither a SQLite database nor called .csv",
                )),
            };
        }
        if text.contains(['/', '\\']) {
            return Err(unknown(end, "there is no such file or folder"));
        }
        Ok(Self::new(
            text,
            json!({ "kind": "salesforce", "target_org": text }),
        ))
    }
}

fn unknown(end: &str, why: &str) -> Failure {
    Failure::usage(
        "unknown_system",
        format!("the {} can't be told: {why}", end.to_lowercase()),
    )
    .hint(FORMS)
}

/// The variable that holds the same address already, by a name that says so.
fn known(url: &str) -> Option<String> {
    let plain = |name: &String| {
        name.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && name.ends_with("_URL")
    };
    let mut names: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| value.to_str() == Some(url))
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(plain)
        .collect();
    names.sort();
    names.into_iter().next()
}

/// The services find it wherever they run from.
fn whole(path: &Path, end: &str) -> Result<String, Failure> {
    let whole = path
        .canonicalize()
        .map_err(|_| unknown(end, "there is no such file or folder"))?;
    Ok(whole.to_string_lossy().into_owned())
}

/// The last part of a path, without its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

/// As a migration may be called.
fn plain(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).take(60).collect();
    match name.trim_matches('-') {
        "" => "migration".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(text: &str) -> System {
        System::read(text, "SOURCE").unwrap_or_else(|failure| panic!("{text}: {failure}"))
    }

    #[test]
    fn a_password_becomes_a_variable() {
        let found = system("postgres://me:hunter2@host:5432/crm?sslmode=require");
        assert_eq!(found.name, "crm");
        assert_eq!(found.template.0["url"], "${SOURCE_URL}");
        assert_eq!(
            found.variables["SOURCE_URL"].expose(),
            "postgres://me:hunter2@host:5432/crm?sslmode=require"
        );
        assert!(!format!("{found:?}").contains("hunter2"));
        let kept = system("postgres://me:${PASSWORD}@host/crm");
        assert_eq!(kept.template.0["url"], "postgres://me:${PASSWORD}@host/crm");
        assert!(kept.variables.is_empty());
    }

    #[test]
    fn every_kind_is_known_by_its_form() {
        for (text, kind, setting, value) in [
            (
                "sqlite:///data/old.db",
                "sqlite",
                "url",
                "sqlite:///data/old.db",
            ),
            (
                "https://acme.my.salesforce.com",
                "salesforce",
                "access_token",
                "${SOURCE_TOKEN}",
            ),
            ("my-sandbox", "salesforce", "target_org", "my-sandbox"),
            (
                "me@acme.com.dev",
                "salesforce",
                "target_org",
                "me@acme.com.dev",
            ),
            (
                "{ kind: salesforce, target_org: dev, api_budget: 50% }",
                "salesforce",
                "api_budget",
                "50%",
            ),
        ] {
            let found = system(text);
            assert_eq!(found.template.kind(), kind, "{text}");
            assert_eq!(found.template.0[setting], value, "{text}");
        }
        assert_eq!(system("https://acme.my.salesforce.com/").name, "acme");
    }

    #[test]
    fn what_is_no_system_is_refused_without_being_repeated() {
        for text in [
            "",
            "mysql://me:hunter2@host/db",
            "https://me:hunter2@acme.my.salesforce.com",
            "{ kind: postgres, url: \"postgres://me:hunter2@host/db\" }",
            "{ kind: nothing, password: hunter2 }",
            "{ kind: salesforce, access_token: hunter2 }",
            "no/such/hunter2",
        ] {
            let Err(failure) = System::read(text, "TARGET") else {
                panic!("{text} is refused")
            };
            let shown = format!("{failure:?}");
            assert!(
                failure.hint.is_some() && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
}
