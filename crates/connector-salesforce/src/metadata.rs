//! A missing custom field as source metadata, which `sf project deploy start` creates in an org.
//! Source of form and limits: Metadata API guide, "CustomField".

use std::fmt::Write;

use arrow::datatypes::DataType;
use connector::{MetadataFile, NewField};
use model::Failure;

use crate::soql::is_name;

/// A Text field's most characters; longer ones are long text areas.
const TEXT: u64 = 255;
/// A long text area's most and least characters.
const LONG_TEXT: u64 = 131_072;
const SHORT_LONG_TEXT: u64 = 256;
/// What a field gets that carries keys, or of whose length nothing is known.
const KEY_LENGTH: u64 = 80;
const USUAL_LENGTH: u64 = 255;
/// Characters of a label, and of a name without its ending.
const LONGEST_NAME: usize = 40;
/// Digits of a number, all of them and those behind the point.
const DIGITS: u8 = 18;
const FRACTION: u8 = 6;

pub(crate) fn metadata(field: &NewField) -> Result<MetadataFile, Failure> {
    let name = custom_name(field)?;
    let bare = name.trim_end_matches("__c");
    let mut body = Element::default();
    body.text("fullName", &name);
    body.text("label", &label(bare));
    body.text(
        "description",
        &format!("Filled by a migration: {}", field.filled_by),
    );
    kind(field, bare, &mut body)?;
    Ok(MetadataFile {
        path: format!(
            "force-app/main/default/objects/{}/fields/{name}.field-meta.xml",
            field.to
        ),
        content: format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CustomField xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n{}</CustomField>\n",
            body.0
        ),
    })
}

/// `Parent__r` is what a lookup's field `Parent__c` is called when it is followed.
fn custom_name(field: &NewField) -> Result<String, Failure> {
    let refuse = |what: &str, hint: &str| {
        Failure::usage("no_custom_field", format!("`{}` {what}", field.name))
            .field(&field.name)
            .hint(hint)
    };
    if !is_name(&field.to) {
        return Err(refuse(
            "is to be a field of something that is no object",
            "correct `to`",
        ));
    }
    let bare = field
        .name
        .strip_suffix("__c")
        .or_else(|| field.name.strip_suffix("__r").filter(|_| field.parent.is_some()))
        .ok_or_else(|| {
            refuse(
                "is no name of a custom field",
                "a field that is added ends in __c; otherwise correct the name, or ask for the right to see the field",
            )
        })?;
    let begins = bare.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_name(bare)
        || !begins
        || bare.contains("__")
        || bare.ends_with('_')
        || bare.len() > LONGEST_NAME
    {
        return Err(refuse(
            "can't be the name of a new custom field",
            "such a name begins with a letter, has letters, digits and single underscores, 40 at most before __c, and no package's prefix",
        ));
    }
    Ok(format!("{bare}__c"))
}

fn label(bare: &str) -> String {
    bare.replace('_', " ").chars().take(LONGEST_NAME).collect()
}

fn kind(field: &NewField, bare: &str, body: &mut Element) -> Result<(), Failure> {
    if let Some(parent) = &field.parent {
        let below = format!("{}_{bare}", field.to.trim_end_matches("__c"));
        body.text("type", "Lookup");
        body.text("referenceTo", parent);
        body.text("relationshipName", &relationship(&below));
        body.text("deleteConstraint", "SetNull");
        return Ok(());
    }
    if field.is_key {
        return key(field, body);
    }
    if let Some(values) = &field.values {
        return picklist(values, body);
    }
    match &field.data_type {
        _ if field.is_number => number(DIGITS, FRACTION, body),
        DataType::Boolean => {
            body.text("type", "Checkbox");
            body.text("defaultValue", "false");
        }
        DataType::Date32 | DataType::Date64 => body.text("type", "Date"),
        DataType::Timestamp(..) => body.text("type", "DateTime"),
        DataType::Time32(_) | DataType::Time64(_) => body.text("type", "Time"),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => number(5, 0, body),
        DataType::Int32 | DataType::UInt16 => number(10, 0, body),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => number(DIGITS, 0, body),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => number(DIGITS, FRACTION, body),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            // At least one digit stands before the point.
            let scale = u8::try_from(*scale).unwrap_or_default().min(DIGITS - 1);
            number((*precision).clamp(scale + 1, DIGITS), scale, body);
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            text(field.length, body)
        }
        other => {
            return Err(Failure::usage(
                "no_custom_field",
                format!(
                    "no type of field holds values like those of `{}` ({other})",
                    field.name
                ),
            )
            .field(&field.name)
            .hint("convert it to text by an expression; file contents go elsewhere"));
        }
    }
    Ok(())
}

