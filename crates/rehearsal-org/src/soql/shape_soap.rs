//! Records as the SOAP partner API writes them: type and id first, then what was selected, parents and children as
//! records of their own.

use super::children::Gathered;
use super::shape::{Part, Shape, Writer};
use crate::ids::RecordId;
use crate::schema::catalogue::Home;
use crate::store::Row;
use crate::values::Value;
use crate::values::plain::write_plain;
use crate::xml::{nil, write_element, write_text};

impl Writer<'_> {
    /// Appends records as elements of this name.
    pub(crate) fn soap(&self, name: &str, shape: &Shape, ids: &[RecordId], out: &mut String) {
        let gathered = Gathered::of(shape, self.catalogue, self.store, ids);
        for id in ids {
            self.soap_record(name, shape, *id, &gathered, out);
        }
    }

    fn soap_record(
        &self,
        name: &str,
        shape: &Shape,
        id: RecordId,
        gathered: &Gathered,
        out: &mut String,
    ) {
        let object = self.catalogue.at(id.object);
        let row = self.store.row(id).unwrap_or_default();
        out.push_str(&format!("<{name} xsi:type=\"sf:sObject\">"));
        write_element("sf:type", &object.name, out);
        let leaf = |part: &Part| match part {
            Part::Field { leaves, .. } => {
                let leaf = leaves.iter().find(|(object, _)| *object == id.object);
                leaf.map(|(_, field)| *field)
            }
            _ => None,
        };
        let is_id = |part: &Part| leaf(part).is_some_and(|f| object.at(f).home == Home::Id);
        // Always there, and once more where it was selected.
        if shape.parts.iter().any(is_id) {
            write_element("sf:Id", &self.catalogue.id_text(id), out);
        } else {
            nil("sf:Id", out);
        }
        let mut lists = gathered.lists.iter();
        for part in &shape.parts {
            match part {
                Part::Field { name, .. } => {
                    let name = format!("sf:{name}");
                    match leaf(part) {
                        Some(field) => self.soap_field(&name, id, &row, field, out),
                        None => nil(&name, out),
                    }
                }
                Part::Parent { hop, name, shape } => {
                    let name = format!("sf:{name}");
                    match *self.store.value_in(self.catalogue, id, &row, *hop) {
                        Value::Ref(parent) => {
                            self.soap_record(&name, shape, parent, &Gathered::default(), out);
                        }
                        _ => nil(&name, out),
                    }
                }
                Part::Children(children) => {
                    let name = format!("sf:{}", children.name);
                    let found = lists
                        .next()
                        .and_then(|(of, inner)| Some((of.get(&id)?, inner)));
                    let Some((ids, inner)) = found else {
                        nil(&name, out);
                        continue;
                    };
                    out.push_str(&format!(
                        "<{name} xsi:type=\"QueryResult\"><done>true</done><queryLocator xsi:nil=\"true\"/>"
                    ));
                    for id in ids {
                        self.soap_record("records", &children.shape, *id, inner, out);
                    }
                    out.push_str(&format!("<size>{}</size></{name}>", ids.len()));
                }
            }
        }
        out.push_str(&format!("</{name}>"));
    }

    fn soap_field(&self, name: &str, id: RecordId, row: &Row, field: u16, out: &mut String) {
        let object = self.catalogue.at(id.object);
        let described = object.at(field);
        if let Home::Address([street, city, state, postal_code, country]) = described.home {
            let parts = [
                ("city", city),
                ("country", country),
                ("postalCode", postal_code),
                ("state", state),
                ("street", street),
            ];
            let filled: Vec<_> = parts
                .into_iter()
                .filter_map(|(name, part)| Some((name, part?, row.get(part?)?)))
                .collect();
            if filled.is_empty() {
                return nil(name, out);
            }
            out.push_str(&format!("<{name} xsi:type=\"address\">"));
            for (name, part, value) in filled {
                let mut text = String::new();
                write_plain(self.catalogue, object.at(part), value, &mut text);
                write_element(name, &text, out);
            }
            out.push_str(&format!("</{name}>"));
            return;
        }
        let value = self.store.value_in(self.catalogue, id, row, field);
        if value.is_null() {
            return nil(name, out);
        }
        let mut text = String::new();
        write_plain(self.catalogue, described, &value, &mut text);
        out.push_str(&format!("<{name}>"));
        write_text(&text, out);
        out.push_str(&format!("</{name}>"));
    }
}
