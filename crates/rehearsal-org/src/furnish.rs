//! The records an org begins with: people with their profiles, roles and queues, the org itself, its record types,
//! the standard price book.

use std::collections::HashMap;
use std::sync::Arc;

use crate::automation::seed;
use crate::error::Error;
use crate::ids::RecordId;
use crate::schema::automation::Automation;
use crate::schema::catalogue::Catalogue;
use crate::store::database::Database;
use crate::store::{Row, Store};
use crate::values::Value;
use crate::values::moment::now;
use crate::values::parse::parse;

/// The name of the user who is logged in, for logins.
pub const USERNAME: &str = "rehearsal@stevedore.invalid";
pub(crate) const EMAIL: &str = "rehearsal@example.com";

/// First name, last name, user name, alias, profile, role, whether active. The first is who is logged in.
const USERS: &[(&str, &str, &str, &str, u32, u32, bool)] = &[
    ("Rehearsal", "User", USERNAME, "rehearse", 1, 1, true),
    (
        "Ada",
        "Sales",
        "ada.sales@stevedore.invalid",
        "asale",
        2,
        2,
        true,
    ),
    (
        "Ben",
        "Sales",
        "ben.sales@stevedore.invalid",
        "bsale",
        2,
        2,
        true,
    ),
    (
        "Cleo",
        "Service",
        "cleo.service@stevedore.invalid",
        "cserv",
        2,
        3,
        true,
    ),
    (
        "Dan",
        "Integration",
        "dan.integration@stevedore.invalid",
        "dinte",
        1,
        1,
        true,
    ),
    (
        "Former",
        "Employee",
        "former.employee@stevedore.invalid",
        "forme",
        2,
        2,
        false,
    ),
];

const QUEUES: &[(&str, &str, &[&str])] = &[
    ("Support Queue", "Support_Queue", &["Case", "Task"]),
    ("Lead Queue", "Lead_Queue", &["Lead"]),
];

/// Adds those that are not there already.
///
/// # Errors
/// When some are there that are not these, so that the records are those of another schema, or when the database can't
/// be written to.
pub(crate) fn furnish(
    catalogue: &Catalogue,
    automation: &Automation,
    records: &Database,
) -> Result<(), Error> {
    let mut store = records.write();
    let fits = furnish_store(catalogue, automation, &mut store);
    if !fits {
        store.discard();
        let what =
            "its record types or declared rules are not those of the schema, in the schema's order";
        return Err(records.refuse(what));
    }
    drop(store);
    if records.is_broken() {
        return Err(records.refuse("it can't be written to"));
    }
    Ok(())
}

fn furnish_store(catalogue: &Catalogue, automation: &Automation, store: &mut Store) -> bool {
    let mut desk = Desk {
        catalogue,
        store,
        added: HashMap::new(),
        fits: true,
    };
    desk.people();
    desk.add(
        "Organization",
        &[
            ("Name", "Rehearsal Org"),
            ("OrganizationType", "Developer Edition"),
            ("InstanceName", "RH1"),
            ("IsSandbox", "true"),
        ],
    );
    desk.queues();
    for object in &catalogue.objects {
        for (record_type, _) in &object.record_types {
            desk.add(
                "RecordType",
                &[
                    ("DeveloperName", &record_type.developer_name),
                    ("SobjectType", &object.name),
                    ("Name", &record_type.name),
                    ("IsActive", "true"),
                ],
            );
        }
    }
    desk.add(
        "Pricebook2",
        &[
            ("Name", "Standard Price Book"),
            ("IsActive", "true"),
            ("IsStandard", "true"),
        ],
    );
    seed::seed(&mut desk, automation);
    desk.fits
}

/// Where records are added.
pub(crate) struct Desk<'a> {
    pub(crate) catalogue: &'a Catalogue,
    store: &'a mut Store,
    /// How many of each object so far: each has its number from the start.
    added: HashMap<u16, u32>,
    fits: bool,
}

