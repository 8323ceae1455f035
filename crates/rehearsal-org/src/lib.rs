#![doc = include_str!("../README.md")]

mod auth;
mod automation;
mod bulk;
mod desk;
mod error;
mod errors;
mod faults;
mod furnish;
mod ids;
mod org;
mod page;
mod rest;
mod schema;
mod settings;
mod soap;
mod soql;
mod sosl;
mod store;
mod tls;
mod values;
mod write;
mod xml;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::{Listener, ListenerExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use error::Error;
pub use faults::{
    CallFault, CallRule, Expiry, FaultPlan, Faults, JobFailure, PacePlan, Share, Span, Tokens,
};
pub use furnish::USERNAME;
pub use schema::automation::{
    Automation, DuplicateRule, Flow, Trigger, ValidationRule, When, WorkflowRule,
};
pub use schema::{FieldKind, FieldSchema, ObjectSchema, OnDelete, RecordTypeSchema, Schema};
pub use settings::{Pace, Settings};

use org::Org;
use schema::catalogue::Catalogue;
use store::database::Database;
use store::output::write_field_of;

/// How long open calls may take to end when the org stops.
const GRACE: Duration = Duration::from_secs(2);

/// A running org. It stops when it is dropped; [`RehearsalOrg::stop`] also waits for it.
pub struct RehearsalOrg {
    org: Arc<Org>,
    authority: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl RehearsalOrg {
    /// Starts an org on 127.0.0.1.
    ///
    /// # Errors
    /// When the port can't be had, the schema contradicts itself, the token has characters that no header takes, or
    /// the data file is in use, is of another schema, or can't be written.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let catalogue = Catalogue::compile(&settings.schema)?;
        let token = match &settings.access_token {
            Some(token) => {
                let valid = |c: char| c.is_ascii_alphanumeric() || "!._-".contains(c);
                if token.is_empty() || !token.chars().all(valid) {
                    let message = "an access token is made of letters, digits and ! . _ -";
                    return Err(Error::Settings(message.to_owned()));
                }
                token.clone()
            }
            None => auth::new_token(&catalogue.id_text(catalogue.organization)),
        };
        let auth = auth::Auth::new(token, &settings)?;
        let port = settings.port;
        let bind = |source| Error::Bind { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let identity = match settings.tls {
            true => Some(tls::Identity::make()?),
            false => None,
        };
        let database = Database::open(&catalogue, settings.data.as_deref())?;
        let scheme = if settings.tls { "https" } else { "http" };
        let org = Arc::new(Org::new(
            catalogue,
            database,
            &settings.schema.automation,
            auth,
            settings.pace,
            settings.seed,
            format!("{scheme}://{address}"),
        )?);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = match &identity {
            Some(identity) => serve(identity.listen(listener).map_err(bind)?, &org, stopped),
            // Answers are small and waited for: they must not wait to be sent together.
            None => {
                let listener = listener.tap_io(|stream| {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "no TCP_NODELAY on a connection");
                    }
                });
                serve(listener, &org, stopped)
            }
        };
        tracing::info!(%address, "rehearsal org listens");
        Ok(Self {
            org,
            authority: identity.map(|identity| identity.authority),
            stop: Some(stop),
            server,
        })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`, without a slash at the end.
    pub fn url(&self) -> String {
        self.org.url().to_owned()
    }

    /// With TLS, the certificate (PEM) of the authority that clients must trust.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The token that is valid without OAuth.
    pub fn access_token(&self) -> &str {
        &self.org.auth.token
    }

    /// The key of the connected app.
    pub fn client_id(&self) -> &str {
        &self.org.auth.client_id
    }

    /// The secret of the connected app.
    pub fn client_secret(&self) -> &str {
        &self.org.auth.client_secret
    }

    /// The password of [`USERNAME`].
    pub fn password(&self) -> &str {
        &self.org.auth.password
    }

    /// The token that gives new access tokens.
    pub fn refresh_token(&self) -> &str {
        &self.org.auth.refresh_token
    }

    /// Calls under `/services/data/vXX.X` so far, refused ones included.
    pub fn api_calls(&self) -> u64 {
        self.org.calls()
    }

    /// Pages of query jobs' results hold so many rows from now on, 50,000 at first; orgs make them smaller where rows are wide.
    pub fn set_page_rows(&self, rows: usize) {
        self.org.set_page_rows(rows);
    }

    /// The knobs that make it misbehave.
    pub fn faults(&self) -> &Faults {
        &self.org.faults
    }

    /// Makes every token that OAuth handed out so far invalid; the fixed one stays valid.
    pub fn expire_sessions(&self) {
        self.org.auth.expire();
    }

    /// Makes the fixed token invalid too: a client needs OAuth to go on.
    pub fn expire_all_sessions(&self) {
        self.org.auth.expire();
        self.org.auth.expire_fixed(true);
    }

    /// Turns every fault off, and makes an expired fixed token valid again.
    pub fn clear_faults(&self) {
        self.org.clear_faults();
    }

    /// How many records an object has, deleted ones not counted. Unknown objects have none.
    pub fn count(&self, object: &str) -> usize {
        let Some(object) = self.org.catalogue.object(object) else {
            return 0;
        };
        self.org.read().count(object.index)
    }

    /// All records of an object in the order they were created, every field with its value as REST writes it,
    /// nulls included, deleted records left out. Unknown objects have none.
    pub fn records(&self, object: &str) -> Vec<BTreeMap<String, serde_json::Value>> {
        let catalogue = &self.org.catalogue;
        let Some(object) = catalogue.object(object) else {
            return Vec::new();
        };
        let store = self.org.read();
        let mut records = Vec::new();
        let mut text = String::new();
        store.scan(object.index, false, None, &mut |id, row| {
            let fields = object.fields.iter().enumerate().map(|(place, field)| {
                text.clear();
                write_field_of(catalogue, &store, id, row, place as u16, &mut text);
                // Our own JSON reads back.
                let value = serde_json::from_str(&text).unwrap_or_default();
                (field.name().to_owned(), value)
            });
            records.push(fields.collect());
            true
        });
        records
    }

    /// Stops listening, ends jobs where they are, and waits for open calls, a moment at most.
    pub async fn stop(mut self) {
        self.org.abort_tasks();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.org.close();
    }
}

/// Serves a listener until told to stop.
fn serve<L>(listener: L, org: &Arc<Org>, stopped: oneshot::Receiver<()>) -> JoinHandle<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let router = rest::server::router(Arc::clone(org));
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        // Told to stop, or its owner is gone.
        let _ = stopped.await;
    });
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the rehearsal org stopped listening");
        }
    })
}

impl Drop for RehearsalOrg {
    fn drop(&mut self) {
        self.org.abort_tasks();
        self.org.close();
    }
}
