//! The fields of an entry: what its query selects, field by field, becomes a line under `fields` or a comment that says why not.

use model::migration::Field;

use super::item::{External, Item};
use super::loss::Loss;
use super::parents::{id_column, writes_external};
use super::relations::{Refers, is_audit, is_file_content, is_system};
use super::soql::Selected;
use super::source::Source;
use super::sql::column;

/// A line under `fields`.
#[derive(Debug, Clone)]
pub(super) enum Line {
    Comment(String),
    Field(Planned),
}

#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// In the target: a field, or a relation.
    pub(super) target: String,
    pub(super) form: Field,
    /// The entries that a lookup names.
    pub(super) parents: Vec<usize>,
    /// The source's columns that it reads.
    pub(super) needs: Vec<String>,
    pub(super) remark: Option<String>,
}

/// All of an entry's fields.
pub(super) struct Fields {
    pub(super) lines: Vec<Line>,
    pub(super) losses: Vec<Loss>,
}

pub(super) fn plan(items: &[Item], place: usize, source: &Source) -> Fields {
    let mut planner = Planner {
        items,
        place,
        item: &items[place],
        source,
        fields: Fields {
            lines: Vec::new(),
            losses: Vec::new(),
        },
    };
    planner.external();
    for selected in &planner.item.query.selected {
        planner.selected(selected);
    }
    planner.unused_values();
    planner.fields
}

/// Plans one entry; its lookups are planned in a file of their own.
pub(super) struct Planner<'a> {
    pub(super) items: &'a [Item],
    pub(super) place: usize,
    pub(super) item: &'a Item,
    pub(super) source: &'a Source,
    pub(super) fields: Fields,
}

