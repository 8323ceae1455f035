//! The line of every entry of a YAML document, by its path.
//! What the parser accepts can still be wrong; this is how the error about it names its line.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Lines by path. A path is the keys joined with dots, list entries by number: `objects.1.fields.Name`.
#[derive(Debug, Default)]
pub struct Lines(HashMap<String, u64>);

impl Lines {
    /// Reads a document. One that does not parse has no lines.
    pub fn of(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(root) = serde_saphyr::from_str::<Spanned<Node>>(text) {
            lines.add(String::new(), &root);
        }
        lines
    }

    /// The line of an entry, or of the nearest entry around it.
    pub fn line(&self, path: &str) -> Option<u64> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    fn add(&mut self, path: String, node: &Spanned<Node>) {
        let join = |name: &str| match path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        match &node.value {
            Node::Leaf => {}
            Node::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    let path = join(&index.to_string());
                    self.0.insert(path.clone(), node.referenced.line());
                    self.add(path, node);
                }
            }
            Node::Map(entries) => {
                for (key, node) in entries {
                    let path = join(&key.value);
                    self.0.insert(path.clone(), key.referenced.line());
                    self.add(path, node);
                }
            }
        }
    }
}

/// A document's shape, without its values.
enum Node {
    Leaf,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

macro_rules! leaves {
    ($($visit:ident($type:ty)),+) => {
        $(fn $visit<E>(self, _: $type) -> Result<Node, E> {
            Ok(Node::Leaf)
        })+
    };
}

impl<'de> Visitor<'de> for Shape {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    leaves!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_str(&str)
    );

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_its_line() {
        let lines = Lines::of("a: 1\nb:\n  - x: 1\n  - { y: 2,\n      z: [3] }\n");
        assert_eq!(lines.line("a"), Some(1));
        assert_eq!(lines.line("b.0.x"), Some(3));
        assert_eq!(lines.line("b.1.y"), Some(4));
        assert_eq!(lines.line("b.1.z"), Some(5));
        assert_eq!(lines.line("b.1.unknown"), Some(4), "the entry around it");
        assert_eq!(lines.line("nowhere"), None);
    }
}
