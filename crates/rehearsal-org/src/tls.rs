//! The org over TLS, for clients that speak nothing else: an authority made when the org starts signs a certificate
//! for this machine's own names, and its key is then forgotten.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::Error;

/// How long a client may take to greet.
const GREETING: Duration = Duration::from_secs(10);
/// Connections that have greeted and wait to be served.
const WAITING: usize = 64;

/// What a server needs, and what its clients must trust.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    /// The authority's certificate as PEM text.
    pub(crate) authority: String,
}

impl Identity {
    /// Makes an authority, and a certificate for 127.0.0.1 and localhost.
    pub(crate) fn make() -> Result<Self, Error> {
        let (signed, key, authority) = sign().map_err(|error| Error::Tls(Box::new(error)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_single_cert(vec![signed.der().clone()], key)
            })
            .map_err(|error| Error::Tls(Box::new(error)))?;
        Ok(Self {
            config: Arc::new(config),
            authority,
        })
    }

    /// Greets clients of a listener, each by itself, so that a slow one holds up nobody.
    pub(crate) fn listen(&self, listener: TcpListener) -> io::Result<TlsListener> {
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let (greeted, connections) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(accept(listener, acceptor, greeted));
        Ok(TlsListener {
            address,
            connections,
            accepting,
        })
    }
}

fn sign() -> Result<(rcgen::Certificate, KeyPair, String), rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    authority.distinguished_name.push(
        DnType::CommonName,
        "Stevedore rehearsal org, of this run only",
    );
    let authority_key = KeyPair::generate()?;
    let certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let names = ["127.0.0.1", "localhost", "::1"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "Stevedore rehearsal org");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let signed = server.signed_by(&key, &issuer)?;
    Ok((signed, key, certificate.pem()))
}

type Connection = (TlsStream<TcpStream>, SocketAddr);

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, greeted: mpsc::Sender<Connection>) {
    let mut listener = listener;
    loop {
        // Axum's own way, which waits where files run out.
        let (stream, address) = Listener::accept(&mut listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY on a connection");
        }
        let (acceptor, greeted) = (acceptor.clone(), greeted.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(GREETING, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // Nobody receives once the org has stopped.
                    let _ = greeted.send((stream, address)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a client did not greet as TLS wants it"),
                Err(_) => tracing::debug!("a client did not greet in time"),
            }
        });
    }
}

/// Connections that have greeted.
pub(crate) struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<Connection>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The accepting task never ends by itself.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
