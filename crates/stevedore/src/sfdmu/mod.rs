//! Reads a project of SFDMU (`sf sfdmu run`) and writes a migration file that does the same, as far as Stevedore can; what it can't is told at its place.
//! What SFDMU means by each setting is taken from its version 5.8.

mod any_lookup;
mod draft;
mod fields;
mod head;
mod item;
mod known;
mod lookups;
mod loss;
mod mock;
mod parents;
mod relations;
mod script;
mod soql;
mod source;
mod sql;
mod tables;
mod translate;
mod values;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::Failure;
use model::migration::Migration;
use serde::Serialize;

use self::item::{Item, Shared};
pub(crate) use self::loss::Loss;
use self::script::Script;
pub(crate) use self::source::Names;
use self::source::Source;
use self::translate::Import;

/// A project, by its `export.json`.
pub(crate) struct Project {
    file: PathBuf,
    folder: PathBuf,
}

/// What came of a project.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) text: String,
    pub(crate) objects: Vec<Object>,
    pub(crate) losses: Vec<Loss>,
    /// Environment variables that a run of it needs.
    pub(crate) variables: Vec<&'static str>,
}

/// An object of the migration file, in short.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) operation: &'static str,
    pub(crate) fields: usize,
}

impl Project {
    /// `path` is an export.json, or the folder that holds one.
    pub(crate) fn at(path: &Path) -> Self {
        let file = if path.is_dir() {
            path.join("export.json")
        } else {
            path.to_owned()
        };
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { file, folder }
    }

    /// A name for the migration: that of the folder, as far as it can be one.
    pub(crate) fn name(&self) -> String {
        let folder = self
            .folder
            .canonicalize()
            .unwrap_or_else(|_| self.folder.clone());
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let name: String = name
            .unwrap_or_default()
            .chars()
            .map(plain)
            .take(60)
            .collect();
        match name.trim_matches('-') {
            "" => "sfdmu".to_owned(),
            name => name.to_owned(),
        }
    }

    /// Translates it. `to` is where the file is going to lie.
    pub(crate) fn import(&self, names: &Names, to: &Path) -> Result<Imported, Failure> {
        let script = Script::read(&self.file)?;
        let source = Source::of(&script, &self.folder, names)?;
        let (items, losses) = self.items(&script, &source)?;
        let imported = Import {
            items,
            losses,
            source,
        }
        .write(self, &script, to)?;
        let told = |failure: Failure| {
            let message = format!("what came of it is no migration file: {failure}");
            Failure::usage("not_importable", message)
                .file(self.file.display().to_string())
                .hint("nothing was written; take the object that is named out of export.json, and write it by hand")
        };
        Migration::parse(&imported.text, &to.display().to_string()).map_err(told)?;
        Ok(imported)
    }

    fn items(&self, script: &Script, source: &Source) -> Result<(Vec<Item>, Vec<Loss>), Failure> {
        let mut losses = known::of_project(&script.root);
        for (number, set) in (1..).zip(&script.set_settings) {
            losses.extend(known::of_entry(
                set,
                &["objects"],
                &format!("objectSets, number {number}"),
            ));
        }
        losses.extend(source.losses.iter().cloned());
        let field_rows = source.folder.field_rows()?;
        let value_rows = source.folder.value_rows()?;
        let shared = Shared {
            source,
            field_rows: &field_rows,
            value_rows: &value_rows,
            excluded_objects: &script.root.texts("excludedObjects")?,
        };
        let mut items: Vec<Item> = Vec::new();
        let mut names = BTreeSet::new();
        for (set, entries) in script.sets.iter().enumerate() {
            for settings in entries {
                match Item::read(settings, set, &shared)? {
                    Err(loss) => losses.push(loss),
                    Ok(mut item) => {
                        item.name = unique(&item.api, &names);
                        names.insert(item.name.clone());
                        items.push(item);
                    }
                }
            }
        }
        Ok((items, losses))
    }
}

fn unique(api: &str, names: &BTreeSet<String>) -> String {
    // 60 characters are a name's most.
    let base: String = api.chars().take(56).collect();
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let mut all = std::iter::once(api.chars().take(60).collect()).chain(numbered);
    all.find(|name| !names.contains(name)).unwrap_or(base)
}
