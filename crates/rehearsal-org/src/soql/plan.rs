//! A query resolved against the schema: what is selected, which records pass, in which order.

use std::sync::Arc;

use super::QueryError;
use super::aggregate::Grouping;
use super::ast::{Expression, Query};
use super::children::Children;
use super::fields;
use super::filter::{LeftType, Scope, Test, Values, compile, kind_name};
use super::order::By;
use super::path::Path;
use super::run::members;
use super::scalar::Scalar;
use super::shape::Shape;
use crate::ids::RecordId;
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field, Object};
use crate::store::{Fields, Row, Store};

pub(super) struct Plan<'a> {
    pub(super) object: &'a Object,
    pub(super) output: Output,
    pub(super) filter: Option<Test<Path>>,
    /// Of records; that of groups is in their grouping.
    pub(super) order: Vec<By>,
    pub(super) limit: usize,
    pub(super) offset: usize,
    /// Whether deleted records are looked at too.
    pub(super) deleted: bool,
}

pub(super) enum Output {
    Count,
    Records(Arc<Shape>),
    Groups(Box<Grouping>),
}

impl Plan<'_> {
    /// The fields by which records are chosen, sorted and grouped; what is selected is read when it is written.
    pub(super) fn fields(&self, catalogue: &Catalogue) -> Fields {
        let mut fields = Fields::default();
        let mut add = |path: &Path| path.add_own(catalogue, self.object.index, &mut fields);
        if let Some(filter) = &self.filter {
            filter.lefts(&mut add);
        }
        self.order.iter().for_each(|by| add(&by.path));
        if let Output::Groups(grouping) = &self.output {
            grouping.paths().for_each(add);
        }
        fields
    }
}

/// Names in the scope of one query.
pub(super) struct Names<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) store: &'a Store,
    pub(super) object: &'a Object,
    pub(super) alias: Option<&'a str>,
}

impl Names<'_> {
    pub(super) fn path(&self, name: &super::ast::Name) -> Result<Path, QueryError> {
        Path::resolve(self.catalogue, self.object, self.alias, name)
    }
}

pub(super) fn left_type(field: &Field) -> LeftType {
    LeftType {
        name: field.name().to_owned(),
        kind: field.kind(),
        case_sensitive: field.schema.case_sensitive,
    }
}

/// Long text and compound fields can't be filtered, sorted or grouped by.
pub(super) fn searchable(field: &Field) -> bool {
    !(field.kind() == FieldKind::Address
        || field.kind() == FieldKind::Textarea && field.schema.length > 255)
}

pub(super) fn refuse(field: &Field, what: &str, at: usize) -> QueryError {
    let text = format!("field '{}' can not be {what} in query call", field.name());
    QueryError::new("INVALID_FIELD", text).at(at)
}

impl Scope<Path> for Names<'_> {
    fn left(&mut self, expression: &Expression) -> Result<(Path, LeftType), QueryError> {
        match expression {
            Expression::Field(name) => {
                let path = self.path(name)?;
                let field = path.field(self.catalogue);
                if !searchable(field) {
                    return Err(refuse(field, "filtered", name.at));
                }
                let left = left_type(field);
                Ok((path, left))
            }
            Expression::Aggregate(_, name) => {
                let text = "aggregate functions are not allowed in WHERE; use HAVING";
                Err(QueryError::new("MALFORMED_QUERY", text).at(name.at))
            }
        }
    }

    fn members(&mut self, query: &Query) -> Result<Vec<Scalar<'static>>, QueryError> {
        members(self.catalogue, self.store, query)
    }

    fn catalogue(&self) -> &Catalogue {
        self.catalogue
    }
}

/// The object a query is about.
pub(super) fn object<'a>(
    catalogue: &'a Catalogue,
    query: &Query,
) -> Result<&'a Object, QueryError> {
    catalogue.object(&query.from.text).ok_or_else(|| {
        let text = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
             the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
             names.",
            query.from.text
        );
        QueryError::new("INVALID_TYPE", text).at(query.from.at)
    })
}

pub(super) fn plan<'a>(
    catalogue: &'a Catalogue,
    store: &Store,
    query: &Query,
    deleted: bool,
) -> Result<Plan<'a>, QueryError> {
    plan_of(
        catalogue,
        store,
        object(catalogue, query)?,
        query,
        deleted,
        0,
    )
}

