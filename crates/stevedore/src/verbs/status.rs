//! `status [RUN]`.

use model::Failure;

use super::Desk;
use crate::embedded::Want;
use crate::exit;
use crate::output::{self, Output};

pub(crate) async fn status(
    desk: &Desk,
    output: &Output,
    run: Option<String>,
) -> Result<u8, Failure> {
    let reached = desk.reach(Want::Look).await?;
    if let Some(run) = run {
        let view = reached.client.run(&run).await?;
        output.print(&output::document(&view), || output::describe(&view));
        return Ok(exit::DONE);
    }
    let list = reached.client.runs().await?;
    output.print(&list, || {
        if list.runs.is_empty() {
            return "no runs yet\n".to_owned();
        }
        let rows = list.runs.iter().map(|run| {
            vec![
                run.run.clone(),
                run.migration.clone(),
                run.kind.as_str().replace('_', " "),
                run.status.as_str().to_owned(),
                run.created_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
                run.reason.clone().unwrap_or_default(),
            ]
        });
        output::table(
            &["run", "migration", "kind", "status", "created", "reason"],
            rows,
        )
    });
    Ok(exit::DONE)
}
