//! What became of records, and the sums that must agree.
//! Every extracted record ends in exactly one fate; books that do not balance stop a run from calling itself complete.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What became of one source record, once, after its last pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Created,
    Updated,
    Unchanged,
    Deleted,
    /// Refused by us, before it was sent.
    Rejected,
    /// Refused by the target.
    Failed,
    /// Left out on purpose, as the file says: a duplicate, or a record that does not fulfil a rule.
    Skipped,
}

impl Fate {
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Deleted,
        Self::Rejected,
        Self::Failed,
        Self::Skipped,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == text)
    }
}

/// Counts of records: what was extracted, and the fates, whose sum it must equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    pub extracted: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub rejected: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Books {
    pub fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Created => &mut self.created,
            Fate::Updated => &mut self.updated,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Deleted => &mut self.deleted,
            Fate::Rejected => &mut self.rejected,
            Fate::Failed => &mut self.failed,
            Fate::Skipped => &mut self.skipped,
        } += 1;
    }

    /// The number of records whose fate is known.
    pub fn settled(&self) -> u64 {
        self.created
            + self.updated
            + self.unchanged
            + self.deleted
            + self.rejected
            + self.failed
            + self.skipped
    }

    /// The number of records that the target holds, or no longer holds, as the migration wanted.
    pub fn succeeded(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.deleted
    }

    /// Rejected by us or failed by the target: what a person has to look at.
    pub fn refused(&self) -> u64 {
        self.rejected + self.failed
    }

    pub fn balanced(&self) -> bool {
        self.extracted == self.settled()
    }
}

impl AddAssign for Books {
    fn add_assign(&mut self, other: Self) {
        self.extracted += other.extracted;
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_means_each_record_has_one_fate() {
        let mut books = Books {
            extracted: 7,
            ..Books::default()
        };
        for fate in Fate::ALL {
            assert!(!books.balanced());
            books.count(fate);
        }
        assert!(books.balanced());
        books.count(Fate::Created);
        assert!(!books.balanced());
    }

    #[test]
    fn fates_are_read_back_from_their_names() {
        for fate in Fate::ALL {
            assert_eq!(Fate::parse(fate.as_str()), Some(fate));
        }
        assert_eq!(Fate::parse("lost"), None);
    }
}
