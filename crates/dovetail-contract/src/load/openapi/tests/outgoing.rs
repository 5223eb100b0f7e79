//! Webhooks and callbacks.

use super::{read, read_paths};
use crate::contract::{Method, StatusRange};

#[test]
fn webhooks_are_operations_with_names() {
    for (version, key) in [("3.1.0", "webhooks"), ("3.0.3", "x-webhooks")] {
        let read = read(&format!(
            "openapi: {version}\ninfo: {{title: t, version: v}}\nsecurity: [{{key: []}}]\npaths: {{}}\n{key}:\n  newPet:\n    post:\n      requestBody: {{required: true, content: {{application/json: {{schema: {{$ref: '#/components/schemas/Pet'}}}}}}}}\n      parameters: [{{name: X-Signature, in: header, required: true, schema: {{type: string}}}}]\n      responses: {{200: {{description: d}}}}\n  both: {{put: {{}}, post: {{operationId: named}}}}\n  shared: {{$ref: '#/components/pathItems/P'}}\ncomponents:\n  pathItems: {{P: {{post: {{summary: s}}}}}}\n  schemas: {{Pet: {{type: object}}}}\n  securitySchemes: {{key: {{type: apiKey, name: k, in: header}}}}\n"
        ))
        .quiet();
        let hooks = &read.api.webhooks;
        let shown: Vec<_> = hooks
            .iter()
            .map(|hook| (hook.name.value.as_str(), hook.operation.id.value.as_str()))
            .collect();
        let expected = [
            ("newPet", "newPet"),
            ("both", "both_put"),
            ("both", "named"),
            ("shared", "shared"),
        ];
        assert_eq!(shown, expected, "{key}");
        let pet = &hooks[0].operation;
        assert_eq!((pet.method, pet.path.value.as_str()), (Method::Post, "/"));
        assert_eq!(pet.parameters.len(), 1);
        assert_eq!(pet.security.len(), 1);
        assert_eq!(pet.responses[0].status, StatusRange::Exactly(200));
        let body = pet.request_body.as_ref().expect("it has a body");
        let schema = body.content[0]
            .schema
            .map(|id| read.api.schemas.resolve(id));
        let name = schema.and_then(|id| read.at(id).name.as_deref());
        assert_eq!(name, Some("Pet"));
    }
}

#[test]
fn a_callback_is_a_request_to_an_address_of_the_call() {
    let read = read(
        "openapi: 3.0.3\ninfo: {title: t, version: v}\npaths:\n  /a:\n    post:\n      operationId: a\n      responses: {}\n      callbacks:\n        done:\n          '{$request.body#/url}': {post: {requestBody: {content: {application/json: {schema: {type: object}}}}, responses: {204: {description: d}}}}\n          '{$request.query.url}/late': {post: {}, x-note: 1}\n        shared: {$ref: '#/components/callbacks/C'}\ncomponents:\n  callbacks: {C: {$ref: '#/components/callbacks/D'}, D: {'http://fixed': {put: {operationId: fixed}}}}\n",
    );
    let callbacks = &read.only().callbacks;
    let shown: Vec<_> = callbacks
        .iter()
        .map(|callback| {
            (
                callback.name.value.as_str(),
                callback.expression.value.as_str(),
            )
        })
        .collect();
    let expected = [
        ("done", "{$request.body#/url}"),
        ("done", "{$request.query.url}/late"),
        ("shared", "http://fixed"),
    ];
    assert_eq!(shown, expected);
    let ids: Vec<_> = callbacks
        .iter()
        .map(|callback| callback.operation.id.value.as_str())
        .collect();
    assert!(ids[0].starts_with("done_") && ids[1].starts_with("done_") && ids[0] != ids[1]);
    assert_eq!(ids[2], "fixed");
    assert!(callbacks[0].operation.request_body.is_some());
    assert_eq!(read.said, Vec::<String>::new());
}

#[test]
fn a_callback_within_itself_is_left_out() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a: {post: {operationId: a, callbacks: {again: {$ref: '#/components/callbacks/C'}}}}\ncomponents:\n  callbacks: {C: {'{$url}': {post: {callbacks: {again: {$ref: '#/components/callbacks/C'}}}}}}\n",
    );
    assert_eq!(read.only().callbacks.len(), 1);
    assert!(read.only().callbacks[0].operation.callbacks.is_empty());
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning invalid-value: callbacks of what the service sends"));
}

#[test]
fn a_path_item_describes_the_operations_that_say_nothing() {
    let read = read_paths(
        "/a:\n  summary: path\n  description: all\n  get: {operationId: a}\n  put: {operationId: b, summary: own}\n",
    )
    .quiet();
    let [a, b] = &read.api.operations[..] else {
        panic!("there are two");
    };
    assert_eq!(a.summary.as_deref(), Some("path"));
    assert_eq!(b.summary.as_deref(), Some("own"));
    assert_eq!(b.description.as_deref(), Some("all"));
}
