//! The HTTP API. It reads what is stored and writes wishes; the leader, wherever it is, fulfils them.

mod answer;
mod automation;
mod before;
mod changes;
mod door;
mod failures;
mod join;
mod placeholders;
mod record;
mod runs;
mod start;
pub(crate) mod view;

use std::net::SocketAddr;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use connectors::Connections;
use model::{Failure, Secret};
use service::Line;
use tokio::net::TcpListener;

pub use door::Door;

use answer::Answer;

/// A migration file is text that a person wrote.
const BODY_LIMIT: usize = 4 << 20;

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
}

/// Binds the API and serves it until the process ends. Returns the address at once.
pub async fn serve(
    line: Line,
    connections: Connections,
    listen: SocketAddr,
    token: Secret,
) -> Result<SocketAddr, Failure> {
    let unavailable = |error: std::io::Error| {
        Failure::usage(
            "address_in_use",
            format!("the API can't listen on {listen}: {error}"),
        )
        .hint("set STEVEDORE__API__LISTEN to another address")
    };
    let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let office = Office {
        line: line.clone(),
        connections,
    };
    let app = routes(office, Door::new(token, address));
    let ending = line.ending.clone();
    line.tasks.spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(ending.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the API is served no more");
        }
    });
    Ok(address)
}

fn routes(office: Office, door: Door) -> Router {
    Router::new()
        .route("/api/check", post(start::check))
        .route("/api/plan", post(before::plan))
        .route("/api/compare", post(before::compare))
        .route("/api/doctor", post(before::doctor))
        .route("/api/init", post(before::init))
        .route("/api/runs", get(runs::list).post(start::start))
        .route("/api/runs/{run}", get(runs::one))
        .route("/api/runs/{run}/failures", get(failures::list))
        .route("/api/runs/{run}/changes", get(changes::list))
        .route("/api/runs/{run}/placeholders", get(placeholders::list))
        .route("/api/runs/{run}/record", get(record::one))
        .route(
            "/api/runs/{run}/automation",
            get(automation::one).post(automation::restore),
        )
        .route("/api/runs/{run}/{verb}", post(runs::command))
        .layer(middleware::from_fn_with_state(door, door::check))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .route("/health", get(health))
        .with_state(office)
}

async fn health(State(office): State<Office>) -> Answer<serde_json::Value> {
    office.line.control.ping().await?;
    Ok(Json(
        serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }),
    ))
}
