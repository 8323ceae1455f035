//! An object of the project, read: what SFDMU would do with it, and what the fields of its records are called at both ends.

use std::collections::BTreeMap;

use model::Failure;
use model::migration::Operation;

use super::known;
use super::loss::Loss;
use super::mock::Mock;
use super::relations::{is_only_read, name_field};
use super::script::Settings;
use super::soql::{Query, Selected};
use super::source::Source;
use super::tables::{FieldRow, ValueRow};
use super::values::Values;

/// An entry of `objects`.
pub(super) struct Item {
    /// In the migration file.
    pub(super) name: String,
    /// In the source.
    pub(super) api: String,
    /// In the target.
    pub(super) to: String,
    /// The set that it is in, from 0.
    pub(super) set: usize,
    pub(super) query: Query,
    pub(super) fate: Fate,
    pub(super) external: External,
    /// Whether the project names the external id.
    pub(super) external_is_told: bool,
    pub(super) excluded: Vec<String>,
    pub(super) not_written: Vec<String>,
    /// Lookups that the project calls polymorphic, each with the object that it says they refer to.
    polymorphic: Vec<(String, Option<String>)>,
    pub(super) mocks: Vec<Mock>,
    pub(super) values: Vec<Values>,
    /// The columns of its file, where they are known.
    pub(super) header: Option<Vec<String>>,
    pub(super) losses: Vec<Loss>,
    pub(super) remarks: Vec<String>,
    /// Source field, in lower case: target field.
    renames: BTreeMap<String, String>,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Moved(Operation),
    /// SFDMU leaves it out too.
    Excluded,
    /// SFDMU only looks its records up.
    OnlyRead,
    /// SFDMU would do something that Stevedore does not.
    NotMoved,
}

/// By what SFDMU finds an object's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum External {
    Field(String),
    /// Several fields joined with `;`, or fields of parents.
    Joined(Vec<String>),
}

/// What the whole project says to each of its objects.
pub(super) struct Shared<'a> {
    pub(super) source: &'a Source,
    pub(super) field_rows: &'a [FieldRow],
    pub(super) value_rows: &'a [ValueRow],
    pub(super) excluded_objects: &'a [String],
}

impl Item {
    /// Reads an entry; a loss alone if there is no query in it.
    pub(super) fn read(
        settings: &Settings,
        set: usize,
        shared: &Shared<'_>,
    ) -> Result<Result<Self, Loss>, Failure> {
        let Some(query) = settings.text("query")? else {
            let name = settings
                .text("name")?
                .unwrap_or_else(|| "an entry of objects".to_owned());
            let why = "it has no query, and SFDMU leaves it out too";
            return Ok(Err(Loss::new(
                name,
                why,
                "give it a query, if it is to be moved",
            )));
        };
        let mut query = Query::parse(&query).map_err(|why| {
            settings
                .failure(
                    "query",
                    "invalid_query",
                    format!("the query can't be read: {why}"),
                )
                .hint("a query is `SELECT Field, … FROM Object …`")
        })?;
        let api = query.object.clone();
        let mut losses = known::of_object(settings);
        clauses(settings, &mut query, shared.source, &mut losses)?;
        let mut remarks = Vec::new();
        let fate = fate(settings, &api, shared, &mut losses)?;
        let told = settings.text("externalId")?;
        let mut item = Self {
            name: api.clone(),
            to: api.clone(),
            set,
            fate,
            external: external(told.as_deref().unwrap_or(name_field(&api))),
            external_is_told: told.is_some(),
            excluded: settings.texts("excludedFields")?,
            not_written: settings.texts("excludedFromUpdateFields")?,
            polymorphic: polymorphic(settings, &mut losses)?,
            mocks: mocks(settings, &mut losses, &mut remarks)?,
            values: values(settings, &api, shared, &mut remarks)?,
            header: shared.source.header(&api)?,
            renames: BTreeMap::new(),
            api,
            query,
            losses,
            remarks,
        };
        item.rename(settings, shared)?;
        Ok(Ok(item))
    }

    fn rename(&mut self, settings: &Settings, shared: &Shared<'_>) -> Result<(), Failure> {
        let api = self.api.clone();
        let rows = shared
            .field_rows
            .iter()
            .filter(|row| row.object.eq_ignore_ascii_case(&api));
        let entries = settings.list("fieldMapping")?;
        if !settings.is_set("useFieldMapping")? {
            if !entries.is_empty() || rows.count() > 0 {
                self.remarks.push(
                    "It has a field mapping, but no `useFieldMapping: true`: SFDMU does not apply it, and neither does this file.".to_owned(),
                );
            }
            return Ok(());
        }
        for row in rows {
            self.rename_one(&row.field, &row.target, "");
        }
        for entry in entries {
            let read = ["sourceField", "targetField", "targetObject"];
            self.losses
                .extend(known::of_entry(&entry, &read, "fieldMapping"));
            let text = |key: &str| entry.text(key).map(Option::unwrap_or_default);
            if let Some(object) = entry.text("targetObject")? {
                self.to = object;
            }
            self.rename_one(
                &text("sourceField")?,
                &text("targetField")?,
                &entry.keys().join(", "),
            );
        }
        Ok(())
    }

