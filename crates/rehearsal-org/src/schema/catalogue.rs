//! The schema compiled for use: names resolved to positions, system fields added, lengths and defaults settled.
//! A contradiction is found here, when the org is started, and never later.

use std::collections::HashMap;

use super::children::{ChildRelationship, relationships};
use super::numbering::Numbering;
pub(crate) use super::rules::Rule;
use super::{Door, FieldKind, FieldSchema, RecordTypeSchema, Schema, compile, system};
use crate::error::Error;
use crate::ids::{ParsedId, RecordId, id_text, parse_id, write_id};
use crate::values::Value;

/// All objects, found by name (in any case) or key prefix.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(crate) objects: Vec<Object>,
    by_name: HashMap<String, u16>,
    by_prefix: HashMap<[u8; 3], u16>,
    /// The one user and the one organization.
    pub(crate) user: RecordId,
    pub(crate) organization: RecordId,
    pub(crate) record_type_object: u16,
    /// Whether it is for the tooling API.
    tooling: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) index: u16,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: [u8; 3],
    pub(crate) custom: bool,
    pub(crate) writable: bool,
    pub(crate) deletable: bool,
    /// Fields that the org fills by itself once a record has its id.
    pub(crate) numbered: Vec<(u16, Numbering)>,
    pub(crate) rules: Vec<Rule>,
    pub(super) door: Door,
    pub(crate) fields: Vec<Field>,
    /// What a query through a polymorphic reference gives as `Type`; it is no field of the object's own.
    pub(super) kind: Field,
    pub(super) by_name: HashMap<String, u16>,
    pub(super) by_relationship: HashMap<String, u16>,
    /// Values of a record created without them.
    pub(crate) defaults: Vec<(u16, Value)>,
    pub(crate) record_types: Vec<(RecordTypeSchema, RecordId)>,
    /// References to this object: (object, field).
    pub(crate) children: Vec<(u16, u16)>,
    pub(crate) child_relationships: Vec<ChildRelationship>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    Stored,
    Id,
    Deleted,
    Created,
    Modified,
    Actor,
    /// `Name` made of first and last name: their fields.
    FullName {
        first: u16,
        last: u16,
    },
    /// Street, city, state, postal code, country.
    Address([Option<u16>; 5]),
    /// The object's name.
    Kind,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) schema: FieldSchema,
    pub(crate) label: String,
    pub(crate) home: Home,
    pub(crate) references: Vec<u16>,
    /// Its place among the fields that records are found by; `None`: they are not found by it.
    pub(crate) index: Option<u16>,
    pub(crate) compound: Option<String>,
}

impl Field {
    pub(crate) fn name(&self) -> &str {
        &self.schema.name
    }

    pub(crate) fn kind(&self) -> FieldKind {
        self.schema.kind
    }

    pub(crate) fn custom(&self) -> bool {
        self.schema.name.ends_with("__c")
    }

    /// Whether it can name a record: in an upsert, a relationship column or a path.
    pub(crate) fn is_key(&self) -> bool {
        self.home == Home::Id || self.schema.external_id || self.schema.id_lookup
    }

    pub(crate) fn nillable(&self) -> bool {
        match self.home {
            Home::Stored => {
                !self.schema.required
                    && self.kind() != FieldKind::Boolean
                    && self.schema.auto_number.is_none()
                    && self.name() != "OwnerId"
            }
            Home::FullName { .. } | Home::Address(_) => true,
            _ => false,
        }
    }

    pub(crate) fn defaulted_on_create(&self) -> bool {
        self.schema.default.is_some()
            || self.kind() == FieldKind::Boolean
            || self.name() == "OwnerId"
            || self.schema.auto_number.is_some()
            || !matches!(
                self.home,
                Home::Stored | Home::FullName { .. } | Home::Address(_)
            )
    }
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> Option<u16> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    pub(crate) fn relationship(&self, name: &str) -> Option<u16> {
        self.by_relationship
            .get(&name.to_ascii_lowercase())
            .copied()
    }

