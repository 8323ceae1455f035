//! The queues of the line and what they are called on a broker.
//! Names are made so that two different queues never share one, whatever a migration is called.

use std::fmt;

/// A queue of the line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Commands to extractors.
    Extract,
    /// Extracted records, to transformers.
    Transform,
    /// Mapped records, to the loaders of one target: a slow target holds up no other.
    Load {
        migration: String,
        connection: String,
    },
    /// Mapped records of dry runs, to the loaders of one target. What comes by this queue is never written.
    DryRun {
        migration: String,
        connection: String,
    },
    /// Outcomes, to auditors.
    Audit,
    /// Word to the coordinator.
    Reports,
    /// Commands to reconcilers.
    Reconcile,
}

impl Queue {
    /// `<prefix>.extract`, `<prefix>.load.<migration>.<connection>`, and so on. What is not a letter, digit, `-` or
    /// `_` of ASCII is percent-encoded in the parts that a person chose, so that the dots between them stay clear.
    pub fn name(&self, prefix: &str) -> String {
        match self {
            Self::Extract => format!("{prefix}.extract"),
            Self::Transform => format!("{prefix}.transform"),
            Self::Load {
                migration,
                connection,
            } => format!("{prefix}.load.{}.{}", encode(migration), encode(connection)),
            Self::DryRun {
                migration,
                connection,
            } => format!(
                "{prefix}.dry-run.{}.{}",
                encode(migration),
                encode(connection)
            ),
            Self::Audit => format!("{prefix}.audit"),
            Self::Reports => format!("{prefix}.reports"),
            Self::Reconcile => format!("{prefix}.reconcile"),
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load {
                migration,
                connection,
            } => write!(f, "load of {migration} into {connection}"),
            Self::DryRun {
                migration,
                connection,
            } => write!(f, "dry run of {migration} into {connection}"),
            Self::Extract => f.write_str("extract"),
            Self::Transform => f.write_str("transform"),
            Self::Audit => f.write_str("audit"),
            Self::Reports => f.write_str("reports"),
            Self::Reconcile => f.write_str("reconcile"),
        }
    }
}

fn encode(part: &str) -> String {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(migration: &str, connection: &str) -> String {
        Queue::Load {
            migration: migration.into(),
            connection: connection.into(),
        }
        .name("stevedore")
    }

    #[test]
    fn names_are_the_documented_ones() {
        assert_eq!(Queue::Extract.name("stevedore"), "stevedore.extract");
        assert_eq!(load("legacy-crm", "org"), "stevedore.load.legacy-crm.org");
    }

    #[test]
    fn no_two_loads_share_a_queue() {
        assert_ne!(load("a.b", "c"), load("a", "b.c"));
        assert_ne!(load("a%2E", "c"), load("a.", "c"));
        assert_eq!(load("ลูกค้า", "org").len(), "stevedore.load..org".len() + 54);
    }
}
