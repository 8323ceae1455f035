#![doc = include_str!("../README.md")]

mod backoff;
mod broker;
mod dead_letter;
mod delivery;
mod error;
mod in_process;
mod line;
mod parked;
mod rabbit;
mod readable;

pub use broker::{Broker, Consumer, ControlConsumer};
pub use dead_letter::DeadLetter;
pub use delivery::{ControlDelivery, Delivery, Receipt};
pub use error::Error;
pub use in_process::{InProcess, InProcessSettings};
pub use line::Queue;
pub use rabbit::{RabbitMq, RabbitSettings};

/// The largest message, in bytes, that is published to RabbitMQ or read from it unless the settings say otherwise: 16 MiB, which is
/// also what RabbitMQ 4 takes at most by default.
pub const DEFAULT_MAX_BODY: usize = 16 * 1024 * 1024;

/// How often a message may come back unacknowledged before it goes to the dead letters, unless set otherwise.
pub const DEFAULT_DELIVERY_LIMIT: u32 = 20;
