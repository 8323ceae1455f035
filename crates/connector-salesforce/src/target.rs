//! The org as a target: descriptions, counts, and the door to its jobs.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use connector::{
    Automation, CountScope, Held, Intent, LoadPlan, MetadataFile, NewField, Pace, Target,
    TargetObject, Writing,
};
use model::migration::SalesforceSettings;
use model::{Failure, Finding};
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::describe::global;
use crate::descriptions::Descriptions;
use crate::jobs::SalesforceJobs;
use crate::{estimate, held, inspect, lacking, metadata, prepare, soql};

/// Opens an org as a target. `name` is the connection's, for messages.
///
/// Nothing is sent yet: the first call logs in. Fails with a usage failure when the settings can't be right.
pub async fn salesforce_target(
    name: &str,
    settings: &SalesforceSettings,
) -> Result<Arc<dyn Target>, Failure> {
    let client = Arc::new(Client::new(name, settings)?);
    Ok(Arc::new(SalesforceTarget {
        jobs: SalesforceJobs::new(Arc::clone(&client), settings.collections),
        descriptions: Descriptions::new(Arc::clone(&client)),
        client,
    }))
}

pub(crate) struct SalesforceTarget {
    client: Arc<Client>,
    jobs: SalesforceJobs,
    descriptions: Descriptions,
}

impl SalesforceTarget {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn descriptions(&self) -> &Descriptions {
        &self.descriptions
    }
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "totalSize")]
    total_size: u64,
}

#[derive(Deserialize)]
struct Organizations {
    records: Vec<Organization>,
}

#[derive(Deserialize)]
struct Organization {
    #[serde(rename = "Id")]
    id: String,
}

#[async_trait]
impl Target for SalesforceTarget {
    async fn describe(&self, to: &str) -> Result<TargetObject, Failure> {
        let described = self.descriptions.read(to).await?;
        Ok(described.object.clone())
    }

    async fn check(&self, plan: &LoadPlan) -> Result<(), Failure> {
        prepare::prepare(&self.descriptions, plan).await
    }

    async fn held(&self, to: &str, keys: &RecordBatch) -> Result<Held, Failure> {
        let described = self.descriptions.of(to).await?;
        held::held(&self.client, &described, keys).await
    }

    fn lacking(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
        new: &[bool],
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        lacking::lacking(plan, records, new)
    }

    fn writing(&self) -> Writing<'_> {
        Writing::Jobs(&self.jobs)
    }

    async fn identity(&self) -> Result<String, Failure> {
        let call = Call::get(&["query"]).query("q", "SELECT Id FROM Organization");
        let found: Organizations = self.client.json(call).await?;
        let org = found.records.into_iter().next().ok_or_else(|| {
            Failure::pause("unknown_org", "the org does not say who it is").hint(
                "ids of its records are kept with the org's own; let the user read Organization",
            )
        })?;
        Ok(org.id)
    }

    async fn count(&self, to: &str, scope: &CountScope) -> Result<u64, Failure> {
        let query = soql::count(to, scope)?;
        let call = Call::get(&["query"]).query("q", &query);
        let counted: Counted = self.client.json(call).await?;
        Ok(counted.total_size)
    }

    async fn catalogue(&self) -> Result<Vec<String>, Failure> {
        let all = global(&self.client).await?;
        let business = all.into_iter().filter(|entry| entry.is_business());
        Ok(business.map(|entry| entry.name).collect())
    }

    fn pace(&self) -> Pace {
        estimate::pace()
    }

    fn lasting(&self, plan: &LoadPlan) -> Vec<String> {
        estimate::lasting(plan)
    }

    async fn inspect(&self, intents: &[Intent]) -> Vec<Finding> {
        inspect::inspect(&self.client, &self.descriptions, intents).await
    }

    fn automation(&self) -> Option<&dyn Automation> {
        Some(self)
    }

    fn metadata(&self, field: &NewField) -> Option<Result<MetadataFile, Failure>> {
        Some(metadata::metadata(field))
    }
}
