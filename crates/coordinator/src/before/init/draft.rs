//! An object on its way into the file: both ends as they describe themselves, and which column fills which field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::datatypes::DataType;
use chrono::Utc;
use connector::{Listed, SourceObject, TargetField, TargetObject};
use model::Failure;
use model::migration::{Field, Object, Operation};
use serde_json::json;

use super::names::{self, Likeness};

pub(super) struct Draft {
    pub(super) name: String,
    pub(super) listed: Listed,
    pub(super) source: SourceObject,
    /// None where no target was named.
    pub(super) target: Option<TargetObject>,
    pub(super) to: String,
    /// How the two were matched.
    pub(super) likeness: Option<Likeness>,
    /// Each column as it stands in an expression.
    pub(super) sql: HashMap<String, String>,
    pub(super) key: Vec<String>,
    pub(super) watermark: Option<String>,
    pub(super) operation: Operation,
    pub(super) external_id: Vec<String>,
    /// Columns that fill a field by their value; the key is among them.
    pub(super) own: Vec<Matched>,
    /// Columns that say which parent a record has.
    pub(super) links: Vec<Matched>,
    pub(super) after: Vec<String>,
    /// About the object as a whole.
    pub(super) remarks: Vec<String>,
    /// Why a column fills nothing, where more is known than that no field has its name.
    pub(super) why_not: BTreeMap<String, String>,
    /// Fields that can't be filled as they were matched, by their names.
    pub(super) refused: BTreeMap<String, String>,
    /// Fields that take their column's value although it names a parent.
    pub(super) not_looked_up: BTreeSet<String>,
    /// Why it stands in the file as a comment only.
    pub(super) aside: Option<String>,
}

/// A column with the field that it fills.
#[derive(Clone)]
pub(super) struct Matched {
    pub(super) column: String,
    /// The field, or the relation.
    pub(super) name: String,
    pub(super) field: Field,
    pub(super) note: Option<String>,
    pub(super) risks: Vec<String>,
}

impl Draft {
    pub(super) fn new(
        name: String,
        listed: Listed,
        source: SourceObject,
        target: Option<(String, TargetObject, Likeness)>,
    ) -> Result<Self, Failure> {
        let mut draft = Self {
            to: match &target {
                Some((name, ..)) => name.clone(),
                None => listed.name.clone(),
            },
            likeness: target.as_ref().map(|(.., likeness)| *likeness),
            target: target.map(|(_, target, _)| target),
            sql: expressions(&source)?,
            name,
            listed,
            source,
            key: Vec::new(),
            watermark: None,
            operation: Operation::Insert,
            external_id: Vec::new(),
            own: Vec::new(),
            links: Vec::new(),
            after: Vec::new(),
            remarks: Vec::new(),
            why_not: BTreeMap::new(),
            refused: BTreeMap::new(),
            not_looked_up: BTreeSet::new(),
            aside: None,
        };
        draft.watermark = draft.latest();
        draft.match_fields();
        Ok(draft)
    }

