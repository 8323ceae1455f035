//! `check FILE`: everything that a run would refuse at its start, and nothing moved.

use model::Failure;

use super::{Desk, run};
use crate::args::CheckArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, table};

pub(crate) async fn check(desk: &Desk, output: &Output, args: CheckArgs) -> Result<u8, Failure> {
    let Some(file) = args.file.filter(|_| !args.schema) else {
        println!("{:#}", model::migration::json_schema());
        return Ok(exit::DONE);
    };
    let mut request = run::request(&file)?;
    request.connections = args.connection;
    let reached = desk.reach(Want::Look).await?;
    let report = reached.client.check(&request).await?;
    output.print(&report, || {
        let rows = report.objects.iter().map(|object| {
            vec![
                object.phase.to_string(),
                object.name.clone(),
                object.from.clone(),
                format!("{} {}", object.operation, object.to),
                object
                    .estimated
                    .map_or_else(|| "?".to_owned(), |n| format!("~{n}")),
                if object.key_pass {
                    "keys first, to find duplicates".to_owned()
                } else {
                    String::new()
                },
            ]
        });
        let head = ["phase", "object", "from", "to", "records", ""];
        format!("{} can be run\n{}", report.migration, table(&head, rows))
    });
    Ok(exit::DONE)
}
