//! `export.json` as it is written: JSON with its lines, and settings read by type, with SFDMU's leniency about `"true"` and numbers in quotes.

use std::path::Path;
use std::rc::Rc;

use model::Failure;
use model::migration::Lines;
use serde_json::{Map, Value};

/// The file, for messages.
struct Document {
    file: String,
    lines: Lines,
}

/// One JSON object of the file.
#[derive(Clone)]
pub(super) struct Settings {
    document: Rc<Document>,
    path: String,
    map: Map<String, Value>,
}

/// The whole project.
pub(super) struct Script {
    pub(super) root: Settings,
    pub(super) orgs: Vec<Settings>,
    /// The entries of `objectSets` that are more than a list of objects.
    pub(super) set_settings: Vec<Settings>,
    /// SFDMU runs the sets one after another.
    pub(super) sets: Vec<Vec<Settings>>,
}

impl Script {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                "unreadable_file",
                format!("SFDMU's project can't be read: {error}"),
            )
            .file(&file)
            .hint("name an export.json, or the folder that holds one")
        })?;
        Self::parse(&text, &file)
    }

    pub(super) fn parse(text: &str, file: &str) -> Result<Self, Failure> {
        let text = text.trim_start_matches('\u{feff}');
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let told = message.split(" at line ").next().unwrap_or_default();
            Failure::usage("invalid_json", format!("it is not JSON: {told}"))
                .file(file)
                .line(u64::try_from(error.line()).ok())
                .hint("SFDMU reads strict JSON too: no comments, no comma after the last entry")
        })?;
        let document = Rc::new(Document {
            file: file.to_owned(),
            lines: Lines::of(text),
        });
        let Value::Object(map) = value else {
            return Err(Failure::usage("invalid_project", "it is no JSON object")
                .file(file)
                .hint("an export.json is `{ \"objects\": [ … ] }`"));
        };
        let root = Settings {
            document,
            path: String::new(),
            map,
        };
        let mut sets = Vec::new();
        let mut set_settings = Vec::new();
        let objects = root.list("objects")?;
        if !objects.is_empty() {
            sets.push(objects);
        }
        for set in root.entries("objectSets")? {
            sets.push(match set {
                // A set may be written as a bare list.
                Entry::List(objects) => objects,
                Entry::Object(set) => {
                    let objects = set.list("objects")?;
                    set_settings.push(set);
                    objects
                }
            });
        }
        let orgs = root.list("orgs")?;
        Ok(Self {
            root,
            orgs,
            set_settings,
            sets,
        })
    }
}

enum Entry {
    Object(Settings),
    List(Vec<Settings>),
}

impl Settings {
    pub(super) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.map.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text, or a number as text; an empty one counts as none.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Failure> {
        let text = match self.get(key) {
            None => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err(self.wrong(key, "a text")),
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Failure> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    pub(super) fn is_set(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.flag(key)?.unwrap_or_default())
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, Failure> {
        let entries = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(self.wrong(key, "a list of texts")),
        };
        let texts = entries.iter().map(|entry| {
            entry
                .as_str()
                .map(|text| text.trim().to_owned())
                .ok_or_else(|| self.wrong(key, "a list of texts"))
        });
        texts.collect()
    }

    pub(super) fn list(&self, key: &str) -> Result<Vec<Settings>, Failure> {
        let objects = self.entries(key)?.into_iter().map(|entry| match entry {
            Entry::Object(settings) => Ok(settings),
            Entry::List(_) => Err(self.wrong(key, "a list of JSON objects")),
        });
        objects.collect()
    }

    fn entries(&self, key: &str) -> Result<Vec<Entry>, Failure> {
        let values = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(_) => return Err(self.wrong(key, "a list")),
        };
        let path = self.path_of(key);
        let entry =
            |(index, value): (usize, &Value)| self.entry(key, &format!("{path}.{index}"), value);
        values.iter().enumerate().map(entry).collect()
    }

    fn entry(&self, key: &str, path: &str, value: &Value) -> Result<Entry, Failure> {
        let settings = |path: String, map: &Map<String, Value>| Settings {
            document: self.document.clone(),
            path,
            map: map.clone(),
        };
        match value {
            Value::Object(map) => Ok(Entry::Object(settings(path.to_owned(), map))),
            Value::Array(values) => {
                let objects = values.iter().enumerate().map(|(index, value)| match value {
                    Value::Object(map) => Ok(settings(format!("{path}.{index}"), map)),
                    _ => Err(self.wrong(key, "a list of JSON objects")),
                });
                objects.collect::<Result<_, _>>().map(Entry::List)
            }
            _ => Err(self.wrong(key, "a list of JSON objects")),
        }
    }

    /// A failure about a setting. The value is not told: it may be a credential.
    fn wrong(&self, key: &str, wanted: &str) -> Failure {
        self.failure(key, "invalid_project", format!("`{key}` is not {wanted}"))
            .hint("compare it with SFDMU's documentation of export.json")
    }

    /// A failure at the line of a setting, or of the object itself if it has no such setting.
    pub(super) fn failure(&self, key: &str, code: &str, message: String) -> Failure {
        Failure::usage(code, message)
            .file(&self.document.file)
            .line(self.document.lines.line(&self.path_of(key)))
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> Failure {
        Script::parse(text, "export.json").err().expect("is wrong")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let comma = failure("{\n  \"objects\": [\n    { \"query\": \"x\" },\n  ]\n}");
        assert_eq!(
            (comma.code.as_str(), comma.place.line),
            ("invalid_json", Some(4))
        );
        assert_eq!(comma.place.file.as_deref(), Some("export.json"));
        assert_eq!(comma.message, "it is not JSON: trailing comma");
        let list = failure("{\n  \"orgs\": [],\n  \"objects\": {}\n}");
        assert_eq!(
            (list.code.as_str(), list.place.line),
            ("invalid_project", Some(3))
        );
        assert_eq!(failure("[]").message, "it is no JSON object");
    }

    #[test]
    fn settings_are_read_as_sfdmu_reads_them() {
        let script = Script::parse(
            "\u{feff}{\t\"apiVersion\": 58.0, \"allOrNone\": \"true\", \"objects\": [],\n\"objectSets\": [[{\"query\": \" q \"}], {\"objects\": [{}, {\n\"master\": 7}]}]}",
            "export.json",
        )
        .expect("a project");
        assert_eq!(
            script.root.text("apiVersion").expect("a text").as_deref(),
            Some("58.0")
        );
        assert!(script.root.is_set("allOrNone").expect("a flag"));
        assert_eq!(script.sets.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            script.sets[0][0].text("query").expect("a text").as_deref(),
            Some("q")
        );
        let wrong = script.sets[1][1].flag("master").expect_err("a number");
        assert_eq!(wrong.place.line, Some(3), "{wrong}");
    }
}