    fn rename_one(&mut self, source: &str, target: &str, keys: &str) {
        match (source.is_empty(), target.is_empty()) {
            (false, false) => {
                self.renames
                    .insert(source.to_lowercase(), target.to_owned());
            }
            (true, false) if keys.is_empty() => self.to = target.to_owned(),
            (true, true) => {}
            _ => self.losses.push(Loss::new(
                format!("fieldMapping, an entry with {keys}"),
                "it names only one of source and target field, and SFDMU passes over it",
                "name both",
            )),
        }
    }

    /// A source field's name in the target.
    pub(super) fn target_of(&self, field: &str) -> String {
        let renamed = self.renames.get(&field.to_lowercase());
        renamed.cloned().unwrap_or_else(|| field.to_owned())
    }

    /// The fields and paths that its query selects; `all` of a file are its columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let all = |selected: &Selected| matches!(selected, Selected::Keyword(word) if word.eq_ignore_ascii_case("all"));
        let header = self
            .header
            .iter()
            .flatten()
            .filter(move |_| self.query.selected.iter().any(all));
        let selected = self
            .query
            .selected
            .iter()
            .filter_map(|selected| match selected {
                Selected::Field(name)
                | Selected::Path(name)
                | Selected::Typed { field: name, .. } => Some(name),
                Selected::Keyword(_) | Selected::Other(_) => None,
            });
        selected.chain(header).map(String::as_str)
    }

    /// Whether the project says of a field that it may refer to several objects.
    pub(super) fn is_polymorphic(&self, field: &str) -> bool {
        let mut told = self.polymorphic.iter();
        told.any(|(name, _)| name.eq_ignore_ascii_case(field)) || !self.told(field).is_empty()
    }

    /// The objects that a polymorphic field refers to, as the project tells them: `WhatId$Account`.
    pub(super) fn told(&self, field: &str) -> Vec<&str> {
        let selected = self
            .query
            .selected
            .iter()
            .filter_map(|selected| match selected {
                Selected::Typed {
                    field: name,
                    object,
                } => Some((name, object)),
                _ => None,
            });
        let listed = self.polymorphic.iter();
        let listed = listed.filter_map(|(name, object)| Some((name, object.as_ref()?)));
        let mut told: Vec<&str> = Vec::new();
        for (name, object) in selected.chain(listed) {
            let known = told.iter().any(|known| known.eq_ignore_ascii_case(object));
            if name.eq_ignore_ascii_case(field) && !known {
                told.push(object);
            }
        }
        told
    }

    /// What is mapped of a field's values.
    pub(super) fn values_of(&self, field: &str) -> Option<&Values> {
        self.values
            .iter()
            .find(|values| values.field.eq_ignore_ascii_case(field))
    }

    pub(super) fn is_moved(&self) -> bool {
        matches!(self.fate, Fate::Moved(_))
    }

    /// The one field by which its records are found.
    pub(super) fn external_field(&self) -> Option<&str> {
        match &self.external {
            External::Field(field) => Some(field),
            External::Joined(_) => None,
        }
    }

    /// Whether the source has a column; it is taken to have one where its columns are not known.
    pub(super) fn may_have(&self, column: &str) -> bool {
        self.header
            .as_ref()
            .is_none_or(|header| header.iter().any(|name| name.eq_ignore_ascii_case(column)))
    }
}

fn external(text: &str) -> External {
    let parts: Vec<String> = text
        .split(';')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    match parts.as_slice() {
        [field] if !field.contains('.') => External::Field(field.clone()),
        _ => External::Joined(parts),
    }
}

