//! Queries: how many records there are, and how names and texts stand in any query.
//! Names and texts are put into it so that neither can end early and go on as something else.

use connector::CountScope;
use model::Failure;

/// `SELECT COUNT() FROM …`, whose answer's `totalSize` is the count.
pub(crate) fn count(object: &str, scope: &CountScope) -> Result<String, Failure> {
    let object = name(object)?;
    Ok(match scope {
        CountScope::All => format!("SELECT COUNT() FROM {object}"),
        CountScope::Stamped { field, value } => format!(
            "SELECT COUNT() FROM {object} WHERE {} = '{}'",
            name(field)?,
            escaped(value)
        ),
    })
}

/// Objects and fields are named by letters, digits and underscores.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(crate) fn name(text: &str) -> Result<&str, Failure> {
    if is_name(text) {
        Ok(text)
    } else {
        Err(Failure::usage(
            "invalid_name",
            format!("`{text}` is no name of an object or field"),
        ))
    }
}

/// A text as it stands between single quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_not_leave_its_quotes() {
        let scope = CountScope::Stamped {
            field: "Migration_Id__c".to_owned(),
            value: "O'Brien\\' OR Id != '\n".to_owned(),
        };
        assert_eq!(
            count("Account", &scope).unwrap(),
            r"SELECT COUNT() FROM Account WHERE Migration_Id__c = 'O\'Brien\\\' OR Id != \'\n'"
        );
        assert_eq!(
            count("Account", &CountScope::All).unwrap(),
            "SELECT COUNT() FROM Account"
        );
        assert!(count("Account WHERE", &CountScope::All).is_err());
    }
}