/// Plans a query on this object, which is `depth` children away from the first.
pub(super) fn plan_of<'a>(
    catalogue: &'a Catalogue,
    store: &Store,
    object: &'a Object,
    query: &Query,
    deleted: bool,
    depth: usize,
) -> Result<Plan<'a>, QueryError> {
    let query = fields::expand(object, query)?;
    let query = query.as_ref();
    let mut names = Names {
        catalogue,
        store,
        object,
        alias: query.alias.as_deref(),
    };
    let filter = query
        .filter
        .as_ref()
        .map(|c| compile(c, &mut names))
        .transpose()?;
    let aggregates = query
        .select
        .iter()
        .any(|i| matches!(i.expression, Expression::Aggregate(..)));
    let mut order = Vec::new();
    let output = if query.count_only {
        Output::Count
    } else if aggregates || !query.group_by.is_empty() {
        if let Some((_, inner)) = query.children.first() {
            let text = "only aggregate expressions and grouped fields can be selected with them";
            return Err(QueryError::new("MALFORMED_QUERY", text).at(inner.from.at));
        }
        Output::Groups(Box::new(Grouping::plan(&names, query)?))
    } else {
        order = self::order(&names, query)?;
        Output::Records(Arc::new(shape(&names, query, deleted, depth)?))
    };
    Ok(Plan {
        object,
        output,
        filter,
        order,
        limit: query.limit.unwrap_or(usize::MAX),
        offset: query.offset,
        deleted,
    })
}

fn shape(
    names: &Names<'_>,
    query: &Query,
    deleted: bool,
    depth: usize,
) -> Result<Shape, QueryError> {
    let mut shape = Shape::default();
    let mut inner = query.children.iter().peekable();
    for place in 0..=query.select.len() {
        while let Some((_, query)) = inner.next_if(|(before, _)| *before <= place) {
            let children = Children::plan(names, query, deleted, depth)?;
            shape.add_children(children, &query.from).map_err(|name| {
                let text = format!("duplicate relationship selected: {name}");
                QueryError::new("INVALID_FIELD", text).at(query.from.at)
            })?;
        }
        let Some(item) = query.select.get(place) else {
            break;
        };
        let Expression::Field(name) = &item.expression else {
            continue;
        };
        if let Some(alias) = &item.alias {
            let text = format!("only aggregate expressions use field aliasing: {alias}");
            return Err(QueryError::new("MALFORMED_QUERY", text).at(name.at));
        }
        if !shape.add(names.catalogue, names.object, &names.path(name)?) {
            let text = format!("duplicate field selected: {}", name.text);
            return Err(QueryError::new("INVALID_FIELD", text).at(name.at));
        }
    }
    Ok(shape)
}

fn order(names: &Names<'_>, query: &Query) -> Result<Vec<By>, QueryError> {
    let mut order = Vec::new();
    for by in &query.order_by {
        let Expression::Field(name) = &by.by else {
            return Err(QueryError::new(
                "MALFORMED_QUERY",
                "ORDER BY an aggregate needs GROUP BY",
            ));
        };
        let path = names.path(name)?;
        let field = path.field(names.catalogue);
        if !searchable(field) {
            return Err(refuse(field, "sorted", name.at));
        }
        order.push(By {
            path,
            descending: by.descending,
            nulls_last: by.nulls_last,
        });
    }
    Ok(order)
}

/// The values of one record.
pub(super) struct OfRecord<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) store: &'a Store,
    pub(super) id: RecordId,
    pub(super) row: &'a Row,
}

impl OfRecord<'_> {
    pub(super) fn look<T>(&self, path: &Path, look: impl FnOnce(&Scalar<'_>) -> T) -> T {
        let value = path.value(self.catalogue, self.store, self.id, self.row);
        look(&Scalar::of(path.field(self.catalogue), &value))
    }

    pub(super) fn scalar(&self, path: &Path) -> Scalar<'static> {
        self.look(path, |value| value.clone().into_owned())
    }
}

impl Values<Path> for OfRecord<'_> {
    fn with(&self, left: &Path, check: &dyn Fn(&Scalar<'_>) -> bool) -> bool {
        self.look(left, check)
    }
}

/// A function that a field's type does not have.
pub(super) fn no_function(function: &str, field: &Field, at: usize) -> QueryError {
    let text = format!(
        "field {} of type {} does not support aggregate operator {function}",
        field.name(),
        kind_name(field.kind())
    );
    QueryError::new("MALFORMED_QUERY", text).at(at)
}
