//! Level 1: the records counted at both ends, anew.

use std::collections::{BTreeMap, HashMap};

use connector::{CountScope, Source, Target};
use control::PlaceholderCount;
use model::{Books, Failure};
use service::PinnedRun;

/// One comparison.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Which records were counted, in words.
    pub(crate) scope: String,
    pub(crate) expected: i128,
    pub(crate) found: i128,
    pub(crate) passed: bool,
}

impl Check {
    fn new(name: &'static str, scope: String, expected: i128, found: i128) -> Self {
        Self {
            name,
            scope,
            expected,
            found,
            passed: expected == found,
        }
    }
}

pub(crate) async fn check(
    run: &PinnedRun,
    object: &str,
    books: &HashMap<String, Books>,
    placeholders: &BTreeMap<String, PlaceholderCount>,
    moved_before: u64,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Vec<Check>, Failure> {
    let pinned = run.object(object)?;
    let own = books.get(object).copied().unwrap_or_default();
    let mut checks = Vec::new();
    if run.scope.is_none() {
        let mut scope = format!("all of {}", pinned.source.object.from.describe());
        if moved_before > 0 {
            scope += &format!(", {moved_before} of them moved by the sample before");
        }
        let counted = source.count(&pinned.source).await?.into();
        let found = own.extracted + moved_before;
        checks.push(Check::new("source_count", scope, counted, found.into()));
    }

    if !run.kind.writes() {
        // Nothing was written: what the target holds says nothing about this run.
        return Ok(checks);
    }
    // Objects that go to the same place can't be told apart by counting there: they are counted together.
    let to = &pinned.plan.to;
    let siblings: Vec<_> = run
        .objects
        .iter()
        .filter(|(_, sibling)| sibling.plan.to == *to)
        .collect();
    let before: Option<i64> = siblings
        .iter()
        .filter_map(|(_, sibling)| sibling.target_before)
        .min();
    if let Some(before) = before {
        let change: i128 = siblings
            .iter()
            .map(|(name, _)| {
                let made = placeholders.get(*name).map_or(0, |count| count.made);
                let books = books.get(*name).copied().unwrap_or_default();
                // One whose real record came later was made, and is updated in the books.
                i128::from(books.created) - i128::from(books.deleted) + i128::from(made)
            })
            .sum();
        let found = target.count(to, &CountScope::All).await?.into();
        let expected = i128::from(before) + change;
        checks.push(Check::new(
            "target_count",
            format!("all of {to}"),
            expected,
            found,
        ));
    }

    let stamp = run
        .migration
        .stamp
        .iter()
        .find(|(_, value)| value.trim() == "run_id");
    if let (Some((field, _)), 1) = (stamp, siblings.len())
        && own.deleted == 0
    {
        let stamped = CountScope::Stamped {
            field: field.clone(),
            value: run.id.to_string(),
        };
        let found = target.count(to, &stamped).await?.into();
        let standing = placeholders.get(object).map_or(0, |count| count.standing);
        let expected = own.created + own.updated + standing;
        let scope = format!("{to} whose {field} is this run");
        checks.push(Check::new("stamped_count", scope, expected.into(), found));
    }
    Ok(checks)
}
