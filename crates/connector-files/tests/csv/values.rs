//! What may stand in a file, and what becomes of it.

use crate::folder::{Fields, Folder, fields};

async fn records(content: &str) -> Vec<Fields> {
    let folder = Folder::new(&[("a.csv", content.as_bytes())]);
    let found = folder.read("a.csv").await.expect(content);
    assert!(found.rejected.is_empty(), "{content}: {:?}", found.rejected);
    found.records
}

#[tokio::test]
async fn line_ends_and_a_missing_last_one_change_nothing() {
    let expected = [fields(&["1", "a"]), fields(&["2", "b"])];
    for content in [
        "id,name\n1,a\n2,b\n",
        "id,name\n1,a\n2,b",
        "id,name\r\n1,a\r\n2,b\r\n",
        "id,name\r\n1,a\r\n2,b",
        "id,name\n\n1,a\n\n\n2,b\n\n",
        "\u{feff}id,name\n1,a\n2,b\n",
    ] {
        assert_eq!(records(content).await, expected, "{content:?}");
    }
}

#[tokio::test]
async fn quotes_keep_what_they_hold() {
    let content = "id,name\n1,\"a, b\"\n2,\"say \"\"hi\"\"\"\n3,\"two\nlines\r\nthree\"\n4, spaced \n5,\"สวัสดี ñ 🚀\"\n";
    let expected = [
        fields(&["1", "a, b"]),
        fields(&["2", "say \"hi\""]),
        fields(&["3", "two\nlines\r\nthree"]),
        fields(&["4", " spaced "]),
        fields(&["5", "สวัสดี ñ 🚀"]),
    ];
    assert_eq!(records(content).await, expected);
}

#[tokio::test]
async fn the_text_that_stands_for_null_is_null() {
    let content = "id,name\n1,\n2,\"\"\n3,NULL\n";
    let null = |id: &str| vec![Some(id.to_owned()), None];
    let found = records(content).await;
    assert_eq!(found, [null("1"), null("2"), fields(&["3", "NULL"])]);
    let mut folder = Folder::new(&[("a.csv", content.as_bytes())]);
    folder.null = "NULL".to_owned();
    let found = folder.read("a.csv").await.unwrap().records;
    assert_eq!(found, [fields(&["1", ""]), fields(&["2", ""]), null("3")]);
}

#[tokio::test]
async fn columns_are_separated_by_what_the_file_says() {
    for delimiter in [';', '\t', '|'] {
        let content = format!("id{delimiter}name\n1{delimiter}\"a{delimiter}b,c\"\n");
        let mut folder = Folder::new(&[("a.csv", content.as_bytes())]);
        folder.delimiter = delimiter;
        let found = folder.read("a.csv").await.unwrap().records;
        assert_eq!(found, [fields(&["1", &format!("a{delimiter}b,c")])]);
    }
    for delimiter in ['"', '\n', 'ä'] {
        let mut folder = Folder::new(&[]);
        folder.delimiter = delimiter;
        let failure = folder.source().err().unwrap();
        assert_eq!(failure.code, "invalid_delimiter");
    }
}

#[tokio::test]
async fn files_of_a_pattern_are_read_in_the_order_of_their_names() {
    let folder = Folder::new(&[
        ("people-2.csv", b"id,name\n3,c\n"),
        ("people-1.csv", b"id,name\n1,a\n2,b"),
        ("people-3.csv", b"id,name\n"),
        ("others.csv", b"x\n1\n"),
    ]);
    let found = folder.read("people-*.csv").await.unwrap().records;
    let expected = [
        fields(&["1", "a"]),
        fields(&["2", "b"]),
        fields(&["3", "c"]),
    ];
    assert_eq!(found, expected);
    let described = folder.describe("people-*.csv", &["ID"]).await.unwrap();
    assert_eq!(described.key, ["id"]);
    assert!(!described.key_is_unique);
    let counted = folder.source().unwrap().count(&described).await;
    assert_eq!(counted, Ok(3));
    assert_eq!(described.estimated_records, Some(10), "guessed by length");
}

#[tokio::test]
async fn a_file_without_records_is_an_empty_object() {
    for content in ["id,name", "id,name\n", "id,name\r\n\r\n"] {
        assert!(records(content).await.is_empty(), "{content:?}");
    }
}
