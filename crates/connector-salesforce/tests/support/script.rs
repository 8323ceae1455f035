//! A server that follows a script instead of being an org.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server says to the next call whose first line holds a text.
pub struct Line {
    pub to: &'static str,
    pub answer: String,
    pub after: Duration,
}

pub fn line(to: &'static str, status: &str, body: &str) -> Line {
    Line {
        to,
        answer: format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        after: Duration::ZERO,
    }
}

pub struct Server {
    pub url: String,
    /// The first lines of the calls so far, with their bodies.
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    /// How many calls held a text in their first line.
    pub fn calls(&self, to: &str) -> usize {
        self.bodies(to).len()
    }

    /// What those calls brought.
    pub fn bodies(&self, to: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let those = calls.iter().filter(|(first, _)| first.contains(to));
        those.map(|(_, body)| body.clone()).collect()
    }
}

/// A server that follows a script, each line once; what the script does not have gets 404.
pub async fn serve(script: Vec<Line>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&calls);
    let here = url.clone();
    tokio::spawn(async move {
        let mut script: VecDeque<Line> = script.into();
        while let Ok((mut stream, _)) = listener.accept().await {
            let (first, body) = read(&mut stream).await;
            let place = script.iter().position(|line| first.contains(line.to));
            told.lock().unwrap().push((first, body));
            let line = place
                .and_then(|place| script.remove(place))
                .unwrap_or_else(|| line("", "404 Not Found", "[]"));
            tokio::time::sleep(line.after).await;
            // An address that was not known when the script was written, of the same length.
            let answer = line.answer.replace(HERE, &padded(&here));
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    Server { url, calls }
}

/// Stands in a script for the server's own address.
pub const HERE: &str = "http://here-here-here-here";

/// With spaces up to the length of its placeholder, so that lengths that were counted stay true.
fn padded(url: &str) -> String {
    assert!(url.len() <= HERE.len());
    format!("{url:<width$}", width = HERE.len())
}

/// The first line of a call, and its body.
async fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse()
                        .ok()
                })
                .next()
                .unwrap_or(0);
            if body.len() >= length {
                let first = head.lines().next().unwrap_or_default();
                return (first.to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => {
                return (
                    text.lines().next().unwrap_or_default().to_owned(),
                    String::new(),
                );
            }
        }
    }
}
