//! Rows of a job as JSON records. The rows are the ones that a job would be filled with, so that both ways mean the same; here numbers are numbers, null
//! clears, what is left out stays, and a parent is an object of its own with the field by which it is found.

use arrow::datatypes::DataType;
use bytes::Bytes;
use connector::{LoadPlan, TargetField};
use csv::StringRecord;
use model::Failure;
use serde_json::{Map, Value};

use crate::columns::{Column, Fills};
use crate::csv_encode::NULL;

/// The body of a call that writes these, each for itself.
pub(super) fn body<'a>(
    plan: &LoadPlan,
    columns: &[Column<'_>],
    rows: impl Iterator<Item = &'a StringRecord>,
) -> Result<Bytes, Failure> {
    let mut out = String::from(r#"{"allOrNone":false,"records":["#);
    for (place, row) in rows.enumerate() {
        if place > 0 {
            out.push(',');
        }
        record(plan, columns, row, &mut out);
    }
    out.push_str("]}");
    Ok(out.into())
}

/// Appends one record.
fn record(plan: &LoadPlan, columns: &[Column<'_>], row: &StringRecord, out: &mut String) {
    out.push_str(r#"{"attributes":{"type":"#);
    out.push_str(&quoted(&plan.to));
    out.push('}');
    let mut put = |name: &str, value: &str| {
        out.push(',');
        out.push_str(&quoted(name));
        out.push(':');
        out.push_str(value);
    };
    // A lookup may have a column for each kind of parent, of which one is filled; only where none is, it is cleared.
    let mut cleared: Vec<&str> = Vec::new();
    let mut filled: Vec<&str> = Vec::new();
    for (column, cell) in columns.iter().zip(row) {
        match &column.fills {
            _ if cell.is_empty() => {}
            Fills::Field(field) if cell == NULL => put(&field.name, "null"),
            Fills::Field(field) => put(&field.name, &value(field, cell)),
            Fills::Lookup { relation, .. } if cell == NULL => cleared.push(&relation.field),
            Fills::Lookup {
                relation,
                of_type,
                key,
            } => {
                let mut parent = Map::new();
                if let Some(of_type) = of_type {
                    let mut attributes = Map::new();
                    attributes.insert("type".to_owned(), Value::from(*of_type));
                    parent.insert("attributes".to_owned(), attributes.into());
                }
                parent.insert((*key).to_owned(), Value::from(cell));
                put(&relation.name, &Value::from(parent).to_string());
                filled.push(&relation.field);
            }
        }
    }
    cleared.sort_unstable();
    cleared.dedup();
    for field in cleared {
        if !filled.contains(&field) {
            put(field, "null");
        }
    }
    out.push('}');
}

/// A cell as JSON: digits as they are, none lost to a floating point; what is no number is left to the org to refuse.
fn value(field: &TargetField, cell: &str) -> String {
    let is_number = || serde_json::from_str::<serde_json::Number>(cell).is_ok();
    let plain = match &field.data_type {
        DataType::Boolean => matches!(cell, "true" | "false"),
        data_type if data_type.is_numeric() => is_number(),
        _ => false,
    };
    if plain { cell.to_owned() } else { quoted(cell) }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::migration::Operation;
    use serde_json::json;

    use super::*;
    use crate::columns::columns;
    use crate::testing::plan;

    fn body_of(fields: &[&str], cells: &[&str]) -> String {
        let plan = plan(Operation::Upsert, "External_Id__c", fields);
        let row = StringRecord::from(cells.to_vec());
        let body = body(&plan, &columns(&plan).unwrap(), std::iter::once(&row)).unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn record_of(fields: &[&str], cells: &[&str]) -> Value {
        let mut body: Value = serde_json::from_str(&body_of(fields, cells)).unwrap();
        assert_eq!(body["allOrNone"], false);
        body["records"][0].take()
    }

    #[test]
    fn values_have_their_types_and_null_clears() {
        let fields = [
            "External_Id__c",
            "Active__c",
            "Amount__c",
            "Count__c",
            "Birthdate",
            "LastName",
            "Ratio__c",
            "Seen__c",
        ];
        let cells = [
            "007",
            "true",
            "12.50",
            "7",
            "2020-01-31",
            "a \"b\"\n",
            NULL,
            "",
        ];
        assert_eq!(
            record_of(&fields, &cells),
            json!({"attributes": {"type": "Contact"}, "External_Id__c": "007", "Active__c": true, "Amount__c": 12.5, "Count__c": 7,
                   "Birthdate": "2020-01-31", "LastName": "a \"b\"\n", "Ratio__c": null})
        );
        let exact = body_of(
            &["External_Id__c", "Amount__c"],
            &["k", "1234567890123456.78"],
        );
        assert!(
            exact.contains(r#""Amount__c":1234567890123456.78"#),
            "{exact}"
        );
        let odd = record_of(&["External_Id__c", "Count__c"], &["k", "seven"]);
        assert_eq!(odd["Count__c"], "seven", "for the org to refuse");
    }

    #[test]
    fn parents_are_objects_and_are_cleared_by_their_field() {
        let fields = [
            "External_Id__c",
            "Account.External_Id__c",
            "Contact:Who.External_Id__c",
            "Lead:Who.Email",
        ];
        let record = record_of(&fields, &["k", "A1", NULL, "a@b.c"]);
        assert_eq!(record["Account"], json!({"External_Id__c": "A1"}));
        let who = json!({"attributes": {"type": "Lead"}, "Email": "a@b.c"});
        assert_eq!((&record["Who"], record.get("WhoId")), (&who, None));
        let record = record_of(&fields, &["k", NULL, NULL, NULL]);
        assert_eq!(
            record,
            json!({"attributes": {"type": "Contact"}, "External_Id__c": "k", "AccountId": null, "WhoId": null})
        );
    }
}
