//! The HTTP side: `server` takes calls, `call` reads them, `route` sends each to its handler, and the handlers are
//! one file per area.

pub(crate) mod call;
pub(crate) mod collections;
mod composite;
mod control;
pub(crate) mod cursors;
mod describe;
mod misc;
pub(crate) mod packed;
mod query;
mod records;
mod related;
pub(crate) mod replication;
mod reply;
mod route;
pub(crate) mod search;
pub(crate) mod server;
mod tooling;
mod unpack;

pub(crate) use misc::daily;
pub(crate) use reply::Reply;
