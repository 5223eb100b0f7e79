//! From bytes to events, after the HTML standard, section 9.2.6. It knows no connection, so that each row of a table tests
//! it.

use std::time::Duration;

use bytes::{Buf, Bytes};

/// Reads events from pieces that end anywhere.
pub(super) struct Parser {
    /// What came and is not read yet.
    chunk: Bytes,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// The last line ended with a carriage return, which a line feed may follow.
    after_return: bool,
    is_first_line: bool,
    /// The lines of data of the event, each with a line feed.
    data: Vec<u8>,
    event: String,
    id: Option<String>,
    last_id: String,
    retry_after: Option<Duration>,
    /// The longest event, in bytes.
    event_max: usize,
}

/// An event as it stands in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawEvent {
    pub(super) data: String,
    pub(super) event: Option<String>,
    pub(super) id: Option<String>,
}

/// An event is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    pub(super) limit: usize,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Parser {
    pub(super) fn new(event_max: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            line: Vec::new(),
            after_return: false,
            is_first_line: true,
            data: Vec::new(),
            event: String::new(),
            id: None,
            last_id: String::new(),
            retry_after: None,
            event_max,
        }
    }

    /// Begins with another connection, of which the last identifier and the wait are still known.
    pub(super) fn restart(&mut self) {
        *self = Self {
            last_id: std::mem::take(&mut self.last_id),
            retry_after: self.retry_after,
            ..Self::new(self.event_max)
        };
    }

    pub(super) fn last_id(&self) -> &str {
        &self.last_id
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Takes a piece, once all events of the last were taken.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    /// The next event that is complete.
    pub(super) fn next(&mut self) -> Result<Option<RawEvent>, TooLong> {
        while let Some(first) = self.chunk.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                self.chunk.advance(1);
                continue;
            }
            let end = self
                .chunk
                .iter()
                .position(|byte| matches!(byte, b'\r' | b'\n'));
            let length = end.unwrap_or(self.chunk.len());
            let so_far = self.data.len() + self.event.len() + self.line.len();
            if so_far + length > self.event_max {
                let limit = self.event_max;
                return Err(TooLong { limit });
            }
            let part = self.chunk.split_to(length);
            if end.is_none() {
                self.line.extend_from_slice(&part);
                return Ok(None);
            }
            self.after_return = self.chunk.get_u8() == b'\r';
            if let Some(event) = self.complete(&part) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn complete(&mut self, end: &[u8]) -> Option<RawEvent> {
        // Most lines lie within one piece, which then needs no copy.
        let mut buffer = std::mem::take(&mut self.line);
        let mut line = end;
        if !buffer.is_empty() {
            buffer.extend_from_slice(end);
            line = &buffer;
        }
        if std::mem::take(&mut self.is_first_line) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        self.field(name, value.strip_prefix(b" ").unwrap_or(value));
        None
    }

    /// Takes a field. A line that begins with a colon is a comment: a field without a name, which nobody knows.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.event = text(value.to_vec()),
            b"id" if !value.contains(&0) => {
                let id = text(value.to_vec());
                self.last_id.clone_from(&id);
                self.id = Some(id);
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                // Only digits, so that what does not fit is too large.
                let ms = text(value.to_vec()).parse().unwrap_or(u64::MAX);
                self.retry_after = Some(Duration::from_millis(ms));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<RawEvent> {
        let mut data = std::mem::take(&mut self.data);
        let (event, id) = (std::mem::take(&mut self.event), self.id.take());
        data.pop()?;
        Some(RawEvent {
            data: text(data),
            event: Some(event).filter(|event| !event.is_empty()),
            id: id.filter(|id| !id.is_empty()),
        })
    }
}

/// Text, with what is not UTF-8 replaced, as the standard decodes it.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// All events, written as `event#id=data`.
    fn read(pieces: &[&[u8]]) -> (Vec<String>, Parser) {
        let mut parser = Parser::new(1_000);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(Bytes::copy_from_slice(piece));
            while let Some(RawEvent { data, event, id }) = parser.next().unwrap() {
                let (event, id) = (event.unwrap_or_default(), id.unwrap_or_default());
                events.push(format!("{event}#{id}={data}"));
            }
        }
        (events, parser)
    }

    #[test]
    fn events_are_read_as_the_standard_says_wherever_the_pieces_end() {
        for (stream, expected) in [
            // The examples of the standard.
            (
                "data: YHOO\ndata: +2\ndata: 10\n\n",
                &["#=YHOO\n+2\n10"][..],
            ),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
                &["#1=first event", "#=second event"],
            ),
            ("data\n\ndata\ndata\n\ndata:", &["#=", "#=\n"]),
            ("data:test\n\ndata: test\n\n", &["#=test", "#=test"]),
            // Ends of lines, one of them of both characters.
            (
                "data: a\r\rdata: b\r\n\r\ndata: c\n\n",
                &["#=a", "#=b", "#=c"],
            ),
            ("data: a\r\n\rdata: b\n\r", &["#=a", "#=b"]),
            ("\r\n\r\ndata: a\r\n\r\n", &["#=a"]),
            // A mark at the beginning, and nowhere else.
            ("\u{feff}data: a\n\ndata: b\n\n", &["#=a", "#=b"]),
            ("data: a\n\n\u{feff}data: b\n\n", &["#=a"]),
            ("\u{feff}\u{feff}data: a\n\n", &[]),
            // Types are forgotten with their event, even where it says nothing.
            ("event: x\n\ndata: a\n\n", &["#=a"]),
            ("event: x\ndata: a\n\ndata: b\n\n", &["x#=a", "#=b"]),
            ("event: x\nevent\ndata: a\n\n", &["#=a"]),
            // Names are exact, and unknown ones are passed over.
            ("Data: a\n data: b\ndatum: c\ndata : d\n\n", &[]),
            ("data: a: b\ndata:\u{e4}\n\n", &["#=a: b\n\u{e4}"]),
            ("id: 7\0\ndata: a\n\n", &["#=a"]),
            ("", &[]),
            ("data: a", &[]),
            ("data: a\n", &[]),
        ] {
            for at in 0..=stream.len() {
                let (before, after) = stream.as_bytes().split_at(at);
                assert_eq!(read(&[before, after]).0, expected, "{stream:?} at {at}");
            }
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes).0, expected, "{stream:?} byte by byte");
        }
    }

    #[test]
    fn the_last_identifier_and_the_wait_stay_known() {
        for (stream, id, ms) in [
            ("id: 1\ndata: a\n\ndata: b\n\n", "1", None),
            ("id: 1\n\nid: 2\0\n\n", "1", None),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", "", None),
            ("retry: 1500\n", "", Some(1_500)),
            (
                "retry: 1500\nretry: 1s\nretry: -1\nretry:\n",
                "",
                Some(1_500),
            ),
            ("retry: 99999999999999999999\n", "", Some(u64::MAX)),
        ] {
            let (_, mut parser) = read(&[stream.as_bytes()]);
            parser.restart();
            let wait = ms.map(Duration::from_millis);
            assert_eq!(
                (parser.last_id(), parser.retry_after()),
                (id, wait),
                "{stream:?}"
            );
        }
    }

    #[test]
    fn what_is_not_utf_8_is_replaced() {
        assert_eq!(read(&[b"data: a\xffb\n\n"]).0, ["#=a\u{fffd}b"]);
    }

    #[test]
    fn an_event_up_to_the_limit_is_read_and_a_longer_one_is_not() {
        let too_long = Err(TooLong { limit: 12 });
        for (pieces, is_read) in [
            (&["data: 123456\n\n"][..], true),
            (&["data: 1\ndata: 1234\n\n"], true),
            (&["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"], true),
            (&["data: 1234567\n\n"], false),
            (&["data: 12", "34567"], false),
            (&["data: 1\ndata: 12345\n\n"], false),
            (&[": a comment without end"], false),
        ] {
            let mut parser = Parser::new(12);
            let mut read = Ok(None);
            for piece in pieces {
                parser.push(Bytes::copy_from_slice(piece.as_bytes()));
                while let Ok(Some(_)) = &{
                    read = parser.next();
                    &read
                } {}
            }
            assert_eq!(read == too_long, !is_read, "{pieces:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_do_not_matter(
            stream in "(data|id|event|retry|:|\u{feff}|[ 0-9a\r\n\n\u{0}\u{e4}]){0,60}",
            cuts in vec(0..200_usize, 0..6),
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let (whole, known) = read(&[bytes]);
            let (parts, parser) = read(&pieces);
            prop_assert_eq!(whole, parts);
            prop_assert_eq!(known.last_id(), parser.last_id());
            prop_assert_eq!(known.retry_after(), parser.retry_after());
        }
    }
}
