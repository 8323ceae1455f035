//! The objects of the default schema: the standard ones with their usual fields, and the custom fields that
//! migrations of customer data add to them.

use super::FieldKind::{Boolean, Date, Email, Int, Percent, Phone, Url};
use super::pieces::{migration, queue_owner};
use super::{FieldSchema as F, ObjectSchema, OnDelete, sales, service};

pub(super) fn objects() -> Vec<ObjectSchema> {
    let mut all = vec![account(), contact(), opportunity(), lead()];
    all.extend(service::objects());
    all.extend(sales::objects());
    all
}

/// Street, city, state, postal code and country, with the lengths the platform gives them.
fn address(prefix: &str) -> Vec<F> {
    let part = |name: &str| format!("{prefix}{name}");
    vec![
        F::textarea(&part("Street"), 255),
        F::string(&part("City"), 40),
        F::string(&part("State"), 80),
        F::string(&part("PostalCode"), 20),
        F::string(&part("Country"), 80),
    ]
}

const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Banking",
    "Construction",
    "Consulting",
    "Education",
    "Energy",
    "Finance",
    "Healthcare",
    "Hospitality",
    "Manufacturing",
    "Retail",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Other",
];

const LEAD_SOURCES: &[&str] = &[
    "Web",
    "Phone Inquiry",
    "Partner Referral",
    "Purchased List",
    "Other",
];

fn account() -> ObjectSchema {
    ObjectSchema::new("Account", "001")
        .with([
            F::string("Name", 255).required(),
            F::picklist(
                "Type",
                &[
                    "Prospect",
                    "Customer - Direct",
                    "Customer - Channel",
                    "Other",
                ],
            ),
            F::reference("ParentId", "Parent", &["Account"]),
        ])
        .with(address("Billing"))
        .with(address("Shipping"))
        .with([
            F::new("Phone", Phone),
            F::new("Fax", Phone),
            F::string("AccountNumber", 40),
            F::new("Website", Url),
            F::string("Sic", 20),
            F::picklist("Industry", INDUSTRIES),
            F::currency("AnnualRevenue", 18, 0),
            F::new("NumberOfEmployees", Int),
            F::picklist("Ownership", &["Public", "Private", "Subsidiary", "Other"]),
            F::picklist("Rating", &["Hot", "Warm", "Cold"]),
            F::string("Site", 80),
            F::picklist("AccountSource", LEAD_SOURCES),
            F::textarea("Description", 32_000),
        ])
        .with(migration())
        .with([F::currency("Annual_Spend__c", 16, 2)])
}

fn contact() -> ObjectSchema {
    ObjectSchema::new("Contact", "003")
        .with([
            F::string("LastName", 80).required(),
            F::string("FirstName", 40),
            F::picklist("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
            F::reference("AccountId", "Account", &["Account"]).on_delete(OnDelete::Cascade),
            F::reference("ReportsToId", "ReportsTo", &["Contact"]),
        ])
        .with(address("Mailing"))
        .with(address("Other"))
        .with([
            F::new("Phone", Phone),
            F::new("Fax", Phone),
            F::new("MobilePhone", Phone),
            F::new("HomePhone", Phone),
            F::new("OtherPhone", Phone),
            F::new("Email", Email).id_lookup(),
            F::string("Title", 128),
            F::string("Department", 80),
            F::picklist("LeadSource", LEAD_SOURCES),
            F::new("Birthdate", Date),
            F::textarea("Description", 32_000),
            F::new("HasOptedOutOfEmail", Boolean),
            F::new("DoNotCall", Boolean),
        ])
        .with(migration())
        .with([
            F::external_id("Contact_External_Id__c"),
            F::picklist("Status__c", &["Active", "Inactive"]).restricted(),
        ])
        .record_type("Customer_Contact", "Customer Contact")
        .record_type("Vendor_Contact", "Vendor Contact")
}

fn opportunity() -> ObjectSchema {
    let stages = &[
        "Prospecting",
        "Qualification",
        "Needs Analysis",
        "Value Proposition",
        "Proposal/Price Quote",
        "Negotiation/Review",
        "Closed Won",
        "Closed Lost",
    ];
    ObjectSchema::new("Opportunity", "006")
        .with([
            F::string("Name", 120).required().id_lookup(),
            F::reference("AccountId", "Account", &["Account"]).on_delete(OnDelete::Cascade),
            F::picklist("StageName", stages).required(),
            F::new("CloseDate", Date).required(),
            F::currency("Amount", 16, 2),
            F {
                precision: 3,
                ..F::new("Probability", Percent)
            },
            F::double("TotalOpportunityQuantity", 18, 2),
            F::picklist("Type", &["Existing Business", "New Business"]),
            F::string("NextStep", 255),
            F::reference("Pricebook2Id", "Pricebook2", &["Pricebook2"]),
            F::reference("CampaignId", "Campaign", &["Campaign"]),
            F::picklist("LeadSource", LEAD_SOURCES),
            F::new("IsPrivate", Boolean),
            F::textarea("Description", 32_000),
        ])
        .with(migration())
        .with([F::external_id("Opportunity_External_Id__c")])
}

fn lead() -> ObjectSchema {
    ObjectSchema::new("Lead", "00Q")
        .with([
            F::string("LastName", 80).required(),
            F::string("FirstName", 40),
            F::picklist("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
            F::string("Company", 255).required(),
            F::string("Title", 128),
        ])
        .with(address(""))
        .with([
            F::new("Phone", Phone),
            F::new("MobilePhone", Phone),
            F::new("Email", Email).id_lookup(),
            F::new("Website", Url),
            F::picklist("LeadSource", LEAD_SOURCES),
            F {
                default: Some("Open - Not Contacted".to_owned()),
                ..F::picklist(
                    "Status",
                    &[
                        "Open - Not Contacted",
                        "Working - Contacted",
                        "Closed - Converted",
                        "Closed - Not Converted",
                    ],
                )
                .required()
            },
            F::picklist("Industry", INDUSTRIES),
            F::new("NumberOfEmployees", Int),
            F::currency("AnnualRevenue", 18, 0),
            F::picklist("Rating", &["Hot", "Warm", "Cold"]),
            F::new("HasOptedOutOfEmail", Boolean),
            F::new("DoNotCall", Boolean),
            F::new("IsConverted", Boolean).read_only(),
            F::textarea("Description", 32_000),
            queue_owner(),
        ])
        .with(migration())
}
