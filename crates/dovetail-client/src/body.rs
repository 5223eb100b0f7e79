//! Bodies of requests: bytes, which can be sent as often as needed, or a stream, which can be read once.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;

/// The body of a request, or of one part of a form.
///
/// Clones of a stream share it, and whoever reads first has it. A call with such a body is therefore sent once at most:
/// it is only tried again where nothing of the body was read yet.
///
/// ```
/// # use dovetail_client::Body;
/// assert_eq!(Body::from("text").length(), Some(4));
/// let lines = futures::stream::iter(["a\n", "b\n"].map(|line| Ok(line.into())));
/// assert_eq!(Body::stream(lines).with_length(4).length(), Some(4));
/// ```
#[derive(Clone)]
pub struct Body(Content);

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    Stream {
        source: Arc<Source>,
        /// How many bytes will come, where that is known.
        length: Option<u64>,
    },
}

/// A stream and how far it came.
struct Source {
    /// Locked for as long as one poll takes, by the one who reads.
    stream: Mutex<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
    begun: AtomicBool,
    failed: AtomicBool,
}

impl Body {
    /// A body that comes piece by piece. It is sent in chunks unless its length is known.
    #[must_use]
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let source = Source {
            stream: Mutex::new(Box::pin(stream)),
            begun: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        };
        Self(Content::Stream {
            source: Arc::new(source),
            length: None,
        })
    }

    /// The same, announced with its length in bytes. A stream that turns out shorter or longer breaks the request. The
    /// length of bytes is known anyway.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Self {
        if let Content::Stream { length, .. } = &mut self.0 {
            *length = Some(bytes);
        }
        self
    }

    /// The bytes, unless it is a stream.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::Stream { .. } => None,
        }
    }

    /// Its length in bytes, where it is known before it is read.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Stream { length, .. } => *length,
        }
    }

    /// Reads it, for transports. Of a stream, only the first reader sees anything; every other has an error.
    #[must_use]
    pub fn read(&self) -> BodyReader {
        BodyReader(match &self.0 {
            Content::Bytes(bytes) => Reading::Bytes(bytes.clone()),
            Content::Stream { source, length } => Reading::Stream {
                source: Arc::clone(source),
                is_first: false,
                left: *length,
            },
        })
    }

    /// Whether it is known to be empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// Whether it is a stream of which something was read, so that it cannot be sent any more.
    pub(crate) fn is_spent(&self) -> bool {
        match &self.0 {
            Content::Bytes(_) => false,
            Content::Stream { source, .. } => source.begun.load(Ordering::Acquire),
        }
    }

    /// Whether it is a stream that broke by itself, which says nothing about who it was sent to.
    pub(crate) fn has_failed(&self) -> bool {
        match &self.0 {
            Content::Bytes(_) => false,
            Content::Stream { source, .. } => source.failed.load(Ordering::Acquire),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self(Content::Bytes(Bytes::new()))
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Content::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be anything that no log should hold.
        let name = match &self.0 {
            Content::Bytes(_) => "Bytes",
            Content::Stream { .. } => "Stream",
        };
        formatter
            .debug_struct(name)
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

/// The pieces of a [`Body`]. After an error there are no more.
pub struct BodyReader(Reading);

enum Reading {
    Bytes(Bytes),
    Stream {
        source: Arc<Source>,
        is_first: bool,
        /// How many bytes are still to come, where that is known.
        left: Option<u64>,
    },
    Ended,
}

impl Stream for BodyReader {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match &mut self.0 {
            Reading::Ended => return Poll::Ready(None),
            Reading::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Reading::Ended;
                return Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)));
            }
            Reading::Stream {
                source,
                is_first,
                left,
            } => {
                if !*is_first {
                    *is_first = !source.begun.swap(true, Ordering::AcqRel);
                }
                if *is_first {
                    ready!(source.poll(left, context))
                } else {
                    let message = "a streamed body can be sent only once";
                    Some(Err(io::Error::other(message)))
                }
            }
        };
        if !matches!(item, Some(Ok(_))) {
            self.0 = Reading::Ended;
        }
        Poll::Ready(item)
    }
}

impl Source {
    fn poll(
        &self,
        left: &mut Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let item = match (ready!(stream.as_mut().poll_next(context)), &mut *left) {
            (Some(Ok(bytes)), Some(left)) => match left.checked_sub(bytes.len() as u64) {
                Some(rest) => {
                    *left = rest;
                    Some(Ok(bytes))
                }
                None => Some(Err(wrong_length("longer"))),
            },
            (None, Some(1..)) => Some(Err(wrong_length("shorter"))),
            (item, _) => item,
        };
        if matches!(item, Some(Err(_))) {
            self.failed.store(true, Ordering::Release);
        }
        Poll::Ready(item)
    }
}

fn wrong_length(how: &str) -> io::Error {
    let message = format!("the streamed body is {how} than was said");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BodyReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    fn streamed(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from(*piece))).collect();
        Body::stream(stream::iter(pieces))
    }

    async fn read(body: &Body) -> Result<String, io::Error> {
        let mut text = String::new();
        let mut reader = body.read();
        while let Some(piece) = reader.next().await {
            text.push_str(std::str::from_utf8(&piece?).unwrap());
        }
        Ok(text)
    }

    #[tokio::test]
    async fn bytes_are_read_as_often_as_asked_and_a_stream_once() {
        let bytes = Body::from("ab");
        let stream = streamed(&["a", "b"]);
        let unread = stream.clone().read();
        for body in [&bytes, &stream] {
            assert!(!body.is_spent());
            assert_eq!(read(body).await.unwrap(), "ab");
        }
        assert!(!bytes.is_spent() && stream.is_spent());
        assert_eq!(read(&bytes).await.unwrap(), "ab");
        assert!(read(&stream).await.is_err() && !stream.has_failed());
        drop(unread);
    }

    #[tokio::test]
    async fn a_reader_that_never_read_leaves_the_stream_to_the_next() {
        let body = streamed(&["a"]);
        drop(body.read());
        assert!(!body.is_spent());
        assert_eq!(read(&body).await.unwrap(), "a");
    }

    #[tokio::test]
    async fn a_stream_keeps_the_length_that_was_said() {
        for (length, is_kept) in [(3, false), (4, true), (5, false)] {
            let body = streamed(&["ab", "cd"]).with_length(length);
            assert_eq!(read(&body).await.is_ok(), is_kept, "{length}");
            assert_eq!(body.has_failed(), !is_kept);
        }
    }
}
