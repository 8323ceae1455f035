//! How a field that refers to another record is compiled: to a lookup of the target where it has such, to a plain field otherwise.

use model::Failure;
use model::migration::{AnyLookup, Field, OnNull, Operation, Otherwise};

use crate::compile::{Compiler, Place};
use crate::computed::Computed;
use crate::expression::Expression;
use crate::lookup;

impl Compiler<'_> {
    pub(crate) fn any_lookup(
        &self,
        name: &str,
        lookup: &AnyLookup,
    ) -> Result<Vec<Computed>, Failure> {
        let (source, began) = (&self.spec.source, self.spec.began);
        let mut branches = Vec::new();
        for object in &lookup.lookup {
            let parent = lookup::parent_key(self.spec.migration, object, &lookup.by)?;
            let is_it = format!("({}) = '{object}'", lookup.which);
            branches.push((parent, is_it));
        }
        if self.spec.target.relation(name).is_none() {
            // A plain field takes the key of whichever it is.
            let branches = branches.iter();
            let cases: Vec<_> = branches
                .map(|(parent, is_it)| format!("when {is_it} then {}", parent.expr))
                .collect();
            let sql = format!("case {} end", cases.join(" "));
            let expression = Expression::compile(&sql, source, began)?;
            return Ok(vec![self.computed(
                self.place(name)?,
                expression,
                OnNull::Clear,
                None,
            )?]);
        }
        branches
            .into_iter()
            .map(|(parent, is_it)| {
                let sql = format!("case when {is_it} then {} end", parent.expr);
                let expression = Expression::compile(&sql, source, began)?;
                let place = self.reference(name, &parent.object, parent.external_id)?;
                self.computed(place, expression, OnNull::Keep, None)
            })
            .collect()
    }

    /// Where a lookup goes: a relation, where the target has such, or else a plain field.
    pub(crate) fn reference(
        &self,
        name: &str,
        object: &str,
        by: String,
    ) -> Result<Place<'_>, Failure> {
        let Some(relation) = self.spec.target.relation(name) else {
            let place = self.place(name)?;
            return Ok(Place {
                found_by: Some((None, by)),
                parent: Some(object.to_owned()),
                ..place
            });
        };
        let Some(to) = relation
            .to
            .iter()
            .find(|to| to.eq_ignore_ascii_case(object))
        else {
            return Err(Failure::usage(
                "wrong_parent",
                format!("`{}` can't point to a record of `{object}`", relation.name),
            )
            .hint(format!("it points to: {}", relation.to.join(", "))));
        };
        let parent = Some(to.clone());
        let object = (relation.to.len() > 1).then(|| to.clone());
        Ok(Place {
            name: relation.name.clone(),
            field: None,
            found_by: Some((object, by)),
            parent,
        })
    }

    /// Records that a second pass would link to nothing need not be sent where they were new: nothing is there to be cleared.
    pub(crate) fn skips_unlinked(&self) -> bool {
        let first = self.spec.object.second_pass_of.as_deref();
        let first = first.and_then(|name| self.spec.migration.object(name));
        first.is_some_and(|first| first.operation == Operation::Insert)
    }

    /// What polymorphic lookups must say of each record: which object holds its parent.
    pub(crate) fn guards(&self) -> Result<Vec<Computed>, Failure> {
        let fields = self.spec.object.fields.iter().flatten();
        fields
            .filter_map(|(name, field)| match field {
                Field::AnyLookup(lookup) => Some((name, lookup)),
                _ => None,
            })
            .map(|(name, lookup)| {
                let (which, by) = (&lookup.which, &lookup.by);
                let sql = format!(
                    "case when ({by}) is not null then coalesce(cast(({which}) as varchar), '') end"
                );
                let expression = Expression::compile(&sql, &self.spec.source, self.spec.began)?;
                let names = lookup
                    .lookup
                    .iter()
                    .map(|name| (name.clone(), name.clone()));
                let place = Place {
                    name: name.clone(),
                    field: None,
                    found_by: None,
                    parent: None,
                };
                let values = Some((names.collect(), Otherwise::Reject));
                self.computed(place, expression, OnNull::Clear, values)
                    .map_err(|failure| failure.field(name))
            })
            .collect()
    }
}
