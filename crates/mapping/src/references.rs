//! How a field that refers to another record is compiled: to a lookup of the target where it has such, to a plain field otherwise.

use arrow::datatypes::DataType;
use model::Failure;
use model::migration::{AnyLookup, Field, OnMissingParent, OnNull, Operation, Otherwise};

use crate::by_id::{ById, Unknown};
use crate::compile::{Compiler, Place};
use crate::computed::Computed;
use crate::expression::Expression;
use crate::lookup;

impl Compiler<'_> {
    pub(crate) fn any_lookup(
        &self,
        name: &str,
        lookup: &AnyLookup,
        on_missing: OnMissingParent,
    ) -> Result<Vec<Computed>, Failure> {
        if lookup.lookup.iter().any(|parent| self.is_by_id(parent)) {
            let which = Some(lookup.which.as_str());
            let by_id = self.lookup_by_id(name, &lookup.lookup, which, &lookup.by, on_missing)?;
            return Ok(vec![by_id]);
        }
        let (source, began) = (&self.spec.source, self.spec.began);
        let mut branches = Vec::new();
        for object in &lookup.lookup {
            let parent = lookup::parent_key(self.spec.migration, object, &lookup.by)?;
            let is_it = format!("({}) = '{object}'", lookup.which);
            branches.push((object, parent, is_it));
        }
        if self.spec.target.relation(name).is_none() {
            if on_missing != OnMissingParent::Reject {
                return Err(Failure::usage(
                    "polymorphic_parent",
                    "a plain field that holds keys of several objects does not tell whose parent is missing",
                )
                .hint("write `on_missing_parent: reject` for this lookup"));
            }
            // A plain field takes the key of whichever it is.
            let branches = branches.iter();
            let cases: Vec<_> = branches
                .map(|(_, parent, is_it)| format!("when {is_it} then {}", parent.expr))
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
            .map(|(object, parent, is_it)| {
                let sql = format!("case when {is_it} then {} end", parent.expr);
                let expression = Expression::compile(&sql, source, began)?;
                let (to, key) = (parent.object, parent.external_id);
                let place = self.reference(name, &to, key.clone())?;
                let mut computed = self.computed(place, expression, OnNull::Keep, None)?;
                computed.parent = self.parent(name, object, &to, &key, on_missing)?;
                Ok(computed)
            })
            .collect()
    }

    pub(crate) fn is_by_id(&self, parent: &str) -> bool {
        let parent = self.spec.migration.object(parent);
        parent.is_some_and(|parent| parent.id_map)
    }

    /// A lookup that takes the parent's id in the target: it goes to the plain field, also where that has a relation.
    pub(crate) fn lookup_by_id(
        &self,
        name: &str,
        parents: &[String],
        which: Option<&str>,
        by: &str,
        on_missing: OnMissingParent,
    ) -> Result<Computed, Failure> {
        let (source, began) = (&self.spec.source, self.spec.began);
        let relation = self.spec.target.relation(name);
        for parent in parents {
            let to = self.spec.migration.object(parent).map(|parent| &parent.to);
            self.check_missing(name, parent, on_missing, false)?;
            if let (Some(_), Some(to)) = (relation, to) {
                self.reference(name, to, String::new())?;
            }
        }
        let place = self.place(relation.map_or(name, |relation| &relation.field))?;
        let expression = Expression::compile(by, source, began)?;
        let which = which
            .map(|which| Expression::compile(which, source, began))
            .transpose()?;
        let is_own = self.is_key(&place.name);
        let like = match place.field {
            Some(field) if field.native == "uuid" => "00000000-0000-0000-0000-000000000000",
            _ => "0",
        };
        // Ids are kept as text, whatever they are in the target.
        let mut computed =
            self.computed_of(DataType::Utf8, place, expression, OnNull::Clear, None)?;
        computed.by_id = Some(ById {
            parents: parents.to_vec(),
            which,
            otherwise: match on_missing {
                _ if is_own && self.spec.object.second_pass_of.is_some() => Unknown::Skips,
                OnMissingParent::Null if !is_own => Unknown::Clears,
                _ => Unknown::Rejects,
            },
            like,
        });
        Ok(computed)
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
