//! Where the broker is, with a form of it that may be shown.
//! The URL as it was given never leaves this file, for it may hold a password.

use lapin::uri::{AMQPScheme, AMQPUri};
use model::Secret;

use crate::Error;

/// Seconds between heartbeats; a connection that is silent for twice as long is given up.
const HEARTBEAT: u16 = 20;

/// AMQP's longest short string, in bytes.
pub(crate) const SHORT_STRING: usize = 255;

#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: AMQPUri,
    shown: String,
}

impl Endpoint {
    pub(crate) fn parse(url: &Secret) -> Result<Self, Error> {
        // The parser's own message is left out: it repeats the URL.
        let mut uri: AMQPUri = url.expose().parse().map_err(|_: String| {
            Error::Settings(
                "the broker's URL can't be read; it looks like amqp://user:password@host:5672/vhost, or amqps://… \
                 with TLS, and special characters in the password are percent-encoded (it is not shown here, for it \
                 may hold a password)"
                    .into(),
            )
        })?;
        // The parser knows no IPv6 address and would take localhost in its place.
        if let Some(address) = bracketed(url.expose()) {
            uri.authority.host = address;
        }
        if uri.vhost.len() > SHORT_STRING {
            return Err(Error::Settings(format!(
                "the virtual host in the broker's URL is longer than {SHORT_STRING} bytes"
            )));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let shown = shown(&uri);
        Ok(Self { uri, shown })
    }

    pub(crate) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }

    /// `amqp://user:[secret]@host:5672/vhost`
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

fn bracketed(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (address, _) = host.strip_prefix('[')?.split_once(']')?;
    Some(address.to_owned())
}

fn shown(uri: &AMQPUri) -> String {
    let scheme = match uri.scheme {
        AMQPScheme::AMQP => "amqp",
        AMQPScheme::AMQPS => "amqps",
    };
    let authority = &uri.authority;
    let vhost = match uri.vhost.as_str() {
        "/" => String::new(),
        vhost => format!("/{vhost}"),
    };
    format!(
        "{scheme}://{}:[secret]@{}:{}{vhost}",
        authority.userinfo.username, authority.host, authority.port
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let endpoint =
            Endpoint::parse(&Secret::new("amqps://ops:hunter2@rabbit:5671/crm")).unwrap();
        assert_eq!(endpoint.shown(), "amqps://ops:[secret]@rabbit:5671/crm");
        assert_eq!(endpoint.uri().authority.userinfo.password, "hunter2");
        assert_eq!(endpoint.uri().query.heartbeat, Some(HEARTBEAT));
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_repeated() {
        for url in [
            "hunter2:x@y",
            "http://hunter2@host",
            "amqp:hunter2",
            "hunter2",
        ] {
            let error = Endpoint::parse(&Secret::new(url))
                .err()
                .unwrap()
                .to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("amqp://user:password@host"), "{error}");
        }
    }

    #[test]
    fn an_ipv6_address_is_kept() {
        let endpoint = Endpoint::parse(&Secret::new("amqp://u:p@[::1]:5673/v")).unwrap();
        assert_eq!(endpoint.uri().authority.host, "::1");
        assert_eq!(endpoint.uri().authority.port, 5673);
    }

    #[test]
    fn the_virtual_host_may_be_left_out() {
        let endpoint = Endpoint::parse(&Secret::new("amqp://localhost")).unwrap();
        assert_eq!(endpoint.uri().vhost, "/");
    }
}