impl Desk<'_> {
    fn people(&mut self) {
        for (name, kind) in [
            ("System Administrator", "Standard"),
            ("Standard User", "Standard"),
        ] {
            self.add("Profile", &[("Name", name), ("UserType", kind)]);
        }
        for (name, developer_name) in [
            ("CEO", "CEO"),
            ("Sales Team", "Sales_Team"),
            ("Service Team", "Service_Team"),
        ] {
            self.add(
                "UserRole",
                &[("Name", name), ("DeveloperName", developer_name)],
            );
        }
        for (first, last, username, alias, profile, role, active) in USERS {
            let email = match *username {
                USERNAME => EMAIL.to_owned(),
                other => other.replace("stevedore.invalid", "example.com"),
            };
            self.add(
                "User",
                &[
                    ("Username", username),
                    ("FirstName", first),
                    ("LastName", last),
                    ("Email", &email),
                    ("Alias", alias),
                    ("CommunityNickname", alias),
                    ("IsActive", if *active { "true" } else { "false" }),
                    ("UserType", "Standard"),
                    ("ProfileId", &self.id("Profile", *profile)),
                    ("UserRoleId", &self.id("UserRole", *role)),
                    ("TimeZoneSidKey", "Europe/Berlin"),
                    ("LocaleSidKey", "en_US"),
                    ("EmailEncodingKey", "UTF-8"),
                    ("LanguageLocaleKey", "en_US"),
                ],
            );
        }
    }

    fn queues(&mut self) {
        for (place, (name, developer_name, objects)) in QUEUES.iter().enumerate() {
            self.add(
                "Group",
                &[
                    ("Name", name),
                    ("DeveloperName", developer_name),
                    ("Type", "Queue"),
                ],
            );
            for object in *objects {
                let queue = self.id("Group", place as u32 + 1);
                self.add(
                    "QueueSobject",
                    &[("QueueId", &queue), ("SobjectType", object)],
                );
            }
        }
    }

    /// The id of the record of that number; empty where the schema has no such object.
    pub(crate) fn id(&self, object: &str, serial: u32) -> String {
        let id = |object| RecordId { object, serial };
        self.catalogue
            .any_object(object)
            .map(|o| self.catalogue.id_text(id(o.index)))
            .unwrap_or_default()
    }

    /// Adds a record unless it is there. What nobody can change is known by its first two values; the rest may be as
    /// it was left.
    pub(crate) fn add(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some((id, row)) = self.next(name, values) else {
            return;
        };
        let object = self.catalogue.at(id.object);
        match self.store.row(id) {
            None => self.insert(id, row),
            Some(known) if !object.writable => {
                let named = values
                    .iter()
                    .take(2)
                    .filter_map(|(name, _)| object.field(name));
                self.fits &= named.into_iter().all(|f| known.get(f) == row.get(f));
            }
            Some(_) => {}
        }
    }

    /// Adds a record that tells of the schema, or makes the one of its number tell of the schema as it is now.
    pub(crate) fn tell(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some((id, row)) = self.next(name, values) else {
            return;
        };
        match self.store.row(id) {
            None => self.insert(id, row),
            Some(known) => self.update(id, known, &row, values),
        }
    }

    /// Of the record added last, makes these values what they would be in a new one.
    pub(crate) fn renew(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some(object) = self.catalogue.any_object(name) else {
            return;
        };
        let id = RecordId {
            object: object.index,
            serial: self.added.get(&object.index).copied().unwrap_or_default(),
        };
        if let Some(known) = self.store.row(id) {
            self.update(id, known, &self.row(id.object, values), values);
        }
    }

    fn insert(&mut self, id: RecordId, row: Row) {
        // One that was there and was erased for good is not given a new number.
        if id.serial > self.store.last(id.object) {
            self.fits &= self.store.insert(self.catalogue, id.object, row) == id;
        }
    }

    fn update(&mut self, id: RecordId, known: Arc<Row>, wanted: &Row, values: &[(&str, &str)]) {
        let object = self.catalogue.at(id.object);
        let mut row = Arc::unwrap_or_clone(Arc::clone(&known));
        for field in values.iter().filter_map(|(name, _)| object.field(name)) {
            let value = wanted.get(field).cloned();
            row.set(field, value.unwrap_or(Value::Null));
        }
        if row != *known {
            self.store.put(self.catalogue, id, row);
        }
    }

    /// The number that is next, and the row it is to have; nothing where the schema has no such object.
    fn next(&mut self, name: &str, values: &[(&str, &str)]) -> Option<(RecordId, Row)> {
        let object = self.catalogue.any_object(name)?.index;
        let serial = self.added.entry(object).or_default();
        *serial += 1;
        let id = RecordId {
            object,
            serial: *serial,
        };
        Some((id, self.row(object, values)))
    }

    /// Fields that a schema's own version of an object lacks, or of another type, are left out.
    fn row(&self, object: u16, values: &[(&str, &str)]) -> Row {
        let object = self.catalogue.at(object);
        let mut row = Row::new(now(), values.len());
        for (name, text) in values {
            if let Some(field) = object.field(name)
                && let Ok(value) = parse(self.catalogue, object.at(field), text)
            {
                row.set(field, value);
            }
        }
        row
    }
}
