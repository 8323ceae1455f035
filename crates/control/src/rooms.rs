//! How many jobs each loader has on their way to a target, and may have.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::db::{args, millis};
use crate::{Control, Result};

/// Why there are fewer jobs at once than there could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoweredBy {
    /// The target's records were fought over.
    Locks,
    /// The target asked to be left alone.
    Throttling,
}

impl LoweredBy {
    pub const ALL: [Self; 2] = [Self::Locks, Self::Throttling];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locks => "locks",
            Self::Throttling => "throttling",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// One loader's jobs to one target, as it reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    pub instance: String,
    pub migration: String,
    pub connection: String,
    /// Jobs at once where nothing stands against it.
    pub at_most: u64,
    /// Jobs at once now.
    pub at_once: u64,
    pub under_way: u64,
    /// Where there are fewer than could be: why, and for how long.
    pub lowered: Option<(LoweredBy, Duration)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub instance: String,
    pub at_most: u64,
    pub at_once: u64,
    pub under_way: u64,
    /// Why there are fewer than could be, and since when.
    pub lowered: Option<(LoweredBy, DateTime<Utc>)>,
}

impl Control {
    /// Reports a loader's room; times are the database's.
    pub async fn report_room(&self, room: &NewRoom) -> Result<()> {
        let sql = "insert into rooms (instance, migration, connection, at_most, at_once, under_way, lowered_by, lowered_at, seen_at)
                   values ($1, $2, $3, $4, $5, $6, $7, case when $9 then {now-$8} end, {now})
                   on conflict (instance, migration, connection) do update set at_most = excluded.at_most, at_once = excluded.at_once,
                       under_way = excluded.under_way, lowered_by = excluded.lowered_by, lowered_at = excluded.lowered_at, seen_at = excluded.seen_at";
        let values = args![
            &room.instance,
            &room.migration,
            &room.connection,
            room.at_most,
            room.at_once,
            room.under_way,
            room.lowered.map(|(by, _)| by.as_str()),
            millis(room.lowered.map_or(Duration::ZERO, |(_, long)| long)),
            room.lowered.is_some(),
        ];
        self.db.execute(sql, values).await.map(|_| ())
    }

    /// The rooms of a migration's target that were reported within that time, by instance.
    pub async fn rooms(
        &self,
        migration: &str,
        connection: &str,
        within: Duration,
    ) -> Result<Vec<Room>> {
        let sql = "select * from rooms where migration = $1 and connection = $2 and seen_at > {now-$3} order by instance";
        let values = args![migration, connection, millis(within)];
        let rows = self.db.read(sql, values).await?;
        rows.iter()
            .map(|row| {
                let by = row.opt_text("lowered_by")?;
                let by = by.as_deref().and_then(LoweredBy::parse);
                Ok(Room {
                    instance: row.text("instance")?,
                    at_most: row.count("at_most")?,
                    at_once: row.count("at_once")?,
                    under_way: row.count("under_way")?,
                    lowered: by.zip(row.opt_time("lowered_at")?),
                })
            })
            .collect()
    }
}
