//! Compiles an object's mapping: every field's expression, conversion and checks, against source and target as they are.

use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use connector::{TargetField, TargetObject};
use datafusion_sql::sqlparser::ast::{Expr, Ident};
use model::migration::{
    Field, Migration, OWN_ID, Object, OnDuplicateKey, OnNull, Operation, Otherwise, SHARED,
    ValueMap,
};
use model::{Failure, RunId};
use record::meta;

use crate::checks::Checks;
use crate::columns;
use crate::computed::Computed;
use crate::constant::constant;
use crate::convert::Conversion;
use crate::expression::Expression;
use crate::lookup;
use crate::mapper::{Mapper, Stamp};
use crate::policy::Policy;
use crate::rules::Rule;

/// What a mapping is compiled from.
pub struct Spec<'a> {
    pub migration: &'a Migration,
    pub object: &'a Object,
    /// The source's columns.
    pub source: SchemaRef,
    /// The source's key columns.
    pub key: &'a [String],
    pub target: &'a TargetObject,
    pub run: &'a RunId,
    /// When the run began: what `now()` is in expressions.
    pub began: DateTime<Utc>,
}

/// Expressions nest: to parse and plan them takes more stack than a worker's thread has.
const STACK: usize = 64 << 20;

/// Where a field's values go.
pub(crate) struct Place<'a> {
    /// In the target's own spelling: a field, or a relation.
    pub(crate) name: String,
    pub(crate) field: Option<&'a TargetField>,
    /// The parent's field by which a lookup finds it, and the parent's object where the lookup may point to several.
    pub(crate) found_by: Option<(Option<String>, String)>,
    /// The target's object that holds the parents.
    pub(crate) parent: Option<String>,
}

impl<'a> Place<'a> {
    pub(crate) fn field(field: &'a TargetField) -> Self {
        Self {
            name: field.name.clone(),
            field: Some(field),
            found_by: None,
            parent: None,
        }
    }

    /// As the target addresses it: `Name`, `Account.External_Id__c`, `Account:What.External_Id__c`.
    pub(crate) fn sent_as(&self) -> String {
        match (self.field, &self.found_by) {
            (None, Some((None, by))) => format!("{}.{by}", self.name),
            (None, Some((Some(object), by))) => format!("{object}:{}.{by}", self.name),
            _ => self.name.clone(),
        }
    }

    /// The name of its column in a batch. A lookup that may point to several objects may have several columns, each for one of them.
    fn column(&self) -> String {
        match &self.found_by {
            Some((Some(_), _)) => self.sent_as(),
            _ => self.name.clone(),
        }
    }
}

impl Mapper {
    /// Compiles. Every error names the object, the field and the way out.
    pub fn compile(spec: &Spec<'_>) -> Result<Self, Failure> {
        let compiled = on_a_large_stack(|| Compiler { spec }.compile());
        compiled.map_err(|failure| failure.object(&spec.object.name))
    }
}

/// Runs where expressions may nest as deeply as their bounds let them.
pub(crate) fn on_a_large_stack<T: Send>(
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("compile".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| Failure::retry("no_thread", format!("no thread starts: {error}")))?
            .join()
            .map_err(|_| Failure::bug("compiling panicked; the log has the place"))?
    })
}

pub(crate) struct Compiler<'a> {
    pub(crate) spec: &'a Spec<'a>,
}

