//! Records that the target refused, mended in the source and sent again: read anew, by their keys, and counted once.

use model::RunStatus;

use crate::stage::{Stage, fill, migration};

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_record_is_read_and_sent_again() {
    let mut stage = Stage::new().await;
    fill(&stage, 1_000).await;
    stage
        .execute(
            "target",
            "alter table keyed add constraint not_seven check (name not like '%\"77%')",
        )
        .await;
    stage.start_all();
    let objects = "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }\n";
    let file = migration(objects) + "limits: { accept_failed: 10 }\n";
    let run = stage.run(&file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    let books = view.objects[0].books;
    // 77 and 771 to 779, but for every seventh: those have no name.
    assert_eq!((books.created, books.failed), (992, 8), "{view:?}");
    assert!(view.balanced && !view.over_limit);
    let sql = "select record_key from failed_records where error_code = '23514' and not resolved order by 1";
    let failed = stage.texts("control", sql).await;
    assert_eq!(failed.len(), 8);

    stage
        .execute("source", "update things set name = replace(name, '\"77', '\"seventy-seven ') where name like '%\"77%'")
        .await;
    stage.ask(&run, "retry").await;
    stage
        .until("the records are sent again", async || {
            stage.view(&run).await.is_some_and(|view| {
                view.summary.status == RunStatus::Completed && view.objects[0].books.failed == 0
            })
        })
        .await;
    let view = stage.view(&run).await.expect("a view");
    let books = view.objects[0].books;
    assert_eq!((books.extracted, books.created), (1_000, 1_000), "{view:?}");
    assert!(view.balanced);
    stage.assert_equal("things", "keyed").await;
}
