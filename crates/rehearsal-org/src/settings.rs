//! How an org is started: where it listens, who may call it, how fast its jobs go, what its schema is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rand::Rng as _;
use rand::distr::Alphanumeric;

use crate::schema::Schema;

/// Settings of a rehearsal org. [`Settings::default`] gives any free port, new random secrets, the standard schema.
#[derive(Clone)]
pub struct Settings {
    /// Port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// A token that is valid without OAuth and does not expire; made at random when absent. Letters, digits and
    /// `!._` only; clients of the platform expect the form `00D…!…`.
    pub access_token: Option<String>,
    /// The key of the connected app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The password of the user [`USERNAME`](crate::USERNAME), its security token included.
    pub password: String,
    /// A refresh token that is valid until it is revoked.
    pub refresh_token: String,
    /// The PEM text of an RSA public key or certificate: who signs in by JWT must hold its private key. Without it,
    /// signatures are not looked at.
    pub jwt_key: Option<String>,
    /// How long jobs stay in each state.
    pub pace: Pace,
    /// Decides the order of rows in result files.
    pub seed: u64,
    /// Whether it speaks TLS, with a certificate by an authority made for it ([`crate::RehearsalOrg::authority`]).
    pub tls: bool,
    /// Objects and fields.
    pub schema: Schema,
    /// The file the records are kept in, made where it is missing; an org started on it again has them, with their
    /// ids. Beside it are a file that ends in `-lock` and, while the org runs, others that belong to it. `None`: a
    /// temporary file, deleted when the org stops.
    pub data: Option<PathBuf>,
}

/// How long a job stays in each state, besides the time its rows take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// In `UploadComplete`, before processing.
    pub queued: Duration,
    /// In `InProgress`, after each chunk of 200 rows.
    pub per_chunk: Duration,
    /// In `InProgress`, after the last chunk.
    pub finishing: Duration,
}

impl Pace {
    /// Half of `whole` before processing, half after.
    pub fn of(whole: Duration) -> Self {
        Self {
            queued: whole / 2,
            per_chunk: Duration::ZERO,
            finishing: whole / 2,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::of(Duration::from_millis(100))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            access_token: None,
            client_id: "stevedore-rehearsal".to_owned(),
            client_secret: random_text(32),
            password: random_text(24),
            refresh_token: random_text(64),
            jwt_key: None,
            pace: Pace::default(),
            seed: 0,
            tls: false,
            schema: Schema::standard(),
            data: None,
        }
    }
}

/// Shows no secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("port", &self.port)
            .field("access_token", &self.access_token.as_ref().map(|_| "…"))
            .field("client_id", &self.client_id)
            .field("client_secret", &"…")
            .field("password", &"…")
            .field("refresh_token", &"…")
            .field("jwt_key", &self.jwt_key.as_ref().map(|_| "…"))
            .field("pace", &self.pace)
            .field("seed", &self.seed)
            .field("tls", &self.tls)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// Letters and digits from the system's randomness.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
