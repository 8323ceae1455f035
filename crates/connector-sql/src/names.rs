//! How a name from a migration file is found among those of a database: exactly, then ignoring case.
//! Nothing is folded, and two names that differ only in case are an error rather than a guess.

/// What a search by name gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The place of the only match.
    One(usize),
    None,
    /// Several names differ from the wanted one only in case.
    Many(Vec<String>),
}

pub(crate) fn find<T: AsRef<str>>(names: &[T], wanted: &str) -> Found {
    if let Some(exact) = names.iter().position(|name| name.as_ref() == wanted) {
        return Found::One(exact);
    }
    let folded = wanted.to_lowercase();
    let alike: Vec<usize> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| name.as_ref().to_lowercase() == folded)
        .map(|(place, _)| place)
        .collect();
    match alike.as_slice() {
        [] => Found::None,
        [one] => Found::One(*one),
        many => Found::Many(
            many.iter()
                .map(|place| names[*place].as_ref().to_owned())
                .collect(),
        ),
    }
}

/// Names for a message, a dozen at most.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 12;
    let mut list = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        list.push_str(", …");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_goes_first_and_a_tie_is_no_match() {
        let names = ["Id", "ID", "name"];
        assert_eq!(find(&names, "ID"), Found::One(1));
        assert_eq!(find(&names, "NAME"), Found::One(2));
        assert_eq!(find(&names, "nmae"), Found::None);
        assert_eq!(
            find(&names, "id"),
            Found::Many(vec!["Id".into(), "ID".into()])
        );
    }
}
