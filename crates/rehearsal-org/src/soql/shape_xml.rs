//! Records as XML, for Bulk API 1.0: the type first, then the selected fields, parents as records of their own.

use super::shape::{Part, Shape, Writer};
use crate::ids::RecordId;
use crate::values::Value;
use crate::values::plain::write_plain;
use crate::xml::{nil, write_element, write_text};

impl Writer<'_> {
    /// Appends one record as an element of this name. Children are not written.
    pub(crate) fn xml(&self, name: &str, shape: &Shape, id: RecordId, out: &mut String) {
        let object = self.catalogue.at(id.object);
        out.push_str(&format!("<{name} xsi:type=\"sObject\">"));
        write_element("type", &object.name, out);
        for part in &shape.parts {
            match part {
                Part::Field { leaves, name } => {
                    let field = leaves.iter().find(|(object, _)| *object == id.object);
                    let Some((_, field)) = field else {
                        nil(name, out);
                        continue;
                    };
                    let value = self.store.value(self.catalogue, id, *field);
                    if value.is_null() {
                        nil(name, out);
                        continue;
                    }
                    let mut text = String::new();
                    write_plain(self.catalogue, object.at(*field), &value, &mut text);
                    out.push_str(&format!("<{name}>"));
                    write_text(&text, out);
                    out.push_str(&format!("</{name}>"));
                }
                Part::Parent { hop, name, shape } => {
                    match self.store.value(self.catalogue, id, *hop).as_ref() {
                        Value::Ref(parent) => self.xml(name, shape, *parent, out),
                        _ => nil(name, out),
                    }
                }
                Part::Children(_) => {}
            }
        }
        out.push_str(&format!("</{name}>"));
    }
}
