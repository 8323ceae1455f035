//! From files into a table: every record of every file, and what is broken by file and line.

use std::fmt::Write as _;

use model::RunStatus;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_whole_but_for_what_is_broken() {
    let mut stage = Stage::new().await;
    let mut expected = Vec::new();
    for file in 1..=3 {
        let mut content = "\u{feff}code;name;amount;note\r\n".to_owned();
        for n in 1..=700 {
            let code = file * 1_000 + n;
            let note = if n % 5 == 0 {
                "\"a; b\r\n\"\"c\"\"\""
            } else {
                ""
            };
            let _ = write!(content, "{code};นาย {n};{n}.50;{note}\r\n");
            expected.push(format!("({code},\"นาย {n}\",{n}.50,{note})"));
        }
        if file == 2 {
            content += "2999;too few\r\n2998;x;1.505;\r\n";
        }
        let name = format!("part-{file}.csv");
        std::fs::write(stage.file(&name), content).expect("written");
    }
    expected.sort();
    stage
        .execute(
            "target",
            "create table parts (code bigint primary key, name text, amount numeric(12,2), note text)",
        )
        .await;
    stage.start_all();
    let folder = stage.file("").display().to_string();
    let run = stage
        .run(&format!(
            "migration: line-test
connections:
  files: {{ kind: csv, folder: \"{folder}\", delimiter: \";\" }}
  target: {{ kind: postgres, url: \"${{TARGET_URL}}\" }}
source: files
target: target
objects:
  - {{ name: parts, from: {{ file: \"part-*.csv\" }}, key: code, to: parts, operation: upsert }}
limits: {{ accept_failed: 2 }}
"
        ))
        .await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && !view.over_limit, "{view:?}");
    assert_eq!(stage.rows("target", "parts").await, expected);
    let refused = "select record_key || ' ' || error_code from failed_records order by 1";
    let refused = stage.texts("control", refused).await;
    assert_eq!(
        refused,
        [
            "2998 invalid_value",
            "part-2.csv line 842 wrong_column_count"
        ]
    );
}
