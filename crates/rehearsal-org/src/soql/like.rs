//! Patterns of `LIKE`: `%` stands for any letters, `_` for one, and a backslash goes before what stands for itself.

/// A pattern in small letters; texts are folded before they are held against it.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Letter(char),
    One,
    Many,
}

impl Pattern {
    pub(super) fn read(text: &str) -> Self {
        let mut parts = Vec::new();
        let folded = text.to_lowercase();
        let mut letters = folded.chars();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '%' => Part::Many,
                '_' => Part::One,
                '\\' => Part::Letter(letters.next().unwrap_or('\\')),
                other => Part::Letter(other),
            });
        }
        Self(parts)
    }

    /// Matches with one place to go back to, the last `%`, which is enough and keeps it linear in most cases.
    pub(super) fn matches(&self, folded: &str) -> bool {
        let text: Vec<char> = folded.chars().collect();
        let (mut p, mut t) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.0.get(p) {
                Some(Part::Many) => {
                    back = Some((p, t));
                    p += 1;
                }
                Some(Part::One) => (p, t) = (p + 1, t + 1),
                Some(Part::Letter(letter)) if *letter == text[t] => (p, t) = (p + 1, t + 1),
                _ => match &mut back {
                    Some((many, from)) => {
                        *from += 1;
                        (p, t) = (*many + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        self.0[p..].iter().all(|part| *part == Part::Many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_wildcards() {
        let matches = |text: &str, by: &str| Pattern::read(by).matches(&text.to_lowercase());
        assert!(matches("Acme Corp", "acme%"));
        assert!(matches("Acme Corp", "%co%"));
        assert!(matches("Acme Corp", "a_me corp"));
        assert!(!matches("Acme Corp", "acme"));
        assert!(matches("100%", "100\\%"));
        assert!(!matches("1000", "100\\%"));
        assert!(matches("aaab", "%a%ab"));
        assert!(matches("", "%"));
    }
}
