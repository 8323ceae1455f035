//! Tells how many jobs this loader has on their way to its target and may have: when that changes, and now and then.

use std::time::Duration;

use control::NewRoom;

use super::Desk;

/// Without news.
const EVERY: Duration = Duration::from_secs(5);
/// Between two words at least.
const PAUSE: Duration = Duration::from_millis(500);

impl Desk {
    pub(crate) async fn tell_room(self) {
        loop {
            let standing = self.room.standing();
            let room = NewRoom {
                instance: self.line.instance.to_string(),
                migration: self.migration.migration.clone(),
                connection: self.migration.target.clone(),
                at_most: standing.at_most as u64,
                at_once: standing.at_once as u64,
                under_way: standing.under_way as u64,
                lowered: standing.lowered,
            };
            if let Err(error) = self.line.control.report_room(&room).await {
                tracing::warn!(%error, "how many jobs are on their way was not stored");
            }
            tokio::time::sleep(PAUSE).await;
            let _ = tokio::time::timeout(EVERY, self.room.news()).await;
        }
    }
}
