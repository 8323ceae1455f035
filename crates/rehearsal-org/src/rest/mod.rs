//! The HTTP side: `server` takes calls, `call` reads them, `route` sends each to its handler, and the handlers are
//! one file per area.

pub(crate) mod call;
mod collections;
mod composite;
pub(crate) mod cursors;
mod describe;
mod misc;
mod query;
mod records;
mod reply;
mod route;
pub(crate) mod server;

pub(crate) use records::locked;
pub(crate) use reply::Reply;
