//! XML as old clients speak it: read into a small tree without regard to prefixes, written by appending.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

/// How deep elements may nest; nothing that is answered needs ten.
const DEEPEST: usize = 32;

/// One element, its name without prefix.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Marked `xsi:nil`.
    pub(crate) nil: bool,
    /// All text directly in it.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// Reads a document; says what is wrong with one that can't be read.
pub(crate) fn parse(document: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let closed = match event {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err("elements are nested too deeply".to_owned());
                }
                open.push(element(&start)?);
                None
            }
            Event::Empty(start) => Some(element(&start)?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                add_text(&mut open, &text.xml10_content())?;
                None
            }
            Event::CData(data) => {
                add_text(&mut open, &data.xml10_content())?;
                None
            }
            Event::GeneralRef(entity) => {
                let letter = entity.resolve_char_ref().map_err(|e| e.to_string())?;
                match (letter, resolve_xml_entity(&entity)) {
                    (Some(letter), _) => add_text(&mut open, letter.encode_utf8(&mut [0; 4]))?,
                    (None, Some(text)) => add_text(&mut open, text)?,
                    (None, None) => return Err(format!("unknown entity {}", &*entity)),
                }
                None
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => None,
        };
        let Some(closed) = closed else { continue };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None if root.is_none() => root = Some(closed),
            None => return Err("there is more than one root element".to_owned()),
        }
    }
    if !open.is_empty() {
        return Err("the document ends before its elements".to_owned());
    }
    root.ok_or_else(|| "there is no element".to_owned())
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut nil = false;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref() == "nil" {
            nil = matches!(attribute.value.as_ref(), "true" | "1");
        }
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        nil,
        ..Element::default()
    })
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("there is text outside the root element".to_owned()),
    }
    Ok(())
}

/// Appends text with what XML gives a meaning to taken from it; characters that XML can't hold become spaces.
pub(crate) fn write_text(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(letter),
            '\0'..='\u{1f}' => out.push(' '),
            other => out.push(other),
        }
    }
}

/// Appends `<name>text</name>`.
pub(crate) fn write_element(name: &str, text: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    write_text(text, out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends `<name xsi:nil="true"/>`.
pub(crate) fn nil(name: &str, out: &mut String) {
    out.push_str(&format!("<{name} xsi:nil=\"true\"/>"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_entities_and_nil() {
        let text = "<?xml version=\"1.0\"?><!-- x --><n:a xmlns:n=\"urn:x\"><n:b>1 &lt; &#50; &amp;</n:b>\
                    <c xsi:nil=\"true\"/><d><![CDATA[<raw>]]></d></n:a>";
        let root = parse(text.as_bytes()).unwrap();
        assert_eq!(root.name, "a");
        let text = |name| root.child(name).map(|child| child.text.as_str());
        assert_eq!(text("b"), Some("1 < 2 &"));
        assert!(root.child("c").unwrap().nil);
        assert_eq!(text("d"), Some("<raw>"));
        assert_eq!(root.child("e"), None);
    }

    #[test]
    fn text_reads_back() {
        let text = "a <b> & \"c\"\r\n\t'd' ไทย";
        let mut out = String::new();
        write_element("x", text, &mut out);
        assert_eq!(parse(out.as_bytes()).unwrap().text, text);
    }

    #[test]
    fn refuses_what_is_no_document() {
        let deep = "<a>".repeat(100);
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&nope;</a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            &deep,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
