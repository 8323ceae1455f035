//! Bodies of messages that stay in hand for long: in an unnamed temporary file instead of in memory.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use bytes::Bytes;

/// Where a body is while its message is in hand.
#[derive(Default)]
pub(crate) struct Parked(Option<File>);

impl Parked {
    /// Moves a body away. Where no file can be written it stays where it is: it only takes memory there.
    pub(crate) fn park(&mut self, body: &mut Bytes) {
        if self.0.is_some() || body.is_empty() {
            return;
        }
        let put = || {
            let mut file = tempfile::tempfile()?;
            file.write_all(body)?;
            Ok::<File, std::io::Error>(file)
        };
        match put() {
            Ok(file) => {
                self.0 = Some(file);
                *body = Bytes::new();
            }
            Err(error) => tracing::debug!(%error, "a message in hand stays in memory"),
        }
    }

    /// Brings it back, if it is away.
    pub(crate) fn recall(&mut self, body: &mut Bytes) -> std::io::Result<()> {
        let Some(mut file) = self.0.take() else {
            return Ok(());
        };
        let mut read = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut read)?;
        *body = read.into();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_once_as_it_was() {
        let (mut parked, mut body) = (Parked::default(), Bytes::from_static(b"body"));
        parked.recall(&mut body).unwrap();
        assert_eq!(body, "body", "it was not away");
        parked.park(&mut body);
        assert!(body.is_empty());
        parked.recall(&mut body).unwrap();
        assert_eq!(body, "body");
    }
}
