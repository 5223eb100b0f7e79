//! What OpenAPI 3.1 and 3.2 add, and what extensions have said before.

use super::{read, read_paths, read_schemas};
use crate::contract::{
    Idempotency, LinkTarget, Method, ParameterEncoding, ParameterLocation, SecurityKind, Style, Tag,
};

fn read_3_2(rest: &str) -> super::Read {
    read(&format!(
        "openapi: 3.2.0\ninfo: {{title: t, version: v}}\n{rest}"
    ))
}

#[test]
fn every_method_is_an_operation() {
    let read = read_3_2(
        "paths:\n  /a:\n    query: {operationId: q}\n    additionalOperations: {COPY: {operationId: c}, DELETE: {operationId: d}, 'NO TOKEN': {operationId: n}, QUERY: {operationId: again}}\n    get: {operationId: g}\n    GET: {operationId: no}\n    trace: null\n",
    );
    assert_eq!(read.ids(), ["q", "g", "c", "d"]);
    let operations = &read.api.operations;
    let shown: Vec<_> = operations.iter().map(|o| o.method.to_string()).collect();
    assert_eq!(shown, ["QUERY", "GET", "COPY", "DELETE"]);
    assert_eq!(operations[0].idempotency, Idempotency::Safe);
    assert_eq!(operations[2].idempotency, Idempotency::None);
    assert_eq!(operations[3].method, Method::Delete);
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("error invalid-value: `NO TOKEN` of `/a` is no method of HTTP"));
}

#[test]
fn a_query_that_is_one_form_is_a_parameter_that_explodes() {
    let content = |media: &str, required: bool| {
        format!(
            "/a: {{get: {{operationId: a, parameters: [{{name: q, in: querystring, required: {required}, content: {{{media}: {{schema: {{type: object}}}}}}}}]}}}}"
        )
    };
    let form = read_paths(&content("application/x-www-form-urlencoded", true)).quiet();
    let parameter = &form.only().parameters[0];
    assert_eq!(parameter.location, ParameterLocation::Query);
    let expected = ParameterEncoding::Style {
        style: Style::Form,
        explode: true,
        allow_reserved: false,
    };
    assert_eq!(parameter.encoding, expected);
    for (required, severity) in [(true, "error"), (false, "warning")] {
        let json = read_paths(&content("application/json", required));
        assert!(json.only().parameters.is_empty());
        let expected = format!("{severity} invalid-value: a query that is `application/json`");
        assert!(json.said[0].contains(&expected), "{:?}", json.said);
    }
}

#[test]
fn sequences_have_the_schema_of_their_items_in_every_version() {
    for version in ["3.0.3", "3.1.0", "3.2.0"] {
        let read = read(&format!(
            "openapi: {version}\ninfo: {{title: t, version: v}}\npaths:\n  /a:\n    get:\n      operationId: a\n      responses: {{200: {{description: d, content: {{text/event-stream: {{itemSchema: {{type: object}}}}, application/jsonl: {{schema: {{type: array}}, itemSchema: {{$ref: '#/components/schemas/Line'}}}}}}}}}}\ncomponents: {{schemas: {{Line: {{type: string}}}}}}\n"
        ))
        .quiet();
        let content = &read.only().responses[0].content;
        assert!(content[0].schema.is_none() && content[0].item_schema.is_some());
        let line = content[1]
            .item_schema
            .map(|id| read.api.schemas.resolve(id));
        let name = line.and_then(|id| read.at(id).name.as_deref());
        assert_eq!(name, Some("Line"), "{version}");
    }
}

#[test]
fn media_types_and_examples_may_be_shared() {
    let read = read_3_2(
        "paths:\n  /a:\n    get:\n      operationId: a\n      parameters: [{name: c, in: cookie, style: cookie, schema: {}, example: 5}]\n      responses: {200: {summary: s, description: d, content: {a/b: {$ref: '#/components/mediaTypes/M'}}}}\ncomponents:\n  mediaTypes: {M: {schema: {type: string}, examples: {one: {$ref: '#/components/examples/E'}, two: {serializedValue: x}}}}\n  examples: {E: {dataValue: {a: 1}}}\n",
    )
    .quiet();
    let operation = read.only();
    assert_eq!(operation.parameters[0].examples["example"], 5);
    let response = &operation.responses[0];
    assert_eq!(response.summary.as_deref(), Some("s"));
    let media = &response.content[0];
    assert!(media.schema.is_some());
    let examples: Vec<_> = media.examples.keys().collect();
    assert_eq!(examples, ["one"]);
    assert_eq!(media.examples["one"], serde_json::json!({"a": 1}));
}

