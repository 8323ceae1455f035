//! Lookups that may point to several objects. SFDMU is told one of them for a field (`WhatId$Account`), and leaves the field out where it is not told;
//! here it goes to all whose records the project moves.

use model::migration::{AnyLookup, Field};

use super::fields::{Line, Planned, Planner};
use super::loss::Loss;
use super::parents::{Link, holder, link, looked_up};
use super::relations::{custom, relation};
use super::sql::{column, literal};

/// What says, through such a lookup, of which object a record is.
pub(super) const KIND: &str = "Type";

/// One object that the parent may be of.
struct Parent {
    place: usize,
    /// The child's column that holds the parent's key.
    column: String,
}

impl Planner<'_> {
    pub(super) fn any_lookup(&mut self, field: &str, objects: &[String]) {
        let target = relation(&self.item.target_of(field));
        if self.has(&target) {
            return;
        }
        let mut moved: Vec<usize> = Vec::new();
        for object in objects {
            match holder(self.items, self.place, object) {
                Some(place) if moved.contains(&place) => {}
                Some(place) => moved.push(place),
                None if objects.len() > 1 && !self.item.told(field).is_empty() => {
                    self.lose_parent(field, object, "its records are not moved by this project");
                }
                None => {}
            }
        }
        let same = |place: &usize| link(self.items, *place, self.source) == Link::Same;
        if moved.len() > 1 && moved.iter().all(same) {
            return self.own(field);
        }
        if moved.len() > 1 {
            moved.retain(|place| self.is_found(field, *place));
        }
        match (moved.as_slice(), objects) {
            ([], [object]) if self.is_told(object) => self.lookup(field, object),
            ([], [object]) => {
                let why = format!("of a parent that may be of several objects an org tells only the Id, and the {object} that are in the target are found by another field");
                self.as_it_is(field, &why);
            }
            ([], _) => self.as_it_is(field, "it may refer to several objects, and none that a lookup could find is moved by this project"),
            ([place], _) => {
                let object = &self.items[*place].api;
                self.lookup(field, object);
                self.refuses_others(&target, field, object);
            }
            (several, _) => self.any_of(field, target, several),
        }
    }

    /// Whether the source tells by what records that the project does not move are found.
    fn is_told(&self, object: &str) -> bool {
        let found_by = looked_up(self.items, self.place, object);
        self.source.is_files() || found_by.is_none_or(|(_, field)| custom(&field).is_none())
    }

    /// Whether a child can find an object's records, among those of others.
    fn is_found(&mut self, field: &str, place: usize) -> bool {
        let why = match link(self.items, place, self.source) {
            Link::None(why) => why,
            Link::Same => "its records keep their ids, and those of others get new ones",
            Link::External(_) | Link::Id | Link::Kept => return true,
        };
        let object = &self.items[place].api;
        self.lose_parent(field, object, why);
        false
    }

    fn lose_parent(&mut self, field: &str, object: &str, why: &str) {
        let way_out = format!(
            "move them too, with an External ID of their own, and add the object to `lookup` of {}",
            relation(&self.item.target_of(field))
        );
        self.lose(Loss::new(format!("{field}, to {object}"), why, way_out));
    }

    fn any_of(&mut self, field: &str, target: String, places: &[usize]) {
        let through = relation(field);
        let mut parents = Vec::new();
        for place in places {
            let name = match link(self.items, *place, self.source) {
                Link::External(external) => format!("{through}.{external}"),
                _ => field.to_owned(),
            };
            if !self.item.may_have(&name) {
                let object = &self.items[*place].api;
                return self.lose(self.no_column(field, &name, object));
            }
            let place = *place;
            let column = name;
            parents.push(Parent { place, column });
        }
        let kind = format!("{through}.{KIND}");
        let mut columns: Vec<String> = Vec::new();
        for parent in &parents {
            if !columns.contains(&parent.column) {
                columns.push(parent.column.clone());
            }
        }
        let mut needs = columns.clone();
        let which = if self.item.may_have(&kind) {
            needs.push(kind.clone());
            self.by_kind(&column(&kind), &parents)
        } else if columns.len() == parents.len() {
            self.by_columns(&parents)
        } else {
            return self.lose(Loss::new(
                field,
                format!("{}.csv has no column `{kind}`, by which it would be known of which object each parent is", self.item.api),
                "add the column to the file, with names as Account in it",
            ));
        };
        let keys: Vec<String> = columns.iter().map(|name| self.by(name)).collect();
        let by = match keys.as_slice() {
            [one] => one.clone(),
            several => format!("coalesce({})", several.join(", ")),
        };
        let apis: Vec<&str> = places
            .iter()
            .map(|place| self.items[*place].api.as_str())
            .collect();
        let apis = apis.join(" or ");
        let names = places.iter().map(|place| self.items[*place].name.clone());
        self.fields.lines.push(Line::Field(Planned {
            target: target.clone(),
            form: Field::AnyLookup(AnyLookup {
                lookup: names.collect(),
                which,
                by,
                second_pass: false,
                on_missing_parent: None,
            }),
            parents: places.to_vec(),
            needs,
            remark: None,
        }));
        self.refuses_others(&target, field, &apis);
    }

    /// Which object it is, by a column that says so in the source's words.
    fn by_kind(&self, kind: &str, parents: &[Parent]) -> String {
        let items = parents.iter().map(|parent| &self.items[parent.place]);
        let renamed: Vec<String> = items
            .filter(|item| item.name != item.api)
            .map(|item| format!("when {} then {}", literal(&item.api), literal(&item.name)))
            .collect();
        match renamed.is_empty() {
            true => kind.to_owned(),
            false => format!("case {kind} {} else {kind} end", renamed.join(" ")),
        }
    }

    /// Which object it is, by the column that is filled.
    fn by_columns(&self, parents: &[Parent]) -> String {
        let cases = parents.iter().map(|parent| {
            let name = literal(&self.items[parent.place].name);
            format!("when {} is not null then {name}", column(&parent.column))
        });
        format!("case {} end", cases.collect::<Vec<_>>().join(" "))
    }

    /// Says at the line what becomes of a record whose parent is of none of these objects.
    fn refuses_others(&mut self, target: &str, field: &str, objects: &str) {
        let kind = format!("{}.{KIND}", relation(field));
        let lines = self.fields.lines.iter_mut();
        let mut planned = lines.filter_map(|line| match line {
            Line::Field(planned) if planned.target == target => Some(planned),
            _ => None,
        });
        let Some(planned) = planned.next() else {
            return;
        };
        let tells = |name: &String| *name == field || *name == kind;
        planned.remark = Some(match planned.needs.iter().any(tells) {
            true => format!(
                "A record whose {field} refers to anything but {objects} is rejected; SFDMU leaves such a field empty."
            ),
            false => format!(
                "Where {field} refers to anything but {objects}, the file has no key of it, and it stays empty."
            ),
        });
    }
}
