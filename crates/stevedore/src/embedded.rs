//! The embedded line: one process, a folder. The first process on a folder holds its lock and serves; every other finds it and joins.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use api::Client;
use control::Control;
use model::{Failure, Secret};
use serde::{Deserialize, Serialize};
use service::{Line, Role, Settings};
use tokio::time::Instant;

use crate::line;

/// How long another process may take from its lock to its first answer.
const START: Duration = Duration::from_secs(20);

/// A way to a coordinator, and the line behind it where this process is the one that serves it.
pub(crate) struct Reached {
    pub(crate) client: Client,
    pub(crate) serving: Option<Serving>,
}

/// This process serves the folder's line.
pub(crate) struct Serving {
    pub(crate) line: Line,
    /// Held until the process ends.
    _lock: File,
}

/// What a serving process tells those that join it.
#[derive(Serialize, Deserialize)]
struct Sign {
    url: String,
    token: String,
}

/// What a process wants of the folder's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// To look, or to write a wish down: no run is set going by it.
    Look,
    /// To work.
    Work,
}

/// Joins the process that serves the folder, or serves it.
pub(crate) async fn reach(settings: Settings, want: Want) -> Result<Reached, Failure> {
    let folder = settings.folder.clone();
    std::fs::create_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
    let deadline = Instant::now() + START;
    loop {
        if let Some(lock) = lock(&folder)? {
            let (line, client) = serve(settings, &folder, want).await?;
            let serving = Some(Serving { line, _lock: lock });
            return Ok(Reached { client, serving });
        }
        if let Some(client) = join_folder(&folder).await {
            return Ok(Reached {
                client,
                serving: None,
            });
        }
        if Instant::now() > deadline {
            return Err(Failure::retry(
                "folder_in_use",
                format!(
                    "another process holds {} and does not answer",
                    folder.display()
                ),
            )
            .hint("end it, or name another folder with STEVEDORE__FOLDER"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Serving {
    pub(crate) async fn leave(self) {
        if let Err(failure) = self.line.leave(line::GRACE).await {
            tracing::warn!(%failure, "ended with work in hand");
        }
    }
}

/// The process that serves the folder, if one answers.
pub(crate) async fn join_folder(folder: &Path) -> Option<Client> {
    let sign: Sign =
        serde_json::from_slice(&std::fs::read(folder.join("server.json")).ok()?).ok()?;
    let client = Client::new(&sign.url, Some(Secret::new(sign.token))).ok()?;
    client.health().await.ok()?;
    Some(client)
}

async fn serve(settings: Settings, folder: &Path, want: Want) -> Result<(Line, Client), Failure> {
    let folder = folder
        .canonicalize()
        .map_err(|error| unusable(folder, &error))?;
    let token = match &settings.api.token {
        Some(token) => token.clone(),
        None => token(&folder)?,
    };
    let control = Control::open_file(&folder.join("control.db")).await?;
    let listen = match want {
        Want::Work => settings.api.listen,
        // Nobody looks for it, and it is gone in a moment.
        Want::Look => SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    let connections = line::connections(&settings);
    let line = line::embedded(settings, control);
    let served = coordinator::serve(line.clone(), connections.clone(), listen, token.clone()).await;
    let address = match served {
        Ok(address) => address,
        // Another line on this machine has the usual port; ours is found by the folder.
        Err(_) if listen == service::ApiSettings::default().listen => {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            coordinator::serve(line.clone(), connections.clone(), any, token.clone()).await?
        }
        Err(failure) => return Err(failure),
    };
    let url = format!("http://{address}");
    // Who only looks is gone in a moment, and must not be joined.
    if want == Want::Work {
        // The lock is ours: who had work in hand here is gone.
        line.control.inherit().await?;
        line::start(&line, &connections, &Role::ALL);
        let sign = Sign {
            url: url.clone(),
            token: token.expose().to_owned(),
        };
        let sign = serde_json::to_vec(&sign)
            .map_err(|error| Failure::bug(format!("the sign does not serialise: {error}")))?;
        private(&folder.join("server.json"), &sign).map_err(|error| unusable(&folder, &error))?;
    }
    let client = Client::new(&url, Some(token))?;
    Ok((line, client))
}

/// The folder's lock; none while another process has it.
fn lock(folder: &Path) -> Result<Option<File>, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(|error| unusable(folder, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(folder, &error)),
    }
}

/// The folder's own token, made at first use.
fn token(folder: &Path) -> Result<Secret, Failure> {
    let path = folder.join("token");
    if let Ok(token) = std::fs::read_to_string(&path)
        && token.len() >= 32
    {
        return Ok(Secret::new(token));
    }
    let token = format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    );
    private(&path, token.as_bytes()).map_err(|error| unusable(folder, &error))?;
    Ok(Secret::new(token))
}

/// Writes a file that only its owner reads, whole or not at all.
fn private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

fn unusable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        "folder_unusable",
        format!("the folder {} can't be used: {error}", folder.display()),
    )
    .hint("name another with STEVEDORE__FOLDER")
}
