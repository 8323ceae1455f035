//! `serve [ROLE]…`: services until the process is told to end, then what is in hand is finished or handed back.

use std::process::Stdio;
use std::time::Duration;

use model::{Failure, Secret};
use service::{Layout, Line, Role, Settings};

use super::follow::interrupted;
use crate::embedded::{self, Want};
use crate::{exit, line};

pub(crate) async fn serve(settings: Settings, roles: &[String]) -> Result<u8, Failure> {
    let roles = parse(roles)?;
    match settings.layout()? {
        Layout::Embedded => {
            if roles.len() < Role::ALL.len() {
                return Err(Failure::usage("incomplete_settings", "the embedded line has no roles apart")
                    .hint("set STEVEDORE__BROKER__URL and STEVEDORE__DATABASE__URL for a distributed line"));
            }
            let reached = embedded::reach(settings, Want::Work).await?;
            let Some(serving) = reached.serving else {
                return Err(Failure::usage(
                    "folder_in_use",
                    format!(
                        "another process serves this folder, at {}",
                        reached.client.base()
                    ),
                )
                .hint("verbs find it by themselves"));
            };
            tracing::info!(api = reached.client.base(), "serves the embedded line");
            end(&serving.line).await;
            serving.leave().await;
        }
        Layout::Distributed => {
            let missing = || Failure::bug("a distributed line without its addresses");
            let database = settings.database.url.clone().ok_or_else(missing)?;
            let broker = settings.broker.url.clone().ok_or_else(missing)?;
            let connections = line::connections(&settings);
            let line = line::distributed(settings, &database, &broker).await?;
            if roles.contains(&Role::Coordinator) {
                let (listen, token) = (line.settings.api.listen, api_token(&line.settings)?);
                let address =
                    coordinator::serve(line.clone(), connections.clone(), listen, token).await?;
                tracing::info!(%address, "serves the API");
            }
            line::start(&line, &connections, &roles);
            let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
            tracing::info!(roles = names.join(" "), instance = %line.instance, "serves");
            end(&line).await;
            line.leave(line::GRACE).await?;
        }
    }
    Ok(exit::DONE)
}

/// Waits for a signal, or for a service that can't go on.
async fn end(line: &Line) {
    tokio::select! {
        () = interrupted() => tracing::info!("ends: work in hand is finished first"),
        () = line.ending.cancelled() => {}
    }
}

fn parse(roles: &[String]) -> Result<Vec<Role>, Failure> {
    if roles.is_empty() {
        return Ok(Role::ALL.to_vec());
    }
    roles
        .iter()
        .map(|name| {
            Role::parse(name).ok_or_else(|| {
                let known: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
                Failure::usage("unknown_role", format!("there is no role `{name}`"))
                    .hint(format!("roles are {}", known.join(", ")))
            })
        })
        .collect()
}

/// The token set; without one the API is only served on loopback, and nobody is told a token that nobody set.
fn api_token(settings: &Settings) -> Result<Secret, Failure> {
    settings.api.token.clone().ok_or_else(|| {
        Failure::usage(
            "no_api_token",
            "the API of a distributed line needs a token",
        )
        .hint("set STEVEDORE__API__TOKEN for the coordinator and for the CLI")
    })
}

/// Starts a process that serves the folder, and returns when it answers.
pub(crate) async fn in_background(settings: &Settings) -> Result<(), Failure> {
    let folder = &settings.folder;
    let failed = |error: std::io::Error| {
        Failure::usage(
            "no_background",
            format!("no process can be started in the background: {error}"),
        )
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let log = std::fs::File::create(folder.join("serve.log")).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = std::process::Command::new(program);
    command
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(failed)?;
    // It ends at once where another process serves the folder already, and that is as well.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _ = child.try_wait();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while tokio::time::Instant::now() < deadline {
        if let Some(client) = embedded::join_folder(folder).await {
            tracing::debug!(api = client.base(), "serves in the background");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::retry(
        "no_background",
        "the process in the background does not answer",
    )
    .hint(format!("its log is {}", folder.join("serve.log").display())))
}