    /// An org's lookups are addressed by names of their own; in a table they are columns like others.
    pub(super) fn is_into_org(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| !target.carries_columns)
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.source
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
    }

    pub(super) fn is_text(&self, column: &str) -> bool {
        let column = self.source.schema.field_with_name(column);
        column.is_ok_and(|column| *column.data_type() == DataType::Utf8)
    }

    pub(super) fn expression(&self, column: &str) -> String {
        self.sql
            .get(column)
            .cloned()
            .unwrap_or_else(|| quoted(column))
    }

    /// What stands under `fields`, in the order of the columns, lookups in the place of the values that they stand for.
    pub(super) fn lines(&self) -> Vec<&Matched> {
        let own = self
            .own
            .iter()
            .filter(|own| !self.links.iter().any(|link| link.name == own.name));
        let mut lines: Vec<&Matched> = own
            .chain(&self.links)
            .filter(|line| !self.refused.contains_key(&line.name))
            .collect();
        let place = |column: &str| self.columns().position(|name| name == column);
        let is_key = |line: &Matched| self.external_id.contains(&line.name);
        lines.sort_by_key(|line| (!is_key(line), place(&line.column)));
        lines
    }

    pub(super) fn line_mut(&mut self, name: &str) -> Option<&mut Matched> {
        let lines = self.links.iter_mut().chain(self.own.iter_mut());
        let mut lines = lines.filter(|line| line.name.eq_ignore_ascii_case(name));
        lines.next()
    }

    /// Columns that fill nothing, each with the reason.
    pub(super) fn unused(&self) -> Vec<(&str, String)> {
        let lines = self.lines();
        let used = |column: &str| {
            lines.iter().any(|line| line.column == column)
                || self.key.iter().any(|key| key == column)
                || self.watermark.as_deref() == Some(column)
        };
        let refused = |column: &str| {
            let own = self.own.iter().chain(&self.links);
            let mut of_column = own.filter(|own| own.column == column);
            of_column.find_map(|own| self.refused.get(&own.name).cloned())
        };
        self.columns()
            .filter(|column| !used(column))
            .map(|column| {
                let why = refused(column).or_else(|| self.why_not.get(column).cloned());
                (
                    column,
                    why.unwrap_or_else(|| format!("{} has no field of such a name", self.to)),
                )
            })
            .collect()
    }

    /// Fields that a new record must have and that nothing fills.
    pub(super) fn missing(&self) -> Vec<&TargetField> {
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let lines = self.lines();
        let filled = |field: &TargetField| {
            lines.iter().any(|line| {
                let relation = target.relation(&line.name);
                line.name == field.name || relation.is_some_and(|of| of.field == field.name)
            })
        };
        target
            .fields
            .iter()
            .filter(|field| field.required && field.createable && !filled(field))
            .collect()
    }

    /// Each column goes to the field whose name is most like its own.
    fn match_fields(&mut self) {
        let Some(target) = &self.target else {
            self.own = self
                .columns()
                .map(|column| self.as_it_is(column, column, None))
                .collect();
            return;
        };
        let is_value = |field: &&TargetField| {
            !matches!(field.native.as_str(), "id" | "reference") || target.carries_columns
        };
        let fields: Vec<&TargetField> = target.fields.iter().filter(is_value).collect();
        let mut pairs: Vec<(Likeness, usize, &str, &TargetField)> = Vec::new();
        for (place, column) in self.columns().enumerate() {
            for field in &fields {
                if let Some(likeness) = names::fields(column, &field.name, &self.listed.name) {
                    pairs.push((likeness, place, column, field));
                }
            }
        }
        pairs.sort_by_key(|(likeness, place, ..)| (*likeness, *place));
        let mut own: Vec<Matched> = Vec::new();
        let mut why_not = BTreeMap::new();
        for (likeness, _, column, field) in pairs {
            if own
                .iter()
                .any(|own| own.column == column || own.name == field.name)
                || why_not.contains_key(column)
            {
                continue;
            }
            if !field.createable {
                if likeness <= Likeness::Signs {
                    let why = "the target's own to fill".to_owned();
                    why_not.insert(column.to_owned(), why);
                }
                continue;
            }
            own.push(self.as_it_is(column, &field.name, Some(likeness)));
        }
        (self.own, self.why_not) = (own, why_not);
    }

    fn as_it_is(&self, column: &str, name: &str, likeness: Option<Likeness>) -> Matched {
        let guess = |likeness: &Likeness| likeness.is_guess();
        Matched {
            column: column.to_owned(),
            name: name.to_owned(),
            field: Field::Expression(self.expression(column)),
            note: likeness
                .filter(guess)
                .map(|likeness| likeness.word().to_owned()),
            risks: Vec::new(),
        }
    }

    /// The column that says when a record was last changed.
    fn latest(&self) -> Option<String> {
        const NAMES: &[&str] = &[
            "systemmodstamp",
            "lastmodifieddate",
            "lastmodifiedat",
            "lastmodified",
            "modifiedat",
            "modifieddate",
            "modifiedon",
            "modified",
            "updatedat",
            "updateddate",
            "updatedon",
            "updated",
            "lastupdated",
            "lastupdate",
            "changedat",
            "changedon",
        ];
        let is_time = |column: &&str| {
            let field = self.source.schema.field_with_name(column);
            field.is_ok_and(|field| field.data_type().is_temporal())
        };
        let found = NAMES.iter().find_map(|name| {
            self.columns()
                .filter(is_time)
                .find(|column| names::bare(column) == *name)
        });
        found.map(str::to_owned)
    }
}

/// An entry that reads an object and no more, for a look at it.
pub(super) fn probe(name: &str, listed: &Listed) -> Result<Object, Failure> {
    serde_json::from_value(json!({ "name": name, "from": listed.from, "to": listed.name }))
        .map_err(|error| Failure::bug(format!("an object can't be put together: {error}")))
}

/// Each column by its bare name, or in quotes where SQL would take that for something else.
fn expressions(source: &SourceObject) -> Result<HashMap<String, String>, Failure> {
    let columns = source.schema.fields().iter();
    let bare: Vec<(&str, Field)> = columns
        .map(|column| {
            (
                column.name().as_str(),
                Field::Expression(column.name().clone()),
            )
        })
        .collect();
    let asked: Vec<(&str, &Field)> = bare.iter().map(|(name, field)| (*name, field)).collect();
    let surveyed = mapping::survey(&asked, &source.schema, Utc::now())?;
    Ok(asked
        .iter()
        .zip(surveyed)
        .map(|((name, _), surveyed)| {
            let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_itself =
                surveyed.is_ok_and(|surveyed| surveyed.column.as_deref() == Some(*name));
            let sql = match is_plain && is_itself {
                true => (*name).to_owned(),
                false => quoted(name),
            };
            ((*name).to_owned(), sql)
        })
        .collect())
}

fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}
