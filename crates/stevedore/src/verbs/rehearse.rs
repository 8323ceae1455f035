//! `rehearse`: a rehearsal org on loopback.

use model::Failure;
use rehearsal_org::{RehearsalOrg, Schema, Settings};
use serde_json::json;

use super::follow::interrupted;
use crate::args::RehearseArgs;
use crate::exit;
use crate::output::Output;

pub(crate) async fn rehearse(output: &Output, args: RehearseArgs) -> Result<u8, Failure> {
    let mut schema = Schema::standard();
    for file in &args.schema {
        schema
            .add_file(file)
            .map_err(|error| Failure::usage("bad_schema_file", error.to_string()))?;
    }
    let settings = Settings {
        port: args.port,
        schema,
        data: args.data,
        tls: args.tls.is_some(),
        ..Settings::default()
    };
    let org = RehearsalOrg::start(settings).await.map_err(|error| {
        Failure::usage("no_rehearsal_org", error.to_string())
            .hint("name another port with --port, or 0 for any; or another file with --data")
    })?;
    for fault in args.fault {
        org.faults().order(fault);
    }
    if let (Some(file), Some(certificate)) = (&args.tls, org.authority()) {
        std::fs::write(file, certificate).map_err(|error| {
            let message = format!("can't write the certificate to {}: {error}", file.display());
            Failure::usage("no_certificate_file", message)
        })?;
    }
    let ca = args.tls.map(|file| file.display().to_string());
    let (url, token) = (org.url(), org.access_token().to_owned());
    let (id, secret) = (org.client_id().to_owned(), org.client_secret().to_owned());
    let mut told =
        json!({ "url": url, "access_token": token, "client_id": id, "client_secret": secret });
    if let Some(ca) = &ca {
        told["ca"] = json!(ca);
    }
    let ca = ca.map_or_else(String::new, |ca| format!("ORG_CA='{ca}'\n"));
    // The token last: who waits for it can read the rest.
    output.print(&told, || {
        format!(
            "{ca}ORG_URL={url}\nORG_CLIENT_ID='{id}'\nORG_CLIENT_SECRET='{secret}'\nORG_TOKEN='{token}'\n"
        )
    });
    interrupted().await;
    org.stop().await;
    Ok(exit::DONE)
}
