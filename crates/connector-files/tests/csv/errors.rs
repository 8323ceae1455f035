//! What is wrong with a file is told by file and line; a record at fault is refused alone.

use connector::Sizing;
use model::{Failure, FailureKind};

use crate::folder::{AMPLE, Folder, fields};

#[tokio::test]
async fn broken_records_are_refused_alone_by_file_and_line() {
    let content = b"id,name\r\n1,a\r\n2\r\n3,\"two\r\nlines\"\r\n4,d,e\r\n5,\xff\xfe\r\n6,f\r\n";
    let folder = Folder::new(&[("a.csv", content)]);
    let described = folder.describe("a.csv", &["id"]).await.unwrap();
    for records in [u64::MAX, 1] {
        let slices = folder.plan(&described, records).await.unwrap();
        let found = folder.read_slices(&described, slices, AMPLE).await.unwrap();
        let good = [
            fields(&["1", "a"]),
            fields(&["3", "two\r\nlines"]),
            fields(&["6", "f"]),
        ];
        assert_eq!(found.records, good);
        let refused: Vec<_> = found
            .rejected
            .iter()
            .map(|refusal| {
                (
                    refusal.key.as_str(),
                    refusal.code.as_str(),
                    refusal.fields.join(","),
                )
            })
            .collect();
        let expected = [
            ("a.csv line 3", "wrong_column_count", String::new()),
            ("a.csv line 6", "wrong_column_count", String::new()),
            ("a.csv line 7", "invalid_utf8", "name".to_owned()),
        ];
        assert_eq!(refused, expected, "in slices of {records}");
        assert_eq!(found.rejected[1].data["column 3"], "e");
    }
}

#[tokio::test]
async fn a_quote_that_is_not_closed_is_told_by_its_line() {
    for content in [
        "id,name\n1,a\n2,\"open\n3,c\n4,d\n".to_owned(),
        "id,name\n1,a\n2,\"open".to_owned(),
        format!("id,name\n1,a\n2,\"open{}", "\n3,c".repeat(12 << 20)),
    ] {
        let folder = Folder::new(&[("a.csv", content.as_bytes())]);
        let failure = match folder.describe("a.csv", &[]).await {
            Ok(described) => folder.plan(&described, 1).await.unwrap_err(),
            Err(failure) => failure,
        };
        assert_eq!(failure.code, "unclosed_quote", "{failure}");
        assert!(failure.message.contains("line 3"), "{failure}");
        assert!(failure.hint.is_some());
    }
}

/// A file's name and content.
type Content<'a> = (&'a str, &'a [u8]);

async fn refused(files: &[Content<'_>], pattern: &str, key: &[&str]) -> Failure {
    let folder = Folder::new(files);
    let failure = folder.describe(pattern, key).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
    assert!(failure.hint.is_some(), "{failure}");
    failure
}

#[tokio::test]
async fn files_that_make_no_object_are_refused() {
    let good: Content = ("a1.csv", b"id,name\n1,a\n");
    let cases: [(&[Content], &str, &str); 8] = [
        (&[good], "b.csv", "unknown_file"),
        (&[good], "../a.csv", "invalid_file"),
        (&[("a.csv", b"")], "a.csv", "invalid_header"),
        (&[("a.csv", b"id,id\n")], "a.csv", "invalid_header"),
        (&[("a.csv", b"id,,x\n")], "a.csv", "invalid_header"),
        (&[("a.csv", b"id,n\xe4me\n")], "a.csv", "invalid_header"),
        (
            &[("a.csv", b"\xff\xfei\0d\0\n\0")],
            "a.csv",
            "invalid_header",
        ),
        (
            &[good, ("a2.csv", b"name,id\n")],
            "a*.csv",
            "headers_differ",
        ),
    ];
    for (files, pattern, code) in cases {
        let failure = refused(files, pattern, &[]).await;
        assert_eq!(failure.code, code, "{failure}");
    }
    let failure = refused(&[good], "a1.csv", &["nmae"]).await;
    assert_eq!(failure.code, "unknown_column");
    let wide = vec![b','; 1_000_000];
    let failure = refused(&[("a.csv", &wide)], "a.csv", &[]).await;
    assert_eq!(failure.code, "invalid_header");
    let columns: Vec<_> = (0..20_000).map(|n| format!("c{n}")).collect();
    let wide = columns.join(",");
    let failure = refused(&[("a.csv", wide.as_bytes())], "a.csv", &[]).await;
    assert!(failure.message.contains("20000 columns"), "{failure}");
}

#[tokio::test]
async fn a_file_that_changes_under_a_run_pauses_it() {
    let folder = Folder::new(&[("a.csv", b"id\n1\n2\n3\n")]);
    let described = folder.describe("a.csv", &[]).await.unwrap();
    let slices = folder.plan(&described, 2).await.unwrap();
    folder.write("a.csv", b"id\n1\n2\n3\n4\n");
    let source = folder.source().unwrap();
    let sizing = Sizing {
        records: 1,
        bytes: AMPLE,
        slices: 1,
    };
    let failures = [
        source
            .read(&described, &slices[0], AMPLE)
            .await
            .unwrap_err(),
        source.split(&described, None, sizing).await.unwrap_err(),
        source.count(&described).await.unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.kind, FailureKind::PauseRun);
        assert_eq!(failure.code, "source_changed");
    }
    std::fs::remove_file(folder.path("a.csv")).unwrap();
    let failure = source.count(&described).await.unwrap_err();
    assert_eq!(failure.code, "unreadable_file");
}