#[test]
fn parts_of_forms_have_headers_and_encodings_of_their_own() {
    let read = read_3_2(
        "paths:\n  /a:\n    post:\n      operationId: a\n      requestBody:\n        content:\n          multipart/form-data:\n            encoding:\n              file: {contentType: 'image/png, image/jpeg', headers: {Content-Type: {}, X-Rate: {$ref: '#/components/headers/Rate'}}}\n              inner: {encoding: {deep: {style: deepObject}}}\n          multipart/mixed:\n            itemSchema: {type: string}\n            prefixEncoding: [{contentType: text/plain}]\n            itemEncoding: {contentType: application/json}\n      responses: {}\ncomponents:\n  headers: {Rate: {required: true, schema: {type: integer}}}\n",
    )
    .quiet();
    let body = read.only().request_body.as_ref().expect("it has a body");
    let file = &body.content[0].encoding["file"];
    assert_eq!(file.content_type.as_deref(), Some("image/png, image/jpeg"));
    assert_eq!(file.headers.keys().collect::<Vec<_>>(), ["X-Rate"]);
    assert!(file.headers["X-Rate"].required);
    let inner = &body.content[0].encoding["inner"].encoding["deep"];
    assert_eq!(inner.style, Some(Style::DeepObject));
    let mixed = &body.content[1];
    let types = |part: &crate::contract::PartEncoding| part.content_type.clone();
    assert_eq!(
        types(&mixed.prefix_encoding[0]).as_deref(),
        Some("text/plain")
    );
    let items = mixed.item_encoding.as_deref().and_then(types);
    assert_eq!(items.as_deref(), Some("application/json"));
}

#[test]
fn headers_of_responses_say_how_they_are_written() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a:\n    get:\n      operationId: a\n      responses:\n        200:\n          description: d\n          headers:\n            Plain: {schema: {type: array}, deprecated: true, example: [a]}\n            Exploded: {schema: {type: object}, style: simple, explode: true}\n            Odd: {schema: {type: object}, style: form}\n            Json: {content: {application/json: {schema: {type: object}}}}\n            Shared: {$ref: '#/components/headers/S', description: here}\n            content-TYPE: {schema: {}}\ncomponents:\n  headers:\n    S: {$ref: '#/components/headers/T'}\n    T: {description: there, required: true, schema: {type: string}}\n",
    );
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning invalid-value: `form` is no style for a parameter"));
    let headers = &read.only().responses[0].headers;
    let simple = |explode| ParameterEncoding::Style {
        style: Style::Simple,
        explode,
        allow_reserved: false,
    };
    let json = ParameterEncoding::Content("application/json".to_owned());
    let expected = [
        ("Plain", simple(false)),
        ("Exploded", simple(true)),
        ("Odd", simple(false)),
        ("Json", json),
        ("Shared", simple(false)),
    ];
    let encodings: Vec<_> = headers
        .iter()
        .map(|(name, header)| (name.as_str(), header.encoding.clone()))
        .collect();
    assert_eq!(encodings, expected);
    assert!(headers["Plain"].deprecated && headers["Plain"].examples.len() == 1);
    assert!(headers["Json"].schema.is_some());
    let shared = &headers["Shared"];
    assert!(shared.required);
    assert_eq!(shared.description.as_deref(), Some("here"));
}

