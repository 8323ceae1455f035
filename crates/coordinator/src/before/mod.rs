//! The verbs that look at a migration before a run: what it would do, how its two ends differ, what stands in its way; and one that drafts a migration. They read only.

pub(crate) mod compare;
mod disk;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod plan;
mod rows;
