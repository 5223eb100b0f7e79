//! How parts are written one after the other, between lines that none of them holds.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dovetail_resilience::Chance;
use futures_core::Stream;
use http::HeaderValue;

use super::Part;
use crate::{
    body::{Body, BodyReader},
    error::InvalidRequest,
};

/// Writes the parts: the media type of the whole, and the whole.
pub(super) fn encode(
    subtype: &str,
    parts: Vec<Part>,
    chance: &Chance,
) -> Result<(String, Body), InvalidRequest> {
    let boundary = boundary(&parts, chance);
    let mut content_type = format!("multipart/{subtype}; boundary={boundary}");
    if subtype == "related" {
        // RFC 2387 asks for the type of the part that the others belong to, which is the first.
        let root = parts.first().and_then(|part| part.content_type.as_deref());
        let root = root.unwrap_or("text/plain").replace('"', "");
        content_type.push_str(&format!("; type=\"{root}\""));
    }
    let mut segments = Vec::with_capacity(2 * parts.len() + 1);
    for part in parts {
        segments.push(Body::from(head(&boundary, &part)?));
        segments.push(part.content);
        segments.push(Body::from("\r\n"));
    }
    segments.push(Body::from(format!("--{boundary}--\r\n")));
    Ok((content_type, join(&segments, boundary)))
}

/// Draws a boundary that no part holds, as far as the parts are there to look.
fn boundary(parts: &[Part], chance: &Chance) -> String {
    loop {
        let boundary = format!("dovetail-{:016x}{:016x}", chance.bits(), chance.bits());
        let holds = |part: &Part| {
            let content = part.content.as_bytes();
            content.is_some_and(|content| contains(content, boundary.as_bytes()))
        };
        // Each draw is another one, so that this ends as soon as the contents do not hold all of them.
        if !parts.iter().any(holds) {
            return boundary;
        }
    }
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|window| window == text)
}

/// Writes what stands before the content of a part.
fn head(boundary: &str, part: &Part) -> Result<String, InvalidRequest> {
    let name = escape(&part.name);
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
    if let Some(file_name) = &part.file_name {
        head.push_str(&format!("; filename=\"{}\"", escape(file_name)));
    }
    if let Some(content_type) = &part.content_type {
        // Anything else could end the line and begin another header, or the content.
        if HeaderValue::from_str(content_type).is_err() {
            return Err(InvalidRequest::Header("content-type".to_owned()));
        }
        head.push_str(&format!("\r\nContent-Type: {content_type}"));
    }
    head.push_str("\r\n\r\n");
    Ok(head)
}

/// Escapes a name as the HTML standard does ("multipart/form-data encoding algorithm").
fn escape(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Puts bodies together: into bytes where all of them are, and into a stream otherwise.
fn join(segments: &[Body], boundary: String) -> Body {
    let length = segments.iter().try_fold(0_u64, |sum, segment| {
        segment.length().and_then(|length| sum.checked_add(length))
    });
    let bytes: Option<Vec<&[u8]>> = segments
        .iter()
        .map(|segment| segment.as_bytes().map(AsRef::as_ref))
        .collect();
    if let Some(bytes) = bytes {
        return bytes.concat().into();
    }
    let readers = segments.iter().map(|segment| {
        let is_checked = segment.as_bytes().is_some();
        (segment.read(), is_checked)
    });
    let body = Body::stream(Joined {
        readers: readers.collect(),
        boundary,
        tail: Vec::new(),
    });
    match length {
        Some(length) => body.with_length(length),
        None => body,
    }
}

/// One body after the other.
struct Joined {
    /// Those that are still to be read, and whether each is known not to hold the boundary.
    readers: VecDeque<(BodyReader, bool)>,
    boundary: String,
    /// The end of what was read of the first one: where a boundary may have begun.
    tail: Vec<u8>,
}

impl Stream for Joined {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some((reader, is_checked)) = self.readers.front_mut() {
            let is_checked = *is_checked;
            match ready!(Pin::new(reader).poll_next(context)) {
                Some(Ok(piece)) if !is_checked && self.holds_boundary(&piece) => {
                    self.readers.clear();
                    let message = "a part holds the boundary between parts";
                    return Poll::Ready(Some(Err(io::Error::other(message))));
                }
                Some(item) => return Poll::Ready(Some(item)),
                None => {
                    self.readers.pop_front();
                    self.tail.clear();
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Joined {
    /// Whether the boundary ends within the piece. Whoever foretold it could end a part and begin another.
    fn holds_boundary(&mut self, piece: &[u8]) -> bool {
        let boundary = self.boundary.as_bytes();
        let overlap = boundary.len() - 1;
        // Across the seam, and then within the piece.
        let tail_length = self.tail.len();
        self.tail
            .extend_from_slice(&piece[..piece.len().min(overlap)]);
        let holds = contains(&self.tail, boundary) || contains(piece, boundary);
        if piece.len() >= overlap {
            self.tail.clear();
            self.tail.extend_from_slice(&piece[piece.len() - overlap..]);
        } else {
            let excess = (tail_length + piece.len()).saturating_sub(overlap);
            self.tail.drain(..excess);
        }
        holds
    }
}