/// Records are found by it: an external id, and unique.
fn key(field: &NewField, body: &mut Element) -> Result<(), Failure> {
    body.text("externalId", "true");
    body.text("unique", "true");
    if field.data_type.is_integer() || matches!(field.data_type, DataType::Decimal128(_, 0)) {
        number(DIGITS, 0, body);
    } else {
        body.text("caseSensitive", "true");
        body.text("type", "Text");
        body.text(
            "length",
            &field
                .length
                .unwrap_or_default()
                .clamp(KEY_LENGTH, TEXT)
                .to_string(),
        );
    }
    Ok(())
}

fn number(precision: u8, scale: u8, body: &mut Element) {
    body.text("type", "Number");
    body.text("precision", &precision.to_string());
    body.text("scale", &scale.to_string());
}

fn text(length: Option<u64>, body: &mut Element) {
    match length.unwrap_or(USUAL_LENGTH) {
        length if length <= TEXT => {
            body.text("type", "Text");
            body.text("length", &length.max(1).to_string());
        }
        length => {
            body.text("type", "LongTextArea");
            body.text(
                "length",
                &length.clamp(SHORT_LONG_TEXT, LONG_TEXT).to_string(),
            );
            body.text("visibleLines", "3");
        }
    }
}

fn picklist(values: &[String], body: &mut Element) -> Result<(), Failure> {
    body.text("type", "Picklist");
    let mut definition = Element::default();
    definition.text("sorted", "false");
    for value in values.iter().filter(|value| !value.is_empty()) {
        let mut entry = Element::default();
        entry.text("fullName", value);
        entry.text("default", "false");
        entry.text("label", value);
        definition.element("value", &entry);
    }
    let mut set = Element::default();
    set.text("restricted", "true");
    set.element("valueSetDefinition", &definition);
    body.element("valueSet", &set);
    Ok(())
}

/// Unique among what hangs below the parent; within its length.
fn relationship(below: &str) -> String {
    let short: String = below.chars().take(LONGEST_NAME).collect();
    short.trim_end_matches('_').replace("__", "_")
}

/// What stands between two tags, indented line by line.
#[derive(Default)]
struct Element(String);

impl Element {
    fn text(&mut self, tag: &str, text: &str) {
        // Writing to a String can't fail.
        let _ = writeln!(self.0, "    <{tag}>{}</{tag}>", escaped(text));
    }

    fn element(&mut self, tag: &str, inner: &Self) {
        let _ = writeln!(self.0, "    <{tag}>");
        for line in inner.0.lines() {
            let _ = writeln!(self.0, "    {line}");
        }
        let _ = writeln!(self.0, "    </{tag}>");
    }
}

