//! Paths, parameters, bodies and security.

use super::{read, read_paths};
use crate::contract::{
    Idempotency, OAuthFlow, OAuthFlows, ParameterEncoding, ParameterLocation, SecurityKind,
    StatusRange, Style,
};
use crate::schema::{Type, Types};

#[test]
fn derived_ids_are_unique_and_stay_when_others_come() {
    let paths = "/orders/{id}:\n  get: {parameters: [{name: id, in: path, required: true, schema: {}}]}\n/a-b: {get: {}}\n/a_b: {get: {}}\n/x#one: {get: {operationId: x}}\n/x#two: {get: {operationId: x}}\n/x?three: {get: {}}\n/: {post: {operationId: ''}}\n";
    let read = read_paths(paths);
    let ids = read.ids();
    assert_eq!(ids[0], "get_orders_id");
    assert!(ids[1].starts_with("get_a_b_") && ids[2].starts_with("get_a_b_"));
    assert_ne!(ids[1], ids[2]);
    assert_eq!(ids[3..], ["x", "get_x_two", "get_x_three", "post"]);
    let paths_read: Vec<_> = read
        .api
        .operations
        .iter()
        .map(|o| o.path.value.as_str())
        .collect();
    assert_eq!(paths_read[3..], ["/x", "/x", "/x", "/"]);
    assert!(
        read.said.iter().all(|said| !said.contains(" error ")),
        "{:?}",
        read.said
    );
    let more = read_paths(&format!(
        "/other: {{get: {{}}}}\n{paths}/later: {{get: {{}}}}\n"
    ));
    let kept: Vec<_> = more
        .ids()
        .into_iter()
        .filter(|id| ids.contains(id))
        .collect();
    assert_eq!(kept, ids);
}

#[test]
fn parameters_are_merged_and_matched_with_the_template() {
    let read = read_paths(
        "/a/{id}/{miss}:\n  parameters:\n    - {name: id, in: path, schema: {type: integer}}\n    - {name: q, in: query, schema: {type: integer}}\n    - {name: X-Trace, in: header, schema: {}}\n  get:\n    operationId: a\n    parameters:\n      - {name: q, in: query, required: true, style: spaceDelimited, schema: {type: array}}\n      - {name: x-trace, in: header, schema: {type: string}}\n      - {name: Accept, in: header, schema: {}}\n      - {name: CONTENT-TYPE, in: header, schema: {}}\n      - {name: gone, in: path, required: true, schema: {}}\n      - {name: c, in: cookie, schema: {}}\n      - {name: deep, in: query, style: deepObject, explode: true, schema: {}}\n      - {name: json, in: query, content: {application/json: {schema: {type: object}}}}\n      - {name: json, in: query, schema: {}}\n    responses: {}\n",
    );
    let operation = read.only();
    let names: Vec<_> = operation
        .parameters
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["id", "q", "x-trace", "c", "deep", "json", "miss"]);
    let by_name = |name: &str| {
        let found = operation.parameters.iter().find(|p| p.name == name);
        found.expect("it is declared")
    };
    let style = |style, explode| ParameterEncoding::Style {
        style,
        explode,
        allow_reserved: false,
    };
    assert_eq!(by_name("id").encoding, style(Style::Simple, false));
    assert_eq!(by_name("q").encoding, style(Style::SpaceDelimited, false));
    assert_eq!(by_name("c").encoding, style(Style::Form, true));
    assert_eq!(by_name("deep").encoding, style(Style::DeepObject, true));
    let content = ParameterEncoding::Content("application/json".to_owned());
    assert_eq!(by_name("json").encoding, content);
    assert!(by_name("id").required && by_name("q").required);
    assert!(by_name("miss").required);
    assert_eq!(by_name("miss").location, ParameterLocation::Path);
    let types = read.at(by_name("miss").schema).types;
    assert_eq!(types, Types::only(Type::String));
    let codes: Vec<_> = read
        .said
        .iter()
        .filter_map(|said| said.split(' ').nth(2))
        .collect();
    assert_eq!(
        codes,
        [
            "undeclared-path-parameter:",
            "unused-path-parameter:",
            "duplicate-parameter:"
        ]
    );
}