fn fate(
    settings: &Settings,
    api: &str,
    shared: &Shared<'_>,
    losses: &mut Vec<Loss>,
) -> Result<Fate, Failure> {
    const OPERATIONS: &[&str] = &[
        "insert",
        "update",
        "upsert",
        "readonly",
        "delete",
        "deletesource",
        "deletehierarchy",
        "harddelete",
    ];
    let written = settings
        .text("operation")?
        .unwrap_or_else(|| "Readonly".to_owned());
    // SFDMU numbers its operations, and takes the number too.
    let number: Option<usize> = written.parse().ok();
    let word = number
        .and_then(|number| OPERATIONS.get(number).copied())
        .map(str::to_owned);
    let operation = word.unwrap_or_else(|| written.to_lowercase());
    let excluded = shared
        .excluded_objects
        .iter()
        .any(|name| name.eq_ignore_ascii_case(api));
    if excluded || settings.is_set("excluded")? {
        return Ok(Fate::Excluded);
    }
    if is_only_read(api) || operation == "readonly" {
        return Ok(Fate::OnlyRead);
    }
    if settings.is_set("useSourceCSVFile")? && !shared.source.is_files() {
        losses.push(Loss::new(
            "useSourceCSVFile",
            "one migration file has one source, and this object's records are in a file while the others' are in an org",
            "run `stevedore import sfdmu` again with `--sourceusername csvfile`, and keep only this object of what it writes",
        ));
        return Ok(Fate::NotMoved);
    }
    let skips = settings.is_set("skipExistingRecords")?;
    let fate = match operation.as_str() {
        "insert" => Fate::Moved(Operation::Insert),
        "update" => Fate::Moved(Operation::Update),
        "upsert" if skips => {
            losses.push(Loss::new(
                "skipExistingRecords",
                "records that are in the target already are not skipped: inserted again, they fail as duplicates of their external id, and stay as they are",
                "accept them with `limits: { accept_failed: … }`, or leave them out in the query",
            ));
            Fate::Moved(Operation::Insert)
        }
        "upsert" => Fate::Moved(Operation::Upsert),
        "delete" | "harddelete" | "deletehierarchy" => {
            losses.push(Loss::new(
                format!("operation: {written}"),
                "SFDMU deletes what the query finds in the target, and a migration deletes what it reads in its source",
                "a migration file of its own whose source and target are the target org: `from: { query: … }`, `key: Id`, `operation: delete`, \
                 `external_id: Id`, `fields: { Id: Id }`",
            ));
            Fate::NotMoved
        }
        "deletesource" => {
            losses.push(Loss::new(
                format!("operation: {written}"),
                "Stevedore writes nothing into a source",
                "a migration file of its own whose source and target are the source org, with `operation: delete`, once the run is signed off",
            ));
            Fate::NotMoved
        }
        _ => {
            losses.push(Loss::new(
                format!("operation: {written}"),
                "SFDMU has no such operation, and takes it for Readonly",
                "say what is to be done with it",
            ));
            Fate::OnlyRead
        }
    };
    Ok(fate)
}

/// Of what stands behind a query's condition Stevedore reads `ALL ROWS` alone: it reads an object in pieces, in no order.
fn clauses(
    settings: &Settings,
    query: &mut Query,
    source: &Source,
    losses: &mut Vec<Loss>,
) -> Result<(), Failure> {
    if source.is_files() {
        return Ok(());
    }
    if query.only_orders() {
        losses.push(Loss::new(
            std::mem::take(&mut query.clauses),
            "Stevedore reads an object in pieces, in no order",
            "none is needed: the same records are moved",
        ));
    } else if !query.clauses.is_empty() && !query.clauses.eq_ignore_ascii_case("all rows") {
        losses.push(Loss::new(
            query.clauses.clone(),
            "Stevedore reads an object in pieces, so that such a query is refused by `check`; it is kept, as without it other records would be moved",
            "say in the `WHERE` which records are meant, and take it out",
        ));
    }
    if settings.is_set("useQueryAll")? && query.clauses.is_empty() {
        query.clauses = "ALL ROWS".to_owned();
    }
    Ok(())
}

fn polymorphic(
    settings: &Settings,
    losses: &mut Vec<Loss>,
) -> Result<Vec<(String, Option<String>)>, Failure> {
    let lookups = settings.list("polymorphicLookups")?;
    for lookup in &lookups {
        losses.extend(known::of_entry(
            lookup,
            &["fieldName", "referencedObjectType"],
            "polymorphicLookups",
        ));
    }
    let mut fields = Vec::new();
    for lookup in &lookups {
        if let Some(field) = lookup.text("fieldName")? {
            fields.push((field, lookup.text("referencedObjectType")?));
        }
    }
    Ok(fields)
}

fn mocks(
    settings: &Settings,
    losses: &mut Vec<Loss>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Mock>, Failure> {
    let mocks = settings.list("mockFields")?;
    for mock in &mocks {
        losses.extend(known::of_entry(mock, Mock::KEYS, "mockFields"));
    }
    if settings.is_set("updateWithMockData")? {
        return mocks.iter().map(Mock::read).collect();
    }
    if !mocks.is_empty() {
        remarks.push(
            "It has mock fields, but no `updateWithMockData: true`: SFDMU does not apply them, and neither does this file.".to_owned(),
        );
    }
    Ok(Vec::new())
}

fn values(
    settings: &Settings,
    api: &str,
    shared: &Shared<'_>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Values>, Failure> {
    let rows = shared
        .value_rows
        .iter()
        .filter(|row| row.object.eq_ignore_ascii_case(api));
    // The older setting was for files.
    let older = settings.is_set("useCSVValuesMapping")? && shared.source.is_files();
    if older || settings.is_set("useValuesMapping")? {
        return Ok(Values::of_rows(rows));
    }
    if rows.count() > 0 {
        remarks.push(
            "ValueMapping.csv has rows for it, but it has no `useValuesMapping: true`: SFDMU does not apply them, and neither does this file."
                .to_owned(),
        );
    }
    Ok(Vec::new())
}
