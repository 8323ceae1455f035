//! An envelope as an AMQP message: identity in the headers, records packed in the body.
//! A message that anybody may have published is read here with suspicion; the reason it can't be read is for people.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use model::{Attempt, ChunkNumber, ChunkRef, Envelope, Kind, RunId};

use super::packing;
use crate::readable;

const VERSION: &str = "version";
const KIND: &str = "kind";
const RUN: &str = "run";
const OBJECT: &str = "object";
const CHUNK: &str = "chunk";
const ATTEMPT: &str = "attempt";
const TRACEPARENT: &str = "traceparent";

/// Kept on disk by the broker.
const PERSISTENT: u8 = 2;

pub(crate) const JSON: &str = "application/json";

pub(crate) fn properties(content_type: &str, headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers)
}

pub(crate) fn write(envelope: &Envelope) -> BasicProperties {
    let content_type = match envelope.kind {
        Kind::Extract | Kind::Picked | Kind::Report | Kind::Reconcile => JSON,
        Kind::Extracted | Kind::Mapped => "application/vnd.apache.arrow.stream",
        Kind::Outcome | Kind::Keys => "application/octet-stream",
    };
    let mut headers = FieldTable::default();
    let mut number = |name: &str, value: i64| {
        headers.insert(name.into(), AMQPValue::LongLongInt(value));
    };
    number(VERSION, envelope.version.into());
    number(CHUNK, envelope.chunk.chunk.0);
    number(ATTEMPT, envelope.attempt.0);
    let mut text = |name: &str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text(KIND, envelope.kind.as_str());
    text(RUN, envelope.chunk.run.as_str());
    text(OBJECT, &envelope.chunk.object);
    if let Some(traceparent) = &envelope.traceparent {
        text(TRACEPARENT, traceparent);
    }
    properties(content_type, headers)
}

/// Reads a message, or says why it can't be one of ours.
pub(crate) fn read(
    properties: &BasicProperties,
    body: Bytes,
    max_body: usize,
) -> Result<Envelope, String> {
    readable::size(body.len(), max_body)?;
    let headers = Headers(properties.headers().as_ref());
    let version = headers.integer(VERSION)?;
    let version = u16::try_from(version)
        .map_err(|_| format!("the header `{VERSION}` is {version}, which is no version"))?;
    // Before all else: what follows is of another version then, and may look otherwise.
    readable::version(version)?;
    let encoding = properties.content_encoding().as_ref();
    let encoding = encoding.map(ShortString::as_str);
    let kind = headers.text(KIND)?;
    let kind = Kind::parse(kind).ok_or_else(|| {
        format!(
            "unknown kind `{}`",
            kind.chars().take(40).collect::<String>()
        )
    })?;
    Ok(Envelope {
        version,
        kind,
        chunk: ChunkRef {
            run: RunId::new(headers.text(RUN)?),
            object: headers.text(OBJECT)?.to_owned(),
            chunk: ChunkNumber(headers.integer(CHUNK)?),
        },
        attempt: Attempt(headers.integer(ATTEMPT)?),
        // Only for tracing; a broken one is no reason not to move records.
        traceparent: headers.text(TRACEPARENT).ok().map(str::to_owned),
        body: packing::unpack(body, encoding, max_body)?,
    })
}

/// What an unreadable message says about itself, for the log.
pub(crate) fn claimed_identity(properties: &BasicProperties) -> String {
    let headers = Headers(properties.headers().as_ref());
    let text = |name| headers.text(name).unwrap_or("?");
    let number = |name| {
        headers
            .integer(name)
            .map_or_else(|_| "?".to_owned(), |number| number.to_string())
    };
    format!(
        "{} {}/{}/{} attempt {}",
        text(KIND),
        text(RUN),
        text(OBJECT),
        number(CHUNK),
        number(ATTEMPT)
    )
}

pub(crate) struct Headers<'a>(pub(crate) Option<&'a FieldTable>);

impl<'a> Headers<'a> {
    fn get(&self, name: &str) -> Result<&'a AMQPValue, String> {
        self.0
            .and_then(|headers| headers.inner().get(name))
            .ok_or_else(|| format!("the header `{name}` is missing"))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, String> {
        let wrong = || format!("the header `{name}` is not a text");
        match self.get(name)? {
            AMQPValue::LongString(text) => {
                std::str::from_utf8(text.as_bytes()).map_err(|_| wrong())
            }
            AMQPValue::ShortString(text) => Ok(text.as_str()),
            _ => Err(wrong()),
        }
    }

    fn integer(&self, name: &str) -> Result<i64, String> {
        match self.get(name)? {
            AMQPValue::ShortShortInt(number) => Ok((*number).into()),
            AMQPValue::ShortShortUInt(number) => Ok((*number).into()),
            AMQPValue::ShortInt(number) => Ok((*number).into()),
            AMQPValue::ShortUInt(number) => Ok((*number).into()),
            AMQPValue::LongInt(number) => Ok((*number).into()),
            AMQPValue::LongUInt(number) => Ok((*number).into()),
            AMQPValue::LongLongInt(number) => Ok(*number),
            _ => Err(format!("the header `{name}` is not an integer")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let chunk = ChunkRef {
            run: RunId::new("r1"),
            object: "ลูกค้า".into(),
            chunk: ChunkNumber(7),
        };
        let mut envelope = Envelope::new(Kind::Mapped, chunk, Attempt(2), vec![1, 2, 3]);
        envelope.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        envelope
    }

    fn without(name: &str) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (key, value) in write(&envelope()).headers().as_ref().unwrap().inner() {
            if key.as_str() != name {
                headers.insert(key.clone(), value.clone());
            }
        }
        properties(JSON, headers)
    }

    #[test]
    fn an_envelope_comes_back_as_it_went() {
        let sent = envelope();
        let read = read(&write(&sent), sent.body.clone(), 3).unwrap();
        assert_eq!(read, sent);
    }

    #[test]
    fn every_header_but_the_trace_is_needed() {
        for name in [VERSION, KIND, RUN, OBJECT, CHUNK, ATTEMPT] {
            let reason = read(&without(name), Bytes::new(), 3).unwrap_err();
            assert_eq!(reason, format!("the header `{name}` is missing"));
        }
        assert_eq!(
            read(&without(TRACEPARENT), Bytes::new(), 3)
                .unwrap()
                .traceparent,
            None
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let mut unknown = envelope();
        unknown.version = 99;
        let reason = read(&write(&unknown), Bytes::new(), 3).unwrap_err();
        assert!(reason.contains("unknown version 99"), "{reason}");

        let mut headers = without(KIND).headers().clone().unwrap();
        headers.insert(KIND.into(), AMQPValue::LongString("dance".into()));
        let reason = read(&properties(JSON, headers), Bytes::new(), 3).unwrap_err();
        assert_eq!(reason, "unknown kind `dance`");

        let reason = read(&write(&envelope()), Bytes::from_static(b"four"), 3).unwrap_err();
        assert!(reason.contains("4 bytes, more than the 3"), "{reason}");
    }
}
