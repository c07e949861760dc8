//! Splits a request's body into its messages.

use etappe_core::event::EventKind;
use etappe_core::json::skip;
use etappe_core::time::Timestamp;

use super::field::unquote;
use super::instant;
use super::message::read_message;
use super::surrogate::repair_surrogates;
use super::{Limits, Message, Reception, Rejection};

/// The body as a whole cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is empty.
    #[error("the body is empty")]
    Empty,
    /// The body is not a JSON object.
    #[error("the body is not a valid JSON object, at byte {at}")]
    Malformed {
        /// Where reading stopped.
        at: usize,
    },
    /// The body is an object without a list of messages.
    #[error("the body has no array `batch`")]
    MissingBatch,
    /// The body has more messages than allowed.
    #[error("the body holds more than {limit} messages")]
    TooManyMessages {
        /// How many messages are allowed.
        limit: usize,
    },
}

/// The position of a value in the body.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

/// A request's body: its messages, located but not read yet, and the members that apply to all of
/// them.
#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    messages: Vec<Span>,
    /// The kind of message, if the path states it.
    kind: Option<EventKind>,
    write_key: Option<String>,
    sent_at: Option<Timestamp>,
}

impl Body {
    /// Reads the body of a path that names the kind of message: the body is the message.
    ///
    /// # Errors
    /// [`BodyError`] when the bytes are not a JSON object.
    pub fn of_message(bytes: Vec<u8>, kind: EventKind) -> Result<Self, BodyError> {
        let mut body = Self::new(bytes, Some(kind));
        let envelope = body.envelope(0)?;
        body.messages.push(envelope.object);
        body.keep(&envelope);
        Ok(body)
    }

    /// Splits the body of a batch: `{"batch":[…],"sentAt":…,"writeKey":…}`. At most `limit`
    /// messages are allowed.
    ///
    /// # Errors
    /// [`BodyError`] when the bytes are not a JSON object with an array `batch`, or the array is
    /// too long.
    pub fn of_batch(bytes: Vec<u8>, limit: usize) -> Result<Self, BodyError> {
        let mut body = Self::new(bytes, None);
        let mut envelope = body.envelope(limit)?;
        body.messages = envelope.batch.take().ok_or(BodyError::MissingBatch)?;
        body.keep(&envelope);
        Ok(body)
    }

    fn new(mut bytes: Vec<u8>, kind: Option<EventKind>) -> Self {
        repair_surrogates(&mut bytes);
        Self {
            bytes,
            messages: Vec::new(),
            kind,
            write_key: None,
            sent_at: None,
        }
    }

    /// Returns the number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns whether there are no messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns the write key that the body states.
    #[must_use]
    pub fn write_key(&self) -> Option<&str> {
        self.write_key.as_deref()
    }

