//! What an org is while it runs: its catalogue, records, jobs, query cursors, tokens and faults; and the records it
//! begins with: one user, itself, and its record types.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::task::JoinSet;

use crate::auth::Auth;
use crate::bulk::Jobs;
use crate::errors::ApiError;
use crate::faults::Faults;
use crate::rest::cursors::Cursors;
use crate::schema::catalogue::Catalogue;
use crate::settings::Pace;
use crate::store::{Row, Store};
use crate::values::moment::now;
use crate::values::parse::parse;

/// The one user's name, for logins.
pub const USERNAME: &str = "rehearsal@stevedore.invalid";
pub(crate) const EMAIL: &str = "rehearsal@example.com";

pub(crate) struct Org {
    pub(crate) catalogue: Catalogue,
    store: RwLock<Store>,
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
        auth: Auth,
        pace: Pace,
        seed: u64,
        url: String,
    ) -> Self {
        let mut store = Store::new(&catalogue);
        furnish(&catalogue, &mut store);
        Self {
            store: RwLock::new(store),
            jobs: Jobs::default(),
            cursors: Cursors::default(),
            auth,
            faults: Arc::default(),
            seed,
            pace,
            url,
            calls: AtomicU64::new(0),
            tasks: Mutex::default(),
            catalogue,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
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

/// Adds the records that are there from the start.
fn furnish(catalogue: &Catalogue, store: &mut Store) {
    let user: &[(&str, &str)] = &[
        ("Username", USERNAME),
        ("LastName", "User"),
        ("FirstName", "Rehearsal"),
        ("Email", EMAIL),
        ("Alias", "rehearse"),
        ("IsActive", "true"),
        ("UserType", "Standard"),
    ];
    add(catalogue, store, "User", user);
    let organization: &[(&str, &str)] = &[
        ("Name", "Rehearsal Org"),
        ("OrganizationType", "Developer Edition"),
        ("InstanceName", "RH1"),
        ("IsSandbox", "true"),
    ];
    add(catalogue, store, "Organization", organization);
    for object in &catalogue.objects {
        for (record_type, _) in &object.record_types {
            let values: &[(&str, &str)] = &[
                ("Name", &record_type.name),
                ("DeveloperName", &record_type.developer_name),
                ("SobjectType", &object.name),
                ("IsActive", "true"),
            ];
            add(catalogue, store, "RecordType", values);
        }
    }
}

/// Fields that a schema's own version of a system object lacks, or of another type, are left out.
fn add(catalogue: &Catalogue, store: &mut Store, name: &str, values: &[(&str, &str)]) {
    let Some(object) = catalogue.object(name) else {
        return;
    };
    let mut row = Row::new(now(), values.len());
    for (name, text) in values {
        if let Some(field) = object.field(name)
            && let Ok(value) = parse(catalogue, object.at(field), text)
        {
            row.set(field, value);
        }
    }
    store.insert(catalogue, object.index, row);
}
