//! What goes over the wire as a body: media types with their schemas, and the responses that carry them.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::at::At;
use super::reference::Kind;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{
    Header, Media, ParameterEncoding, ParameterLocation, PartEncoding, Response, StatusRange,
};
use crate::finding::Severity;

impl<'d> Reader<'d, '_> {
    /// The media types of a body.
    pub(super) fn content(&mut self, at: &At<'d>) -> Vec<Media> {
        let mut content = Vec::new();
        for (entry, media) in self.entries(at, "content") {
            if !self.spend(&media, size_of::<Media>() + entry.key.len()) {
                break;
            }
            if media.node.entries().is_none() {
                self.wrong_type(&media, "a mapping with `schema`", Severity::Error);
                continue;
            }
            // Since 3.2 a media type may be a reference.
            let Some(media) = self.follow(media, Kind::Media) else {
                continue;
            };
            let prefix = self.list(&media, "prefixEncoding");
            let prefix = prefix.iter().map(|part| self.part_encoding(part));
            let prefix_encoding = prefix.collect();
            let items = media.get("itemEncoding");
            content.push(Media {
                media_type: entry.key.clone(),
                span: entry.key_span,
                schema: self.schema_at(&media, "schema"),
                item_schema: self.schema_at(&media, "itemSchema"),
                encoding: self.part_encodings(&media),
                prefix_encoding,
                item_encoding: items.map(|items| Box::new(self.part_encoding(&items))),
                examples: self.examples(&media),
            });
        }
        content
    }

    /// The responses of an operation.
    pub(super) fn responses(&mut self, at: &At<'d>) -> Vec<Response> {
        let mut responses = Vec::new();
        let mut seen = HashSet::new();
        for (entry, declared) in self.entries(at, "responses") {
            if entry.key.starts_with("x-") || !self.spend(&declared, size_of::<Response>()) {
                continue;
            }
            let Some(status) = status_range(&entry.key) else {
                let message = format!("`{}` is no status", entry.key);
                self.files.push(
                    warning(&codes::INVALID_VALUE, entry.key_span, message)
                        .expected("a status such as `200`, a range such as `4XX`, or `default`"),
                );
                continue;
            };
            if !seen.insert(status) {
                let message = format!("the status {status} is declared twice");
                self.warn(&codes::DUPLICATE_KEY, entry.key_span, message);
                continue;
            }
            let Some(response) = self.follow(declared.clone(), Kind::Response) else {
                continue;
            };
            responses.push(Response {
                status,
                span: entry.key_span,
                summary: self.text(&response, "summary"),
                description: self.described(&declared, &response).unwrap_or_default(),
                headers: self.headers(&response),
                content: self.content(&response),
                links: self.links(&response),
            });
        }
        responses
    }

    /// The headers of a response, or of a part of a form.
    fn headers(&mut self, at: &At<'d>) -> IndexMap<String, Header> {
        let mut headers = IndexMap::new();
        for (entry, declared) in self.entries(at, "headers") {
            // The media type decides this one.
            if entry.key.eq_ignore_ascii_case("content-type") {
                continue;
            }
            if !self.spend(&declared, size_of::<Header>() + entry.key.len()) {
                break;
            }
            let Some(header) = self.follow(declared.clone(), Kind::Header) else {
                continue;
            };
            let content = self.entries(&header, "content").into_iter().next();
            let (encoding, schema) = match content {
                Some((media_type, media)) => (
                    ParameterEncoding::Content(media_type.key.clone()),
                    self.schema_at(&media, "schema"),
                ),
                None => (
                    self.styled(&header, ParameterLocation::Header),
                    self.schema_at(&header, "schema"),
                ),
            };
            let header = Header {
                span: entry.key_span,
                required: self.flag(&header, "required").unwrap_or(false),
                deprecated: self.note_flag(&header, "deprecated"),
                description: self.described(&declared, &header),
                encoding,
                schema,
                examples: self.examples(&header),
            };
            headers.insert(entry.key.clone(), header);
        }
        headers
    }

    fn part_encodings(&mut self, media: &At<'d>) -> IndexMap<String, PartEncoding> {
        let mut encodings = IndexMap::new();
        for (entry, encoding) in self.entries(media, "encoding") {
            encodings.insert(entry.key.clone(), self.part_encoding(&encoding));
        }
        encodings
    }

    fn part_encoding(&mut self, at: &At<'d>) -> PartEncoding {
        if !self.spend(at, size_of::<PartEncoding>()) {
            return PartEncoding::default();
        }
        PartEncoding {
            content_type: self.text(at, "contentType"),
            style: self.style(at),
            explode: self.flag(at, "explode"),
            allow_reserved: self.flag(at, "allowReserved").unwrap_or(false),
            headers: self.headers(at),
            encoding: self.part_encodings(at),
        }
    }

    /// The examples of a media type, a parameter or a header.
    pub(super) fn examples(&mut self, at: &At<'d>) -> IndexMap<String, serde_json::Value> {
        let mut examples = IndexMap::new();
        if let Some(example) = at.value("example") {
            let example = self.json(at, example);
            examples.extend(example.map(|value| ("example".to_owned(), value)));
        }
        for (entry, example) in self.notes_entries(at, "examples") {
            if example.node.entries().is_none() {
                self.wrong_type(&example, "a mapping with `value`", Severity::Warning);
                continue;
            }
            let Some(example) = self.follow(example, Kind::Example) else {
                continue;
            };
            // What is at an address outside is never fetched.
            let value = example
                .value("value")
                .or_else(|| example.value("dataValue"));
            let value = value.and_then(|value| self.json(&example, value));
            examples.extend(value.map(|value| (entry.key.clone(), value)));
        }
        examples
    }
}

/// The statuses that a key of `responses` stands for.
fn status_range(key: &str) -> Option<StatusRange> {
    if key == "default" {
        return Some(StatusRange::Default);
    }
    let bytes = key.as_bytes();
    match bytes {
        [hundred @ b'1'..=b'5', b'X' | b'x', b'X' | b'x'] => {
            Some(StatusRange::Hundred(hundred - b'0'))
        }
        [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => key.parse().ok().map(StatusRange::Exactly),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_a_hundred_or_the_default() {
        let rows = [
            ("200", Some(StatusRange::Exactly(200))),
            ("599", Some(StatusRange::Exactly(599))),
            ("4XX", Some(StatusRange::Hundred(4))),
            ("5xx", Some(StatusRange::Hundred(5))),
            ("default", Some(StatusRange::Default)),
            ("600", None),
            ("099", None),
            ("20", None),
            ("2X0", None),
            ("2000", None),
            ("Default", None),
            ("", None),
            ("２００", None),
        ];
        for (key, status) in rows {
            assert_eq!(status_range(key), status, "{key}");
        }
    }
}
