//! `doctor`: whether both systems let us in, and what of them stands in the way of a run or acts on what it loads. What fails here is a finding, so
//! that one trouble does not hide the next; only a file that can't be read is refused.

use api::{DoctorReport, StartRun};
use connector::{Intent, Source, Target, Writing};
use connectors::Connections;
use model::migration::{Migration, OWN_ID, Object, SHARED};
use model::{Failure, Finding};

use super::{disk, rows};
use crate::{automation, preflight};

/// Records that are read to see whether reading works.
const TRIED: u64 = 10;

pub(crate) async fn doctor(
    connections: &Connections,
    request: &StartRun,
) -> Result<DoctorReport, Failure> {
    let migration = preflight::read(request)?;
    let objects: Vec<&Object> = migration
        .objects
        .iter()
        .filter(|object| object.second_pass_of.is_none())
        .filter(|object| preflight::wanted(&migration, request, object))
        .collect();
    let mut findings = Vec::new();
    let mut intents: Vec<Intent> = objects
        .iter()
        .map(|object| intent(&migration, object))
        .collect();
    let source = &migration.source;
    match connections.source(&migration).await {
        Ok(open) => {
            for (object, intent) in objects.iter().zip(&mut intents) {
                let found = look_at_source(open.as_ref(), object, intent).await;
                let place = |finding: Finding| finding.connection(source).object(&object.name);
                findings.extend(found.into_iter().map(place));
            }
        }
        Err(failure) => findings.push(Finding::from(failure).connection(source)),
    }
    let target = &migration.target;
    match connections.target(&migration).await {
        Ok(open) => {
            findings.extend(look_at_target(open.as_ref(), target, &intents).await);
            if migration.automation.asks() {
                let found = look_at_switches(open.as_ref(), &migration, &intents).await;
                findings.push(found.unwrap_or_else(Finding::from).connection(target));
            }
        }
        Err(failure) => findings.push(Finding::from(failure).connection(target)),
    }
    Ok(DoctorReport::new(migration.migration, findings))
}

async fn look_at_target(target: &dyn Target, name: &str, intents: &[Intent]) -> Vec<Finding> {
    let found = target.inspect(intents).await;
    let mut findings: Vec<_> = found
        .into_iter()
        .map(|finding| finding.connection(name))
        .collect();
    // Rows and results of bulk jobs go through temporary files.
    if let Writing::Jobs(_) = target.writing() {
        findings.extend(disk::inspect());
    }
    findings
}

/// What a run would switch off.
async fn look_at_switches(
    target: &dyn Target,
    migration: &Migration,
    intents: &[Intent],
) -> Result<Finding, Failure> {
    let acting = automation::switches(target, migration)?
        .acting(intents)
        .await?;
    let chosen = automation::chosen(&migration.automation, acting);
    let items = chosen.items.iter().filter(|(acting, _)| acting.active);
    let names: Vec<_> = items.map(|(acting, _)| acting.name.as_str()).collect();
    let what = if names.is_empty() {
        "nothing that the file wants switched off is active".to_owned()
    } else {
        format!(
            "a run switches off, and on again at its end: {}",
            names.join(", ")
        )
    };
    Ok(Finding::ok("switched_off", what))
}

/// Reads a few records of an object, and notes how many there are.
async fn look_at_source(source: &dyn Source, object: &Object, intent: &mut Intent) -> Vec<Finding> {
    let described = match source.describe(object).await {
        Ok(described) => described,
        Err(failure) => return vec![failure.into()],
    };
    intent.records = described.estimated_records;
    let from = object.from.describe();
    let columns = described.schema.fields().len();
    let records = intent
        .records
        .map_or_else(String::new, |records| format!(", about {records} records"));
    let mut findings = vec![match rows::first(source, &described, TRIED).await {
        Ok(Some(_)) => Finding::ok(
            "source",
            format!("{from} can be read: {columns} columns{records}"),
        ),
        Ok(None) => Finding::ok(
            "source",
            format!("{from} is there: {columns} columns{records}"),
        ),
        Err(failure) => failure.into(),
    }];
    if described.key.is_empty() {
        findings.push(
            Finding::warning(
                "source_key",
                format!("{from} has no key: it is read in one piece, and single records can't be read again"),
            )
            .hint("name under `key` the columns that identify a record"),
        );
    } else if !described.key_is_unique {
        let key = described.key.join(", ");
        findings.push(Finding::ok(
            "source_key",
            format!(
                "nothing in the source says that ({key}) is unique; duplicates are looked for first"
            ),
        ));
    }
    findings.extend(source.inspect(&described));
    findings
}

fn intent(migration: &Migration, object: &Object) -> Intent {
    // What a second pass fills, its object has.
    let of_object =
        |of: &&Object| of.name == object.name || of.second_pass_of.as_ref() == Some(&object.name);
    let fields = migration.objects.iter().filter(of_object);
    let fields = fields.flat_map(|of| of.fields.iter().flatten());
    let fields = fields
        .map(|(name, _)| name.clone())
        .filter(|name| name != SHARED && name != OWN_ID);
    let stamps = migration.stamp.keys().cloned();
    Intent {
        object: object.name.clone(),
        to: object.to.clone(),
        operation: object.operation,
        key: object.external_id.clone(),
        fields: fields.chain(stamps).collect(),
        records: None,
    }
}
