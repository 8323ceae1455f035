//! `POST /api/runs` and `POST /api/check`: a migration file read against its systems, and then a run, or none.

use api::{CheckReport, CheckedObject, StartRun, Started};
use axum::Json;
use axum::extract::State;
use control::{CreatedRun, NewObject, NewRun};
use model::{Failure, RunId};
use serde::Serialize;

use super::Office;
use super::answer::Answer;
use super::join::{Joining, join, kind_of, sha256};
use crate::preflight::{self, Prepared, PreparedObject};

pub(crate) async fn start(
    State(office): State<Office>,
    Json(request): Json<StartRun>,
) -> Answer<Started> {
    let control = &office.line.control;
    let mut follows = None;
    if let Some(key) = &request.id
        && let Some(run) = control.run_by_key(key).await?
    {
        match join(control, &request, &run).await? {
            Joining::Joined(started) => return Ok(Json(started)),
            Joining::Follows(sample) => follows = Some(sample),
        }
    }
    let id = RunId::generate();
    let prepared = preflight::prepare(&office.connections, &request, &id).await?;
    if !request.dry_run {
        preflight::make_room(&office.connections, &prepared).await?;
    }
    let run = new_run(&request, id, follows, prepared)?;
    let created = control.create_run(&run).await?;
    Ok(Json(match created {
        CreatedRun::Created(run) => {
            tracing::info!(%run, migration = request.file_name, "accepted");
            office.line.news.notify_one();
            Started {
                run: run.to_string(),
                joined: false,
            }
        }
        CreatedRun::Joined(run) => {
            match join(control, &request, &control.run(&run).await?).await? {
                Joining::Joined(started) => started,
                Joining::Follows(_) => {
                    return Err(Failure::retry(
                        "key_taken",
                        "a run of that key was begun just now",
                    )
                    .into());
                }
            }
        }
    }))
}

pub(crate) async fn check(
    State(office): State<Office>,
    Json(request): Json<StartRun>,
) -> Answer<CheckReport> {
    let prepared = preflight::prepare(&office.connections, &request, &RunId::generate()).await?;
    let objects = prepared
        .objects
        .into_iter()
        .map(|object| CheckedObject {
            from: object.source.object.from.describe().to_owned(),
            to: object.target.name,
            operation: object.operation.as_str().to_owned(),
            phase: object.phase,
            estimated: object.source.estimated_records,
            fields: object.plan.fields,
            key_pass: object.needs_key_pass,
            name: object.name,
        })
        .collect();
    Ok(Json(CheckReport {
        migration: prepared.migration.migration,
        objects,
    }))
}

fn new_run(
    request: &StartRun,
    id: RunId,
    follows: Option<RunId>,
    prepared: Prepared,
) -> Result<NewRun, Failure> {
    let file = prepared.migration.to_yaml()?;
    Ok(NewRun {
        id,
        idempotency_key: request.id.clone(),
        migration: prepared.migration.migration,
        kind: kind_of(request),
        file_sha256: sha256(&request.file),
        scope: prepared.scope,
        picked: prepared.named,
        follows,
        file,
        requested_by: request
            .requested_by
            .clone()
            .unwrap_or_else(|| "api".to_owned()),
        scheduler_run_id: request.id.clone(),
        objects: prepared
            .objects
            .into_iter()
            .zip(0..)
            .map(|(object, position)| new_object(object, position))
            .collect::<Result<_, _>>()?,
    })
}

fn new_object(object: PreparedObject, position: i64) -> Result<NewObject, Failure> {
    Ok(NewObject {
        position,
        phase: object.phase.into(),
        to_object: object.target.name.clone(),
        operation: object.operation.as_str().to_owned(),
        needs_key_pass: object.needs_key_pass,
        key_pass_columns: object.key_pass_columns,
        estimated_records: object
            .source
            .estimated_records
            .and_then(|n| i64::try_from(n).ok()),
        target_before: i64::try_from(object.target_before).ok(),
        source: pin(&object.source)?,
        target: pin(&object.plan)?,
        name: object.name,
    })
}

fn pin(described: &impl Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(described)
        .map_err(|error| Failure::bug(format!("a description does not serialise: {error}")))
}