impl Compiler<'_> {
    fn compile(&self) -> Result<Mapper, Failure> {
        let fields = match &self.spec.object.fields {
            Some(fields) => {
                let mut computed = Vec::new();
                for (name, field) in fields {
                    if name == SHARED {
                        computed.extend(self.shared_fields(fields)?);
                        continue;
                    }
                    computed.extend(
                        self.field(name, field)
                            .map_err(|failure| failure.field(name))?,
                    );
                }
                computed
            }
            None => self.columns_as_they_are()?,
        };
        let stamps = self
            .spec
            .migration
            .stamp
            .iter()
            .map(|(name, sql)| self.stamp(name, sql).map_err(|failure| failure.field(name)))
            .collect::<Result<Vec<_>, _>>()?;
        let key_fields = self.key_fields(&fields)?;
        let expressions: Vec<&str> = key_fields
            .iter()
            .filter_map(|key| self.written(key))
            .collect();
        let case_folds: Vec<bool> = key_fields
            .iter()
            .map(|key| {
                let field = self.spec.target.field(key);
                field.is_some_and(|field| !field.case_sensitive)
            })
            .collect();
        // Keys that differ only in case are one key where the target says so; numbers have no case.
        let keeps_case = !case_folds.contains(&true) || !self.key_has_text();
        // So are texts that are the same number, and values that a map makes the same.
        let keeps_values = fields
            .iter()
            .filter(|field| key_fields.contains(field.column.name()))
            .all(Computed::keeps_values_apart);
        let one_to_one =
            keeps_case && keeps_values && crate::key::is_one_to_one(&expressions, self.spec.key);
        let policy = self.spec.object.on_duplicate_key;
        if policy == OnDuplicateKey::Merge && self.spec.key.is_empty() {
            return Err(Failure::usage(
                "no_source_key",
                "`merge` reads duplicates again by their source key, and there is none",
            )
            .hint("name it under `key`, or choose another `on_duplicate_key`"));
        }
        let watermark = self.spec.object.watermark.as_deref();
        let ranked_by = watermark
            .map(|name| columns::find(&self.spec.source, name).map(str::to_owned))
            .transpose()?
            .filter(|_| policy.ranks());
        let rules = self.spec.object.rules.iter();
        let rules = rules
            .map(|rule| Rule::compile(rule, &self.spec.source, self.spec.began))
            .collect::<Result<Vec<_>, _>>()?;
        let mut mapper = Mapper::new(
            fields,
            stamps,
            key_fields,
            case_folds,
            one_to_one,
            self.spec.source.clone(),
            self.spec.key.to_vec(),
        )?;
        mapper.ranked_by = ranked_by;
        mapper.guards = self.guards()?;
        mapper.skips_unlinked = self.skips_unlinked();
        Ok(mapper.with_rules(rules))
    }

    /// The columns that a field is computed to; a polymorphic lookup has one for each object that may hold the parent.
    fn field(&self, name: &str, field: &Field) -> Result<Vec<Computed>, Failure> {
        let (source, began) = (&self.spec.source, self.spec.began);
        let one = match field {
            Field::Lookup(by) if self.is_by_id(&by.lookup) => {
                let on_missing = self.spec.object.on_missing(name, field);
                self.lookup_by_id(
                    name,
                    std::slice::from_ref(&by.lookup),
                    None,
                    &by.by,
                    on_missing,
                )?
            }
            Field::Lookup(by) => {
                let mut parent = lookup::parent_key(self.spec.migration, &by.lookup, &by.by)?;
                columns::resolve(&mut parent.expr, source)?;
                let expression = Expression::of(parent.expr, &by.by, source, began)?;
                let (to, key) = (parent.object, parent.external_id);
                let on_missing = self.spec.object.on_missing(name, field);
                let place = self.reference(name, &to, key.clone())?;
                let mut computed = self.computed(place, expression, OnNull::Clear, None)?;
                computed.parent = self.parent(name, &by.lookup, &to, &key, on_missing)?;
                computed
            }
            Field::AnyLookup(lookup) => {
                let on_missing = self.spec.object.on_missing(name, field);
                return self.any_lookup(name, lookup, on_missing);
            }
            Field::Reference(reference) => {
                let expression = Expression::compile(&reference.by, source, began)?;
                let place = match reference.reference.split_once('.') {
                    Some((object, by)) if self.spec.target.relation(name).is_some() => {
                        self.reference(name, object, by.to_owned())?
                    }
                    _ => {
                        return Err(Failure::usage(
                            "not_a_lookup",
                            format!("`{name}` is no lookup of `{}`", self.spec.target.name),
                        )
                        .hint(
                            "references are for lookups; fill a plain field with an expression",
                        ));
                    }
                };
                self.computed(place, expression, OnNull::Clear, None)?
            }
            Field::DeveloperName(by) => {
                let expression = Expression::compile(&by.developer_name, source, began)?;
                let place = self.reference(name, "RecordType", "DeveloperName".to_owned())?;
                self.computed(place, expression, OnNull::Clear, None)?
            }
            Field::Mapped(mapped) => {
                let expression = Expression::compile(&mapped.from, source, began)?;
                let values = mapped.values.clone();
                let values = values.map(|values| (values, mapped.otherwise));
                let place = self.place(name)?;
                let mut computed = self.computed(place, expression, mapped.on_null, values)?;
                let (checks, wanted) = (&computed.checks, computed.column.data_type());
                computed.policy = Policy::compile(&mapped.on_invalid, checks, wanted, began)?;
                computed
            }
            Field::Expression(sql) => {
                let expression = Expression::compile(sql, source, began)?;
                self.computed(self.place(name)?, expression, OnNull::Clear, None)?
            }
        };
        Ok(vec![one])
    }

    pub(crate) fn computed(
        &self,
        place: Place<'_>,
        expression: Expression,
        on_null: OnNull,
        values: Option<(ValueMap, Otherwise)>,
    ) -> Result<Computed, Failure> {
        let given = if values.is_some() {
            DataType::Utf8
        } else {
            expression.data_type.clone()
        };
        self.computed_of(given, place, expression, on_null, values)
    }

    /// `given` is the type of the values that the field's are made of.
    pub(crate) fn computed_of(
        &self,
        given: DataType,
        place: Place<'_>,
        expression: Expression,
        on_null: OnNull,
        values: Option<(ValueMap, Otherwise)>,
    ) -> Result<Computed, Failure> {
        // A parent is addressed by text, whatever its key is.
        let wanted = place
            .field
            .map_or(DataType::Utf8, |field| field.data_type.clone());
        let conversion = Conversion::between(&given, &wanted)?;
        let mut column = Column::new(place.column(), wanted, true);
        if let Some(field) = place.field {
            column = meta::with_native(column, &field.native);
        }
        if on_null == OnNull::Keep {
            column = meta::with_keep_on_null(column);
        }
        if let Some((_, by)) = &place.found_by {
            column = meta::with_lookup(column, by);
        }
        if let Some(parent) = &place.parent {
            column = meta::with_parent(column, parent);
        }
        let sent_as = place.sent_as();
        let is_key = self.is_key(&place.name);
        let creates = matches!(
            self.spec.object.operation,
            Operation::Insert | Operation::Upsert
        );
        Ok(Computed {
            checks: Checks::new(place.field, is_key, on_null == OnNull::Keep, creates)?,
            column,
            sent_as,
            expression,
            values,
            by_id: None,
            parent: None,
            conversion,
            policy: Policy::Reject,
        })
    }

    /// Columns of the same name, carried over: nothing may be left behind.
    fn columns_as_they_are(&self) -> Result<Vec<Computed>, Failure> {
        let target = self.spec.target;
        if !target.carries_columns {
            return Err(Failure::usage(
                "no_fields",
                format!("`{}` needs its `fields` listed", target.name),
            )
            .hint("columns are carried over by their names on SQL targets only"));
        }
        let source = &self.spec.source;
        source
            .fields()
            .iter()
            .map(|column| {
                let name = column.name();
                let field = target.field(name).ok_or_else(|| {
                    Failure::usage(
                        "unmatched_column",
                        format!(
                            "the column `{name}` has no counterpart in `{}`",
                            target.name
                        ),
                    )
                    .hint("list `fields` and leave it out there, or add the column to the target")
                    .field(name)
                })?;
                let place = Place::field(field);
                let own = Expr::Identifier(Ident::with_quote('"', name));
                let expression = Expression::of(own, name, source, self.spec.began)?;
                self.computed(place, expression, OnNull::Clear, None)
                    .map_err(|failure| failure.field(name))
            })
            .collect()
    }

    pub(crate) fn place(&self, name: &str) -> Result<Place<'_>, Failure> {
        let target = self.spec.target;
        if let Some(field) = target.field(self.in_target(name)?) {
            return Ok(Place::field(field));
        }
        let names: Vec<_> = target
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        let failure = Failure::usage(
            "unknown_field",
            format!("`{}` has no field `{name}`", target.name),
        );
        Err(match target.relation(name) {
            Some(relation) => failure.hint(format!(
                "`{name}` is a lookup: write `{{ lookup: <object>, by: <column> }}`, or fill `{}` with an id of the target",
                relation.field
            )),
            None => failure.hint(columns::nearest(name, &names)),
        })
    }

    fn stamp(&self, name: &str, sql: &str) -> Result<Stamp, Failure> {
        let place = self.place(name)?;
        let Some(field) = place.field else {
            return Err(Failure::usage(
                "unknown_field",
                format!("a stamp can't fill the lookup `{name}`"),
            )
            .hint("stamp a plain field"));
        };
        let column = meta::with_stamp(Column::new(&place.name, field.data_type.clone(), true));
        let literal = format!("'{}'", self.spec.run.as_str().replace('\'', "''"));
        let sql = if sql.trim().eq_ignore_ascii_case("run_id") {
            literal.as_str()
        } else {
            sql
        };
        let expression = Expression::compile(sql, &Schema::empty(), self.spec.began).map_err(|failure| {
            failure.hint("a stamp is `run_id`, or an expression over constants; a text stands in single quotes within the double ones")
        })?;
        Stamp::new(column, &expression)
    }

    /// The expression of a field, as it is written or understood.
    fn written<'b>(&'b self, field: &'b str) -> Option<&'b str> {
        match &self.spec.object.fields {
            None => Some(field),
            Some(fields) => fields
                .iter()
                .find(|(name, _)| {
                    let name = self.in_target(name).unwrap_or(name);
                    name.eq_ignore_ascii_case(field)
                })
                .map(|(_, field)| field.expression()),
        }
    }

    fn key_has_text(&self) -> bool {
        self.spec.key.iter().any(|name| {
            let column = self.spec.source.field_with_name(name);
            column.map_or(true, |column| !column.data_type().is_numeric())
        })
    }

    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.written_key().iter().any(|key| {
            self.in_target(key)
                .unwrap_or(key)
                .eq_ignore_ascii_case(name)
        })
    }

    /// The name in the target's words: its own id is called otherwise in each.
    fn in_target<'b>(&'b self, name: &'b str) -> Result<&'b str, Failure> {
        if name != OWN_ID {
            return Ok(name);
        }
        self.spec.target.id_field().ok_or_else(|| {
            let message = format!("records of `{}` have no id of a single field", self.spec.target.name);
            Failure::usage("no_single_id", message)
                .hint("give the table a primary key of one column, or find its records by an `external_id`")
        })
    }

    fn written_key(&self) -> &[String] {
        let object = self.spec.object;
        if object.external_id.is_empty() && object.operation.needs_key() {
            return self.spec.target.keys.first().map_or(&[], Vec::as_slice);
        }
        &object.external_id
    }

    /// The target key, in the target's own spelling; each part must be mapped.
    fn key_fields(&self, fields: &[Computed]) -> Result<Vec<String>, Failure> {
        let target = self.spec.target;
        if self.spec.object.operation.needs_key() && self.written_key().is_empty() {
            return Err(Failure::usage(
                "no_key",
                format!(
                    "`{}` has no key by which records could be found",
                    target.name
                ),
            )
            .hint("name its key fields under `external_id`"));
        }
        self.written_key()
            .iter()
            .map(|key| {
                let key = self.in_target(key)?;
                fields
                    .iter()
                    .map(|computed| computed.column.name())
                    .find(|name| name.eq_ignore_ascii_case(key))
                    .cloned()
                    .ok_or_else(|| {
                        Failure::usage(
                            "unmapped_key",
                            format!(
                                "`{key}` identifies records of `{}`, and is not mapped",
                                target.name
                            ),
                        )
                        .hint("add it to `fields`, or name other fields under `external_id`")
                        .field(key)
                    })
            })
            .collect()
    }
}

impl Stamp {
    fn new(column: Column, expression: &Expression) -> Result<Self, Failure> {
        match constant(expression, column.data_type())? {
            Some(value) => Ok(Self { column, value }),
            None => Err(Failure::usage(
                "invalid_stamp",
                "the stamp has no value of the field's type",
            )
            .hint("change its expression")),
        }
    }
}
