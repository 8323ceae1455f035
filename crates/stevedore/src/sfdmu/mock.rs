//! Mock fields: patterns of made-up values become SQL where they say the same thing for the same record each time.

use model::Failure;

use super::loss::Loss;
use super::script::Settings;
use super::sql::{literal, text_of};

/// An entry of `mockFields`.
#[derive(Debug, Clone)]
pub(super) struct Mock {
    name: String,
    pattern: String,
    excluded: String,
    included: String,
    exclude_names: Vec<String>,
}

/// What a field becomes.
#[derive(Debug, PartialEq)]
pub(super) struct Mocked {
    /// None: the field is left out, so that the true value goes nowhere.
    pub(super) sql: Option<String>,
    pub(super) reads_id: bool,
    pub(super) reads_own: bool,
    pub(super) loss: Option<Loss>,
}

const ROW_FLAG: &str = "--row";

impl Mock {
    pub(super) const KEYS: &[&str] = &[
        "name",
        "pattern",
        "locale",
        "excludedRegex",
        "includedRegex",
        "excludeNames",
    ];

    pub(super) fn read(settings: &Settings) -> Result<Self, Failure> {
        let text = |key: &str| settings.text(key).map(Option::unwrap_or_default);
        Ok(Self {
            name: text("name")?,
            pattern: text("pattern")?,
            excluded: text("excludedRegex")?,
            included: text("includedRegex")?,
            exclude_names: settings.texts("excludeNames")?,
        })
    }

    /// Whether it is meant for this field; `by_name` leaves out those that are meant for all.
    pub(super) fn is_for(&self, field: &str, by_name: bool) -> bool {
        let named = self.name.eq_ignore_ascii_case(field) || (!by_name && self.name == "all");
        named
            && !self
                .exclude_names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(field))
    }

    /// The field's value. `column` is what it would be otherwise, `id` the column of the source's Id.
    pub(super) fn apply(&self, column: &str, id: Option<&str>) -> Mocked {
        let what = format!("mockFields, {}: {}", self.name, self.pattern);
        let unable = |why: &str| Mocked {
            sql: None,
            reads_id: false,
            reads_own: false,
            loss: Some(Loss::new(
                what.clone(),
                format!("{why}; the field is left out, so that its true values go nowhere"),
                "an SQL expression that is the same for the same record each time, as `'user-' || Id || '@example.com'`",
            )),
        };
        let Some((name, arguments)) = call(&self.pattern) else {
            return unable("its pattern is JavaScript");
        };
        let (value, reads_id, instead) = match (name, arguments.as_slice()) {
            ("ids", []) => match id {
                Some(id) => (id.to_owned(), true, None),
                None => return unable("the source has no Id"),
            },
            ("c_set_value", [value, ..]) => (constant(value, column), false, None),
            ("c_seq_number", rest) => {
                let prefix = match rest.first() {
                    Some(Argument::Text(text)) => literal(text),
                    None => "''".to_owned(),
                    Some(Argument::Other(text)) => literal(text),
                };
                let Some(id) = id else {
                    return unable(
                        "records are not numbered, and the source has no Id to stand in",
                    );
                };
                let instead = "records are computed one by one and not numbered; the record's Id stands in for the number";
                let value = if prefix == "''" {
                    id.to_owned()
                } else {
                    format!("{prefix} || {id}")
                };
                (value, true, Some(instead))
            }
            ("c_seq_date", [Argument::Text(from), ..]) if is_date(from) => {
                let instead =
                    "records are computed one by one and not numbered; all get the first date";
                (
                    format!("cast({} as date)", literal(&from[..10])),
                    false,
                    Some(instead),
                )
            }
            _ => return unable("it makes another value each time"),
        };
        let sql = match self.condition(column) {
            Ok(None) => value,
            Ok(Some(condition)) => format!("case when {condition} then {value} else {column} end"),
            Err(why) => return unable(why),
        };
        Mocked {
            reads_own: sql.contains(column),
            sql: Some(sql),
            reads_id,
            loss: instead.map(|why| {
                Loss::new(
                    what.clone(),
                    why,
                    "another SQL expression, if that will not do",
                )
            }),
        }
    }

    /// When a record's value is replaced; none if always.
    fn condition(&self, column: &str) -> Result<Option<String>, &'static str> {
        let mut parts = Vec::new();
        for (pattern, wanted) in [(&self.excluded, false), (&self.included, true)] {
            if pattern.contains(ROW_FLAG) {
                return Err("its --row makes it depend on other fields");
            }
            let text = text_of(column);
            parts.push(match (pattern.as_str(), wanted) {
                ("", _) => continue,
                ("*", true) | ("^*", false) => format!("{text} <> ''"),
                ("*", false) | ("^*", true) => format!("{text} = ''"),
                (pattern, _) if !is_plain(pattern) => {
                    return Err("its regular expression looks around or back");
                }
                (pattern, true) => format!("regexp_like({text}, {}, 'i')", literal(pattern)),
                (pattern, false) => format!("not regexp_like({text}, {}, 'i')", literal(pattern)),
            });
        }
        Ok((!parts.is_empty()).then(|| parts.join(" and ")))
    }
}

