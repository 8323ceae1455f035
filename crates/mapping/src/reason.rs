//! Why a record is not moved; and the one way in which a whole batch is not, which is a fault of ours.

use arrow::error::ArrowError;
use model::{Failure, Fate};

/// Why a record is refused, before it is known as a whole.
pub(crate) struct Reason {
    pub(crate) fate: Fate,
    pub(crate) failure: Failure,
}

pub(crate) fn broken(error: ArrowError) -> Failure {
    Failure::bug(format!("a mapped batch does not hold together: {error}"))
}
