//! `@{name.path}` in the address and body of a call: a value of an earlier call's answer.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::sub::Answer;

/// The bodies of earlier calls, by name.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<String, Json>);

impl Answers {
    pub(super) fn add(&mut self, name: &str, answer: &Answer) {
        let body = if answer.failed() {
            Json::Null
        } else {
            answer.body.clone()
        };
        self.0.insert(name.to_owned(), body);
    }

    /// The value that `name.path` stands for; paths are names and places, `records[0].Account.Id`.
    fn value(&self, reference: &str) -> Result<&Json, String> {
        let end = reference.find(['.', '[']).unwrap_or(reference.len());
        let (name, path) = reference.split_at(end);
        let body = self.0.get(name).ok_or_else(|| {
            format!("Invalid reference specified. No value for {name} found in the request")
        })?;
        let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
        steps
            .into_iter()
            .try_fold(body, |value, step| match value {
                Json::Array(items) => items.get(step.parse::<usize>().ok()?),
                other => other.get(step),
            })
            .filter(|value| !path.is_empty() && !value.is_null())
            .ok_or_else(|| {
                let path = path.trim_start_matches('.');
                format!("Invalid reference specified. No value for {path} found in {name}")
            })
    }
}

/// A text with its references replaced.
pub(super) fn resolve_text(text: &str, answers: &Answers) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (reference, after) = after
            .split_once('}')
            .ok_or_else(|| format!("Invalid reference specified: {text}"))?;
        out.push_str(before);
        match answers.value(reference)? {
            Json::String(value) => out.push_str(value),
            other => out.push_str(&other.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A body with the references in all its texts replaced. A text that is nothing but a reference takes its value as
/// it is.
pub(super) fn resolve(value: Json, answers: &Answers) -> Result<Json, String> {
    Ok(match value {
        Json::String(text) => {
            let whole = text.strip_prefix("@{").and_then(|t| t.strip_suffix('}'));
            match whole.filter(|inner| !inner.contains('}')) {
                Some(reference) => answers.value(reference)?.clone(),
                None => Json::String(resolve_text(&text, answers)?),
            }
        }
        Json::Array(items) => {
            let items = items.into_iter().map(|item| resolve(item, answers));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| Ok((name, resolve(value, answers)?)));
            Json::Object(fields.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values_or_say_where_they_end() {
        let body = json!({"id": "001", "records": [{"n": 7, "A": {"Id": "x"}}], "none": null});
        let answers = Answers(HashMap::from([
            ("a".to_owned(), body),
            ("list".to_owned(), json!([{"id": "1"}])),
        ]));
        let text = |t| resolve_text(t, &answers);
        assert_eq!(text("no reference").as_deref(), Ok("no reference"));
        assert_eq!(
            text("/x/@{a.id}/@{a.records[0].A.Id}").as_deref(),
            Ok("/x/001/x")
        );
        assert_eq!(text("@{list[0].id}").as_deref(), Ok("1"));
        assert_eq!(
            resolve(json!({"n": "@{a.records[0].n}"}), &answers),
            Ok(json!({"n": 7}))
        );
        for wrong in [
            "@{b.id}",
            "@{a.nope}",
            "@{a.records[3].n}",
            "@{a.none}",
            "@{a",
            "@{a}",
        ] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
