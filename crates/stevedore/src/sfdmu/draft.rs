//! An object of the migration file, put together from an entry of the project: where it is read, by what it is known, what is written.

use model::migration::{From, Operation, scalar};

use super::fields::{Fields, Line, Planned};
use super::item::{External, Fate, Item};
use super::loss::Loss;
use super::parents::{Link, id_column, link, writes_external};
use super::source::Source;
use super::sql::column;

/// An object as it will be written.
pub(super) struct Draft {
    /// The entry that it comes from.
    pub(super) item: usize,
    pub(super) name: String,
    pub(super) comments: Vec<String>,
    pub(super) key: Vec<String>,
    pub(super) to: String,
    pub(super) operation: Operation,
    pub(super) external_id: Vec<String>,
    pub(super) id_map: bool,
    pub(super) lines: Vec<Line>,
    pub(super) after: Vec<String>,
}

impl Draft {
    /// `is_parent`: some object of the file looks its records up.
    pub(super) fn of(
        items: &[Item],
        place: usize,
        operation: Operation,
        fields: Fields,
        is_parent: bool,
        source: &Source,
    ) -> Self {
        let item = &items[place];
        let mut draft = Self {
            item: place,
            name: item.name.clone(),
            comments: item.remarks.clone(),
            key: key(items, place, is_parent, source),
            to: item.to.clone(),
            operation,
            external_id: Vec::new(),
            id_map: is_parent && link(items, place, source) == Link::Kept,
            lines: fields.lines,
            after: Vec::new(),
        };
        if writes_external(items, place) {
            draft.external_id = draft.external(item);
        }
        if draft.id_map {
            draft.comments.push(
                "Lookups find its records by the ids that the target gives them: `id_map` keeps these.".to_owned(),
            );
        }
        let limits = [&item.query.condition, &item.query.clauses];
        let limits: Vec<&str> = limits
            .into_iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        if source.is_files() && !limits.is_empty() {
            draft.comments.push(format!(
                "`{}` is not applied to files, by SFDMU neither.",
                limits.join(" ")
            ));
        }
        draft
    }

    /// The target fields that records are found by, if all of them are written.
    fn external(&self, item: &Item) -> Vec<String> {
        let parts = match &item.external {
            External::Field(field) => std::slice::from_ref(field),
            External::Joined(parts) => parts.as_slice(),
        };
        let targets: Vec<String> = parts.iter().map(|part| item.target_of(part)).collect();
        if targets.iter().all(|target| self.field(target).is_some()) {
            targets
        } else {
            Vec::new()
        }
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &Planned> {
        self.lines.iter().filter_map(|line| match line {
            Line::Field(planned) => Some(planned),
            Line::Comment(_) => None,
        })
    }

    pub(super) fn field(&self, target: &str) -> Option<&Planned> {
        self.fields()
            .find(|planned| planned.target.eq_ignore_ascii_case(target))
    }

    /// Where it is read: from an org just the columns that are needed, as an object's own may be hundreds.
    pub(super) fn from(&self, item: &Item, source: &Source) -> From {
        if source.is_files() {
            return From::File(format!("{}.csv", item.api));
        }
        let mut columns = vec!["Id".to_owned()];
        let needs = self.fields().flat_map(|planned| planned.needs.iter());
        for need in self.key.iter().chain(needs) {
            if !columns
                .iter()
                .any(|column| column.eq_ignore_ascii_case(need))
            {
                columns.push(need.clone());
            }
        }
        From::Query(item.query.of_columns(&columns))
    }
}

/// What identifies a record in the source. Children compute their parent's external id from its key, so a parent is keyed by what its children have.
fn key(items: &[Item], place: usize, is_parent: bool, source: &Source) -> Vec<String> {
    let item = &items[place];
    if is_parent && let Link::External(field) = link(items, place, source) {
        return vec![field];
    }
    if let Some(id) = id_column(item, source) {
        return vec![id.to_owned()];
    }
    let parts = match &item.external {
        External::Field(field) if item.external_is_told => std::slice::from_ref(field),
        External::Joined(parts) => parts.as_slice(),
        External::Field(_) => &[],
    };
    let known = parts
        .iter()
        .all(|part| !part.contains('.') && item.may_have(part));
    if known { parts.to_vec() } else { Vec::new() }
}

/// What stands between SFDMU's way of finding records and Salesforce's own.
pub(super) fn external_losses(items: &[Item], place: usize, draft: &Draft) -> Vec<Loss> {
    const FIELD: &str = "Migration_Key__c";
    let (item, operation) = (&items[place], draft.operation);
    let told = match &item.external {
        External::Field(field) => field.clone(),
        External::Joined(parts) => parts.join(";"),
    };
    let what = if item.external_is_told {
        format!("externalId: {told}")
    } else {
        format!("externalId, left out and so {told}")
    };
    // As it is written, made-up values included.
    let expression = |field: &String| {
        let written = draft.field(&item.target_of(field));
        written.map_or_else(
            || column(field),
            |planned| planned.form.expression().to_owned(),
        )
    };
    let add = |expression: &str| {
        let expression = scalar(expression);
        format!(
            "add a Text field marked External ID and Unique to {to}, such as {FIELD}, fill it on the records that {to} has, write `{FIELD}: {expression}` under \
             `fields` and `external_id: {FIELD}`",
            to = item.to
        )
    };
    if operation == Operation::Insert && !writes_external(items, place) {
        let why = "Stevedore matches the org's answers by a key of its own that goes along with each record, and no field is named for it";
        return vec![Loss::new("operation: Insert", why, add("Id"))];
    }
    let field = match &item.external {
        External::Joined(parts) => {
            let columns: Vec<_> = parts.iter().map(expression).collect();
            let joined = match columns.as_slice() {
                [one] => one.clone(),
                several => format!("concat_ws(';', {})", several.join(", ")),
            };
            let why = "Salesforce finds a record by one External ID field of its own, and SFDMU compares several, or a parent's, itself";
            return vec![Loss::new(what, why, add(&joined))];
        }
        External::Field(field) => field,
    };
    if field.eq_ignore_ascii_case("Id") {
        return Vec::new();
    }
    let target = item.target_of(field);
    if operation == Operation::Update {
        return vec![Loss::new(
            format!("operation: Update by {told}"),
            "Bulk API 2.0 updates records by their Id alone",
            format!(
                "`operation: upsert`, if `{target}` is an External ID (what the target lacks is then created), or `Id` under `fields` and `external_id`"
            ),
        )];
    }
    if target.to_lowercase().ends_with("__c") {
        return Vec::new();
    }
    let why = format!(
        "Salesforce finds a record by an External ID field, which `{target}` is not, and SFDMU compares the records itself"
    );
    vec![Loss::new(what, why, add(&expression(field)))]
}

/// The operation of an entry that is moved.
pub(super) fn operation(item: &Item) -> Option<Operation> {
    match item.fate {
        Fate::Moved(operation) => Some(operation),
        Fate::Excluded | Fate::OnlyRead | Fate::NotMoved => None,
    }
}
