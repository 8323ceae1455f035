//! A column on its way into the table: how its values are written, and whether the table takes them as they are written.

use arrow::datatypes::{DataType, Field};
use connector::TargetField;
use record::meta;

use crate::postgres::copy::encode::TextForm;
use crate::postgres::quote;

pub(super) struct Column {
    /// Its place in the batch.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) form: TextForm,
    /// The type of the staging table's column.
    pub(super) staged: String,
    /// What the staged value is cast to; none where the table takes it as it is.
    pub(super) cast: Option<String>,
    /// A null leaves what is there.
    pub(super) keeps_on_null: bool,
}

impl Column {
    pub(super) fn new(place: usize, sent: &Field, target: &TargetField) -> Self {
        let base = base(&target.native);
        let (form, staged, cast) = match sent.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(&base, target),
            DataType::List(item) => {
                let staged = format!("{}[]", plain(item.data_type()));
                let same = base == staged;
                let cast = (!same).then(|| base.clone());
                (TextForm::Plain, staged, cast)
            }
            other => (TextForm::Plain, plain(other).to_owned(), None),
        };
        Self {
            place,
            name: target.name.clone(),
            form,
            staged,
            cast,
            keeps_on_null: meta::keeps_on_null(sent),
        }
    }

    pub(super) fn quoted(&self) -> String {
        quote::name(&self.name)
    }

    /// The staged value as the table takes it. Lengths are left to the assignment, which refuses what a cast would cut off.
    pub(super) fn value(&self, stage: &str) -> String {
        let staged = format!("{stage}.{}", self.quoted());
        match &self.cast {
            Some(cast) => format!("{staged}::{cast}"),
            None => staged,
        }
    }
}

fn text(base: &str, target: &TargetField) -> (TextForm, String, Option<String>) {
    match base {
        "text" | "character varying" | "character" | "name" => {
            (TextForm::Plain, "text".to_owned(), None)
        }
        "json" => (TextForm::Plain, "json".to_owned(), None),
        "jsonb" => (TextForm::Jsonb, "jsonb".to_owned(), None),
        "uuid" => (TextForm::Uuid, "uuid".to_owned(), None),
        "numeric" => (TextForm::Numeric, "numeric".to_owned(), None),
        // The table's own type, so that labels go straight in.
        _ if target.values.is_some() => (TextForm::Plain, target.native.clone(), None),
        // A cast to `bit` cuts off what is longer than one; the assignment refuses it.
        "bit" => (
            TextForm::Plain,
            "text".to_owned(),
            Some("bit varying".to_owned()),
        ),
        other => (TextForm::Plain, "text".to_owned(), Some(other.to_owned())),
    }
}

/// The type without its modifier: `numeric(10,2)` is `numeric`.
pub(super) fn base(native: &str) -> String {
    match (native.find('('), native.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &native[..open], &native[close + 1..])
        }
        _ => native.to_owned(),
    }
}

/// The type that the encoder writes for an Arrow type.
fn plain(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "integer",
        DataType::Int64 | DataType::UInt32 => "bigint",
        DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric",
        DataType::Date32 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) => "interval",
        DataType::Binary => "bytea",
        _ => "text",
    }
}
