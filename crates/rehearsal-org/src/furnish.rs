//! The records an org begins with: people with their profiles, roles and queues, the org itself, its record types,
//! the standard price book.

use crate::automation::seed;
use std::collections::HashMap;

use crate::ids::RecordId;
use crate::schema::automation::Automation;
use crate::schema::catalogue::Catalogue;
use crate::store::{Row, Store};
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

/// Adds those that are not there already. False: there are some that are not these, so that the records are those of
/// another schema.
pub(crate) fn furnish(catalogue: &Catalogue, automation: &Automation, store: &mut Store) -> bool {
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
                    ("Name", &record_type.name),
                    ("DeveloperName", &record_type.developer_name),
                    ("SobjectType", &object.name),
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

    /// Fields that a schema's own version of an object lacks, or of another type, are left out.
    pub(crate) fn add(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some(object) = self.catalogue.any_object(name) else {
            return;
        };
        let mut row = Row::new(now(), values.len());
        for (name, text) in values {
            if let Some(field) = object.field(name)
                && let Ok(value) = parse(self.catalogue, object.at(field), text)
            {
                row.set(field, value);
            }
        }
        let serial = self.added.entry(object.index).or_default();
        *serial += 1;
        let id = RecordId {
            object: object.index,
            serial: *serial,
        };
        match self.store.row(id) {
            None => self.fits &= self.store.insert(self.catalogue, object.index, row) == id,
            // What nobody can change is known by its first values; the rest may be as it was left.
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
}