/// `c_set_value`: a constant, in which the first RAW_VALUE is the field's own.
fn constant(value: &Argument, column: &str) -> String {
    match value {
        Argument::Other(word) if word == "undefined" => "null".to_owned(),
        Argument::Other(word) => word.clone(),
        Argument::Text(text) => match text.split_once("RAW_VALUE") {
            None => literal(text),
            Some((before, after)) => {
                let own = text_of(column);
                let parts = [
                    (before, literal(before)),
                    ("own", own),
                    (after, literal(after)),
                ];
                let parts = parts.into_iter().filter(|(text, _)| !text.is_empty());
                parts.map(|(_, sql)| sql).collect::<Vec<_>>().join(" || ")
            }
        },
    }
}

#[derive(Debug, PartialEq)]
enum Argument {
    Text(String),
    /// A number, `true`, `false`, `null`, `undefined`.
    Other(String),
}

/// `name` or `name(arguments)`, with arguments that are constants.
fn call(pattern: &str) -> Option<(&str, Vec<Argument>)> {
    let Some((name, rest)) = pattern.split_once('(') else {
        return Some((pattern.trim(), Vec::new()));
    };
    let mut rest = rest.trim().strip_suffix(')')?.trim();
    let mut arguments = Vec::new();
    while !rest.is_empty() {
        let (argument, after) = argument(rest)?;
        arguments.push(argument);
        rest = match after.trim_start() {
            "" => "",
            after => after.strip_prefix(',')?.trim_start(),
        };
    }
    Some((name.trim(), arguments))
}

fn argument(text: &str) -> Option<(Argument, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"' | '`'));
    if let Some(quote) = quote {
        let end = text[1..].find(quote)? + 1;
        let inner = &text[1..end];
        // Escapes and insertions are JavaScript's.
        let is_script = inner.contains('\\') || (quote == '`' && inner.contains("${"));
        return (!is_script).then(|| (Argument::Text(inner.to_owned()), &text[end + 1..]));
    }
    let end = text.find(',').unwrap_or(text.len());
    let word = text[..end].trim();
    let known = word.parse::<f64>().is_ok_and(f64::is_finite)
        || matches!(word, "true" | "false" | "null" | "undefined");
    known.then(|| (Argument::Other(word.to_owned()), &text[end..]))
}

/// `2024-01-31`, whatever follows.
fn is_date(text: &str) -> bool {
    let form = |(place, c): (usize, char)| match place {
        4 | 7 => c == '-',
        _ => c.is_ascii_digit(),
    };
    text.is_ascii() && text.len() >= 10 && text[..10].chars().enumerate().all(form)
}

/// Without what the expressions' own patterns do not have.
fn is_plain(pattern: &str) -> bool {
    let back = pattern
        .split('\\')
        .skip(1)
        .any(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    !back
        && !["(?=", "(?!", "(?<"]
            .iter()
            .any(|look| pattern.contains(look))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mocked(pattern: &str, excluded: &str, included: &str) -> Mocked {
        let mock = Mock {
            name: "Email".to_owned(),
            pattern: pattern.to_owned(),
            excluded: excluded.to_owned(),
            included: included.to_owned(),
            exclude_names: Vec::new(),
        };
        mock.apply("Email", Some("Id"))
    }

    #[test]
    fn constants_and_ids_become_sql() {
        for (pattern, sql) in [
            ("c_set_value('it''s')", None),
            ("c_set_value(\"it's\")", Some("'it''s'")),
            (
                "c_set_value('x_RAW_VALUE')",
                Some("'x_' || coalesce(cast(Email as text), '')"),
            ),
            ("c_set_value(null)", Some("null")),
            ("c_set_value(7)", Some("7")),
            ("ids", Some("Id")),
            ("c_seq_number('test-', 1, 1)", Some("'test-' || Id")),
            ("c_seq_number('', 1, 1)", Some("Id")),
            (
                "c_seq_date('2024-02-01T00:00', '-d')",
                Some("cast('2024-02-01' as date)"),
            ),
            ("c_set_value(new Date())", None),
            ("full_name", None),
            ("integer(1, 9)", None),
        ] {
            assert_eq!(mocked(pattern, "", "").sql.as_deref(), sql, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_the_same_is_told() {
        assert_eq!(mocked("c_set_value('x')", "", "").loss, None);
        assert!(mocked("c_seq_number('x')", "", "").loss.is_some());
        assert!(mocked("email", "", "").loss.is_some());
    }

    #[test]
    fn conditions_become_a_case() {
        let own = "coalesce(cast(Email as text), '')";
        let case = |condition: &str| Some(format!("case when {condition} then 'x' else Email end"));
        let of =
            |excluded: &str, included: &str| mocked("c_set_value('x')", excluded, included).sql;
        assert_eq!(of("", "*"), case(&format!("{own} <> ''")));
        assert_eq!(of("^*", ""), case(&format!("{own} <> ''")));
        assert_eq!(
            of("@acme\\.com$", "^*"),
            case(&format!(
                "not regexp_like({own}, '@acme\\.com$', 'i') and {own} = ''"
            ))
        );
        assert_eq!(of("x --row", ""), None);
        assert_eq!(of("(?=x)", ""), None);
    }
}
