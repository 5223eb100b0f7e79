//! Schemas that a contract names by their files, as messages do, rather than from an OpenAPI document.
//!
//! The files are JSON Schema, or hold it at a place that the part after `#` points at. They are read by the same rules, so that one type that an
//! interface and a message share is one text. Avro schemas and messages of protobuf become schemas of the same arena.

use std::collections::HashMap;

use super::at::At;
use super::reference::{Kind, file_part, split};
use super::{Documents, Reader};
use crate::codes;
use crate::finding::Finding;
use crate::load::files::{Document, Files};
use crate::schema::{SchemaId, Schemas};
use crate::source::{Span, Spanned};

/// Keys that only the documents of other formats begin with, and what such a document is.
const OTHER_FORMATS: [(&str, &str); 3] = [
    ("openapi", "an OpenAPI document"),
    ("swagger", "a Swagger document"),
    ("asyncapi", "an AsyncAPI document"),
];

/// Reads the schemas that `document` names, each as a path with an optional `#` and JSON pointer. They share one arena, and each has its id in
/// it in the order of `named`, or none where a finding says what is wrong.
pub(crate) fn read_payloads(
    files: &mut Files,
    document: &Document,
    named: &[Spanned<String>],
) -> (Schemas, Vec<Option<SchemaId>>) {
    let mut starts: HashMap<String, Option<Document>> = HashMap::new();
    let mut order = Vec::new();
    let mut protos: Vec<(usize, String)> = Vec::new();
    let is_read: Vec<bool> = named
        .iter()
        .enumerate()
        .map(|(index, reference)| {
            let Some(path) = path(files, document, reference) else {
                return false;
            };
            if Format::of(&path) == Format::Proto {
                protos.push((index, path));
                return false;
            }
            let known = starts.entry(path).or_insert_with_key(|path| {
                let start = files.read(path, Some(reference.span));
                order.extend(start.clone());
                start
            });
            known.is_some()
        })
        .collect();
    let documents = Documents::gather(files, &order);
    let from = At::root(document.file, &document.root);
    let mut reader = Reader::new(files, &documents, document.file);
    let ids = named.iter().zip(is_read);
    let ids = ids.map(|(reference, is_read)| is_read.then(|| reader.payload(&from, reference))?);
    let mut ids: Vec<Option<SchemaId>> = ids.collect();
    let mut schemas = reader.finish_schemas();
    read_protos(files, document, (named, &protos), &mut schemas, &mut ids);
    (schemas, ids)
}

/// Whether a payload is described by a message of protobuf.
pub(crate) fn is_proto(reference: &str) -> bool {
    let (file, _) = split(reference);
    Format::of(&file_part(file)) == Format::Proto
}

/// Adds the messages that `.proto` files declare. `protos` are their places in `named`, with the paths of the files.
#[cfg(feature = "proto")]
fn read_protos(
    files: &mut Files,
    document: &Document,
    (named, protos): (&[Spanned<String>], &[(usize, String)]),
    schemas: &mut Schemas,
    ids: &mut [Option<SchemaId>],
) {
    use crate::load::proto::{Messages, Pool};
    if protos.is_empty() {
        return;
    }
    let references = || {
        let all = protos.iter();
        all.filter_map(|(index, path)| Some((*index, path, named.get(*index)?)))
    };
    let starts: Vec<(String, Span)> = references()
        .map(|(_, path, reference)| (path.clone(), reference.span))
        .collect();
    let mut pool = Pool::read(files, document.file, &starts);
    let mut messages = Messages::new(&mut pool, schemas);
    for (index, path, reference) in references() {
        let (_, name) = split(&reference.value);
        let name = Spanned::new(name.to_owned(), reference.span);
        let id = messages.message(files, path, &name);
        if id.is_some() {
            files.push(written_as_json(reference.span, "a message of protobuf"));
        }
        if let Some(slot) = ids.get_mut(index) {
            *slot = id;
        }
    }
}

