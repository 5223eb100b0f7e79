//! One JSON document per line, and JSON text sequences (RFC 7464).

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use dovetail_wire::read_json;
use futures_core::Stream;
use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::ByteStream;
use crate::error::{DecodeError, Failure, FailureKind};

/// The lines of an answer, each read as JSON. Empty lines are skipped, and so are the record separators of a JSON text
/// sequence.
///
/// A line that does not decode is an error item, and the stream goes on. A line that is longer than the client allows
/// ends it, as a broken connection does.
pub struct LineStream<T> {
    bytes: ByteStream,
    splitter: Splitter,
    read: fn(&[u8]) -> Result<T, DecodeError>,
}

impl<T: DeserializeOwned> LineStream<T> {
    pub(crate) fn new(bytes: ByteStream, line_max: usize) -> Self {
        Self {
            bytes,
            splitter: Splitter::new(line_max),
            read: read_json,
        }
    }
}

impl<T> LineStream<T> {
    pub(crate) const fn bytes(&self) -> &ByteStream {
        &self.bytes
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.bytes.status()
    }

    /// The headers of the answer.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        self.bytes.headers()
    }

    /// The next document, or nothing at the end.
    pub async fn next(&mut self) -> Option<Result<T, Failure>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Failure>>> {
        loop {
            match self.splitter.next() {
                Ok(Some(line)) => return Poll::Ready(Some(self.decode(&line))),
                Ok(None) => {}
                Err(TooLong) => {
                    self.bytes.close();
                    let limit = self.splitter.line_max;
                    let kind = FailureKind::BodyTooLarge { limit };
                    return Poll::Ready(Some(Err(self.bytes.failure(kind))));
                }
            }
            match ready!(self.bytes.poll(context)) {
                Some(Ok(chunk)) => self.splitter.push(chunk),
                Some(Err(failure)) => {
                    // What came of the line before the connection broke is no line.
                    self.splitter.clear();
                    return Poll::Ready(Some(Err(failure)));
                }
                None => {
                    let rest = self.splitter.rest();
                    return Poll::Ready(rest.map(|line| self.decode(&line)));
                }
            }
        }
    }

    fn decode(&self, line: &[u8]) -> Result<T, Failure> {
        (self.read)(line).map_err(|error| self.bytes.undecodable(error))
    }
}

impl<T> Stream for LineStream<T> {
    type Item = Result<T, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<T> fmt::Debug for LineStream<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LineStream")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Cuts pieces into lines.
struct Splitter {
    /// What came and is not cut yet.
    chunk: Bytes,
    /// A line whose end has not come.
    line: Vec<u8>,
    line_max: usize,
}

/// A line is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
struct TooLong;

/// What begins a document of a JSON text sequence (RFC 7464, section 2.2).
const RECORD_SEPARATOR: u8 = 0x1e;

impl Splitter {
    const fn new(line_max: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            line: Vec::new(),
            line_max,
        }
    }

    /// Takes a piece, once all lines of the last were taken.
    fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    /// The next line that is complete and says something.
    fn next(&mut self) -> Result<Option<Bytes>, TooLong> {
        loop {
            // A separator ends a document that was cut off, which the sequence may hold.
            let is_end = |byte: &u8| matches!(*byte, b'\n' | RECORD_SEPARATOR);
            let end = self.chunk.iter().position(is_end);
            let length = end.unwrap_or(self.chunk.len());
            if self.line.len() + length > self.line_max {
                self.clear();
                return Err(TooLong);
            }
            let part = self.chunk.split_to(length);
            if end.is_none() {
                self.line.extend_from_slice(&part);
                return Ok(None);
            }
            self.chunk.advance(1);
            if let Some(line) = self.complete(part) {
                return Ok(Some(line));
            }
        }
    }

    /// What stands after the last end of a line.
    fn rest(&mut self) -> Option<Bytes> {
        self.complete(Bytes::new())
    }

    fn complete(&mut self, end: Bytes) -> Option<Bytes> {
        // Most lines lie within one piece, which then needs no copy.
        let line = if self.line.is_empty() {
            end
        } else {
            self.line.extend_from_slice(&end);
            std::mem::take(&mut self.line).into()
        };
        (!line.trim_ascii().is_empty()).then_some(line)
    }

    fn clear(&mut self) {
        self.chunk.clear();
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str], line_max: usize) -> Result<Vec<String>, TooLong> {
        let mut splitter = Splitter::new(line_max);
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.push(Bytes::copy_from_slice(piece.as_bytes()));
            while let Some(line) = splitter.next()? {
                lines.push(line);
            }
        }
        lines.extend(splitter.rest());
        let text = |line: Bytes| String::from_utf8(line.to_vec()).unwrap();
        Ok(lines.into_iter().map(text).collect())
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        for (text, expected) in [
            ("1\n2\n", &["1", "2"][..]),
            ("1\n2", &["1", "2"]),
            ("\n\n 1\n \n2\n\n", &[" 1", "2"]),
            ("1\r\n2\r\n", &["1\r", "2\r"]),
            ("\x1e1\n\x1e2\n", &["1", "2"]),
            ("\x1e{\n\x1e2\n", &["{", "2"]),
            ("\x1e[\x1e2\n", &["[", "2"]),
            ("", &[]),
            ("\x1e\x1e\n", &[]),
        ] {
            for at in 0..=text.len() {
                let (before, after) = text.split_at(at);
                assert_eq!(lines(&[before, after], 100).unwrap(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_line_up_to_the_limit_is_read_and_a_longer_one_is_not() {
        for (pieces, is_read) in [
            (&["1234\n"][..], true),
            (&["12", "34", "\n1234"], true),
            (&["12345\n"], false),
            (&["12345"], false),
            (&["123", "45"], false),
        ] {
            assert_eq!(lines(pieces, 4).is_ok(), is_read, "{pieces:?}");
        }
    }
}