#[test]
fn servers_of_an_operation_win_over_those_of_its_path_and_of_the_document() {
    let read = read_3_2(
        "servers: [{url: /all}]\npaths:\n  /a:\n    servers: [{url: /path}]\n    get: {operationId: path}\n    put: {operationId: own, servers: [{url: '/{v}', name: n, variables: {v: {default: a, description: d}}}]}\n  /b: {get: {operationId: all}}\n",
    )
    .quiet();
    let urls: Vec<_> = read
        .api
        .operations
        .iter()
        .map(|operation| read.api.servers_of(operation)[0].url.as_str())
        .collect();
    assert_eq!(urls, ["/path", "/{v}", "/all"]);
    let own = &read.api.operations[1].servers[0];
    assert_eq!(own.name.as_deref(), Some("n"));
    assert_eq!(own.variables["v"].description.as_deref(), Some("d"));
}

#[test]
fn flows_of_oauth_are_kept_as_they_are_declared() {
    let read = read_3_2(
        "paths: {}\ncomponents:\n  securitySchemes:\n    o:\n      type: oauth2\n      deprecated: true\n      oauth2MetadataUrl: https://a/m\n      flows:\n        authorizationCode: {authorizationUrl: /auth, tokenUrl: /token, refreshUrl: /more, scopes: {r: read, w: }}\n        implicit: {authorizationUrl: /auth, scopes: {}}\n        password: {tokenUrl: /password}\n        deviceAuthorization: {deviceAuthorizationUrl: /device, tokenUrl: /token}\n    bad: {type: openIdConnect}\n",
    );
    let scheme = &read.api.security_schemes["o"];
    assert!(scheme.deprecated);
    let SecurityKind::OAuth2 {
        flows,
        metadata_url,
    } = &scheme.kind
    else {
        panic!("it is OAuth 2");
    };
    assert_eq!(metadata_url.as_deref(), Some("https://a/m"));
    let code = flows.authorization_code.as_ref().expect("it is declared");
    assert_eq!(code.authorization_url.as_deref(), Some("/auth"));
    assert_eq!(code.refresh_url.as_deref(), Some("/more"));
    assert_eq!(
        (code.scopes["r"].as_str(), code.scopes["w"].as_str()),
        ("read", "")
    );
    assert!(flows.implicit.is_some() && flows.client_credentials.is_none());
    let device = flows.device_authorization.as_ref();
    let url = device.and_then(|flow| flow.device_authorization_url.as_deref());
    assert_eq!(url, Some("/device"));
    assert_eq!(read.api.security_schemes["bad"].kind, SecurityKind::Bearer);
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("does not say `openIdConnectUrl`"));
}

#[test]
fn tags_lie_under_each_other_without_end_or_gap() {
    let read = read_3_2(
        "externalDocs: {url: /docs}\ntags:\n  - {name: a, summary: s, kind: nav, externalDocs: {url: /a, description: d}}\n  - {name: b, parent: a}\n  - {name: c, parent: d}\n  - {name: d, parent: c}\n  - {name: e, parent: aa, x-displayName: E}\n  - {name: a, summary: again}\npaths: {}\n",
    );
    let tags = &read.api.tags;
    let parents: Vec<_> = tags
        .iter()
        .map(|(name, tag)| (name.as_str(), tag.parent.as_deref()))
        .collect();
    let expected = [
        ("a", None),
        ("b", Some("a")),
        ("c", None),
        ("d", Some("c")),
        ("e", None),
    ];
    assert_eq!(parents, expected);
    assert_eq!(tags["a"].summary.as_deref(), Some("s"));
    assert_eq!(tags["e"].summary.as_deref(), Some("E"));
    let docs = |tag: &Tag| tag.external_docs.as_ref().map(|docs| docs.url.clone());
    assert_eq!(docs(&tags["a"]).as_deref(), Some("/a"));
    let docs = read.api.external_docs.as_ref();
    assert_eq!(docs.map(|docs| docs.url.as_str()), Some("/docs"));
    assert_eq!(read.said.len(), 2, "{:?}", read.said);
    assert!(read.said[0].contains("the tags above `c` have no end"));
    assert!(read.said[1].contains("there is no tag `aa`"));
}