/// Says that this build does not read `.proto` files.
#[cfg(not(feature = "proto"))]
fn read_protos(
    files: &mut Files,
    _: &Document,
    (named, protos): (&[Spanned<String>], &[(usize, String)]),
    _: &mut Schemas,
    _: &mut [Option<SchemaId>],
) {
    for reference in protos.iter().filter_map(|(index, _)| named.get(*index)) {
        let message = "a payload in a `.proto` file is not read by this build";
        files.push(
            Finding::new(&codes::UNSUPPORTED_VERSION, reference.span, message)
                .expected("a JSON Schema or an Avro schema")
                .help("build dovetail-contract with the feature `proto`"),
        );
    }
}

/// Says that the format of a schema is not that of the messages.
fn written_as_json(span: Span, what: &str) -> Finding {
    let text = format!("the payload is described by {what}, and is written as JSON");
    Finding::new(&codes::WRITTEN_AS_JSON, span, text)
}

impl<'d> Reader<'d, '_> {
    fn payload(&mut self, from: &At<'d>, reference: &Spanned<String>) -> Option<SchemaId> {
        let (text, span) = (&reference.value, reference.span);
        let (file, fragment) = split(text);
        if Format::of(&file_part(file)) == Format::Avro {
            return self.avro_payload(from, reference);
        }
        let target = self.resolve(from, text, span, Kind::Schema)?;
        let other = OTHER_FORMATS
            .iter()
            .find(|(key, _)| fragment.is_empty() && target.get(key).is_some());
        if let Some((_, what)) = other {
            let message = format!("`{text}` is {what}");
            self.files.push(
                Finding::new(&codes::REFERENCE_KIND, span, message)
                    .related(Span::start_of(target.file), "this is what it leads to")
                    .expected(Kind::Schema.described())
                    .help(format!(
                        "name one of its schemas, as in `{file}#/components/schemas/Order`"
                    )),
            );
            return None;
        }
        Some(self.schema(&target))
    }

    /// The schema of an Avro file, or of the type that the part after `#` names in it.
    fn avro_payload(&mut self, from: &At<'d>, reference: &Spanned<String>) -> Option<SchemaId> {
        let (file, name) = split(&reference.value);
        let path = &self.files.sources().file(from.file).path;
        let path = Files::join(path, &file_part(file)).ok()?;
        let documents = self.documents;
        let root = documents.at_path(&path)?;
        let id = match name {
            "" => self.avro(&root),
            name => match self.avro_named(&root, name) {
                Ok(id) => id,
                Err(finding) => {
                    let finding = finding.related(reference.span, "it is named here");
                    self.files.push(finding);
                    return None;
                }
            },
        };
        let note = written_as_json(reference.span, "an Avro schema");
        self.files.push(note);
        Some(id)
    }
}

/// The languages that payloads may be described in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// JSON Schema, as YAML or JSON.
    JsonSchema,
    /// An Avro schema, as JSON.
    Avro,
    /// Messages of protobuf.
    Proto,
}

impl Format {
    /// The language of a file, by its name.
    fn of(path: &str) -> Self {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_one = |known: &str| extension.eq_ignore_ascii_case(known);
        match extension {
            _ if is_one("avsc") => Self::Avro,
            _ if is_one("proto") => Self::Proto,
            _ => Self::JsonSchema,
        }
    }
}

/// The path of the file that is named, if it can hold the schema of a payload.
fn path(files: &mut Files, document: &Document, reference: &Spanned<String>) -> Option<String> {
    let (text, span) = (&reference.value, reference.span);
    let (file, _) = split(text);
    let file = file_part(file);
    if file.is_empty() {
        let message = format!("`{text}` names no file");
        files.push(
            Finding::new(&codes::INVALID_VALUE, span, message)
                .expected("the path of a JSON Schema, relative to this file")
                .help("write it like `events/order_created.yaml`"),
        );
        return None;
    }
    if file.to_ascii_lowercase().ends_with(".avdl") {
        let message = "a payload in a `.avdl` file is not read";
        files.push(
            Finding::new(&codes::UNSUPPORTED_VERSION, span, message)
                .expected("an Avro schema as JSON, in a `.avsc` file")
                .help("let the tools of Avro turn it into `.avsc` files"),
        );
        return None;
    }
    let from = &files.sources().file(document.file).path;
    match Files::join(from, &file) {
        Ok(path) => Some(path),
        Err(problem) => {
            files.push(problem.finding(span, text));
            None
        }
    }
}
