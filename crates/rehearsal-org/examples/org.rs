//! A rehearsal org by itself, for the tests of other clients: prints how to reach it as shell assignments, and runs
//! until it is interrupted. `org [--port N] [--tls CA.PEM] [--schema FILE]… [--fault FAULT]…`

use std::io::Write as _;
use std::path::Path;

use rehearsal_org::{Error, FaultPlan, RehearsalOrg, Settings, USERNAME};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::default();
    let mut faults = Vec::new();
    let mut authority = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        let value = value.ok_or_else(|| Error::Settings(format!("{name} needs a value")))?;
        match name.as_str() {
            "--tls" => {
                settings.tls = true;
                authority = Some(value);
            }
            "--port" => settings.port = value.parse()?,
            "--schema" => settings.schema.add_file(Path::new(&value))?,
            "--fault" => faults.push(FaultPlan::parse(&value)?),
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    let org = RehearsalOrg::start(settings).await?;
    for fault in faults {
        org.faults().order(fault);
    }
    let mut out = std::io::stdout();
    if let (Some(file), Some(certificate)) = (authority, org.authority()) {
        std::fs::write(&file, certificate)?;
        writeln!(out, "ORG_CA='{file}'")?;
    }
    writeln!(out, "ORG_URL={}", org.url())?;
    writeln!(out, "ORG_USERNAME={USERNAME}")?;
    writeln!(out, "ORG_PASSWORD='{}'", org.password())?;
    writeln!(out, "ORG_CLIENT_ID='{}'", org.client_id())?;
    writeln!(out, "ORG_CLIENT_SECRET='{}'", org.client_secret())?;
    writeln!(out, "ORG_TOKEN='{}'", org.access_token())?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    org.stop().await;
    Ok(())
}
