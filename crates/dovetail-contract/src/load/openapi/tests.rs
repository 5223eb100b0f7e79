//! What each construct of OpenAPI becomes in the model.

use std::path::PathBuf;

use super::*;
use crate::contract::Operation;
use crate::schema::{Schema, SchemaId, Type, Types};

mod additions;
mod operations;
mod outgoing;
mod references;
mod schemas;

/// A document that was read.
struct Read {
    api: HttpApi,
    said: Vec<String>,
}

/// Reads `openapi.yaml` of a folder with these files.
fn read_files(files: &[(&str, &str)]) -> Read {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    let mut loaded = Files::new(PathBuf::from(folder.path()));
    let document = loaded
        .read("openapi.yaml", None)
        .expect("the document is well-formed");
    let api = read_api(&mut loaded, &document);
    let (sources, mut findings) = loaded.into_parts();
    crate::finding::sort(&mut findings, &sources);
    let said = findings.iter().map(|finding| {
        let place = sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        format!("{place} {severity} {code}: {}", finding.message)
    });
    let said = said.collect();
    Read { api, said }
}

fn read(text: &str) -> Read {
    read_files(&[("openapi.yaml", text)])
}

/// Reads a document of a version with only these schemas.
fn read_schemas(version: &str, schemas: &str) -> Read {
    let indented: String = schemas
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    read(&format!(
        "openapi: {version}\ninfo: {{title: t, version: v}}\npaths: {{}}\ncomponents:\n  schemas:\n{indented}"
    ))
}

/// Reads a document with only these paths.
fn read_paths(paths: &str) -> Read {
    let indented: String = paths.lines().map(|line| format!("  {line}\n")).collect();
    read(&format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: v}}\npaths:\n{indented}"
    ))
}

impl Read {
    fn quiet(self) -> Self {
        assert_eq!(self.said, Vec::<String>::new());
        self
    }

    fn named(&self, name: &str) -> &Schema {
        let found = self.api.schemas.iter().find(|(_, schema)| {
            schema.name.as_deref() == Some(name) && !schema.pointer.contains("/~")
        });
        found.expect("there is a schema of this name").1
    }

    fn at(&self, id: SchemaId) -> &Schema {
        self.api.schemas.schema(id)
    }

    fn ids(&self) -> Vec<&str> {
        let operations = self.api.operations.iter();
        operations
            .map(|operation| operation.id.value.as_str())
            .collect()
    }

    fn only(&self) -> &Operation {
        assert_eq!(self.api.operations.len(), 1);
        &self.api.operations[0]
    }
}

fn types(names: &[Type]) -> Types {
    names
        .iter()
        .fold(Types::default(), |set, kind| set.with(*kind))
}

#[test]
fn what_is_no_document_of_a_version_that_is_read_is_refused() {
    let rows = [
        ("[]", "error wrong-type"),
        (
            "a: 1",
            "error missing-key: the document does not say `openapi`",
        ),
        ("swagger: '2.0'", "error unsupported-version"),
        ("openapi: 2.0.0", "error unsupported-version"),
        ("openapi: 4.0.0", "error unsupported-version"),
        ("openapi: 3.9.0", "error unsupported-version"),
        ("openapi: {}", "unsupported-version"),
    ];
    for (text, expected) in rows {
        let read = read(text);
        assert!(
            read.said.iter().any(|said| said.contains(expected)),
            "{text}: {:?}",
            read.said
        );
        assert!(read.api.operations.is_empty());
    }
    for version in ["3.0.0", "3.0.4", "3.1.1", "3.2.0", "'3.1'"] {
        read(&format!(
            "openapi: {version}\ninfo: {{title: t, version: v}}"
        ))
        .quiet();
    }
}

#[test]
fn harmless_sloppiness_is_no_error() {
    let read = read(
        "openapi: 3.0.3\ninfo: {title: 5, version: 1.10, description: null}\nservers: [{url: /v1}, {url: 'https://{h}/', variables: {h: {default: x, enum: [x, y]}}}]\ntags: [{name: a, description: d}, a, {}]\nexternalDocs: {url: ../docs}\npaths:\n  a:\n    get: {operationId: a, tags: [1], summary: {}, deprecated: 'true', parameters: [{name: q, in: query}], responses: {200: {}}, unknown: 1, x-foo: {a: 1}}\ncomponents:\n  schemas:\n    S: {type: object, required: true, properties: [], format: strange, example: {a: 1}, default: 5, minLength: '3', maxLength: -1}\n    T: {type: object, required: [absent], discriminator: kind, deprecated: maybe}\n    U:\n",
    );
    assert_eq!(read.api.version, "1.10");
    assert_eq!(read.api.servers.len(), 2);
    assert_eq!(read.only().path.value, "/a");
    assert!(read.only().deprecated);
    assert_eq!(read.named("S").string.min_length, Some(3));
    assert_eq!(read.named("T").object.required, ["absent"]);
    assert!(read.said.len() > 10, "{:#?}", read.said);
    let errors: Vec<_> = read
        .said
        .iter()
        .filter(|said| said.contains(" error "))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn what_cannot_be_read_is_an_error_and_the_rest_is_read() {
    let read = read_paths(
        "/a:\n  get:\n    operationId: a\n    parameters: {q: 1}\n    responses: [200]\n  post: 5\n  put:\n    operationId: p\n    parameters: [{in: query, schema: {}}, {name: x, schema: {}}, {name: b, in: body, schema: {}}, 7]\n    requestBody: []\n    responses: {200: {description: d, content: {a/b: {schema: text}}}}\n/b: 5\n/c: {get: {operationId: c}}\n",
    );
    assert_eq!(read.ids(), ["a", "p", "c"]);
    let errors = read
        .said
        .iter()
        .filter(|said| said.contains(" error "))
        .count();
    assert_eq!(errors, 9, "{:#?}", read.said);
}
