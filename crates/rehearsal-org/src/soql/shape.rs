//! The shape in which a query's records are written: selected fields in the order asked, those of one parent
//! together, children as lists of their own.

use std::sync::Arc;

use super::ast::Name;
use super::children::{Children, Gathered};
use super::path::Path;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Object};
use crate::store::Store;
use crate::store::output::{write_attributes, write_field};
use crate::values::Value;
use crate::values::moment::start_of;
use crate::values::output::write_text;

/// What is written of each record.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(super) parts: Vec<Part>,
}

/// One entry of a record.
#[derive(Debug)]
pub(super) enum Part {
    Field {
        leaves: Vec<(u16, u16)>,
        name: String,
    },
    Parent {
        hop: u16,
        name: String,
        shape: Shape,
    },
    Children(Box<Children>),
}

impl Shape {
    /// Adds a field; `false` when it is there already.
    pub(super) fn add(&mut self, catalogue: &Catalogue, object: &Object, path: &Path) -> bool {
        let mut shape = self;
        let mut object = object;
        for hop in &path.hops {
            let found = shape
                .parts
                .iter()
                .position(|part| matches!(part, Part::Parent { hop: h, .. } if h == hop));
            let place = found.unwrap_or_else(|| {
                shape.parts.push(Part::Parent {
                    hop: *hop,
                    name: object
                        .at(*hop)
                        .schema
                        .relationship
                        .clone()
                        .unwrap_or_default(),
                    shape: Self::default(),
                });
                shape.parts.len() - 1
            });
            object = catalogue.at(object.at(*hop).references[0]);
            // The part at `place` was just found or made as a parent.
            let Part::Parent { shape: inner, .. } = &mut shape.parts[place] else {
                return false;
            };
            shape = inner;
        }
        let same =
            |part: &Part| matches!(part, Part::Field { leaves, .. } if *leaves == path.leaves);
        let new = !shape.parts.iter().any(same);
        if new {
            shape.parts.push(Part::Field {
                leaves: path.leaves.clone(),
                name: path.field(catalogue).name().to_owned(),
            });
        }
        new
    }

    /// Adds a list of children; gives back the name when it is there already.
    pub(super) fn add_children(&mut self, children: Children, name: &Name) -> Result<(), String> {
        let same = |part: &Part| matches!(part, Part::Children(c) if c.name == children.name);
        if self.parts.iter().any(same) {
            return Err(name.text.clone());
        }
        self.parts.push(Part::Children(Box::new(children)));
        Ok(())
    }

    pub(super) fn children(&self) -> impl Iterator<Item = &Children> {
        self.parts.iter().filter_map(|part| match part {
            Part::Children(children) => Some(children.as_ref()),
            _ => None,
        })
    }
}

/// Remembers the rest of a list of children and gives the address of its next page.
pub(crate) type NextPage<'a> = dyn Fn(Vec<RecordId>, &Arc<Shape>) -> String + 'a;

/// How dates and moments are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    /// `2024-02-29T10:00:00.000+0000`, as REST does.
    Text,
    /// Milliseconds from the epoch, as Bulk API 1.0 does.
    Milliseconds,
}

/// Writes records.
pub(crate) struct Writer<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) store: &'a Store,
    pub(crate) version: &'a str,
    pub(crate) moments: Moments,
    /// The most children of one record that are written with it.
    pub(crate) page: usize,
    pub(crate) next_page: &'a NextPage<'a>,
}

impl Writer<'_> {
    /// Appends records, joined by commas.
    pub(crate) fn records(&self, shape: &Shape, ids: &[RecordId], out: &mut String) {
        let gathered = Gathered::of(shape, self.catalogue, self.store, ids);
        self.list(shape, ids, &gathered, out);
    }

    fn list(&self, shape: &Shape, ids: &[RecordId], gathered: &Gathered, out: &mut String) {
        for (place, id) in ids.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            self.record(shape, *id, gathered, out);
        }
    }

    fn record(&self, shape: &Shape, id: RecordId, gathered: &Gathered, out: &mut String) {
        let (catalogue, store) = (self.catalogue, self.store);
        out.push('{');
        write_attributes(catalogue, id, self.version, out);
        let mut lists = gathered.lists.iter();
        for part in &shape.parts {
            out.push(',');
            match part {
                Part::Field { leaves, name } => {
                    write_text(name, out);
                    out.push(':');
                    match leaves.iter().find(|(object, _)| *object == id.object) {
                        Some((_, field)) => self.field(id, *field, out),
                        None => out.push_str("null"),
                    }
                }
                Part::Parent { hop, name, shape } => {
                    write_text(name, out);
                    out.push(':');
                    match store.value(catalogue, id, *hop).as_ref() {
                        Value::Ref(parent) => {
                            self.record(shape, *parent, &Gathered::default(), out);
                        }
                        _ => out.push_str("null"),
                    }
                }
                Part::Children(children) => {
                    write_text(&children.name, out);
                    out.push(':');
                    match lists
                        .next()
                        .and_then(|(of, inner)| Some((of.get(&id)?, inner)))
                    {
                        Some((ids, inner)) => self.children(children, ids, inner, out),
                        None => out.push_str("null"),
                    }
                }
            }
        }
        out.push('}');
    }

    fn field(&self, id: RecordId, field: u16, out: &mut String) {
        if self.moments == Moments::Milliseconds {
            let seconds = match self.store.value(self.catalogue, id, field).as_ref() {
                Value::Date(days) => Some(start_of(*days)),
                Value::Moment(seconds) => Some(*seconds),
                _ => None,
            };
            if let Some(seconds) = seconds {
                out.push_str(&(seconds * 1000).to_string());
                return;
            }
        }
        write_field(self.catalogue, self.store, id, field, out);
    }

    fn children(&self, children: &Children, ids: &[RecordId], inner: &Gathered, out: &mut String) {
        let total = ids.len();
        let (now, later) = ids.split_at(self.page.min(total));
        out.push_str(&format!(
            "{{\"totalSize\":{total},\"done\":{},",
            later.is_empty()
        ));
        if !later.is_empty() {
            let url = (self.next_page)(ids.to_vec(), &children.shape);
            out.push_str("\"nextRecordsUrl\":");
            write_text(&url, out);
            out.push(',');
        }
        out.push_str("\"records\":[");
        self.list(&children.shape, now, inner, out);
        out.push_str("]}");
    }
}
