//! The JSON Schema of the migration file, for editors and for `check --schema`.

use super::Migration;

/// Draft 2020-12.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Migration).to_value()
}
