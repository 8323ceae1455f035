#![doc = include_str!("../README.md")]

mod catalog;
mod kill_switch;
mod leases;
mod line;
mod settings;
pub mod telemetry;
mod work;

pub use catalog::{Catalog, PinnedObject, PinnedRun};
pub use kill_switch::{KillSwitch, RunGate};
pub use leases::{Leases, Stage};
pub use line::{Line, Role};
pub use settings::{
    ApiSettings, BrokerSettings, ChunkSettings, DatabaseSettings, Layout, Settings,
    TelemetrySettings,
};
pub use work::{Handler, Next, Worker, work};
