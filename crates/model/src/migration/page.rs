//! A migration file as text: written line by line, because its comments are half of what it says.

use super::{Field, From, Mapped, OnInvalid, OnNull, Operation, Otherwise};

const WIDTH: usize = 120;

/// A text that grows by lines.
#[derive(Debug, Default)]
pub struct Page(String);

/// An entry of `objects`, with what there is to say about it.
pub struct Entry<'a> {
    pub comments: &'a [String],
    pub name: &'a str,
    pub from: &'a From,
    pub key: &'a [String],
    pub watermark: Option<&'a str>,
    pub to: &'a str,
    pub operation: Operation,
    pub external_id: &'a [String],
    pub id_map: bool,
    pub after: &'a [String],
    pub fields: Vec<FieldLine<'a>>,
}

/// What stands under `fields`.
pub enum FieldLine<'a> {
    Comment(&'a str),
    Field {
        name: &'a str,
        field: &'a Field,
        /// Above it.
        remarks: Vec<&'a str>,
        /// Behind it, a word or two.
        note: Option<&'a str>,
    },
}

impl Page {
    pub fn text(self) -> String {
        self.0
    }

    pub fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A comment, wrapped; later lines of it stand a little to the right.
    pub fn comment(&mut self, indent: usize, text: &str) {
        let lead = format!("{}#", " ".repeat(indent));
        let text = one_line(text);
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

    pub fn object(&mut self, entry: &Entry<'_>) {
        for comment in entry.comments {
            self.comment(2, comment);
        }
        let (kind, place) = match entry.from {
            From::Table(table) => ("table", table),
            From::Query(query) => ("query", query),
            From::File(file) => ("file", file),
        };
        self.line(&format!("  - name: {}", scalar(entry.name)));
        self.line(&format!("    from: {{ {kind}: {} }}", scalar(place)));
        self.names("key", entry.key);
        if let Some(watermark) = entry.watermark {
            self.line(&format!("    watermark: {}", scalar(watermark)));
        }
        self.line(&format!("    to: {}", scalar(entry.to)));
        self.line(&format!("    operation: {}", entry.operation.as_str()));
        self.names("external_id", entry.external_id);
        if entry.id_map {
            self.line("    id_map: true");
        }
        self.names("after", entry.after);
        self.line("    fields:");
        for line in &entry.fields {
            self.field_line(line);
        }
    }

    /// The same, as a comment: what would be refused as it stands.
    pub fn object_put_aside(&mut self, entry: &Entry<'_>) {
        let mut aside = Self::default();
        aside.object(&Entry {
            comments: &[],
            fields: entry.fields.iter().map(FieldLine::copied).collect(),
            ..*entry
        });
        for comment in entry.comments {
            self.comment(2, comment);
        }
        for line in aside.0.lines() {
            self.line(&format!("  # {}", line.strip_prefix("  ").unwrap_or(line)));
        }
    }

    fn field_line(&mut self, line: &FieldLine<'_>) {
        match line {
            FieldLine::Comment(comment) => self.comment(6, comment),
            FieldLine::Field {
                name,
                field,
                remarks,
                note,
            } => {
                for remark in remarks {
                    self.comment(6, remark);
                }
                let note = note.map_or_else(String::new, |note| format!("  # {}", one_line(note)));
                self.line(&format!("      {}: {}{note}", scalar(name), value(field)));
            }
        }
    }

    fn names(&mut self, key: &str, names: &[String]) {
        match names {
            [] => {}
            [one] => self.line(&format!("    {key}: {}", scalar(one))),
            several => self.line(&format!("    {key}: {}", list(several))),
        }
    }
}

impl<'a> FieldLine<'a> {
    fn copied(&self) -> FieldLine<'a> {
        match self {
            Self::Comment(comment) => FieldLine::Comment(comment),
            Self::Field {
                name,
                field,
                remarks,
                note,
            } => FieldLine::Field {
                name,
                field,
                remarks: remarks.clone(),
                note: *note,
            },
        }
    }
}

/// How a field is computed, in one line.
fn value(field: &Field) -> String {
    let late = |second_pass: bool| match second_pass {
        true => ", second_pass: true",
        false => "",
    };
    match field {
        Field::Expression(sql) => scalar(sql),
        Field::Lookup(of) => format!(
            "{{ lookup: {}, by: {}{} }}",
            scalar(&of.lookup),
            scalar(&of.by),
            late(of.second_pass)
        ),
        Field::AnyLookup(of) => format!(
            "{{ lookup: {}, which: {}, by: {}{} }}",
            list(&of.lookup),
            scalar(&of.which),
            scalar(&of.by),
            late(of.second_pass)
        ),
        Field::Reference(of) => format!(
            "{{ reference: {}, by: {} }}",
            scalar(&of.reference),
            scalar(&of.by)
        ),
        Field::DeveloperName(of) => {
            format!("{{ developer_name: {} }}", scalar(&of.developer_name))
        }
        Field::Mapped(mapped) => format!("{{ {} }}", mapped_value(mapped)),
    }
}

fn mapped_value(mapped: &Mapped) -> String {
    let mut text = format!("from: {}", scalar(&mapped.from));
    if let Some(values) = &mapped.values {
        let pairs: Vec<_> = values
            .iter()
            .map(|(raw, value)| format!("{}: {}", scalar(raw), scalar(value)))
            .collect();
        text += &format!(", values: {{ {} }}", pairs.join(", "));
    }
    text += match mapped.otherwise {
        Otherwise::Reject => "",
        Otherwise::Keep => ", otherwise: keep",
        Otherwise::Clear => ", otherwise: clear",
    };
    if mapped.on_null == OnNull::Keep {
        text += ", on_null: keep";
    }
    match &mapped.on_invalid {
        OnInvalid::Reject => {}
        OnInvalid::Default(sql) => {
            text += &format!(", on_invalid: {{ default: {} }}", scalar(sql));
        }
        other => text += &format!(", on_invalid: {}", other.word()),
    }
    text
}

fn list(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| scalar(name)).collect();
    format!("[{}]", names.join(", "))
}

/// No line of a comment may end it.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if breaks_lines(c) { ' ' } else { c })
        .collect()
}

/// A text as YAML, in quotes unless it can't be taken for anything else.
pub fn scalar(text: &str) -> String {
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
    fn read(list: &str) -> Result<String, crate::Failure> {
        let file = format!(
            "migration: m\nconnections: {{ a: {{ kind: sqlite, url: \"sqlite:///x\" }} }}\nsource: a\ntarget: a\nobjects:\n  - {{ name: a, from: {{ table: t }}, to: T, key: {list} }}\n"
        );
        crate::migration::Migration::parse(&file, "m.yaml")
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

    #[test]
    fn every_form_of_a_field_is_read_back_as_it_was() {
        for written in [
            "name || 'x'",
            "{ lookup: a, by: id, second_pass: true }",
            "{ lookup: [a, b], which: kind, by: id }",
            "{ reference: User.Username, by: login }",
            "{ developer_name: kind }",
            "{ from: a, values: { \"1.0\": No, \"\": x }, otherwise: clear, on_null: keep, on_invalid: { default: \"'n'\" } }",
            "{ from: a, otherwise: keep, on_invalid: null }",
        ] {
            let Ok(field) = serde_saphyr::from_str::<Field>(written) else {
                panic!("{written} is no field")
            };
            let again = serde_saphyr::from_str::<Field>(&value(&field));
            assert!(again.is_ok_and(|again| again == field), "{written}");
        }
    }
}
