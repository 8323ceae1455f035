//! What a table is: its columns, what each must be given, and the keys by which its rows are found.

use arrow::datatypes::{DataType, TimeUnit};
use connector::{TargetField, TargetObject};
use model::Failure;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{PostgresTarget, Transaction};
use crate::names::{self, Found};
use crate::postgres::types::{self, Native};

/// Tables that can be written, those of the search path first.
const TABLES: &str = "select n.nspname::text, c.relname::text, n.nspname = any(current_schemas(false)) \
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r','p') and n.nspname not in ('pg_catalog','information_schema') and n.nspname not like 'pg\\_toast%'";

/// Columns, with domains resolved to what they stand on and arrays to their items.
const COLUMNS: &str = "
    with recursive base(attnum, oid, modifier) as (
        select a.attnum, a.atttypid, a.atttypmod from pg_catalog.pg_attribute a
        where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped
        union all
        select b.attnum, t.typbasetype, case when b.modifier = -1 then t.typtypmod else b.modifier end
        from base b join pg_catalog.pg_type t on t.oid = b.oid where t.typtype = 'd')
    select a.attname::text as name, a.attnotnull as not_null,
        (a.atthasdef or a.attidentity <> '') as has_default,
        (a.attgenerated <> '' or a.attidentity = 'a') as generated,
        pg_catalog.format_type(a.atttypid, a.atttypmod) as native,
        t.typname::text as type_name, t.typtype::text as class, tn.nspname = 'pg_catalog' as built_in,
        b.modifier, pg_catalog.format_type(t.oid, null) as type_cast,
        i.typname::text as item_name, i.typtype::text as item_class, itn.nspname = 'pg_catalog' as item_built_in,
        pg_catalog.format_type(i.oid, null) as item_cast,
        case when t.typtype = 'e' then
            array(select enumlabel::text from pg_catalog.pg_enum where enumtypid = t.oid order by enumsortorder) end as labels,
        case when t.typname in ('varchar', 'bpchar') and b.modifier > 4 then b.modifier - 4
            when t.typname = 'char' then 1 end as max_length
    from base b
    join pg_catalog.pg_attribute a on a.attrelid = $1::text::regclass and a.attnum = b.attnum
    join pg_catalog.pg_type t on t.oid = b.oid and t.typtype <> 'd'
    join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
    left join pg_catalog.pg_type i on i.oid = t.typelem and t.typcategory = 'A'
    left join pg_catalog.pg_namespace itn on itn.oid = i.typnamespace
    order by a.attnum";

/// Unique sets of columns that hold for every row, the primary key first.
const KEYS: &str = "
    select i.indisprimary as is_primary,
        array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
              join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where k.place <= i.indnkeyatts order by k.place) as columns
    from pg_catalog.pg_index i
    where i.indrelid = $1::text::regclass and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null and i.indimmediate
    order by i.indisprimary desc, i.indexrelid";

/// Columns whose values other tables refer to.
const REFERRED_TO: &str = "
    select distinct a.attname::text as column
    from pg_catalog.pg_constraint c cross join unnest(c.confkey) k(attnum)
    join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum
    where c.contype = 'f' and c.confrelid = $1::text::regclass";

impl PostgresTarget {
    pub(super) async fn describe_table(
        &self,
        transaction: &mut Transaction,
        to: &str,
    ) -> Result<TargetObject, Failure> {
        let name = self.find_table(transaction, to).await?;
        let regclass = Self::quoted(&name);
        let rows = sqlx::query(COLUMNS)
            .bind(&regclass)
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let mut fields = rows
            .iter()
            .map(|row| self.field(&name, row))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = sqlx::query(KEYS)
            .bind(&regclass)
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let mut keys: Vec<Vec<String>> = Vec::new();
        for row in &rows {
            keys.push(self.get(row, "columns")?);
        }
        let referred_to = sqlx::query_scalar::<_, String>(REFERRED_TO)
            .bind(&regclass)
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        // Where nothing refers to the table, whatever identifies its rows may be what others mean to refer to.
        if let (Some([id]), false) = (keys.first().map(Vec::as_slice), referred_to.is_empty()) {
            for field in &mut fields {
                field.finds_records = field.name == *id || referred_to.contains(&field.name);
            }
        }
        Ok(TargetObject {
            name,
            fields,
            relations: Vec::new(),
            keys,
            carries_columns: true,
        })
    }

