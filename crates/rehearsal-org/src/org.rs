//! What an org is while it runs: its catalogue, records, jobs, query cursors, tokens and faults; and the records it
//! begins with: one user, itself, and its record types.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use crate::auth::Auth;
use crate::bulk::Jobs;
use crate::error::Error;
use crate::errors::ApiError;
use crate::faults::Faults;
use crate::ids::RecordId;
use crate::rest::cursors::Cursors;
use crate::schema::catalogue::Catalogue;
use crate::settings::Pace;
use crate::store::database::Database;
use crate::store::transaction::{Reading, Writing};
use crate::store::{Row, Store};
use crate::values::moment::now;
use crate::values::parse::parse;

pub(crate) const USERNAME: &str = "rehearsal@stevedore.invalid";
pub(crate) const EMAIL: &str = "rehearsal@example.com";

pub(crate) struct Org {
    pub(crate) catalogue: Catalogue,
    records: Database,
    pub(crate) jobs: Jobs,
    pub(crate) cursors: Cursors,
    pub(crate) auth: Auth,
    pub(crate) faults: Arc<Faults>,
    pub(crate) seed: u64,
    pace: Pace,
    url: String,
    calls: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
}

impl Org {
    pub(crate) fn new(
        catalogue: Catalogue,
        records: Database,
        auth: Auth,
        pace: Pace,
        seed: u64,
        url: String,
    ) -> Result<Self, Error> {
        furnish(&catalogue, &records)?;
        Ok(Self {
            jobs: Jobs::numbered_from(records.numbers_from()),
            cursors: Cursors::numbered_from(records.numbers_from()),
            records,
            auth,
            faults: Arc::default(),
            seed,
            pace,
            url,
            calls: AtomicU64::new(0),
            tasks: Mutex::default(),
            catalogue,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The records as they are now; what is written later is not seen by this reader.
    pub(crate) fn read(&self) -> Reading<'_> {
        self.records.read()
    }

    /// The records to be changed, by one caller at a time: what is done until this is dropped is one transaction.
    pub(crate) fn write(&self) -> Writing<'_> {
        self.records.write()
    }

    /// Whether the records' database has failed or was closed, so that no answer may say that something was stored.
    pub(crate) fn is_broken(&self) -> bool {
        self.records.is_broken()
    }

    /// Ends writing for good, and lets go of the data file.
    pub(crate) fn close(&self) {
        self.records.close();
    }

    pub(crate) fn pace(&self) -> Pace {
        self.faults.pace().unwrap_or(self.pace)
    }

    /// Ids of the organization and the user.
    pub(crate) fn identity(&self) -> (String, String) {
        let text = |id| self.catalogue.id_text(id);
        (text(self.catalogue.organization), text(self.catalogue.user))
    }

    pub(crate) fn count_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Runs work that may take a while off the threads that serve connections.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let org = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&org))
            .await
            .map_err(|error| {
                tracing::error!(%error, "a call's work did not end");
                ApiError::new(
                    axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                    "UNKNOWN_EXCEPTION",
                    "An unexpected error occurred.",
                )
            })
    }

    /// Runs a job in the background until it ends or the org stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    pub(crate) fn abort_tasks(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

/// Adds the records that are there from the start, unless the file has them already.
fn furnish(catalogue: &Catalogue, records: &Database) -> Result<(), Error> {
    let user: &[(&str, &str)] = &[
        ("Username", USERNAME),
        ("LastName", "User"),
        ("FirstName", "Rehearsal"),
        ("Email", EMAIL),
        ("Alias", "rehearse"),
        ("IsActive", "true"),
        ("UserType", "Standard"),
    ];
    let organization: &[(&str, &str)] = &[
        ("Name", "Rehearsal Org"),
        ("OrganizationType", "Developer Edition"),
        ("InstanceName", "RH1"),
        ("IsSandbox", "true"),
    ];
    let mut store = records.write();
    let mut add = |id: RecordId, values: &[(&str, &str)]| add(catalogue, &mut store, id, values);
    add(catalogue.user, user);
    add(catalogue.organization, organization);
    let mut fits = true;
    for object in &catalogue.objects {
        for (record_type, id) in &object.record_types {
            let values: &[(&str, &str)] = &[
                ("DeveloperName", &record_type.developer_name),
                ("SobjectType", &object.name),
                ("Name", &record_type.name),
                ("IsActive", "true"),
            ];
            fits &= add(*id, values);
        }
    }
    drop(store);
    if !fits {
        let what = "its record types are not those of the schema, in the schema's order";
        return Err(records.refuse(what));
    }
    if records.is_broken() {
        return Err(records.refuse("it can't be written to"));
    }
    Ok(())
}

/// Adds a record if its number is still free; says whether it is there now, known by its first two values. Fields
/// that a schema's own version of a system object lacks, or of another type, are left out.
fn add(catalogue: &Catalogue, store: &mut Store, id: RecordId, values: &[(&str, &str)]) -> bool {
    let object = catalogue.at(id.object);
    let mut row = Row::new(now(), values.len());
    for (name, text) in values {
        if let Some(field) = object.field(name)
            && let Ok(value) = parse(catalogue, object.at(field), text)
        {
            row.set(field, value);
        }
    }
    match store.row(id) {
        Some(known) => {
            let named = values
                .iter()
                .take(2)
                .filter_map(|(name, _)| object.field(name));
            named
                .into_iter()
                .all(|field| known.get(field) == row.get(field))
        }
        None => store.insert(catalogue, id.object, row) == id,
    }
}
