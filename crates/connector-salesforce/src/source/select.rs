//! What is selected of which object: fields and a condition, read from the file's query or made of an object's name, and written as SOQL with more conditions.

use connector::SourceObject;
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::soql::is_name;

/// A query of one object, its fields plain or by way of parents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Select {
    pub(crate) object: String,
    /// Empty: all of them.
    pub(crate) fields: Vec<String>,
    /// The query's own condition, without `WHERE`.
    pub(crate) condition: Option<String>,
    /// Deleted and archived records too, `ALL ROWS`.
    pub(crate) all_rows: bool,
}

impl Select {
    /// All fields of all records of an object.
    pub(crate) fn all(object: &str) -> Result<Self, Failure> {
        if !is_name(object) {
            return Err(invalid(&format!("`{object}` is no name of an object")));
        }
        Ok(Self {
            object: object.to_owned(),
            fields: Vec::new(),
            condition: None,
            all_rows: false,
        })
    }

    /// Reads `SELECT a, B.c FROM X [WHERE …] [ALL ROWS]`. What can't be cut into pieces, or has no columns of its own, is refused.
    pub(crate) fn parse(query: &str) -> Result<Self, Failure> {
        let words = words(query)?;
        let is = |place: usize, word: &str| {
            words
                .get(place)
                .is_some_and(|(_, text)| text.eq_ignore_ascii_case(word))
        };
        if !is(0, "select") {
            return Err(invalid("it does not begin with SELECT"));
        }
        let Some(from) = (1..words.len()).find(|place| is(*place, "from")) else {
            return Err(invalid("it has no FROM"));
        };
        let fields = words[1..from].split(|(_, text)| *text == ",");
        let fields = fields
            .map(|field| match field {
                [(_, path)] if path.split('.').all(is_name) => Ok((*path).to_owned()),
                [] => Err(invalid("a field is missing between commas")),
                [(_, first), ..] => Err(invalid(&format!(
                    "only fields are selected, by their names, and `{first} …` is none"
                ))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let object = match words.get(from + 1) {
            Some((_, object)) if is_name(object) => (*object).to_owned(),
            _ => return Err(invalid("FROM names no object")),
        };
        let mut end = words.len();
        let all_rows = end >= 2 && is(end - 2, "all") && is(end - 1, "rows");
        if all_rows {
            end -= 2;
        }
        let condition = match words.get(from + 2) {
            _ if end == from + 2 => None,
            Some((at, word)) if word.eq_ignore_ascii_case("where") => {
                let to = words.get(end).map_or(query.len(), |(at, _)| *at);
                Some(query[at + word.len()..to].trim().to_owned())
            }
            Some((_, word)) => {
                return Err(invalid(&format!("`{word}` follows where WHERE may")));
            }
            None => None,
        };
        for clause in ["order", "group", "limit", "offset", "having", "for", "with"] {
            if (from + 2..end).any(|place| is(place, clause)) {
                return Err(invalid(&format!(
                    "{} can't be part of it: the object is read in pieces, in no order",
                    clause.to_uppercase()
                )));
            }
        }
        if condition.as_deref() == Some("") {
            return Err(invalid("WHERE has no condition"));
        }
        Ok(Self {
            object,
            fields,
            condition,
            all_rows,
        })
    }

    /// As it was stored with its object.
    pub(crate) fn of(object: &SourceObject) -> Result<Self, Failure> {
        serde_json::from_value(object.details.clone())
            .map_err(|error| Failure::bug(format!("a stored query can't be read: {error}")))
    }

    /// The query of its fields, with one more condition.
    pub(crate) fn soql(&self, condition: &str) -> String {
        self.with(&self.fields.join(", "), condition)
    }

    pub(crate) fn count(&self) -> String {
        self.with("COUNT()", "")
    }

    /// The query of other fields, with one more condition.
    pub(crate) fn with(&self, fields: &str, condition: &str) -> String {
        let mut soql = format!("SELECT {fields} FROM {}", self.object);
        let conditions = [self.condition.as_deref().unwrap_or_default(), condition];
        let conditions: Vec<_> = conditions.iter().filter(|text| !text.is_empty()).collect();
        match conditions.as_slice() {
            [] => {}
            [one] => soql.push_str(&format!(" WHERE {one}")),
            several => {
                let several: Vec<_> = several.iter().map(|text| format!("({text})")).collect();
                soql.push_str(&format!(" WHERE {}", several.join(" AND ")));
            }
        }
        soql
    }
}

/// Words, commas, and texts and parentheses as one word each, with their places.
fn words(query: &str) -> Result<Vec<(usize, &str)>, Failure> {
    let mut words = Vec::new();
    let mut chars = query.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        match c {
            c if c.is_whitespace() => continue,
            ',' => {}
            '\'' | '(' => {
                let (mut depth, mut in_text) = (u32::from(c == '('), c == '\'');
                while depth > 0 || in_text {
                    let Some((at, c)) = chars.next() else {
                        return Err(invalid("a text or parenthesis does not end"));
                    };
                    end = at + c.len_utf8();
                    match c {
                        '\\' if in_text => {
                            chars.next();
                        }
                        '\'' => in_text = !in_text,
                        '(' if !in_text => depth += 1,
                        ')' if !in_text => depth -= 1,
                        _ => {}
                    }
                }
            }
            _ => {
                let plain = |c: &char| !c.is_whitespace() && !matches!(c, ',' | '\'' | '(');
                while let Some((at, c)) = chars.next_if(|(_, c)| plain(c)) {
                    end = at + c.len_utf8();
                }
            }
        }
        words.push((start, &query[start..end]));
    }
    Ok(words)
}

fn invalid(what: &str) -> Failure {
    Failure::usage("invalid_query", format!("the query can't be read: {what}"))
        .hint("write `SELECT Id, Name, Parent.Name FROM Account WHERE …`, with `ALL ROWS` at its end for deleted records too; or `from: { table: Account }` for all fields")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_and_written_again() {
        let select = Select::parse("select Id,Name , Parent.Ext__c\nFrom Account where Name != 'a, from (b\\'' or (Id in (select AccountId from Contact)) all rows").unwrap();
        assert_eq!(select.fields, ["Id", "Name", "Parent.Ext__c"]);
        assert_eq!((select.object.as_str(), select.all_rows), ("Account", true));
        assert_eq!(
            select.soql("Id >= '001'"),
            "SELECT Id, Name, Parent.Ext__c FROM Account WHERE (Name != 'a, from (b\\'' or (Id in (select AccountId from Contact))) AND (Id >= '001')"
        );
        assert_eq!(
            Select::all("Account").unwrap().count(),
            "SELECT COUNT() FROM Account"
        );
        let plain = Select::parse("SELECT Id FROM Account WHERE Name = 'x'").unwrap();
        assert_eq!(plain.soql(""), "SELECT Id FROM Account WHERE Name = 'x'");
    }

    #[test]
    fn what_can_not_be_read_in_pieces_is_refused() {
        for query in [
            "",
            "update x",
            "select Id",
            "select from Account",
            "select Id, from Account",
            "select count(Id) from Account",
            "select (select Id from Contacts) from Account",
            "select Id n from Account",
            "select Id from Account order by Id",
            "select Id from Account limit 5",
            "select Id from Account where Name = 'x' group by Name",
            "select Id from Account where ",
            "select Id from Account, Contact",
            "select Id from 'Account'",
            "select Id from Account where Name = 'x",
        ] {
            let failure = Select::parse(query).unwrap_err();
            assert_eq!(failure.code, "invalid_query", "{query}");
        }
    }
}
