//! By what a record is known: in the source, and in the target, which decides how it is written there.

use std::cmp::Reverse;
use std::collections::HashSet;

use arrow::array::{Array, RecordBatch};
use connector::{TargetField, TargetObject};
use model::migration::{Field, Operation};

use super::draft::{Draft, Matched};
use super::names;

/// What a field that carries our key is called, where nothing better is known.
const NEW_FIELD: &str = "Legacy_Key__c";
/// Of so many records one may spoil a key that is guessed by its name.
const NEARLY: usize = 20;

impl Draft {
    /// Settles key, operation and external id. `first` are records to look for a key in where the source tells none.
    pub(super) fn settle_keys(&mut self, first: Option<&RecordBatch>) {
        self.key = match self.listed.keys.first() {
            Some(key) => key.clone(),
            None if !self.source.key.is_empty() => self.source.key.clone(),
            None => self.guess(first),
        };
        match self.target.clone() {
            None => {
                self.external_id = self.key.clone();
                if !self.key.is_empty() {
                    self.operation = Operation::Upsert;
                }
            }
            Some(target) if target.carries_columns => self.key_of_table(&target),
            Some(target) => self.key_of_org(&target, first),
        }
    }

    /// A column that is called like a key and is one, or nearly one, among the records that can be looked at.
    fn guess(&mut self, first: Option<&RecordBatch>) -> Vec<String> {
        const ENDINGS: &[&str] = &["id", "key", "no", "number", "code", "uuid"];
        let one = names::bare(&names::singular(&self.listed.name));
        let is_called_so = |column: &str| {
            let column = names::bare(column);
            ENDINGS.contains(&column.strip_prefix(&one).unwrap_or(&column))
        };
        let ends_so = |column: &&str| {
            let column = column.to_lowercase();
            ENDINGS.iter().any(|end| column.ends_with(end))
        };
        let named = self.columns().filter(|column| is_called_so(column));
        // Keys come first in most files; elsewhere such a name is one of a parent.
        let leading = self.columns().take(1).filter(ends_so);
        let looked_at = first.map_or(0, RecordBatch::num_rows);
        let found = named.chain(leading).find_map(|column| {
            let repeated = repeated(first?, column)?;
            (repeated * NEARLY < looked_at.max(1)).then(|| (column.to_owned(), repeated))
        });
        let Some((found, repeated)) = found else {
            if !self.is_into_org() {
                self.remarks.push("nothing tells its records apart, neither in the source's words nor among its first records: they are read in one piece; name a `key`, where there is one".to_owned());
            }
            return Vec::new();
        };
        let among = format!("the first {looked_at} records");
        self.remarks.push(format!(
            "key: a guess by its name; the source does not say that `{found}` is unique; {}",
            match repeated {
                0 => format!("it is so among {among}"),
                repeated => format!("{repeated} of {among} have none, or one that others have as well: such are rejected, unless `on_duplicate_key` says otherwise"),
            }
        ));
        vec![found]
    }

    /// A table's rows are found by one of its unique keys that is filled, the primary key before others.
    fn key_of_table(&mut self, target: &TargetObject) {
        let filled = |key: &&Vec<String>| {
            key.iter()
                .all(|part| self.own.iter().any(|own| own.name == *part))
        };
        let from_key = |key: &Vec<String>| {
            key.iter().all(|part| {
                let own = self.own.iter().find(|own| own.name == *part);
                own.is_some_and(|own| self.key.contains(&own.column))
            })
        };
        let usable: Vec<&Vec<String>> = target.keys.iter().filter(filled).collect();
        let best = usable.iter().find(|key| from_key(key)).or(usable.first());
        match best {
            Some(key) => {
                self.operation = Operation::Upsert;
                self.external_id = (*key).clone();
            }
            None => {
                let why = match target.keys.first() {
                    None => format!("{} has no unique key", target.name),
                    Some(key) => format!(
                        "no column of the source fills the key of {}, {}",
                        target.name,
                        key.join(", ")
                    ),
                };
                self.remarks.push(format!(
                    "insert, because {why}: a second run writes all records once more"
                ));
            }
        }
    }

