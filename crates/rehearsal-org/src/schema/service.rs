//! Cases and their comments, tasks and events: what hangs from people by `Who` and from things by `What`.

use super::FieldKind::{Boolean, Date, Datetime, Email, Int, Phone};
use super::pieces::{migration, queue_owner, unowned};
use super::{FieldSchema as F, ObjectSchema, OnDelete};

/// What an activity may be about.
const THINGS: &[&str] = &["Account", "Opportunity", "Case", "Campaign", "Product2"];

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![task(), event(), case(), case_comment()]
}

fn who() -> F {
    F::reference("WhoId", "Who", &["Contact", "Lead"])
}

fn what() -> F {
    F::reference("WhatId", "What", THINGS).on_delete(OnDelete::Cascade)
}

fn chosen(name: &str, values: &[&str], default: &str) -> F {
    F {
        default: Some(default.to_owned()),
        ..F::picklist(name, values)
    }
}

/// Minutes of an event, and whatever else is a count.
fn count(name: &str) -> F {
    F::new(name, Int)
}

fn task() -> ObjectSchema {
    ObjectSchema::new("Task", "00T")
        .with([
            who(),
            what(),
            F::string("Subject", 255),
            F::new("ActivityDate", Date),
            chosen(
                "Status",
                &["Not Started", "In Progress", "Completed", "Deferred"],
                "Not Started",
            )
            .required(),
            chosen("Priority", &["High", "Normal", "Low"], "Normal").required(),
            F::new("IsReminderSet", Boolean),
            F::new("ReminderDateTime", Datetime),
            F::picklist("TaskSubtype", &["Task", "Email", "Call", "ListEmail"]),
            count("CallDurationInSeconds"),
            F::picklist("CallType", &["Internal", "Inbound", "Outbound"]),
            F::string("CallDisposition", 255),
            F::textarea("Description", 32_000),
            queue_owner(),
        ])
        .with(migration())
}

fn event() -> ObjectSchema {
    ObjectSchema::new("Event", "00U")
        .with([
            who(),
            what(),
            F::string("Subject", 255),
            F::string("Location", 255),
            F::new("IsAllDayEvent", Boolean),
            F::new("ActivityDateTime", Datetime),
            F::new("ActivityDate", Date),
            F::new("StartDateTime", Datetime),
            F::new("EndDateTime", Datetime),
            count("DurationInMinutes"),
            F::picklist("ShowAs", &["Busy", "OutOfOffice", "Free"]),
            F::new("IsPrivate", Boolean),
            F::new("IsReminderSet", Boolean),
            F::new("ReminderDateTime", Datetime),
            F::textarea("Description", 32_000),
        ])
        .with(migration())
}

fn case() -> ObjectSchema {
    ObjectSchema::new("Case", "500")
        .with([
            F::string("CaseNumber", 30).numbered("{00000000}"),
            F::reference("ContactId", "Contact", &["Contact"]),
            F::reference("AccountId", "Account", &["Account"]),
            F::reference("ParentId", "Parent", &["Case"]),
            F::string("SuppliedName", 80),
            F::new("SuppliedEmail", Email),
            F::new("SuppliedPhone", Phone),
            F::string("SuppliedCompany", 80),
            F::picklist(
                "Type",
                &[
                    "Mechanical",
                    "Electrical",
                    "Electronic",
                    "Structural",
                    "Other",
                ],
            ),
            chosen("Status", &["New", "Working", "Escalated", "Closed"], "New"),
            F::picklist(
                "Reason",
                &[
                    "Installation",
                    "Performance",
                    "Breakdown",
                    "Feedback",
                    "Other",
                ],
            ),
            F::picklist("Origin", &["Phone", "Email", "Web"]),
            F::string("Subject", 255),
            chosen("Priority", &["High", "Medium", "Low"], "Medium"),
            F::textarea("Description", 32_000),
            F::new("IsEscalated", Boolean),
            queue_owner(),
        ])
        .with(migration())
}

fn case_comment() -> ObjectSchema {
    unowned("CaseComment", "00a")
        .with([
            F {
                updateable: false,
                ..F::reference("ParentId", "Parent", &["Case"])
                    .required()
                    .on_delete(OnDelete::Cascade)
            },
            F::new("IsPublished", Boolean),
            F::textarea("CommentBody", 4000),
        ])
        .with([F::external_id("External_Id__c")])
}
