//! The fields of an entry: what its query selects, field by field, becomes a line under `fields` or a comment that says why not.

use super::form::Form;
use super::item::{External, Item};
use super::loss::Loss;
use super::parents::{Link, holder, id_column, is_excluded, link, refers_to, writes_external};
use super::relations::{Refers, field_of, is_audit, is_file_content, is_system, relation};
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
    pub(super) form: Form,
    /// The entry that a lookup names.
    pub(super) parent: Option<usize>,
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

struct Planner<'a> {
    items: &'a [Item],
    place: usize,
    item: &'a Item,
    source: &'a Source,
    fields: Fields,
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
            Selected::Typed { field, object } => self.as_it_is(
                field,
                &format!("{field}${object}"),
                "lookups that may point to several objects are not carried over yet",
            ),
            Selected::Keyword(word) => self.keyword(word),
            Selected::Other(text) => self.lose(Loss::new(
                text.clone(),
                "it is no field",
                "select the fields that it is made of, and compute it under `fields`",
            )),
        }
    }

    fn field(&mut self, field: &str) {
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
        } else if is(&item.polymorphic) {
            self.as_it_is(
                field,
                field,
                "lookups that may point to several objects are not carried over yet",
            );
        } else {
            match self.refers(field) {
                None => self.own(field),
                Some(Refers::ToRecordType) => self.record_type(),
                Some(Refers::To(parent)) => self.lookup(field, &parent),
                Some(Refers::ToSeveral) => {
                    self.as_it_is(
                        field,
                        field,
                        "lookups that may point to several objects are not carried over yet",
                    );
                }
                Some(Refers::ToUnknown) => {
                    self.as_it_is(field, field, "it refers to an object that is not moved by this project, if it refers to one");
                }
            }
        }
    }

    /// What a field refers to: by its name, or because the project goes through it to a parent.
    fn refers(&self, field: &str) -> Option<Refers> {
        let known = refers_to(self.items, self.place, field);
        if known.is_some() {
            return known;
        }
        let prefix = format!("{}.", relation(field)).to_lowercase();
        let goes_through = |path: &str| path.to_lowercase().starts_with(&prefix);
        let is_relation = self
            .item
            .query
            .selected
            .iter()
            .any(|selected| match selected {
                Selected::Path(path) => goes_through(path),
                _ => false,
            });
        let is_in_key = match &self.item.external {
            External::Joined(parts) => parts.iter().any(|part| goes_through(part)),
            External::Field(_) => false,
        };
        (is_relation || is_in_key).then_some(Refers::ToUnknown)
    }

    fn path(&mut self, path: &str) {
        if path.eq_ignore_ascii_case("RecordType.DeveloperName") {
            return self.record_type();
        }
        if let Some((relation, of_parent)) = path.split_once('.')
            && let field = field_of(relation)
            && let Some(Refers::To(parent)) = self.refers(&field)
            && let Some(holder) = holder(self.items, self.place, &parent)
            && self.items[holder]
                .external_field()
                .is_some_and(|external| external.eq_ignore_ascii_case(of_parent))
        {
            return self.field(&field);
        }
        if let External::Joined(parts) = &self.item.external
            && parts.iter().any(|part| part.eq_ignore_ascii_case(path))
        {
            return;
        }
        self.lose(Loss::new(
            path,
            "it is a parent's field, which SFDMU does not write but reads to find the parent, and it is not the external id of one that is moved",
            "none is needed, unless a field of this object is to hold it: a query that selects it, and a line under `fields`",
        ));
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
    fn own(&mut self, field: &str) {
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
            Some(values) if is_external => Form::Expression(values.case(&sql)),
            Some(values) => values.form(&sql),
            None => Form::Expression(sql),
        };
        self.fields.lines.push(Line::Field(Planned {
            target,
            form,
            parent: None,
            needs,
            remark: None,
        }));
    }

    fn lookup(&mut self, field: &str, parent: &str) {
        let target = relation(&self.item.target_of(field));
        if self.has(&target) {
            return;
        }
        let Some(holder) = holder(self.items, self.place, parent) else {
            if is_excluded(self.items, parent) {
                let told = format!(
                    "{field} is left out, because {parent} is excluded; SFDMU leaves it out too."
                );
                return self.comment(told);
            }
            return self.as_it_is(
                field,
                field,
                &format!("{parent} is not moved by this project"),
            );
        };
        let link = link(self.items, holder, self.source);
        let name = match &link {
            Link::External(external) => format!("{}.{external}", relation(field)),
            Link::Id => field.to_owned(),
            Link::Same => return self.own(field),
            Link::None(why) => {
                return self.as_it_is(field, field, &format!("it refers to {parent}; {why}"));
            }
        };
        if !self.item.may_have(&name) {
            return self.lose(Loss::new(
                field,
                format!(
                    "{}.csv has no column `{name}`, by which the {parent} would be found",
                    self.item.api
                ),
                "add the column to the file",
            ));
        }
        let values = self.item.values_of(&name);
        for loss in values.into_iter().flat_map(|values| values.losses.clone()) {
            self.lose(loss);
        }
        let own = column(&name);
        let by = values.map_or(own.clone(), |values| values.case(&own));
        let by_name = field.to_lowercase().ends_with("__c");
        self.fields.lines.push(Line::Field(Planned {
            target,
            form: Form::Lookup {
                lookup: self.items[holder].name.clone(),
                by,
            },
            parent: Some(holder),
            needs: vec![name],
            remark: by_name.then(|| format!("Taken for a lookup to {parent} by its name.")),
        }));
    }

    fn record_type(&mut self) {
        const NAME: &str = "RecordType.DeveloperName";
        const JOINED: &str = "RecordType.$$DeveloperName$NamespacePrefix$SobjectType";
        let target = relation(&self.item.target_of("RecordTypeId"));
        if self.has(&target) {
            return;
        }
        let (needs, own) = if self.item.may_have(NAME) {
            (NAME, column(NAME))
        } else if self.item.may_have(JOINED) {
            (JOINED, format!("split_part({}, ';', 1)", column(JOINED)))
        } else {
            return self.lose(Loss::new(
                "RecordTypeId",
                format!(
                    "{}.csv has no column `{NAME}`, by which the record type would be found",
                    self.item.api
                ),
                "add the column to the file",
            ));
        };
        let values = self.item.values_of(NAME);
        let developer_name = values.map_or(own.clone(), |values| values.case(&own));
        self.fields.lines.push(Line::Field(Planned {
            target,
            form: Form::DeveloperName(developer_name),
            parent: None,
            needs: vec![needs.to_owned()],
            remark: None,
        }));
    }

    /// A lookup that can't be carried over: the source's id goes through as it is, where the source has it.
    fn as_it_is(&mut self, field: &str, what: &str, why: &str) {
        let item = self.item;
        let known = item.header.is_some() || !self.source.is_files() || self.source.has_ids;
        let passes = known && item.may_have(field);
        let fate = if passes {
            "the source's id goes through as it is, and holds only in an org where the parent has the same id"
        } else {
            "the field is left out"
        };
        self.lose(Loss::new(
            what,
            format!("{why}; {fate}"),
            "leave it out, fill it with an id of the target, or move its parents too and write `{ lookup: OBJECT, by: COLUMN }`",
        ));
        if passes {
            self.own(field);
        }
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

    fn has(&self, target: &str) -> bool {
        self.fields.lines.iter().any(|line| match line {
            Line::Field(planned) => planned.target.eq_ignore_ascii_case(target),
            Line::Comment(_) => false,
        })
    }

    fn comment(&mut self, text: String) {
        self.fields.lines.push(Line::Comment(text));
    }

    fn lose(&mut self, loss: Loss) {
        self.comment(loss.comment());
        self.fields.losses.push(loss.of(&self.item.api));
    }
}