    /// Returns the memory that the body uses, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.messages.capacity() * size_of::<Span>()
    }

    /// Returns the size of the body's text in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the size in bytes of the message at `index` as sent; zero if there is none.
    #[must_use]
    pub fn message_bytes(&self, index: usize) -> usize {
        self.messages
            .get(index)
            .map_or(0, |span| span.end - span.start)
    }

    /// Reads the message at `index`.
    ///
    /// # Errors
    /// [`Rejection`] when the message cannot be accepted, or when there is none at `index`.
    pub fn message<'a>(
        &'a self,
        index: usize,
        reception: &'a Reception,
        limits: &Limits,
    ) -> Result<Message<'a>, Rejection<'a>> {
        let bytes = self
            .messages
            .get(index)
            .map_or(&[][..], |span| self.slice(*span));
        read_message(bytes, self.kind, index, self.sent_at, reception, limits)
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    fn text(&self, span: Span) -> Option<&str> {
        std::str::from_utf8(self.slice(span)).ok()
    }

    fn keep(&mut self, envelope: &Envelope) {
        let write_key = envelope
            .write_key
            .and_then(|span| self.text(span))
            .and_then(unquote);
        self.write_key = write_key.map(String::from).filter(|key| !key.is_empty());
        self.sent_at = envelope
            .sent_at
            .and_then(|span| instant::sent_at(self.text(span)));
    }

    /// Locates the required members of the outermost object; of equal names the last one counts.
    /// The elements of `batch` are located in the same pass, at most `limit`.
    fn envelope(&self, limit: usize) -> Result<Envelope, BodyError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let bytes = self.bytes.as_slice();
        let start = skip::space(
            bytes,
            if bytes.starts_with(BYTE_ORDER_MARK) {
                3
            } else {
                0
            },
        );
        let mut cursor = Cursor { bytes, at: start };
        if cursor.peek().is_none() {
            return Err(BodyError::Empty);
        }
        let mut envelope = Envelope::default();
        cursor.expect(b'{')?;
        cursor.skip_space();
        if cursor.peek() == Some(b'}') {
            cursor.at += 1;
        } else {
            loop {
                let name = cursor.span(|bytes, at| match bytes.get(at) {
                    Some(b'"') => skip::string(bytes, at),
                    _ => None,
                })?;
                cursor.expect(b':')?;
                cursor.skip_space();
                match (self.text(name).and_then(unquote).as_deref(), cursor.peek()) {
                    (Some("batch"), Some(b'[')) if self.kind.is_none() => {
                        envelope.batch = Some(cursor.elements(limit)?);
                    }
                    (name, _) => envelope.note(name, cursor.span(skip::value)?),
                }
                if cursor.comma_or(b'}')? {
                    break;
                }
            }
        }
        envelope.object = Span {
            start,
            end: cursor.at,
        };
        cursor.skip_space();
        if cursor.at == bytes.len() {
            Ok(envelope)
        } else {
            Err(cursor.malformed())
        }
    }
}

/// The members of the outermost object.
#[derive(Debug)]
struct Envelope {
    object: Span,
    batch: Option<Vec<Span>>,
    write_key: Option<Span>,
    sent_at: Option<Span>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            object: Span { start: 0, end: 0 },
            batch: None,
            write_key: None,
            sent_at: None,
        }
    }
}

impl Envelope {
    fn note(&mut self, name: Option<&str>, value: Span) {
        match name {
            Some("batch") => self.batch = None,
            Some("writeKey") => self.write_key = Some(value),
            Some("sentAt") => self.sent_at = Some(value),
            _ => {}
        }
    }
}

/// A position in the body.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        self.at = skip::space(self.bytes, self.at);
    }

    const fn malformed(&self) -> BodyError {
        BodyError::Malformed { at: self.at }
    }

    fn expect(&mut self, byte: u8) -> Result<(), BodyError> {
        self.skip_space();
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    /// Skips white space and then whatever `skip` skips.
    fn span(
        &mut self,
        skip: impl FnOnce(&[u8], usize) -> Option<usize>,
    ) -> Result<Span, BodyError> {
        self.skip_space();
        let start = self.at;
        self.at = skip(self.bytes, start).ok_or_else(|| self.malformed())?;
        Ok(Span {
            start,
            end: self.at,
        })
    }

    /// Skips a comma or `close`; returns whether it was `close`.
    fn comma_or(&mut self, close: u8) -> Result<bool, BodyError> {
        self.skip_space();
        let closed = match self.peek() {
            Some(b',') => false,
            Some(byte) if byte == close => true,
            _ => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(closed)
    }

    /// Locates the elements of the array that starts here, and skips it.
    fn elements(&mut self, limit: usize) -> Result<Vec<Span>, BodyError> {
        let mut elements = Vec::new();
        self.expect(b'[')?;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            let element = self.span(skip::value)?;
            if elements.len() == limit {
                return Err(BodyError::TooManyMessages { limit });
            }
            elements.push(element);
            if self.comma_or(b']')? {
                return Ok(elements);
            }
        }
    }
}
