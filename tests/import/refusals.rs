//! What can't be imported is refused with its place and a way out, and nothing is written.

use crate::Desk;

/// A file that is refused, with the code, the line and a word of the message.
const REFUSED: &[(&str, &str, Option<u64>, &str)] = &[
    (
        "{\n  \"objects\": [\n    { \"query\": \"SELECT Id FROM A\" },\n  ]\n}",
        "invalid_json",
        Some(4),
        "trailing comma",
    ),
    (
        "{\n  // as in the documentation\n  \"objects\": []\n}",
        "invalid_json",
        Some(2),
        "key must be a string",
    ),
    (
        "{ \"objects\": 7 }",
        "invalid_project",
        Some(1),
        "`objects` is not a list",
    ),
    (
        "{ \"objects\": [\n  { \"query\": \"SELECT Id, Name\",\n    \"operation\": \"Upsert\" } ] }",
        "invalid_query",
        Some(2),
        "it has no FROM",
    ),
    (
        "{ \"objects\": [ {\n \"query\": \"SELECT Name FROM A\",\n \"operation\": \"Upsert\",\n \"excluded\": [] } ] }",
        "invalid_project",
        Some(4),
        "`excluded` is not true or false",
    ),
    (
        "{\n\"orgs\": [ { \"name\": \"a@b.c\" }, { \"name\": \"CSVFile\" } ], \"objects\": [] }",
        "target_is_files",
        Some(2),
        "Stevedore writes none",
    ),
    (
        "{ \"objects\": [] }",
        "nothing_to_move",
        None,
        "it names none",
    ),
    (
        "{ \"objects\": [ { \"query\": \"SELECT Id FROM Lead\", \"operation\": \"Delete\" } ] }",
        "nothing_to_move",
        None,
        "Lead, operation: Delete: SFDMU deletes",
    ),
];

#[test]
fn what_is_wrong_is_told_in_its_place() {
    for (text, code, line, message) in REFUSED {
        let desk = Desk::new();
        std::fs::write(desk.path("export.json"), text).expect("written");
        let (exit, told) = desk.import(&[".", "--out", "m.yaml"]);
        assert_eq!(exit, 2, "{told}");
        let error = &told["error"];
        assert_eq!(error["code"], *code, "{told}");
        assert_eq!(error["line"].as_u64(), *line, "{told}");
        assert!(
            error["file"]
                .as_str()
                .expect("a file")
                .ends_with("export.json"),
            "{told}"
        );
        assert!(
            error["message"]
                .as_str()
                .expect("a message")
                .contains(message),
            "{told}"
        );
        assert!(error["hint"].is_string(), "{told}");
        assert!(!desk.path("m.yaml").exists(), "{told}");
    }
}

#[test]
fn a_project_that_is_not_there_is_named() {
    let desk = Desk::new();
    let (exit, told) = desk.import(&["nowhere"]);
    assert_eq!(
        (exit, told["error"]["code"].as_str()),
        (2, Some("unreadable_file"))
    );
    assert_eq!(told["error"]["file"], "nowhere");
}

#[test]
fn a_table_without_its_columns_is_named() {
    let desk = Desk::with("price-lists");
    std::fs::write(
        desk.path("price-lists/ValueMapping.csv"),
        "Object,Field,From,To\n",
    )
    .expect("written");
    let (exit, told) = desk.import(&["price-lists"]);
    assert_eq!(
        (exit, told["error"]["code"].as_str()),
        (2, Some("invalid_header"))
    );
    let file = told["error"]["file"].as_str().expect("a file");
    assert!(file.ends_with("ValueMapping.csv"), "{told}");
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let desk = Desk::with("circle");
    std::fs::write(desk.path("circle.yaml"), "mine").expect("written");
    let (exit, told) = desk.import(&["circle"]);
    assert_eq!(
        (exit, told["error"]["code"].as_str()),
        (2, Some("file_exists"))
    );
    assert_eq!(desk.read("circle.yaml"), "mine");
}
