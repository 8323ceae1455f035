//! The lookups of an entry: to a parent that is moved, to one that is in the target already, to a record type; or the source's id as it is.

use model::migration::{DeveloperName, Field, Lookup, Reference};

use super::any_lookup::KIND;
use super::fields::{Line, Planned, Planner};
use super::item::External;
use super::loss::Loss;
use super::parents::{Link, holder, is_excluded, link, looked_up, refers_to};
use super::relations::{Refers, field_of, relation};
use super::soql::Selected;
use super::sql::column;

impl Planner<'_> {
    /// What a field refers to: by its name, or because the project goes through it to a parent.
    pub(super) fn refers(&self, field: &str) -> Option<Refers> {
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

    pub(super) fn path(&mut self, path: &str) {
        if path.eq_ignore_ascii_case("RecordType.DeveloperName") {
            return self.record_type();
        }
        if let Some((relation, of_parent)) = path.split_once('.') {
            let field = field_of(relation);
            let is_found_by = |parent: &String| {
                let external = self.found_by(parent);
                external.is_some_and(|external| external.eq_ignore_ascii_case(of_parent))
            };
            let finds = match self.refers(&field) {
                Some(Refers::To(parent)) => is_found_by(&parent),
                Some(Refers::ToSeveral(parents)) => {
                    of_parent.eq_ignore_ascii_case(KIND) || parents.iter().any(is_found_by)
                }
                _ => false,
            };
            if finds {
                return self.field(&field);
            }
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

    /// The field of a parent by which its records are found.
    fn found_by(&self, parent: &str) -> Option<String> {
        match holder(self.items, self.place, parent) {
            Some(holder) => self.items[holder].external_field().map(str::to_owned),
            None => looked_up(self.items, self.place, parent).map(|(_, external)| external),
        }
    }

    pub(super) fn lookup(&mut self, field: &str, parent: &str) {
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
            return self.elsewhere(field, parent, target);
        };
        let link = link(self.items, holder, self.source);
        let name = match &link {
            Link::External(external) => format!("{}.{external}", relation(field)),
            Link::Id | Link::Kept => field.to_owned(),
            Link::Same => return self.own(field),
            Link::None(why) => {
                return self.as_it_is(field, &format!("it refers to {parent}; {why}"));
            }
        };
        if !self.item.may_have(&name) {
            return self.lose(self.no_column(field, &name, parent));
        }
        let by = self.by(&name);
        let by_name = field.to_lowercase().ends_with("__c");
        self.fields.lines.push(Line::Field(Planned {
            target,
            form: Field::Lookup(Lookup {
                lookup: self.items[holder].name.clone(),
                by,
                second_pass: false,
                on_missing_parent: None,
            }),
            parents: vec![holder],
            needs: vec![name],
            remark: by_name.then(|| format!("Taken for a lookup to {parent} by its name.")),
        }));
    }

    /// A lookup to records that the project does not move.
    fn elsewhere(&mut self, field: &str, parent: &str, target: String) {
        let Some((place, external)) = looked_up(self.items, self.place, parent) else {
            let why = format!("{parent} is not moved by this project");
            return self.as_it_is(field, &why);
        };
        let name = format!("{}.{external}", relation(field));
        if !self.item.may_have(&name) {
            return self.lose(self.no_column(field, &name, parent));
        }
        let by = self.by(&name);
        let holder = &self.items[place];
        self.fields.lines.push(Line::Field(Planned {
            target,
            form: Field::Reference(Reference {
                reference: format!("{}.{}", holder.to, holder.target_of(&external)),
                by,
            }),
            parents: Vec::new(),
            needs: vec![name],
            remark: None,
        }));
    }

    /// The parent's key in a column, its mapped values included.
    pub(super) fn by(&mut self, name: &str) -> String {
        let values = self.item.values_of(name);
        for loss in values.into_iter().flat_map(|values| values.losses.clone()) {
            self.lose(loss);
        }
        let own = column(name);
        values.map_or(own.clone(), |values| values.case(&own))
    }

    pub(super) fn no_column(&self, field: &str, name: &str, parent: &str) -> Loss {
        Loss::new(
            field,
            format!(
                "{}.csv has no column `{name}`, by which the {parent} would be found",
                self.item.api
            ),
            "add the column to the file",
        )
    }

    pub(super) fn record_type(&mut self) {
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
            form: Field::DeveloperName(DeveloperName { developer_name }),
            parents: Vec::new(),
            needs: vec![needs.to_owned()],
            remark: None,
        }));
    }

    /// A lookup that can't be carried over: the source's id goes through as it is, where the source has it.
    pub(super) fn as_it_is(&mut self, field: &str, why: &str) {
        let item = self.item;
        let known = item.header.is_some() || !self.source.is_files() || self.source.has_ids;
        let passes = known && item.may_have(field);
        let fate = if passes {
            "the source's id goes through as it is, and holds only in an org where the parent has the same id"
        } else {
            "the field is left out"
        };
        self.lose(Loss::new(
            field,
            format!("{why}; {fate}"),
            "leave it out, fill it with an id of the target, move its parents too and write `{ lookup: OBJECT, by: COLUMN }`, or find them in the target with `{ reference: OBJECT.FIELD, by: COLUMN }`",
        ));
        if passes {
            self.own(field);
        }
    }
}
