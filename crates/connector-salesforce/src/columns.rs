//! The columns of a job: the header as the org wants it, and where each is found in a batch.
//! A lookup stands in a plan as `Relation.Key`, the parent's field by which it is found.

use arrow::array::RecordBatch;
use connector::{LoadPlan, Relation, TargetField};
use model::Failure;
use record::meta;

/// A column that is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column<'a> {
    /// `Name`, `Account.External_Id__c`, `Contact:Who.External_Id__c`.
    pub(crate) header: String,
    /// As the plan names it.
    pub(crate) name: &'a str,
    pub(crate) fills: Fills<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fills<'a> {
    Field(&'a TargetField),
    Lookup {
        relation: &'a Relation,
        /// The type named before a colon, for a lookup that may point to several.
        of_type: Option<&'a str>,
        /// The parent's field.
        key: &'a str,
    },
}

/// The columns of a plan, in its order. A delete sends ids alone.
pub(crate) fn columns(plan: &LoadPlan) -> Result<Vec<Column<'_>>, Failure> {
    let names = if plan.operation.deletes() {
        &plan.key
    } else {
        &plan.fields
    };
    names
        .iter()
        .map(|name| {
            column(plan, name).map_err(|failure| {
                let written = name.split('.').next().unwrap_or(name);
                failure.object(&plan.object).field(written)
            })
        })
        .collect()
}

/// The header row, line end included.
pub(crate) fn header(columns: &[Column<'_>]) -> String {
    let headers: Vec<_> = columns
        .iter()
        .map(|column| column.header.as_str())
        .collect();
    // Names hold nothing that would need quotes.
    headers.join(",") + "\n"
}

fn column<'a>(plan: &'a LoadPlan, name: &'a str) -> Result<Column<'a>, Failure> {
    let Some((path, key)) = name.split_once('.') else {
        return match plan.target.field(name) {
            Some(field) => Ok(Column {
                header: field.name.clone(),
                name,
                fills: Fills::Field(field),
            }),
            None => Err(unknown_field(plan, name)),
        };
    };
    let (of_type, relation) = match path.split_once(':') {
        Some((of_type, relation)) => (Some(of_type), relation),
        None => (None, path),
    };
    let Some(relation) = plan.target.relation(relation) else {
        return Err(Failure::usage(
            "unknown_relation",
            format!("{} has no lookup `{relation}`", plan.target.name),
        )
        .hint(format!(
            "its lookups are: {}",
            listed(plan.target.relations.iter().map(|r| r.name.as_str()))
        )));
    };
    let prefix = of_type.map(|t| format!("{t}:")).unwrap_or_default();
    Ok(Column {
        header: format!("{prefix}{}.{key}", relation.name),
        name,
        fills: Fills::Lookup {
            relation,
            of_type,
            key,
        },
    })
}

fn unknown_field(plan: &LoadPlan, name: &str) -> Failure {
    if let Some(relation) = plan.target.relation(name) {
        return Failure::bug(format!(
            "the plan names the lookup `{}` without the parent's field",
            relation.name
        ));
    }
    let near = near(name, plan.target.fields.iter().map(|f| f.name.as_str()));
    Failure::usage(
        "unknown_field",
        format!(
            "{} has no field `{name}`, or the user may not see it",
            plan.target.name
        ),
    )
    .hint(format!(
        "near are: {}; a field that is hidden from the user is given by field-level security",
        listed(near.into_iter())
    ))
}

/// The names most like one that does not exist.
pub(crate) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = |text: &str| {
        text.to_lowercase()
            .replace("__c", "")
            .replace(['_', ' '], "")
    };
    let wanted = plain(name);
    let mut scored: Vec<_> = names
        .map(|name| (distance(&wanted, &plain(name)), name))
        .collect();
    scored.sort();
    scored.into_iter().take(5).map(|(_, name)| name).collect()
}

/// Single characters added, left out or changed between two texts; a text that holds the other is near.
fn distance(a: &str, b: &str) -> usize {
    if !a.is_empty() && !b.is_empty() && (a.contains(b) || b.contains(a)) {
        return 1;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

impl Column<'_> {
    /// As the migration file writes it: a lookup by its own name, without the parent's field.
    pub(crate) fn written(&self) -> &str {
        match &self.fills {
            Fills::Field(_) => self.name,
            Fills::Lookup { relation, .. } => &relation.name,
        }
    }

    /// Where the column stands in a batch: under the plan's name, or under its lookup's, marked with the parent's field.
    pub(crate) fn index_in(&self, batch: &RecordBatch) -> Result<usize, Failure> {
        let schema = batch.schema_ref();
        let named = |name: &str| {
            schema.fields().iter().position(|field| {
                !meta::is_ours(field.name()) && field.name().eq_ignore_ascii_case(name)
            })
        };
        let found = named(self.name)
            .or_else(|| named(&self.header))
            .or_else(|| match &self.fills {
                Fills::Field(_) => None,
                Fills::Lookup { relation, key, .. } => schema.fields().iter().position(|field| {
                    meta::lookup(field).is_some_and(|by| by.eq_ignore_ascii_case(key))
                        && (field.name().eq_ignore_ascii_case(&relation.name)
                            || field.name().eq_ignore_ascii_case(&relation.field))
                }),
            });
        found.ok_or_else(|| {
            Failure::bug(format!("the records have no column for `{}`", self.header))
                .field(self.written())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first() {
        let names = ["Account", "AccountTeamMember", "Contact", "Invoice__c"];
        assert_eq!(near("Acount", names.into_iter())[0], "Account");
        assert_eq!(near("invoice", names.into_iter())[0], "Invoice__c");
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