    /// The children that are asked for by this name.
    pub(crate) fn children_named(&self, name: &str) -> Option<&ChildRelationship> {
        self.child_relationships
            .iter()
            .find(|c| c.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn at(&self, field: u16) -> &Field {
        self.fields.get(usize::from(field)).unwrap_or(&self.kind)
    }

    /// The field by that name as it is seen through a polymorphic reference, where `Type` says of which object a record is. A group says which kind of group.
    pub(crate) fn field_of_any(&self, name: &str) -> Option<u16> {
        match name.eq_ignore_ascii_case("Type") && self.name != "Group" {
            true => u16::try_from(self.fields.len()).ok(),
            false => self.field(name),
        }
    }
}

impl Catalogue {
    pub(crate) fn compile(schema: &Schema) -> Result<Self, Error> {
        let mut schemas = schema.objects.clone();
        for object in system::objects() {
            if !schemas.iter().any(|o| o.name == object.name) {
                schemas.push(object);
            }
        }
        let mut by_name = HashMap::new();
        let mut by_prefix = HashMap::new();
        for (index, object) in schemas.iter().enumerate() {
            let index =
                u16::try_from(index).map_err(|_| Error::Schema("too many objects".into()))?;
            if by_name
                .insert(object.name.to_ascii_lowercase(), index)
                .is_some()
            {
                return Err(Error::Schema(format!(
                    "object {} is there twice",
                    object.name
                )));
            }
            if by_prefix.insert(compile::prefix(object)?, index).is_some() {
                return Err(Error::Schema(format!(
                    "key prefix {} of object {} is taken by another object",
                    object.key_prefix, object.name
                )));
            }
        }
        let place = |name: &str| by_name.get(&name.to_ascii_lowercase()).copied();
        // The three are there: system::objects() was added above.
        let first = |name: &str| RecordId {
            object: place(name).unwrap_or_default(),
            serial: 1,
        };
        let (user, organization) = (first("User"), first("Organization"));
        let record_type_object = first("RecordType").object;
        let mut next_record_type = 1;
        let mut objects = Vec::with_capacity(schemas.len());
        for (index, object) in schemas.iter().enumerate() {
            let record_types = object
                .record_types
                .iter()
                .map(|record_type| {
                    let serial = next_record_type;
                    next_record_type += 1;
                    (
                        record_type.clone(),
                        RecordId {
                            object: record_type_object,
                            serial,
                        },
                    )
                })
                .collect();
            objects.push(compile::object(
                index as u16,
                object,
                record_types,
                &by_name,
            )?);
        }
        let mut catalogue = Self {
            objects,
            by_name,
            by_prefix,
            user,
            organization,
            record_type_object,
            tooling: false,
        };
        catalogue.link_children();
        super::rules::compile(&mut catalogue, &schema.automation)?;
        catalogue.settle_defaults()?;
        Ok(catalogue)
    }

    pub(crate) fn object(&self, name: &str) -> Option<&Object> {
        self.any_object(name).filter(|object| self.shows(object))
    }

    /// Also one that is seen only by the other API.
    pub(crate) fn any_object(&self, name: &str) -> Option<&Object> {
        let index = self.by_name.get(&name.to_ascii_lowercase())?;
        self.objects.get(usize::from(*index))
    }

    /// Whether an object is seen through the API this catalogue is for.
    pub(crate) fn shows(&self, object: &Object) -> bool {
        object.door == Door::Both || (object.door == Door::Tooling) == self.tooling
    }

    /// The same objects as the tooling API sees them.
    pub(crate) fn for_tooling(&self) -> Self {
        Self {
            tooling: true,
            ..self.clone()
        }
    }

    /// The record that tells of an object, by the object's name or its durable id.
    pub(crate) fn entity(&self, name: &str) -> Option<RecordId> {
        let definitions = self.any_object("EntityDefinition")?;
        let named = self.any_object(name).map(|o| o.index);
        let custom = || {
            let id = parse_id(name).filter(|id| id.prefix == *b"01I")?;
            u16::try_from(id.serial?.checked_sub(1)?).ok()
        };
        let index = named.or_else(custom)?;
        self.objects.get(usize::from(index)).map(|_| RecordId {
            object: definitions.index,
            serial: u32::from(index) + 1,
        })
    }

    pub(crate) fn at(&self, object: u16) -> &Object {
        &self.objects[usize::from(object)]
    }

    pub(crate) fn write_id(&self, id: RecordId, out: &mut String) {
        write_id(self.at(id.object).prefix, u64::from(id.serial), out);
    }

    pub(crate) fn id_text(&self, id: RecordId) -> String {
        id_text(self.at(id.object).prefix, u64::from(id.serial))
    }

    /// The record an id may name. `Err(false)`: malformed. `Err(true)`: well formed, of no record of this org.
    pub(crate) fn read_id(&self, text: &str) -> Result<RecordId, bool> {
        let ParsedId { prefix, serial } = parse_id(text).ok_or(false)?;
        let object = *self.by_prefix.get(&prefix).ok_or(false)?;
        let serial = serial.and_then(|s| u32::try_from(s).ok()).ok_or(true)?;
        Ok(RecordId { object, serial })
    }

    fn link_children(&mut self) {
        let mut links = Vec::new();
        for object in &self.objects {
            for (position, field) in object.fields.iter().enumerate() {
                for parent in &field.references {
                    if field.home == Home::Stored {
                        links.push((*parent, object.index, position as u16));
                    }
                }
            }
        }
        for (parent, child, field) in links {
            self.objects[usize::from(parent)]
                .children
                .push((child, field));
        }
        let named: Vec<_> = self
            .objects
            .iter()
            .map(|object| relationships(&self.objects, &object.children))
            .collect();
        for (object, named) in self.objects.iter_mut().zip(named) {
            object.child_relationships = named;
        }
    }

    fn settle_defaults(&mut self) -> Result<(), Error> {
        for index in 0..self.objects.len() {
            let object = &self.objects[index];
            let mut defaults = Vec::new();
            for (position, field) in object.fields.iter().enumerate() {
                let value = match &field.schema.default {
                    Some(text) => crate::values::parse::parse(self, field, text).map_err(|e| {
                        Error::Schema(format!(
                            "default of {}.{}: {}",
                            object.name,
                            field.name(),
                            e.message
                        ))
                    })?,
                    None if field.home != Home::Stored => continue,
                    None if field.kind() == FieldKind::Boolean => Value::Bool(false),
                    None if field.name() == "OwnerId" => Value::Ref(self.user),
                    None => continue,
                };
                defaults.push((position as u16, value));
            }
            self.objects[index].defaults = defaults;
        }
        Ok(())
    }
}
