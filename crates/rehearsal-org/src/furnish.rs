//! The records an org begins with: people with their profiles, roles and queues, the org itself, its record types,
//! the standard price book.

use crate::automation::seed;
use crate::desk::Desk;
use crate::error::Error;
use crate::schema::automation::Automation;
use crate::schema::catalogue::Catalogue;
use crate::store::Store;
use crate::store::database::Database;

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
    let mut desk = Desk::new(catalogue, store);
    people(&mut desk);
    desk.add(
        "Organization",
        &[
            ("Name", "Rehearsal Org"),
            ("OrganizationType", "Developer Edition"),
            ("InstanceName", "RH1"),
            ("IsSandbox", "true"),
        ],
    );
    queues(&mut desk);
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
    desk.fits()
}

fn people(desk: &mut Desk<'_>) {
    for (name, kind) in [
        ("System Administrator", "Standard"),
        ("Standard User", "Standard"),
    ] {
        desk.add("Profile", &[("Name", name), ("UserType", kind)]);
    }
    for (name, developer_name) in [
        ("CEO", "CEO"),
        ("Sales Team", "Sales_Team"),
        ("Service Team", "Service_Team"),
    ] {
        desk.add(
            "UserRole",
            &[("Name", name), ("DeveloperName", developer_name)],
        );
    }
    for (first, last, username, alias, profile, role, active) in USERS {
        let email = match *username {
            USERNAME => EMAIL.to_owned(),
            other => other.replace("stevedore.invalid", "example.com"),
        };
        desk.add(
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
                ("ProfileId", &desk.id("Profile", *profile)),
                ("UserRoleId", &desk.id("UserRole", *role)),
                ("TimeZoneSidKey", "Europe/Berlin"),
                ("LocaleSidKey", "en_US"),
                ("EmailEncodingKey", "UTF-8"),
                ("LanguageLocaleKey", "en_US"),
            ],
        );
    }
}

fn queues(desk: &mut Desk<'_>) {
    for (place, (name, developer_name, objects)) in QUEUES.iter().enumerate() {
        desk.add(
            "Group",
            &[
                ("Name", name),
                ("DeveloperName", developer_name),
                ("Type", "Queue"),
            ],
        );
        for object in *objects {
            let queue = desk.id("Group", place as u32 + 1);
            desk.add(
                "QueueSobject",
                &[("QueueId", &queue), ("SobjectType", object)],
            );
        }
    }
}
