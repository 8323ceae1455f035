//! One try at a connection to RabbitMQ.
//! What comes back is a connection, or a reason that tells a refusal from a broker that isn't there.

use std::sync::Once;
use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{AMQPUriTcpExt, TLSConfig};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;
use tracing::subscriber::NoSubscriber;

use super::endpoint::Endpoint;

/// A broker that doesn't greet us within this time is not there.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(crate) struct NoConnection {
    /// The broker answered, and would not have us.
    pub(crate) refused: bool,
    pub(crate) reason: String,
}

pub(crate) async fn dial(endpoint: &Endpoint, name: &str) -> Result<Connection, NoConnection> {
    install_tls();
    let runtime = lapin::runtime::default_runtime().map_err(|error| no_connection(&error))?;
    let properties = ConnectionProperties::default()
        .with_connection_name(name.into())
        .with_client_property("product".into(), "Stevedore".into());
    let connecting = Connection::connector(
        endpoint.uri(),
        runtime,
        async |uri, runtime| {
            silence_this_thread();
            let stream = uri
                .connect_with_config_async(TLSConfig::default(), &runtime)
                .await?;
            Ok(stream)
        },
        properties,
    );
    match timeout(DEADLINE, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(no_connection(&error)),
        Err(_) => Err(NoConnection {
            refused: false,
            reason: format!("no AMQP greeting within {DEADLINE:.0?}"),
        }),
    }
}

/// lapin runs its I/O on a thread of its own, where this is called. It logs returned messages there with their
/// bodies, and with tracing on every frame, the one with the password too. What is worth knowing, we log ourselves.
fn silence_this_thread() {
    std::mem::forget(tracing::subscriber::set_default(NoSubscriber::new()));
}

fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the process has chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn no_connection(error: &lapin::Error) -> NoConnection {
    let refused = match error.kind() {
        ErrorKind::ProtocolError(error) => matches!(
            error.kind(),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        ),
        ErrorKind::AuthProviderError(_) => true,
        _ => false,
    };
    NoConnection {
        refused,
        reason: error.to_string(),
    }
}
