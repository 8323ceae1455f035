//! `"*": same`: every column that has a field of its name in the target, that the target lets us write, and that nothing else fills.

use datafusion_sql::sqlparser::ast::{Expr, Ident};
use indexmap::IndexMap;
use model::Failure;
use model::migration::{Field, OnNull, Operation};

use crate::compile::{Compiler, Place};
use crate::computed::Computed;
use crate::expression::Expression;

/// Types whose values are ids of the system that they were read from.
const IDS: &[&str] = &["id", "reference"];

impl Compiler<'_> {
    pub(crate) fn shared_fields(
        &self,
        listed: &IndexMap<String, Field>,
    ) -> Result<Vec<Computed>, Failure> {
        let spec = self.spec;
        let target = spec.target;
        let mut taken: Vec<&str> = Vec::new();
        for name in listed.keys().chain(spec.migration.stamp.keys()) {
            let field = target.field(name).map(|field| field.name.as_str());
            let relation = target
                .relation(name)
                .map(|relation| relation.field.as_str());
            taken.extend(field.into_iter().chain(relation));
        }
        let mut shared = Vec::new();
        for column in spec.source.fields() {
            let name = column.name();
            let Some(field) = target.field(name) else {
                continue;
            };
            let writable = match spec.object.operation {
                Operation::Insert => field.createable,
                Operation::Update => field.updateable,
                Operation::Upsert | Operation::Delete | Operation::HardDelete => {
                    field.createable && field.updateable
                }
            };
            let is_id = IDS.contains(&field.native.as_str());
            if !writable || is_id || taken.contains(&field.name.as_str()) {
                continue;
            }
            let own = Expr::Identifier(Ident::with_quote('"', name));
            let compiled = Expression::of(own, name, &spec.source, spec.began)
                .and_then(|own| self.computed(Place::field(field), own, OnNull::Clear, None));
            shared.push(compiled.map_err(|failure| {
                failure.field(name).hint(format!(
                    "say under `fields` how `{name}` is computed, beside `\"*\": same`"
                ))
            })?);
        }
        Ok(shared)
    }
}
