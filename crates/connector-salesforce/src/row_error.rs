//! What a result file says of a row that failed: `CODE:message:FIELD1 FIELD2 --`, several one after another.
//! Messages are free text, with colons, dashes and line breaks of their own.

use connector::Verdict;

/// Why one row failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl RowError {
    /// Whether the row waited for another's lock in vain, itself or in a trigger's work: alone it may well go through.
    pub(crate) fn is_contended(&self) -> bool {
        self.code == "UNABLE_TO_LOCK_ROW" || self.message.contains("UNABLE_TO_LOCK_ROW")
    }

    /// Of several errors the first gives the code; the messages of the others follow its own.
    pub(crate) fn of_several(errors: impl Iterator<Item = Self>) -> Self {
        let mut first: Option<Self> = None;
        for error in errors {
            match &mut first {
                None => first = Some(error),
                Some(first) => {
                    first.message = format!("{}; {}: {}", first.message, error.code, error.message);
                    for field in error.fields {
                        if !first.fields.contains(&field) {
                            first.fields.push(field);
                        }
                    }
                }
            }
        }
        first.unwrap_or_else(|| Self {
            code: "UNKNOWN".to_owned(),
            message: "the org gave no reason".to_owned(),
            fields: Vec::new(),
        })
    }

    pub(crate) fn verdict(self) -> Verdict {
        let is_contended = self.is_contended();
        let Self {
            code,
            message,
            fields,
        } = self;
        if is_contended {
            Verdict::Contended {
                code,
                message,
                fields,
            }
        } else {
            Verdict::Failed {
                code,
                message,
                fields,
            }
        }
    }
}

/// Reads the text of `sf__Error`.
pub(crate) fn parse(text: &str) -> RowError {
    let mut rest = text.trim();
    RowError::of_several(std::iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        let (error, after) = one(rest);
        rest = after.trim_start_matches([' ', ';', ',', '\n', '\r']);
        Some(error)
    }))
}

/// The first error of a text, and what comes after it.
fn one(text: &str) -> (RowError, &str) {
    let (code, told) = match text.split_once(':') {
        Some((code, told)) if is_code(code) => (code, told),
        _ => {
            let error = RowError {
                code: "UNKNOWN".to_owned(),
                message: text.to_owned(),
                fields: Vec::new(),
            };
            return (error, "");
        }
    };
    for (dashes, _) in told.match_indices("--") {
        let (before, after) = (&told[..dashes], &told[dashes + 2..]);
        let Some((message, fields)) = before.rsplit_once(':') else {
            continue;
        };
        if names(fields) && begins_another(after) {
            let error = RowError {
                code: code.to_owned(),
                message: message.to_owned(),
                fields: fields
                    .split([' ', ','])
                    .filter(|field| !field.is_empty())
                    .map(str::to_owned)
                    .collect(),
            };
            return (error, after);
        }
    }
    let error = RowError {
        code: code.to_owned(),
        message: told.trim().to_owned(),
        fields: Vec::new(),
    };
    (error, "")
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Nothing, or names of fields each with a space behind it.
fn names(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ' ' | ',');
    (text.is_empty() || text.ends_with(' ')) && text.chars().all(name)
}

/// Whether what follows an ending is the end, or another error.
fn begins_another(after: &str) -> bool {
    let after = after.trim_start_matches([' ', ';', ',', '\n', '\r']);
    after.is_empty() || after.split_once(':').is_some_and(|(code, _)| is_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Vec<String>) {
        let error = parse(text);
        (error.code, error.message, error.fields)
    }

    fn is(code: &str, message: &str, fields: &[&str]) -> (String, String, Vec<String>) {
        let fields = fields.iter().map(|f| (*f).to_owned()).collect();
        (code.to_owned(), message.to_owned(), fields)
    }

    #[test]
    fn code_message_and_fields_come_apart() {
        assert_eq!(
            parts(
                "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName, X__c]:LastName X__c --"
            ),
            is(
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [LastName, X__c]",
                &["LastName", "X__c"]
            )
        );
        assert_eq!(
            parts("INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"),
            is(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
                &[]
            )
        );
        assert_eq!(
            parts(
                "DUPLICATE_VALUE:duplicate value found: E__c duplicates value on record with id: <unknown>: --"
            ),
            is(
                "DUPLICATE_VALUE",
                "duplicate value found: E__c duplicates value on record with id: <unknown>",
                &[]
            )
        );
    }

    #[test]
    fn messages_may_hold_what_ends_others() {
        let text = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of BeforeInsert\n\ncaused by: x -- see:\nline 2:--";
        assert_eq!(
            parts(text),
            is(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "T: execution of BeforeInsert\n\ncaused by: x -- see:\nline 2",
                &[]
            )
        );
    }

    #[test]
    fn several_errors_become_one() {
        assert_eq!(
            parts(
                "STRING_TOO_LONG:Name: data value too large: a--b (max length=2):Name --INVALID_EMAIL_ADDRESS:Email: invalid email address: x:Email --"
            ),
            is(
                "STRING_TOO_LONG",
                "Name: data value too large: a--b (max length=2); INVALID_EMAIL_ADDRESS: Email: invalid email address: x",
                &["Name", "Email"]
            )
        );
    }

    #[test]
    fn what_has_no_such_form_is_told_as_it_is() {
        assert_eq!(
            parts("something broke"),
            is("UNKNOWN", "something broke", &[])
        );
        assert_eq!(parts("CODE:cut off"), is("CODE", "cut off", &[]));
        assert_eq!(parts(""), is("UNKNOWN", "the org gave no reason", &[]));
        assert_eq!(parts("Ärger: x"), is("UNKNOWN", "Ärger: x", &[]));
    }
}
