//! The migration file as text: written line by line, because its comments are half of what it says.

use model::migration::From;

use super::draft::Draft;
use super::fields::Line;
use super::form::Form;

const WIDTH: usize = 120;

/// A text that grows by lines.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn text(self) -> String {
        self.0
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A comment, wrapped; later lines of it stand a little to the right.
    pub(super) fn comment(&mut self, indent: usize, text: &str) {
        let lead = format!("{}#", " ".repeat(indent));
        // No line of a comment may end it.
        let text: String = text
            .chars()
            .map(|c| if breaks_lines(c) { ' ' } else { c })
            .collect();
        let mut line = lead.clone();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > lead.len() {
                self.line(&line);
                line = format!("{lead}  ");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    pub(super) fn object(&mut self, draft: &Draft, from: &From) {
        for comment in &draft.comments {
            self.comment(2, comment);
        }
        let (kind, place) = match from {
            From::Table(table) => ("table", table),
            From::Query(query) => ("query", query),
            From::File(file) => ("file", file),
        };
        self.line(&format!("  - name: {}", scalar(&draft.name)));
        self.line(&format!("    from: {{ {kind}: {} }}", scalar(place)));
        self.names("key", &draft.key);
        self.line(&format!("    to: {}", scalar(&draft.to)));
        self.line(&format!("    operation: {}", draft.operation.as_str()));
        self.names("external_id", &draft.external_id);
        self.names("after", &draft.after);
        self.line("    fields:");
        for line in &draft.lines {
            match line {
                Line::Comment(comment) => self.comment(6, comment),
                Line::Field(planned) => {
                    if let Some(remark) = &planned.remark {
                        self.comment(6, remark);
                    }
                    self.line(&format!(
                        "      {}: {}",
                        scalar(&planned.target),
                        form(&planned.form)
                    ));
                }
            }
        }
    }

    fn names(&mut self, key: &str, names: &[String]) {
        match names {
            [] => {}
            [one] => self.line(&format!("    {key}: {}", scalar(one))),
            several => {
                let names: Vec<_> = several.iter().map(|name| scalar(name)).collect();
                self.line(&format!("    {key}: [{}]", names.join(", ")));
            }
        }
    }
}

fn form(form: &Form) -> String {
    match form {
        Form::Expression(sql) => scalar(sql),
        Form::Lookup {
            lookup,
            by,
            second_pass,
        } => {
            let late = if *second_pass {
                ", second_pass: true"
            } else {
                ""
            };
            format!("{{ lookup: {}, by: {}{late} }}", scalar(lookup), scalar(by))
        }
        Form::Reference { reference, by } => {
            format!("{{ reference: {}, by: {} }}", scalar(reference), scalar(by))
        }
        Form::DeveloperName(sql) => format!("{{ developer_name: {} }}", scalar(sql)),
        Form::Values { from, values } => {
            let pairs: Vec<_> = values
                .iter()
                .map(|(raw, value)| format!("{}: {}", scalar(raw), scalar(value)))
                .collect();
            let pairs = pairs.join(", ");
            format!(
                "{{ from: {}, values: {{ {pairs} }}, otherwise: keep }}",
                scalar(from)
            )
        }
    }
}

/// A text as YAML, in quotes unless it can't be taken for anything else.
pub(super) fn scalar(text: &str) -> String {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_word = text.starts_with(starts)
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let is_literal = matches!(
        text.to_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if is_word && !is_literal {
        return text.to_owned();
    }
    let is_plain = !text.chars().any(|c| breaks_lines(c) || c == '\'');
    if is_plain && text.contains(['"', '\\']) {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if breaks_lines(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that YAML takes for a line's end, or does not print.
fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_back_as_they_were() {
        let texts = [
            "Name",
            "null",
            "no",
            "",
            "58.0",
            "a b",
            "it's",
            "\"Account.Name\"",
            "'a' || \"B\"",
            "\\d+",
            "a: b # c",
            "- x",
            "x\ny\u{85}\u{feff}\u{2028}\t",
            "${X}",
            "{a}",
            "Ünï",
        ];
        for text in texts {
            let yaml = format!("[{}]", scalar(text));
            let Ok(field) = read(&yaml) else {
                panic!("{yaml} is no YAML")
            };
            assert_eq!(field, text, "{yaml}");
        }
    }

    /// By the reader of migration files: as the single name of a list.
    fn read(list: &str) -> Result<String, model::Failure> {
        let file = format!(
            "migration: m\nconnections: {{ a: {{ kind: sqlite, url: \"sqlite:///x\" }} }}\nsource: a\ntarget: a\nobjects:\n  - {{ name: a, from: {{ table: t }}, to: T, key: {list} }}\n"
        );
        model::migration::Migration::parse(&file, "m.yaml")
            .map(|migration| migration.objects[0].key[0].clone())
    }

    #[test]
    fn comments_are_wrapped_and_stay_comments() {
        let mut page = Page::default();
        page.comment(2, &format!("one\ntwo: {}", "word ".repeat(30)));
        let text = page.text();
        assert!(
            text.lines().count() == 2
                && text
                    .lines()
                    .all(|line| line.starts_with("  #") && line.len() <= WIDTH),
            "{text}"
        );
    }
}
