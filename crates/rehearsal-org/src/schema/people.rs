//! Who works in the org: users, their profiles and roles, groups and queues.

use super::FieldKind::{Boolean, Email, Phone, Picklist};
use super::pieces::{on, unowned};
use super::{FieldSchema as F, ObjectSchema};

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![
        user(),
        profile(),
        role(),
        group(),
        group_member(),
        queue_object(),
    ]
}

fn chosen(name: &str, default: &str) -> F {
    F {
        default: Some(default.to_owned()),
        ..F::new(name, Picklist).required()
    }
}

fn user() -> ObjectSchema {
    let mut username = F::string("Username", 80).required().id_lookup();
    username.unique = true;
    let mut federation = F::string("FederationIdentifier", 512);
    federation.unique = true;
    let mut object = unowned("User", "005").with([
        username,
        F::string("LastName", 80).required(),
        F::string("FirstName", 40),
        F::string("CompanyName", 80),
        F::string("Division", 80),
        F::string("Department", 80),
        F::string("Title", 80),
        F::new("Email", Email).required(),
        F::new("Phone", Phone),
        F::new("MobilePhone", Phone),
        F::string("Alias", 8).required(),
        F::string("CommunityNickname", 40),
        on("IsActive"),
        chosen("TimeZoneSidKey", "Europe/Berlin"),
        chosen("LocaleSidKey", "en_US"),
        chosen("EmailEncodingKey", "UTF-8"),
        chosen("LanguageLocaleKey", "en_US"),
        F::reference("ProfileId", "Profile", &["Profile"]).required(),
        F::reference("UserRoleId", "UserRole", &["UserRole"]),
        F::reference("ManagerId", "Manager", &["User"]),
        F::string("EmployeeNumber", 20),
        federation,
        F {
            default: Some("Standard".to_owned()),
            ..F::string("UserType", 40).read_only()
        },
        F::external_id("External_Id__c"),
    ]);
    object.deletable = false;
    object
}

fn profile() -> ObjectSchema {
    let mut object = unowned("Profile", "00e").with([
        F::string("Name", 255).required(),
        F::string("UserType", 40),
        F::string("Description", 255),
    ]);
    object.writable = false;
    object
}

fn role() -> ObjectSchema {
    unowned("UserRole", "00E").with([
        F::string("Name", 80).required(),
        F::string("DeveloperName", 80),
        F::reference("ParentRoleId", "ParentRole", &["UserRole"]),
        F::string("RollupDescription", 80),
    ])
}

fn group() -> ObjectSchema {
    unowned("Group", "00G").with([
        F::string("Name", 40).required(),
        F::string("DeveloperName", 80),
        F {
            default: Some("Regular".to_owned()),
            ..F::picklist("Type", &["Regular", "Queue"])
                .required()
                .restricted()
        },
        F::new("Email", Email),
        F::new("DoesSendEmailToMembers", Boolean),
        F::new("DoesIncludeBosses", Boolean),
    ])
}

fn group_member() -> ObjectSchema {
    unowned("GroupMember", "011").with([
        F::reference("GroupId", "Group", &["Group"])
            .required()
            .on_delete(super::OnDelete::Cascade),
        F::reference("UserOrGroupId", "UserOrGroup", &["Group", "User"]).required(),
    ])
}

fn queue_object() -> ObjectSchema {
    unowned("QueueSobject", "03g").with([
        F::reference("QueueId", "Queue", &["Group"])
            .required()
            .on_delete(super::OnDelete::Cascade),
        F::string("SobjectType", 40).required(),
    ])
}