/// Text as XML holds it, on one line. Characters that XML can't hold at all are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn field(name: &str, data_type: DataType) -> NewField {
        NewField {
            to: "Account".to_owned(),
            name: name.to_owned(),
            data_type,
            is_number: false,
            length: None,
            is_key: false,
            values: None,
            parent: None,
            filled_by: "a < b && 'x'".to_owned(),
        }
    }

    fn content(field: &NewField) -> String {
        metadata(field).unwrap().content
    }

    #[test]
    fn a_field_is_a_file_of_its_own_and_its_texts_are_escaped() {
        let file = metadata(&field("Old_Code__c", DataType::Utf8)).unwrap();
        assert_eq!(
            file.path,
            "force-app/main/default/objects/Account/fields/Old_Code__c.field-meta.xml"
        );
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<CustomField xmlns=\"http://soap.sforce.com/2006/04/metadata\">
    <fullName>Old_Code__c</fullName>
    <label>Old Code</label>
    <description>Filled by a migration: a &lt; b &amp;&amp; &apos;x&apos;</description>
    <type>Text</type>
    <length>255</length>
</CustomField>
";
        assert_eq!(file.content, expected);
    }

    #[test]
    fn types_follow_from_what_is_filled_in() {
        let holds = |data_type: DataType, wanted: &str| {
            let content = content(&field("X__c", data_type));
            assert!(content.contains(wanted), "{content}");
        };
        holds(DataType::Boolean, "<type>Checkbox</type>");
        holds(DataType::Date32, "<type>Date</type>");
        holds(
            DataType::Timestamp(TimeUnit::Microsecond, None),
            "<type>DateTime</type>",
        );
        holds(DataType::Time64(TimeUnit::Microsecond), "<type>Time</type>");
        holds(
            DataType::Int64,
            "<precision>18</precision>\n    <scale>0</scale>",
        );
        holds(
            DataType::Decimal128(38, 2),
            "<precision>18</precision>\n    <scale>2</scale>",
        );
        holds(
            DataType::Decimal128(5, -2),
            "<precision>5</precision>\n    <scale>0</scale>",
        );
        let failure = metadata(&field("X__c", DataType::Binary)).unwrap_err();
        assert_eq!(failure.code, "no_custom_field");
    }

    #[test]
    fn text_is_as_long_as_it_has_to_be() {
        let of = |length: u64| {
            let mut field = field("X__c", DataType::Utf8);
            field.length = Some(length);
            content(&field)
        };
        assert!(of(40).contains("<length>40</length>"));
        assert!(of(0).contains("<length>1</length>"));
        let long = of(256);
        assert!(
            long.contains("<type>LongTextArea</type>")
                && long.contains("<visibleLines>3</visibleLines>")
        );
        assert!(of(9_999_999).contains("<length>131072</length>"));
    }

    #[test]
    fn keys_lookups_and_picklists_have_their_own_forms() {
        let mut key = field("Legacy_Key__c", DataType::Utf8);
        key.is_key = true;
        let text = content(&key);
        for wanted in ["<externalId>true", "<unique>true", "<length>80<"] {
            assert!(text.contains(wanted), "{text}");
        }
        let mut lookup = field("Region__r", DataType::Int64);
        lookup.parent = Some("Region__c".to_owned());
        let text = content(&lookup);
        for wanted in [
            "<fullName>Region__c<",
            "<type>Lookup<",
            "<referenceTo>Region__c<",
            "<relationshipName>Account_Region<",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
        let mut picklist = field("Status__c", DataType::Utf8);
        picklist.values = Some(vec!["A & B".to_owned()]);
        let text = content(&picklist);
        assert!(
            text.contains("                <fullName>A &amp; B</fullName>"),
            "{text}"
        );
        assert!(text.contains("<restricted>true</restricted>"));
    }

    #[test]
    fn names_that_no_custom_field_may_have_are_refused() {
        for name in [
            "Nmae",
            "Account",
            "a b__c",
            "1st__c",
            "ns__X__c",
            "X___c",
            "Region__r",
            "../x__c",
        ] {
            assert!(metadata(&field(name, DataType::Utf8)).is_err(), "{name}");
        }
        let mut outside = field("X__c", DataType::Utf8);
        outside.to = "../../Account".to_owned();
        assert!(metadata(&outside).is_err());
    }
}
