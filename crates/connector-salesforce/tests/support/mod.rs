//! A rehearsal org with our connector on it, and contacts to move.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod script;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use connector::{JobBody, JobStatus, Jobs, LoadPlan, Sent, Target, Verdict, Writing};
use connector_salesforce::salesforce_target;
use model::migration::{Operation, SalesforceSettings};
use model::{Failure, RunId, Secret};
use record::meta;
use rehearsal_org::{RehearsalOrg, Settings};

pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Bed {
    pub org: RehearsalOrg,
    pub target: Arc<dyn Target>,
}

pub async fn bed() -> Bed {
    bed_of(rehearsal_org::Schema::standard()).await
}

pub async fn bed_of(schema: rehearsal_org::Schema) -> Bed {
    let settings = Settings {
        schema,
        ..Settings::default()
    };
    let org = RehearsalOrg::start(settings).await.unwrap();
    let target = by_token(&org).await;
    Bed { org, target }
}

pub fn text(n: impl std::fmt::Display) -> Option<String> {
    Some(n.to_string())
}

pub async fn by_token(org: &RehearsalOrg) -> Arc<dyn Target> {
    let settings = SalesforceSettings {
        access_token: Some(Secret::new(org.access_token())),
        ..settings(org)
    };
    salesforce_target("org", &settings).await.unwrap()
}

pub async fn by_app(org: &RehearsalOrg) -> Arc<dyn Target> {
    salesforce_target("org", &app(org)).await.unwrap()
}

/// A login by client credentials.
pub fn app(org: &RehearsalOrg) -> SalesforceSettings {
    SalesforceSettings {
        client_id: Some(org.client_id().to_owned()),
        client_secret: Some(Secret::new(org.client_secret())),
        ..settings(org)
    }
}

pub fn settings(org: &RehearsalOrg) -> SalesforceSettings {
    SalesforceSettings {
        instance_url: Some(org.url()),
        ..SalesforceSettings::default()
    }
}

impl Bed {
    pub fn jobs(&self) -> &dyn Jobs {
        jobs(&self.target)
    }

    pub async fn plan(
        &self,
        to: &str,
        operation: Operation,
        key: &str,
        fields: &[&str],
    ) -> LoadPlan {
        LoadPlan {
            run: RunId::new("run"),
            object: to.to_lowercase(),
            to: to.to_owned(),
            operation,
            key: vec![key.to_owned()],
            fields: fields.iter().map(|f| (*f).to_owned()).collect(),
            target: self.target.describe(to).await.unwrap(),
            missing: Vec::new(),
            system: String::new(),
            keeps_ids: false,
        }
    }

    /// A plan for accounts with a name each.
    pub async fn accounts(&self, operation: Operation) -> LoadPlan {
        self.plan(
            "Account",
            operation,
            "External_Id__c",
            &["External_Id__c", "Name"],
        )
        .await
    }

    pub fn account_ids(&self) -> Vec<String> {
        let accounts = self.org.records("Account");
        let ids = accounts.iter().map(|account| account["Id"].as_str());
        ids.map(|id| id.unwrap().to_owned()).collect()
    }

    /// A plan for contacts by a key of ours.
    pub async fn contacts(&self, operation: Operation, fields: &[&str]) -> LoadPlan {
        let key = "Contact_External_Id__c";
        let fields = [&[key], fields].concat();
        self.plan("Contact", operation, key, &fields).await
    }

    /// Moves records through one job, from opening to results.
    pub async fn load(&self, plan: &LoadPlan, batch: &RecordBatch) -> BTreeMap<String, Sent> {
        let jobs = self.jobs();
        let part = jobs.encode(plan, batch).unwrap();
        let job = jobs.create(plan).await.unwrap();
        jobs.upload(plan, &job, JobBody::of(&[part]).unwrap())
            .await
            .unwrap();
        jobs.close(&job).await.unwrap();
        ended(jobs, &job).await;
        results(jobs, plan, &job, batch.num_rows()).await.unwrap()
    }
}

pub fn jobs(target: &Arc<dyn Target>) -> &dyn Jobs {
    match target.writing() {
        Writing::Jobs(jobs) => jobs,
        Writing::Transactions(_) => panic!("an org writes by jobs"),
    }
}

/// Waits for the end of a job and returns its reason.
pub async fn ended(jobs: &dyn Jobs, job: &str) -> Option<String> {
    let begun = Instant::now();
    loop {
        match jobs.status(job).await.unwrap() {
            JobStatus::Ended { reason } => return reason,
            status => assert!(begun.elapsed() < DEADLINE, "still {status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a job has processed as many rows.
pub async fn processed(jobs: &dyn Jobs, job: &str, rows: u64) {
    let begun = Instant::now();
    loop {
        match jobs.status(job).await.unwrap() {
            JobStatus::Running { processed } if processed >= rows => return,
            status => assert!(begun.elapsed() < DEADLINE, "still {status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The results by key; every key is there once.
pub async fn results(
    jobs: &dyn Jobs,
    plan: &LoadPlan,
    job: &str,
    uploaded: usize,
) -> Result<BTreeMap<String, Sent>, Failure> {
    let mut all = BTreeMap::new();
    let mut twice = Vec::new();
    let mut each = |sent: Sent| {
        if let Some(first) = all.insert(sent.key.clone(), sent) {
            twice.push(first.key);
        }
    };
    jobs.results(plan, job, uploaded as u64, &mut each).await?;
    assert!(twice.is_empty(), "told twice: {twice:?}");
    Ok(all)
}

/// A batch of texts; a name `Relation.Key` or `Object:Relation.Key` becomes a marked lookup column.
pub fn batch(columns: &[(&str, Vec<Option<String>>)]) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, _)| match name.split_once('.') {
            Some((path, key)) => {
                let relation = path.split_once(':').map_or(path, |(_, relation)| relation);
                meta::with_lookup(Field::new(relation, DataType::Utf8, true), key)
            }
            None => Field::new(*name, DataType::Utf8, true),
        })
        .collect();
    let arrays = columns
        .iter()
        .map(|(_, values)| -> ArrayRef { Arc::new(StringArray::from(values.clone())) })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Accounts `A0`, `A1`, … with names.
pub fn accounts(count: usize) -> RecordBatch {
    let ids = (0..count).map(|n| Some(format!("A{n}"))).collect();
    let names = (0..count)
        .map(|n| Some(format!("Name \"{n}\",\nLtd")))
        .collect();
    batch(&[("External_Id__c", ids), ("Name", names)])
}

/// The org has them as they were sent, under the ids that were told.
pub fn assert_held(org: &RehearsalOrg, sent: &BTreeMap<String, Sent>) {
    for record in org.records("Account") {
        let key = record["External_Id__c"].as_str().unwrap();
        let n = key.trim_start_matches('A');
        assert_eq!(record["Name"], format!("Name \"{n}\",\nLtd"));
        let (Verdict::Created { id } | Verdict::Updated { id }) = &sent[key].verdict else {
            panic!("{:?}", sent[key]);
        };
        assert_eq!(record["Id"], id.as_str());
    }
}

pub fn count(results: &BTreeMap<String, Sent>, which: impl Fn(&Verdict) -> bool) -> usize {
    results.values().filter(|sent| which(&sent.verdict)).count()
}

/// The org has the record's key already.
pub fn duplicate(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Failed { code, .. } if code == "DUPLICATE_VALUE")
}

pub fn created(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Created { .. })
}

pub fn updated(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Updated { .. })
}

pub fn unprocessed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Unprocessed)
}
