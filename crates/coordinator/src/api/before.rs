//! `POST /api/plan`, `/api/compare` and `/api/doctor`: a migration file looked at before a run; `/api/init`: one drafted. Nothing is started.

use api::{CompareReport, DoctorReport, Draft, Drafted, PlanQuery, PlanReport, StartRun};
use axum::Json;
use axum::extract::{Query, State};

use super::Office;
use super::answer::Answer;
use crate::before;

pub(crate) async fn plan(
    State(office): State<Office>,
    Query(query): Query<PlanQuery>,
    Json(request): Json<StartRun>,
) -> Answer<PlanReport> {
    let planned = before::plan::plan(&office.line, &office.connections, &request, query).await?;
    Ok(Json(planned))
}

pub(crate) async fn compare(
    State(office): State<Office>,
    Json(request): Json<StartRun>,
) -> Answer<CompareReport> {
    let compared = before::compare::compare(&office.connections, &request).await?;
    Ok(Json(compared))
}

pub(crate) async fn doctor(
    State(office): State<Office>,
    Json(request): Json<StartRun>,
) -> Answer<DoctorReport> {
    let report = before::doctor::doctor(&office.connections, &request).await?;
    Ok(Json(report))
}

/// It holds no migration yet, and so no connections that are kept.
pub(crate) async fn init(Json(request): Json<Draft>) -> Answer<Drafted> {
    Ok(Json(before::init::init(&request).await?))
}