#[test]
fn idempotency_comes_from_method_extension_and_key_header() {
    let key = "parameters: [{name: idempotency-key, in: header, schema: {}}]";
    let rows = [
        ("get: {operationId: o}", Idempotency::Safe),
        ("put: {operationId: o}", Idempotency::Idempotent),
        ("post: {operationId: o}", Idempotency::None),
        (
            "patch: {operationId: o, x-idempotent: true}",
            Idempotency::Idempotent,
        ),
        (
            "delete: {operationId: o, x-idempotent: false}",
            Idempotency::None,
        ),
        (
            &format!("post: {{operationId: o, {key}}}"),
            Idempotency::Key {
                header: "idempotency-key".to_owned(),
            },
        ),
        (
            &format!("delete: {{operationId: o, {key}}}"),
            Idempotency::Idempotent,
        ),
        (
            &format!("post: {{operationId: o, x-idempotent: true, {key}}}"),
            Idempotency::Idempotent,
        ),
    ];
    for (operation, expected) in rows {
        let read = read_paths(&format!("/a: {{{operation}}}")).quiet();
        assert_eq!(read.only().idempotency, expected, "{operation}");
    }
}

#[test]
fn bodies_and_responses_are_read_with_their_media_types() {
    let read = read_paths(
        "/a:\n  post:\n    operationId: a\n    requestBody:\n      required: true\n      content:\n        multipart/form-data:\n          schema: {type: object}\n          encoding: {file: {contentType: image/png, style: form, explode: true}}\n        application/json:\n          schema: {type: object}\n          example: {n: 1}\n          examples: {one: {value: null}, two: {externalValue: 'http://x'}}\n    responses:\n      200: {description: ok, headers: {X-A: {required: true, schema: {type: string}}, content-type: {}}, content: {text/plain: {}}}\n      '4XX': {description: no}\n      4xx: {description: again}\n      default: {description: else}\n      Success: {description: odd}\n      x-note: 5\n",
    );
    let operation = read.only();
    let body = operation.request_body.as_ref().expect("it has a body");
    let media: Vec<_> = body.content.iter().map(|m| m.media_type.as_str()).collect();
    assert_eq!(media, ["multipart/form-data", "application/json"]);
    let part = &body.content[0].encoding["file"];
    assert_eq!((part.style, part.explode), (Some(Style::Form), Some(true)));
    let examples: Vec<_> = body.content[1].examples.keys().collect();
    assert_eq!(examples, ["example", "one"]);
    let statuses: Vec<_> = operation.responses.iter().map(|r| r.status).collect();
    let expected = [
        StatusRange::Exactly(200),
        StatusRange::Hundred(4),
        StatusRange::Default,
    ];
    assert_eq!(statuses, expected);
    let headers = &operation.responses[0].headers;
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["X-A"]);
    assert!(headers["X-A"].required);
    assert_eq!(read.said.len(), 2, "{:?}", read.said);
}

#[test]
fn security_of_an_operation_replaces_that_of_the_document() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\nsecurity: [{key: []}]\npaths:\n  /a: {get: {operationId: a}, put: {operationId: b, security: []}, post: {operationId: c, security: [{}, {key: [], oauth: [r, w]}]}, delete: {operationId: d, security: [{kye: []}]}}\ncomponents:\n  securitySchemes:\n    key: {type: apiKey, name: X-Key, in: header}\n    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: /token, scopes: {}}}}\n    basic: {type: http, scheme: Basic}\n    odd: {type: http, scheme: digest}\n    oidc: {type: openIdConnect, openIdConnectUrl: x}\n    tls: {type: mutualTLS}\n",
    );
    let security: Vec<_> = read
        .api
        .operations
        .iter()
        .map(|o| o.security.len())
        .collect();
    assert_eq!(security, [1, 0, 2, 1]);
    assert_eq!(
        read.api.operations[2].security[1].schemes["oauth"],
        ["r", "w"]
    );
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(
        read.said[0].contains("warning unknown-security-scheme: there is no security scheme `kye`")
    );
    let kinds: Vec<_> = read
        .api
        .security_schemes
        .values()
        .map(|s| s.kind.clone())
        .collect();
    let expected = [
        SecurityKind::ApiKey {
            name: "X-Key".to_owned(),
            location: ParameterLocation::Header,
        },
        SecurityKind::OAuth2 {
            flows: Box::new(OAuthFlows {
                client_credentials: Some(OAuthFlow {
                    token_url: Some("/token".to_owned()),
                    ..OAuthFlow::default()
                }),
                ..OAuthFlows::default()
            }),
            metadata_url: None,
        },
        SecurityKind::Basic,
        SecurityKind::Other("digest".to_owned()),
        SecurityKind::OpenIdConnect {
            url: "x".to_owned(),
        },
        SecurityKind::MutualTls,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_long_path_is_cut_in_messages() {
    let path = format!("/{}", "a".repeat(1_000));
    let read = read_paths(&format!("{path}: {{get: {{}}}}"));
    assert_eq!(read.only().path.value, path);
    assert_eq!(read.said.len(), 1);
    assert!(
        read.said[0].len() < 300 && read.said[0].contains('…'),
        "{:?}",
        read.said
    );
}
