//! A contact to test with: one field of each type, two lookups, an external id; and a program that answers as the Salesforce CLI does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use arrow::datatypes::{DataType, TimeUnit};
use connector::{LoadPlan, Relation, TargetField, TargetObject};
use model::RunId;
use model::migration::Operation;

pub(crate) fn field(name: &str, native: &str, data_type: DataType) -> TargetField {
    TargetField {
        name: name.to_owned(),
        data_type,
        native: native.to_owned(),
        nullable: true,
        required: false,
        createable: true,
        updateable: true,
        max_length: None,
        counts_utf16: true,
        empty_is_null: true,
        range: None,
        values: None,
        finds_records: true,
        case_sensitive: false,
    }
}

pub(crate) fn plan(operation: Operation, key: &str, fields: &[&str]) -> LoadPlan {
    let relation = |name: &str, field: &str, to: &[&str]| Relation {
        name: name.to_owned(),
        field: field.to_owned(),
        to: to.iter().map(|to| (*to).to_owned()).collect(),
        owned: false,
    };
    LoadPlan {
        run: RunId::new("run"),
        object: "contacts".to_owned(),
        to: "Contact".to_owned(),
        operation,
        key: vec![key.to_owned()],
        fields: fields.iter().map(|name| (*name).to_owned()).collect(),
        missing: Vec::new(),
        system: String::new(),
        keeps_ids: false,
        target: TargetObject {
            name: "Contact".to_owned(),
            fields: vec![
                field("Id", "id", DataType::Utf8),
                field("External_Id__c", "string", DataType::Utf8),
                field("Number_Id__c", "double", DataType::Decimal128(18, 0)),
                field("LastName", "string", DataType::Utf8),
                field("Active__c", "boolean", DataType::Boolean),
                field("Amount__c", "currency", DataType::Decimal128(18, 2)),
                field("Ratio__c", "double", DataType::Float64),
                field("Count__c", "int", DataType::Int32),
                field("Birthdate", "date", DataType::Date32),
                field(
                    "Seen__c",
                    "datetime",
                    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                ),
                field("Opens__c", "time", DataType::Time64(TimeUnit::Microsecond)),
                field("AccountId", "reference", DataType::Utf8),
                field("WhoId", "reference", DataType::Utf8),
            ],
            relations: vec![
                relation("Account", "AccountId", &["Account"]),
                relation("Who", "WhoId", &["Contact", "Lead"]),
            ],
            keys: vec![vec!["Id".to_owned()], vec!["External_Id__c".to_owned()]],
            carries_columns: false,
        },
    }
}

/// Of the form that an org gives.
pub(crate) const TOKEN: &str = "00D000000000001!AQcAQH0dMHEXAMPLEzmpkb58uR";

/// A script in place of the Salesforce CLI. What it is not told to answer it does not know.
pub(crate) struct FakeSf {
    folder: tempfile::TempDir,
    program: String,
}

impl FakeSf {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sf");
        // A program that was just written may not be run yet: another test's child may still hold the file open.
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/fake-sf.sh");
        std::os::unix::fs::symlink(script, &path).unwrap();
        let program = path.to_str().unwrap().to_owned();
        Self { folder, program }.file("token-of-stderr", TOKEN)
    }

    /// Answers `org auth show-access-token`.
    pub(crate) fn token(self, token: &str) -> Self {
        let result = serde_json::json!({"status": 0, "result": {"accessToken": token}, "warnings": ["it grants access"]});
        self.file("show-access-token", &result.to_string())
    }

    /// Answers `org display`.
    pub(crate) fn display(self, token: &str, instance_url: &str) -> Self {
        let result = serde_json::json!({"status": 0, "result": {"id": "00D000000000001AAA", "accessToken": token, "instanceUrl": instance_url}});
        self.file(
            "display",
            &format!(" » Warning: an update is there\n{result}\n"),
        )
    }

    /// Prints a text for every command that has no answer of its own.
    pub(crate) fn says(self, text: &str) -> Self {
        self.file("any", text)
    }

    pub(crate) fn hangs(self) -> Self {
        self.file("hang", "")
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The arguments of each call so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Puts the whole answer to a command.
    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }
}
