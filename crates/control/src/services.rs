//! The services that report themselves: how many of a role are ready, and with how much in hand.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::db::{args, millis};
use crate::{Control, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// One life of one process; it may play several roles.
    pub instance: String,
    pub role: String,
    pub host: String,
    pub version: String,
    pub ready: bool,
    /// Messages taken up and not acknowledged.
    pub in_hand: u64,
    pub seen_at: DateTime<Utc>,
}

impl Control {
    /// Reports a service; `seen_at` is the database's.
    pub async fn heartbeat(
        &self,
        instance: &str,
        role: &str,
        host: &str,
        version: &str,
        ready: bool,
        in_hand: u64,
    ) -> Result<()> {
        let sql = "insert into services (instance, role, host, version, ready, in_hand, seen_at) values ($1, $2, $3, $4, $5, $6, {now})
                   on conflict (instance, role) do update set host = excluded.host, version = excluded.version,
                       ready = excluded.ready, in_hand = excluded.in_hand, seen_at = excluded.seen_at";
        let values = args![instance, role, host, version, ready, in_hand];
        self.db.mark(sql, values).await.map(|_| ())
    }

    /// How many of a role are ready and were seen within that time.
    pub async fn ready_services(&self, role: &str, within: Duration) -> Result<u64> {
        let sql = "select count(*) as services from services where role = $1 and ready = $2 and seen_at > {now-$3}";
        let row = self
            .db
            .read_one(sql, args![role, true, millis(within)])
            .await?;
        row.map_or(Ok(0), |row| row.count("services"))
    }

    /// All that were ever seen and did not take their leave, by role.
    pub async fn services(&self) -> Result<Vec<Service>> {
        let rows = self
            .db
            .read("select * from services order by role, instance", args![])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Service {
                    instance: row.text("instance")?,
                    role: row.text("role")?,
                    host: row.text("host")?,
                    version: row.text("version")?,
                    ready: row.bool("ready")?,
                    in_hand: row.count("in_hand")?,
                    seen_at: row.time("seen_at")?,
                })
            })
            .collect()
    }

    /// Takes a process's leave, in all its roles; those that died a day ago without a word go with it.
    pub async fn farewell(&self, instance: &str) -> Result<()> {
        let sql = "delete from services where instance = $1 or seen_at < {now-$2}";
        let day = millis(Duration::from_secs(24 * 3600));
        self.db.execute(sql, args![instance, day]).await?;
        let sql = "delete from rooms where instance = $1 or seen_at < {now-$2}";
        self.db.execute(sql, args![instance, day]).await.map(|_| ())
    }
}