    /// The tables that can be written, those in reach of a bare name by that, others with their schema. Partitions are written through their parent.
    pub(super) async fn list_tables(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Vec<String>, Failure> {
        let sql = format!(
            "{TABLES} and not c.relispartition and c.relname <> 'stevedore_claims' order by 3 desc, 1, 2"
        );
        let rows = self.rows(transaction, sql).await?;
        let mut names: Vec<String> = Vec::new();
        for row in &rows {
            let (schema, table): (String, String) = (self.get_at(row, 0)?, self.get_at(row, 1)?);
            let in_path: bool = self.get_at(row, 2)?;
            let visible = match &self.schema {
                Some(wanted) => *wanted == schema,
                None => in_path,
            };
            if visible && !names.contains(&table) {
                names.push(table);
            } else if self.schema.is_none() {
                names.push(format!("{schema}.{table}"));
            }
        }
        Ok(names)
    }

    /// `schema.table`, in the database's own spelling.
    async fn find_table(&self, transaction: &mut Transaction, to: &str) -> Result<String, Failure> {
        let rows = self.rows(transaction, TABLES.to_owned()).await?;
        let mut tables = Vec::new();
        for row in &rows {
            let (schema, table): (String, String) = (self.get_at(row, 0)?, self.get_at(row, 1)?);
            let in_path: bool = self.get_at(row, 2)?;
            let visible = self
                .schema
                .as_ref()
                .map_or(in_path, |wanted| *wanted == schema);
            tables.push((format!("{schema}.{table}"), table, visible));
        }
        let visible: Vec<&str> = tables
            .iter()
            .filter(|table| table.2)
            .map(|table| table.1.as_str())
            .collect();
        let qualified: Vec<&str> = tables.iter().map(|table| table.0.as_str()).collect();
        if let Found::One(place) = names::find(&qualified, to) {
            return Ok(qualified[place].to_owned());
        }
        match names::find(&visible, to) {
            Found::One(place) => {
                let name = visible[place];
                let full = tables
                    .iter()
                    .find(|table| table.2 && table.1 == name)
                    .map(|table| table.0.clone());
                full.ok_or_else(|| Failure::bug("a table that was found is gone"))
            }
            Found::Many(_) => Err(Failure::usage(
                "ambiguous_table",
                format!("several tables are called `{to}`"),
            )
            .hint("write it in the database's own spelling, with its schema")
            .connection(&self.name)),
            Found::None => Err(Failure::usage(
                "unknown_target",
                format!("the target has no table `{to}`"),
            )
            .hint(format!("there are: {}", names::listed(&visible)))
            .connection(&self.name)),
        }
    }

    fn field(&self, table: &str, row: &PgRow) -> Result<TargetField, Failure> {
        let name: String = self.get(row, "name")?;
        let class = |text: Option<String>| text.and_then(|text| text.chars().next()).unwrap_or('b');
        let item: Option<String> = self.get(row, "item_name")?;
        let modifier: i32 = self.get(row, "modifier")?;
        let item = match item {
            None => None,
            Some(item) => Some(Box::new(Native {
                name: item,
                class: class(self.get(row, "item_class")?),
                built_in: self
                    .get::<Option<bool>>(row, "item_built_in")?
                    .unwrap_or_default(),
                modifier,
                cast: self
                    .get::<Option<String>>(row, "item_cast")?
                    .unwrap_or_default(),
                item: None,
            })),
        };
        let native = Native {
            name: self.get(row, "type_name")?,
            class: class(self.get(row, "class")?),
            built_in: self.get(row, "built_in")?,
            modifier,
            cast: self.get(row, "type_cast")?,
            item,
        };
        let carried = types::carried(&native);
        let generated: bool = self.get(row, "generated")?;
        let not_null: bool = self.get(row, "not_null")?;
        let has_default: bool = self.get(row, "has_default")?;
        let max_length: Option<i32> = self.get(row, "max_length")?;
        Ok(TargetField {
            // A type that has no exact form is only a trouble for those who would write it; text that the database parses stands for it.
            data_type: carried.map_or(DataType::Utf8, |carried| {
                within_precision(carried.data_type, modifier)
            }),
            native: self.get(row, "native")?,
            nullable: !not_null,
            required: not_null && !has_default,
            createable: !generated,
            updateable: !generated,
            max_length: max_length.and_then(|length| u32::try_from(length).ok()),
            // Exact types say what fits by themselves.
            counts_utf16: false,
            empty_is_null: false,
            range: None,
            values: self.get(row, "labels")?,
            finds_records: true,
            case_sensitive: native.name != "citext",
            name,
        })
        .map_err(|failure: Failure| failure.object(table))
    }

    fn get<'r, T>(&self, row: &'r PgRow, column: &str) -> Result<T, Failure>
    where
        T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        row.try_get(column).map_err(|error| self.failure(&error))
    }

    pub(super) fn get_at<'r, T>(&self, row: &'r PgRow, column: usize) -> Result<T, Failure>
    where
        T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        row.try_get(column).map_err(|error| self.failure(&error))
    }
}

/// A time with fewer digits than PostgreSQL's own would be rounded to them without a word. The unit that holds no more than they do says so before.
fn within_precision(data_type: DataType, digits: i32) -> DataType {
    let unit = match digits {
        0..=2 => TimeUnit::Second,
        3..=5 => TimeUnit::Millisecond,
        _ => return data_type,
    };
    match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(unit, zone),
        DataType::Time64(_) => DataType::Time32(unit),
        other => other,
    }
}
