//! A wire to a server that a test can hold: from a certain message on, what is sent waits in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Wire {
    authority: String,
    held: watch::Sender<Option<&'static str>>,
    waiting: Arc<AtomicUsize>,
}

impl Wire {
    /// A wire to the server of a URL like `postgres://user@host:port/database`.
    pub(crate) async fn to(url: &str) -> Self {
        let options: sqlx::postgres::PgConnectOptions = url.parse().expect("a url");
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let authority = listener.local_addr().expect("an address").to_string();
        let (held, holding) = watch::channel(None);
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = waiting.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server");
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                let sent = forward(from_client, to_server, holding.clone(), count.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = sent => {}
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                    }
                });
            }
        });
        Self {
            authority,
            held,
            waiting,
        }
    }

    /// The URL by way of the wire, unencrypted, for messages are read there.
    pub(crate) fn url(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a url");
        let (authority, database) = rest.split_once('/').expect("a database");
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        let sign = if database.contains('?') { '&' } else { '?' };
        format!(
            "{scheme}://{user}@{}/{database}{sign}sslmode=disable",
            self.authority
        )
    }

    /// Holds every connection at its next message that has this text.
    pub(crate) fn hold_at(&self, text: &'static str) {
        self.held.send_replace(Some(text));
    }

    pub(crate) fn let_go(&self) {
        self.held.send_replace(None);
    }

    /// How many connections are held.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut held: watch::Receiver<Option<&'static str>>,
    waiting: Arc<AtomicUsize>,
) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut piece).await {
        let text = String::from_utf8_lossy(&piece[..bytes]);
        let is_held = held.borrow().is_some_and(|held| text.contains(held));
        if is_held {
            waiting.fetch_add(1, Ordering::SeqCst);
            let _ = held.wait_for(Option::is_none).await;
            waiting.fetch_sub(1, Ordering::SeqCst);
        }
        if to.write_all(&piece[..bytes]).await.is_err() {
            return;
        }
    }
}
