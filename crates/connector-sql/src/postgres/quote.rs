//! Names and values as SQL text. `COPY` takes no parameters, so keys stand in the statement itself;
//! these functions are the only way they get there.

/// A name, quoted.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text constant, whatever `standard_conforming_strings` is set to.
pub(crate) fn text(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A list of texts, or of nulls among them, as an array of a type.
pub(crate) fn array<'a, T: Into<Option<&'a str>>>(
    texts: impl IntoIterator<Item = T>,
    item: &str,
) -> String {
    let items: Vec<String> = texts
        .into_iter()
        .map(|item| item.into().map_or_else(|| "null".to_owned(), text))
        .collect();
    format!("array[{}]::{item}[]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(text("it's"), "'it''s'");
        assert_eq!(text("a\\'; drop"), " E'a\\\\''; drop'");
        assert_eq!(array(["1", "2"], "int4"), "array['1','2']::int4[]");
        assert_eq!(
            array([Some("null"), None], "text"),
            "array['null',null]::text[]"
        );
    }
}
