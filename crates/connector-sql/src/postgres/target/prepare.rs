//! What is refused before anything is sent, and the table that claims are kept in.

use connector::LoadPlan;
use model::Failure;
use model::migration::Operation;

use super::PostgresTarget;

impl PostgresTarget {
    pub(super) fn check_plan(&self, plan: &LoadPlan) -> Result<(), Failure> {
        let target = &plan.target;
        if plan.operation == Operation::HardDelete {
            return Err(Failure::usage(
                "no_recycle_bin",
                format!("`{}` has no recycle bin to be passed by", target.name),
            )
            .hint("write `operation: delete`"));
        }
        for name in &plan.fields {
            let field = target.field(name).ok_or_else(|| {
                Failure::usage(
                    "unknown_field",
                    format!("`{}` has no column `{name}`", target.name),
                )
                .field(name)
            })?;
            let writable = match plan.operation {
                Operation::Insert | Operation::Upsert => field.createable,
                Operation::Update => field.updateable,
                Operation::Delete | Operation::HardDelete => true,
            };
            if !writable {
                return Err(Failure::usage(
                    "generated_field",
                    format!("the database computes `{name}` itself"),
                )
                .field(name)
                .hint("leave it out of `fields`"));
            }
        }
        if matches!(plan.operation, Operation::Insert | Operation::Upsert) {
            let missing: Vec<_> = target
                .fields
                .iter()
                .filter(|field| field.required && !plan.fields.contains(&field.name))
                .map(|field| field.name.as_str())
                .collect();
            if !missing.is_empty() {
                return Err(Failure::usage(
                    "required_fields_unmapped",
                    format!(
                        "`{}` wants values for {}, which are not mapped",
                        target.name,
                        missing.join(", ")
                    ),
                )
                .hint("add them to `fields`, or give the columns defaults"));
            }
        }
        if plan.operation.needs_key() && !self.has_unique_key(plan) {
            let key = plan.key.join(", ");
            return Err(Failure::usage(
                "no_unique_key",
                format!(
                    "`{}` has no unique index over ({key}): {} could not tell records apart",
                    target.name,
                    article(plan.operation)
                ),
            )
            .hint(format!("create unique index on {} ({key})", target.name)));
        }
        Ok(())
    }

    fn has_unique_key(&self, plan: &LoadPlan) -> bool {
        plan.target.keys.iter().any(|key| {
            key.len() == plan.key.len() && key.iter().all(|column| plan.key.contains(column))
        })
    }

    /// One table of claims per schema that is written.
    pub(super) async fn make_claims(&self, plan: &LoadPlan) -> Result<(), Failure> {
        let claims = Self::claims(&plan.to);
        let mut transaction = self.begin().await?;
        // Several services may prepare at once, and `if not exists` does not wait for one another.
        let sql = format!(
            "select pg_advisory_xact_lock(hashtext('stevedore_claims'));
             create table if not exists {claims} (
                 run_id text not null, object text not null, chunk bigint not null, attempt bigint not null,
                 state text not null check (state in ('whole', 'split')), outcome bytea, written_at timestamptz not null default now(),
                 primary key (run_id, object, chunk))"
        );
        self.run(&mut transaction, &sql).await?;
        transaction
            .commit()
            .await
            .map_err(|error| self.failure(&error))
    }
}

fn article(operation: Operation) -> &'static str {
    match operation {
        Operation::Upsert => "an upsert",
        Operation::Update => "an update",
        Operation::Delete | Operation::HardDelete => "a delete",
        Operation::Insert => "an insert",
    }
}