impl Planner<'_> {
    fn external(&mut self) {
        if !writes_external(self.items, self.place) {
            return;
        }
        let parts = match &self.item.external {
            External::Field(field) => std::slice::from_ref(field),
            External::Joined(parts) => parts.as_slice(),
        };
        for part in parts.iter().filter(|part| !part.contains('.')) {
            self.own(part);
        }
    }

    fn selected(&mut self, selected: &Selected) {
        match selected {
            Selected::Field(field) => self.field(field),
            Selected::Path(path) => self.path(path),
            Selected::Typed { field, object } => {
                // Told once for each object, it is one field.
                if self.item.told(field).first() == Some(&object.as_str()) {
                    self.field(field);
                }
            }
            Selected::Keyword(word) => self.keyword(word),
            Selected::Other(text) => self.lose(Loss::new(
                text.clone(),
                "it is no field",
                "select the fields that it is made of, and compute it under `fields`",
            )),
        }
    }

    pub(super) fn field(&mut self, field: &str) {
        let item = self.item;
        let is = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(field));
        if is(&item.excluded) || is(&item.not_written) {
            let by = if is(&item.excluded) {
                "excludedFields"
            } else {
                "excludedFromUpdateFields"
            };
            self.comment(format!("{field} is left out by `{by}`."));
        } else if item.target_of(field) != field
            || item.mocks.iter().any(|mock| mock.is_for(field, true))
        {
            match self.refers(field) {
                Some(Refers::To(parent)) if item.target_of(field) != field => {
                    self.lookup(field, &parent)
                }
                Some(Refers::ToSeveral(objects)) if item.target_of(field) != field => {
                    self.any_lookup(field, &objects);
                }
                _ => self.own(field),
            }
        } else if field.eq_ignore_ascii_case("Id") {
            // Read, and in the target its own.
        } else if is_audit(field) {
            self.lose(Loss::new(
                field,
                "the org fills it itself, unless it lets audit fields be set",
                format!("`{field}: {field}` under `fields`, where the user has the right to set audit fields upon creation"),
            ));
        } else if is_file_content(&item.api, field) {
            self.lose(Loss::new(
                field,
                "Stevedore carries no file contents yet",
                "move the files with another tool",
            ));
        } else if is_system(field) {
            self.comment(format!(
                "{field} is the org's own; SFDMU does not write it either."
            ));
        } else {
            match self.refers(field) {
                None => self.own(field),
                Some(Refers::ToRecordType) => self.record_type(),
                Some(Refers::To(parent)) => self.lookup(field, &parent),
                Some(Refers::ToSeveral(objects)) => self.any_lookup(field, &objects),
                Some(Refers::ToUnknown) => {
                    self.as_it_is(field, "it refers to an object that is not moved by this project, if it refers to one");
                }
            }
        }
    }

    fn keyword(&mut self, word: &str) {
        let columns = self
            .item
            .header
            .clone()
            .filter(|_| word.eq_ignore_ascii_case("all"));
        let Some(columns) = columns else {
            return self.lose(Loss::new(
                format!("SELECT {word}"),
                "which fields these are only the org knows",
                "list them under `fields`, and in the query if there is one",
            ));
        };
        self.comment(format!("`all`: the columns of {}.csv.", self.item.api));
        for column in columns {
            if column.contains('.') {
                self.path(&column);
            } else {
                self.field(&column);
            }
        }
    }

    /// A field of the object's own.
    pub(super) fn own(&mut self, field: &str) {
        let item = self.item;
        let target = item.target_of(field);
        if self.has(&target) {
            let is_external = item
                .external_field()
                .is_some_and(|own| own.eq_ignore_ascii_case(field));
            if target != field && !is_external {
                self.lose(Loss::new(
                    field,
                    format!("its target field {target} is filled by another already"),
                    "leave one of the two out of the mapping",
                ));
            }
            return;
        }
        if !item.may_have(field) {
            return self.lose(Loss::new(
                field,
                format!("{}.csv has no such column", item.api),
                "add the column, or compute the field under `fields`",
            ));
        }
        let is_external = item
            .external_field()
            .is_some_and(|external| external.eq_ignore_ascii_case(field));
        let mut sql = column(field);
        let mut needs = vec![field.to_owned()];
        if let Some(mock) = item.mocks.iter().find(|mock| mock.is_for(field, false))
            && !field.eq_ignore_ascii_case("Id")
        {
            let mocked = mock.apply(&sql, id_column(item, self.source));
            if let Some(loss) = mocked.loss {
                self.lose(loss);
            }
            match mocked.sql {
                Some(made_up) => sql = made_up,
                // The key has to be there: without values, every record is rejected until somebody says what it is.
                None if is_external => sql = "null".to_owned(),
                None => return,
            }
            if !mocked.reads_own {
                needs.clear();
            }
            if mocked.reads_id {
                needs.push("Id".to_owned());
            }
        }
        let values = item.values_of(field);
        for loss in values.into_iter().flat_map(|values| values.losses.clone()) {
            self.lose(loss);
        }
        let form = match values {
            // Children compute their parent's key by its expression, which therefore has to say all.
            Some(values) if is_external => Field::Expression(values.case(&sql)),
            Some(values) => values.form(&sql),
            None => Field::Expression(sql),
        };
        self.fields.lines.push(Line::Field(Planned {
            target,
            form,
            parents: Vec::new(),
            needs,
            remark: None,
        }));
    }

    /// Mapped values of fields that are not written.
    fn unused_values(&mut self) {
        let read: Vec<String> = self
            .fields
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Field(planned) => Some(planned.needs.clone()),
                Line::Comment(_) => None,
            })
            .flatten()
            .collect();
        for values in &self.item.values {
            if !read
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&values.field))
            {
                self.lose(Loss::new(
                    format!("ValueMapping.csv, {}", values.field),
                    "no line under `fields` reads it",
                    "none is needed, unless it should be written",
                ));
            }
        }
    }

    pub(super) fn has(&self, target: &str) -> bool {
        self.fields.lines.iter().any(|line| match line {
            Line::Field(planned) => planned.target.eq_ignore_ascii_case(target),
            Line::Comment(_) => false,
        })
    }

    pub(super) fn comment(&mut self, text: String) {
        self.fields.lines.push(Line::Comment(text));
    }

    pub(super) fn lose(&mut self, loss: Loss) {
        self.comment(loss.comment());
        self.fields.losses.push(loss.of(&self.item.api));
    }
}
