//! Results of reading both ends anew.

use control::Reconciliation;
use serde_json::json;

use crate::bed::{Bed, on_both};
use crate::fixture::Fixture;

on_both!(the_latest_result_of_each_check_is_kept);

async fn the_latest_result_of_each_check_is_kept(bed: &Bed) {
    let f = Fixture::planned(bed, 0).await;
    let check = |name: &str, passed| Reconciliation {
        run: f.run.clone(),
        object: "a".to_owned(),
        level: 1,
        check: name.to_owned(),
        scope: "records of this run".to_owned(),
        source_value: Some("10".to_owned()),
        target_value: if passed { Some("10".to_owned()) } else { None },
        passed,
        details: Some(json!({"missing": 10})),
        checked_at: None,
    };
    bed.control
        .save_reconciliations(&[check("count", false), check("sum", true)])
        .await
        .unwrap();
    bed.control
        .save_reconciliations(&[check("count", true)])
        .await
        .unwrap();
    let mut stored = bed.control.reconciliations(&f.run).await.unwrap();
    for result in &mut stored {
        assert!(result.checked_at.take().is_some());
    }
    assert_eq!(stored, [check("count", true), check("sum", true)]);
    bed.control
        .forget_reconciliations(f.term, &f.run)
        .await
        .unwrap();
    assert_eq!(bed.control.reconciliations(&f.run).await.unwrap(), []);
}
