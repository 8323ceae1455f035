//! The JSON Schema of the migration file, for editors and for `check --schema`.

use super::Migration;

/// Draft 2020-12.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Migration).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_connection_are_in_it() {
        let schema = json_schema().to_string();
        for setting in [
            "instance_url",
            "login_url",
            "username",
            "private_key",
            "private_key_file",
            "refresh_token",
            "target_org",
            "api_budget",
            "api_reserve",
        ] {
            assert!(schema.contains(&format!("\"{setting}\":")), "{setting}");
        }
    }
}
