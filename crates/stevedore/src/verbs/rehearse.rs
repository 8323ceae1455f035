//! `rehearse`: a rehearsal org on loopback.

use model::Failure;
use rehearsal_org::{RehearsalOrg, Settings};
use serde_json::json;

use super::follow::interrupted;
use crate::exit;
use crate::output::Output;

pub(crate) async fn rehearse(output: &Output, port: u16) -> Result<u8, Failure> {
    let settings = Settings {
        port,
        ..Settings::default()
    };
    let org = RehearsalOrg::start(settings).await.map_err(|error| {
        Failure::usage("no_rehearsal_org", error.to_string())
            .hint("name another port with --port, or 0 for any")
    })?;
    let (url, token) = (org.url(), org.access_token().to_owned());
    output.print(&json!({ "url": url, "access_token": token }), || {
        format!("ORG_URL={url}\nORG_TOKEN='{token}'\n")
    });
    interrupted().await;
    org.stop().await;
    Ok(exit::DONE)
}