    /// An org finds records by an external id that is unique.
    fn key_of_org(&mut self, target: &TargetObject, first: Option<&RecordBatch>) {
        self.operation = Operation::Upsert;
        let keys = target.keys.iter().filter_map(|key| match key.as_slice() {
            [one] => target.field(one),
            _ => None,
        });
        let keys: Vec<&TargetField> = keys
            .filter(|field| field.createable && field.native != "id")
            .collect();
        let filled_by = |field: &TargetField| self.own.iter().find(|own| own.name == field.name);
        let by_key = |field: &&&TargetField| {
            filled_by(field).is_some_and(|own| self.key == [own.column.clone()])
        };
        // One that no values would be lost for; of several, the one that is called like it.
        let cost = |field: &&&TargetField| {
            let lost = filled_by(field).map_or(0, |own| held(first, &own.column));
            (lost, Reverse(fitness(&field.name)))
        };
        let chosen = keys
            .iter()
            .find(by_key)
            .or_else(|| keys.iter().min_by_key(cost));
        let Some(chosen) = chosen.map(|field| (*field).clone()) else {
            self.external_id = vec![NEW_FIELD.to_owned()];
            self.operation = Operation::Insert;
            self.own.push(self.key_line(NEW_FIELD));
            self.aside = Some(format!(
                "{} has no unique External ID, and its records could neither be found again nor be matched with the org's answers; add a Text(80) field marked \
                 External ID and Unique, such as {NEW_FIELD}, in the org's setup (`stevedore compare --metadata` writes it), and take the comment signs away",
                target.name
            ));
            return;
        };
        self.external_id = vec![chosen.name.clone()];
        let others: Vec<&str> = keys
            .iter()
            .map(|field| field.name.as_str())
            .filter(|name| *name != chosen.name)
            .collect();
        if !others.is_empty() {
            self.remarks.push(format!(
                "external_id: {} could be it as well",
                others.join(", ")
            ));
        }
        if self.key.is_empty() {
            self.aside = Some(format!(
                "nothing is known of which {} could be made; name a column that tells the records apart under `key`, fill the external id from it, and take the comment signs away",
                chosen.name
            ));
            return;
        }
        let mut line = self.key_line(&chosen.name);
        let before = self.own.iter().position(|own| own.name == chosen.name);
        match before {
            Some(place) if self.own[place].column == line.column => {}
            Some(place) => {
                let own = self.own.remove(place);
                let why = format!(
                    "{} carries the source's key, by which children find their parents",
                    own.name
                );
                let lost = held(first, &own.column);
                if lost > 0 {
                    line.risks.push(format!(
                        "{lost} of the first records have values of their own in the source's {}, which are not carried over",
                        own.column
                    ));
                }
                self.why_not.insert(own.column, why);
                self.own.push(line);
            }
            None => self.own.push(line),
        }
    }

    /// The source's key as one text.
    fn key_line(&self, name: &str) -> Matched {
        let parts: Vec<String> = self
            .key
            .iter()
            .map(|column| match self.is_text(column) {
                true => self.expression(column),
                false => format!("cast({} as varchar)", self.expression(column)),
            })
            .collect();
        Matched {
            column: self.key.first().cloned().unwrap_or_default(),
            name: name.to_owned(),
            field: Field::Expression(match parts.is_empty() {
                true => "null".to_owned(),
                false => parts.join(" || '-' || "),
            }),
            note: Some("the source's key".to_owned()),
            risks: Vec::new(),
        }
    }

    /// The source's column by which children find this object's records; none where there is no single one.
    pub(super) fn found_by(&self) -> Option<&str> {
        let ([key], [external_id]) = (self.key.as_slice(), self.external_id.as_slice()) else {
            return None;
        };
        let line = self.own.iter().find(|own| own.name == *external_id)?;
        (line.column == *key && self.aside.is_none()).then_some(key)
    }
}

/// How much a field's name says that it is for a key of another system.
fn fitness(name: &str) -> usize {
    let name = name.to_lowercase();
    let says = |word: &str| usize::from(name.contains(word));
    4 * says("external")
        + 4 * says("legacy")
        + 2 * says("migration")
        + 2 * says("source")
        + says("id")
        + says("key")
}

/// Records whose value others have as well, or that have none; none where there is no such column.
fn repeated(first: &RecordBatch, column: &str) -> Option<usize> {
    let texts = mapping::texts(first.column_by_name(column)?);
    let mut seen = HashSet::new();
    let mut repeated = 0;
    for text in &texts {
        let text = text.as_deref().filter(|text| !text.trim().is_empty());
        if !text.is_some_and(|text| seen.insert(text)) {
            repeated += 1;
        }
    }
    Some(repeated)
}

/// Records that have a value in a column.
fn held(first: Option<&RecordBatch>, column: &str) -> usize {
    let column = first.and_then(|first| first.column_by_name(column));
    column.map_or(0, |values| values.len() - values.logical_null_count())
}