#[test]
fn links_lead_to_operations_by_id_and_by_reference() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a:\n    get:\n      operationId: a\n      responses:\n        200:\n          description: d\n          links:\n            id: {operationId: b, parameters: {x: $response.body#/id, path.y: 5}, requestBody: {k: 1}, description: d, server: {url: /s}}\n            ref: {operationRef: '#/paths/~1b~1%7Bx%7D/get'}\n            far: {operationRef: 'https://example.com/openapi.yaml#/paths/~1c/get'}\n            gone: {operationId: bb}\n            none: {description: d}\n            shared: {$ref: '#/components/links/L'}\n  /b/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {}}]}}\n  /b: {get: {operationId: b}}\ncomponents: {links: {L: {operationId: a}}}\n",
    );
    let links = &read.api.operations[0].responses[0].links;
    let operation = |id: &str| LinkTarget::Operation(id.to_owned());
    let expected = [
        ("id", operation("b")),
        ("ref", operation("get_b_x")),
        (
            "far",
            LinkTarget::Reference("https://example.com/openapi.yaml#/paths/~1c/get".to_owned()),
        ),
        ("gone", operation("bb")),
        ("shared", operation("a")),
    ];
    let targets: Vec<_> = links
        .iter()
        .map(|(name, link)| (name.as_str(), link.target.clone()))
        .collect();
    assert_eq!(targets, expected);
    let id = &links["id"];
    assert_eq!(id.parameters["x"], "$response.body#/id");
    assert_eq!(id.parameters["path.y"], 5);
    assert!(id.request_body.is_some() && id.server.is_some());
    let codes: Vec<_> = read
        .said
        .iter()
        .map(|said| said.split(' ').nth(2).unwrap_or_default())
        .collect();
    assert_eq!(
        codes,
        [
            "dangling-reference:",
            "missing-key:",
            "missing-operation-id:"
        ]
    );
}

#[test]
fn values_of_an_enumeration_have_names_and_meanings() {
    let read = read_schemas(
        "3.1.0",
        "List: {enum: [a, b, a], x-enum-varnames: [First, Second, Third], x-enum-descriptions: [one, two, three]}\n\
         Map: {enum: [1, b, c], x-enumNames: [One, B, C], x-enum-descriptions: {1: one, b: bee}}\n\
         Null: {type: string, nullable: true, enum: [a], x-enum-descriptions: [one]}\n\
         Few: {enum: [a, b], x-enum-descriptions: [one]}\n",
    );
    let said = |name: &str| {
        let schema = read.named(name);
        (
            schema.enumeration_names.join(","),
            schema.enumeration_descriptions.join(","),
        )
    };
    let rows = [
        ("List", "First,Second", "one,two"),
        ("Map", "One,B,C", "one,bee,"),
        ("Null", "", "one,"),
        ("Few", "", ""),
    ];
    for (name, names, meanings) in rows {
        assert_eq!(
            said(name),
            (names.to_owned(), meanings.to_owned()),
            "{name}"
        );
    }
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("has 1 texts for 2 values"));
}

#[test]
fn every_applicator_of_2020_12_is_read() {
    let read = read_schemas(
        "3.1.0",
        "S:\n  externalDocs: {url: /more}\n  contentMediaType: application/json\n  contentSchema: {type: object}\n\
         O:\n  unevaluatedProperties: false\n  dependencies: {a: [b], c: {required: [d]}}\n\
         A:\n  unevaluatedItems: {type: string}\n\
         U:\n  oneOf: [{$ref: '#/components/schemas/O'}]\n  discriminator: {propertyName: k, defaultMapping: O}\n",
    )
    .quiet();
    let s = read.named("S");
    assert!(s.string.content_schema.is_some());
    assert!(s.notes.external_docs.is_some());
    let o = &read.named("O").object;
    assert!(o.unevaluated.is_some_and(|id| read.at(id).never));
    assert_eq!(o.dependent_required["a"], ["b"]);
    let dependent = o.dependent_schemas["c"];
    assert_eq!(read.at(dependent).object.required, ["d"]);
    assert!(read.named("A").array.unevaluated.is_some());
    let union = read.named("U").discriminator.as_ref();
    let fallback = union.and_then(|union| union.fallback);
    let name = fallback.and_then(|id| read.at(id).name.as_deref());
    assert_eq!(name, Some("O"));
}
