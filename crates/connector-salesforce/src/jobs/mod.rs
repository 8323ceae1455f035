//! Bulk API 2.0 ingest jobs, each step a call of its own, so that any loader goes on where another stopped.

mod lifecycle;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use connector::{Calls, JobBody, JobStatus, Jobs, LoadPlan, Made, Sent, SmallSets};
use model::Failure;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::collections::Collections;
use crate::{csv_encode, estimate, placeholders, results};

/// Bytes of rows in one job: the org takes 150 MB after an inner encoding, which its guide puts at 100 MB as uploaded; the rest is margin.
const CAPACITY: usize = 90_000_000;

pub(crate) struct SalesforceJobs {
    client: Arc<Client>,
    collections: Option<Collections>,
}

impl SalesforceJobs {
    /// `collections`: whether small sets go by them.
    pub(crate) fn new(client: Arc<Client>, collections: bool) -> Self {
        Self {
            collections: collections.then(|| Collections::new(Arc::clone(&client))),
            client,
        }
    }
}

#[async_trait]
impl Jobs for SalesforceJobs {
    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn encode(&self, plan: &LoadPlan, records: &RecordBatch) -> Result<Bytes, Failure> {
        csv_encode::encode(plan, records)
    }

    fn unsendable(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        csv_encode::unsendable(plan, records)
    }

    fn encode_again(&self, plan: &LoadPlan, records: &[Sent]) -> Result<Bytes, Failure> {
        csv_encode::encode_again(plan, records)
    }

    fn clear(&self, sent: &mut Sent, field: &str) {
        if let Some(value) = sent.fields.get_mut(field) {
            csv_encode::NULL.clone_into(value);
        }
    }

    async fn make(&self, to: &str, records: &[Map<String, Value>]) -> Result<Vec<Made>, Failure> {
        placeholders::make(&self.client, to, records).await
    }

    fn keys(&self, plan: &LoadPlan, records: &RecordBatch) -> Result<Vec<String>, Failure> {
        csv_encode::keys(plan, records)
    }

    async fn create(&self, plan: &LoadPlan) -> Result<String, Failure> {
        lifecycle::create(&self.client, plan).await
    }

    async fn upload(&self, plan: &LoadPlan, job: &str, body: JobBody) -> Result<(), Failure> {
        lifecycle::upload(&self.client, plan, job, body).await
    }

    async fn close(&self, job: &str) -> Result<(), Failure> {
        lifecycle::close(&self.client, job).await
    }

    async fn abort(&self, job: &str) -> Result<(), Failure> {
        lifecycle::abort(&self.client, job).await
    }

    async fn status(&self, job: &str) -> Result<JobStatus, Failure> {
        lifecycle::status(&self.client, job).await
    }

    async fn results(
        &self,
        plan: &LoadPlan,
        job: &str,
        uploaded: u64,
        each: &mut (dyn FnMut(Sent) + Send),
    ) -> Result<(), Failure> {
        results::results(&self.client, plan, job, uploaded, each).await
    }

    fn small_sets(&self) -> Option<&dyn SmallSets> {
        let collections = self.collections.as_ref()?;
        Some(collections)
    }

    fn calls(&self, jobs: u64, seconds_each: f64) -> Calls {
        estimate::calls(jobs, seconds_each)
    }
}
