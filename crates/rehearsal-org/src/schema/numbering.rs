//! What the org writes into a record by itself once the record has its id: auto numbers, and the id for a name that
//! was not given.

use super::catalogue::Field;

/// How a field is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Before the number, its least digits, after it.
    Form(String, usize, String),
    /// With the record's id, where nothing was sent.
    Id,
}

/// Takes `INV-{0000}` apart: the text before, the number of digits, the text after.
pub(super) fn split(form: &str) -> Option<(&str, usize, &str)> {
    let (before, rest) = form.split_once('{')?;
    let (digits, after) = rest.split_once('}')?;
    let zeros = digits.bytes().all(|b| b == b'0') && (1..=10).contains(&digits.len());
    zeros.then_some((before, digits.len(), after))
}

pub(super) fn compile(fields: &[Field], custom: bool) -> Vec<(u16, Numbering)> {
    let each = fields.iter().enumerate().filter_map(|(place, field)| {
        let form = field.schema.auto_number.as_deref();
        let numbering = match form.and_then(split) {
            Some((before, digits, after)) => {
                Numbering::Form(before.to_owned(), digits, after.to_owned())
            }
            // The platform calls a custom record without a name by its id.
            None if custom && field.name() == "Name" && !field.schema.required => Numbering::Id,
            None => return None,
        };
        Some((place as u16, numbering))
    });
    each.collect()
}

impl Numbering {
    pub(crate) fn text(&self, serial: u32, id: &str) -> String {
        match self {
            Self::Form(before, digits, after) => {
                format!("{before}{serial:0width$}{after}", width = *digits)
            }
            Self::Id => id.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_taken_apart() {
        assert_eq!(split("INV-{0000}/x"), Some(("INV-", 4, "/x")));
        for wrong in ["", "INV", "{}", "{00", "{01}", "{00000000000}"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
        let numbering = Numbering::Form("INV-".into(), 4, String::new());
        assert_eq!(numbering.text(7, "a00"), "INV-0007");
        assert_eq!(numbering.text(12_345, "a00"), "INV-12345");
        assert_eq!(Numbering::Id.text(7, "a00"), "a00");
    }
}
