//! The binary format of `COPY` to and from Arrow.

pub(crate) mod decode;
pub(crate) mod encode;
