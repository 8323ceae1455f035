//! What is sold and how: products, price books, the lines of opportunities, campaigns and their members.

use super::FieldKind::{Boolean, Date, Percent, Url};
use super::pieces::{migration, unowned};
use super::{FieldSchema as F, ObjectSchema, OnDelete};

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![
        product(),
        pricebook(),
        pricebook_entry(),
        line_item(),
        contact_role(),
        campaign(),
        campaign_member(),
    ]
}

/// A parent without which a record can't be, and with which it goes.
fn master(name: &str, relationship: &str, to: &str) -> F {
    F {
        updateable: false,
        ..F::reference(name, relationship, &[to])
            .required()
            .on_delete(OnDelete::Cascade)
    }
}

fn product() -> ObjectSchema {
    unowned("Product2", "01t")
        .with([
            F::string("Name", 255).required(),
            F::string("ProductCode", 255),
            F::textarea("Description", 4000),
            F::new("IsActive", Boolean),
            F::picklist("Family", &["None"]),
            F::string("StockKeepingUnit", 180),
            F::picklist("QuantityUnitOfMeasure", &["Each"]),
            F::new("DisplayUrl", Url),
        ])
        .with(migration())
}

fn pricebook() -> ObjectSchema {
    unowned("Pricebook2", "01s")
        .with([
            F::string("Name", 255).required(),
            F::textarea("Description", 255),
            F::new("IsActive", Boolean),
            F::new("IsStandard", Boolean).read_only(),
        ])
        .with(migration())
}

fn pricebook_entry() -> ObjectSchema {
    unowned("PricebookEntry", "01u")
        .with([
            F::string("Name", 255).read_only(),
            master("Pricebook2Id", "Pricebook2", "Pricebook2"),
            master("Product2Id", "Product2", "Product2"),
            F::currency("UnitPrice", 18, 2).required(),
            F::new("IsActive", Boolean),
            F::new("UseStandardPrice", Boolean),
            F::string("ProductCode", 255).read_only(),
        ])
        .with(migration())
}

fn line_item() -> ObjectSchema {
    unowned("OpportunityLineItem", "00k")
        .with([
            master("OpportunityId", "Opportunity", "Opportunity"),
            F {
                updateable: false,
                ..F::reference("PricebookEntryId", "PricebookEntry", &["PricebookEntry"])
                    .required()
                    .on_delete(OnDelete::Restrict)
            },
            F::reference("Product2Id", "Product2", &["Product2"]),
            F::string("Name", 376).read_only(),
            F::double("Quantity", 12, 2).required(),
            F::currency("UnitPrice", 18, 2),
            F::currency("TotalPrice", 18, 2),
            F {
                precision: 5,
                scale: 2,
                ..F::new("Discount", Percent)
            },
            F::new("ServiceDate", Date),
            F::string("Description", 255),
        ])
        .with(migration())
}

fn contact_role() -> ObjectSchema {
    let roles = &[
        "Business User",
        "Decision Maker",
        "Economic Buyer",
        "Evaluator",
        "Influencer",
        "Other",
    ];
    unowned("OpportunityContactRole", "00K")
        .with([
            master("OpportunityId", "Opportunity", "Opportunity"),
            F::reference("ContactId", "Contact", &["Contact"])
                .required()
                .on_delete(OnDelete::Cascade),
            F::picklist("Role", roles),
            F::new("IsPrimary", Boolean),
        ])
        .with(migration())
}

fn campaign() -> ObjectSchema {
    ObjectSchema::new("Campaign", "701")
        .with([
            F::string("Name", 80).required(),
            F::reference("ParentId", "Parent", &["Campaign"]),
            F::picklist(
                "Type",
                &[
                    "Conference",
                    "Webinar",
                    "Trade Show",
                    "Email",
                    "Advertisement",
                    "Other",
                ],
            ),
            F {
                default: Some("Planned".to_owned()),
                ..F::picklist(
                    "Status",
                    &["Planned", "In Progress", "Completed", "Aborted"],
                )
            },
            F::new("StartDate", Date),
            F::new("EndDate", Date),
            F::currency("ExpectedRevenue", 18, 0),
            F::currency("BudgetedCost", 18, 0),
            F::currency("ActualCost", 18, 0),
            F {
                precision: 10,
                scale: 2,
                ..F::new("ExpectedResponse", Percent)
            },
            F::double("NumberSent", 18, 0),
            F::new("IsActive", Boolean),
            F::textarea("Description", 32_000),
        ])
        .with(migration())
}

fn campaign_member() -> ObjectSchema {
    unowned("CampaignMember", "00v")
        .with([
            master("CampaignId", "Campaign", "Campaign"),
            F {
                updateable: false,
                ..F::reference("LeadId", "Lead", &["Lead"]).on_delete(OnDelete::Cascade)
            },
            F {
                updateable: false,
                ..F::reference("ContactId", "Contact", &["Contact"]).on_delete(OnDelete::Cascade)
            },
            F {
                default: Some("Sent".to_owned()),
                ..F::picklist("Status", &["Sent", "Responded"])
            },
            F::new("FirstRespondedDate", Date).read_only(),
        ])
        .with(migration())
}
