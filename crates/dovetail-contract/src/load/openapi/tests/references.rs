//! Where references lead, and what is said where they lead nowhere.

use super::{read, read_files, read_schemas};

#[test]
fn references_lead_through_files_anchors_and_escapes() {
    let read = read_files(&[
        (
            "openapi.yaml",
            "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a%20b: {$ref: 'paths/a%20b.yaml'}\n  /a/{x}: {get: {operationId: x, parameters: [{$ref: 'common.json#/parameters/x'}], responses: {200: {description: d, content: {a/b: {schema: {$ref: '#/paths/~1a~1%7Bx%7D/get/responses/200/x-s'}}}, x-s: {type: string}}}}}\ncomponents:\n  schemas:\n    A: {$ref: '#anchor'}\n    B: {$anchor: anchor, type: string}\n    C: {$ref: 'schemas/own.yaml'}\n    D: {$ref: 'schemas/own.yaml#/$defs/Deep'}\n    E: {$id: 'https://example.com/e', type: integer}\n    F: {$ref: 'https://example.com/e'}\n    'G/~': {type: string}\n    H: {$ref: '#/components/schemas/G~1~0'}\n    I: {$ref: '#/components/schemas/C/properties/back'}\n    J: {$dynamicRef: '#anchor'}\n",
        ),
        (
            "paths/a b.yaml",
            "get:\n  operationId: ab\n  responses: {200: {$ref: '../common.json#/responses/ok'}}\n",
        ),
        (
            "common.json",
            "{\"parameters\": {\"x\": {\"name\": \"x\", \"in\": \"path\", \"required\": true, \"schema\": {\"$ref\": \"schemas/own.yaml\"}}}, \"responses\": {\"ok\": {\"description\": \"fine\"}}}",
        ),
        (
            "schemas/own.yaml",
            "type: object\nproperties:\n  back: {$ref: '../openapi.yaml#/components/schemas/B'}\n$defs:\n  Deep: {type: 'null'}\n",
        ),
    ])
    .quiet();
    let resolved = |name: &str| {
        let target = read.named(name).reference.expect("it refers to another");
        read.at(read.api.schemas.resolve(target)).name.clone()
    };
    let rows = [
        ("A", "B"),
        ("C", "own"),
        ("D", "Deep"),
        ("F", "E"),
        ("H", "G/~"),
        ("I", "B"),
        ("J", "B"),
    ];
    for (name, expected) in rows {
        assert_eq!(resolved(name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(read.ids(), ["ab", "x"]);
    assert_eq!(read.api.operations[0].responses[0].description, "fine");
    let parameter = &read.api.operations[1].parameters[0];
    let schema = read.at(read.api.schemas.resolve(parameter.schema));
    assert_eq!(schema.pointer, "schemas/own.yaml#");
}

#[test]
fn a_reference_that_leads_nowhere_is_an_error_with_its_reason() {
    let rows = [
        (
            "'#/components/schemas/Ordr'",
            "error dangling-reference: `#/components/schemas/Ordr` leads nowhere",
        ),
        ("'#nowhere'", "error dangling-reference"),
        (
            "'other.yaml'",
            "error missing-file: there is no file `other.yaml`",
        ),
        ("'../../../etc/hostname'", "error reference-outside"),
        ("/etc/hostname", "error reference-outside"),
        ("'file:///etc/hostname'", "error reference-outside"),
        ("'\\\\host\\share\\x.yaml'", "error reference-outside"),
        ("'http://127.0.0.1/x.yaml#/a'", "error reference-remote"),
        ("'%2e%2e/x.yaml'", "error reference-outside"),
        ("'#/info/title'", "error reference-kind"),
        ("'#/components/parameters/P'", "error reference-kind"),
        ("5", "error wrong-type: `$ref` is a number"),
    ];
    for (reference, expected) in rows {
        let read = read(&format!(
            "openapi: 3.1.0\ninfo: {{title: t, version: v}}\npaths: {{}}\ncomponents:\n  parameters: {{P: {{name: p, in: query}}}}\n  schemas:\n    Order: {{type: object}}\n    S: {{$ref: {reference}}}\n"
        ));
        assert_eq!(read.said.len(), 1, "{reference}: {:?}", read.said);
        assert!(
            read.said[0].contains(expected),
            "{reference}: {:?}",
            read.said
        );
        assert!(
            read.said[0].starts_with("openapi.yaml:8:"),
            "{:?}",
            read.said
        );
    }
}

#[test]
fn a_schema_that_is_only_itself_is_an_error_and_recursion_is_not() {
    let rows = [
        ("A: {$ref: '#/components/schemas/A'}", 1),
        (
            "A: {$ref: '#/components/schemas/B'}\nB: {$ref: '#/components/schemas/A'}",
            1,
        ),
        ("A: {allOf: [{$ref: '#/components/schemas/A'}]}", 1),
        (
            "A: {allOf: [{$ref: '#/components/schemas/B'}, {type: object}]}\nB: {allOf: [{$ref: '#/components/schemas/A'}]}",
            1,
        ),
        ("A: {properties: {a: {$ref: '#/components/schemas/A'}}}", 0),
        ("A: {items: {$ref: '#/components/schemas/A'}}", 0),
        (
            "A: {additionalProperties: {$ref: '#/components/schemas/A'}}",
            0,
        ),
        (
            "A: {oneOf: [{type: string}, {type: array, items: {$ref: '#/components/schemas/A'}}]}",
            0,
        ),
        (
            "A: {allOf: [{$ref: '#/components/schemas/B'}, {$ref: '#/components/schemas/B'}]}\nB: {}",
            0,
        ),
    ];
    for (text, errors) in rows {
        let read = read_schemas("3.1.0", text);
        assert_eq!(read.said.len(), errors, "{text}: {:?}", read.said);
        let is_cycle = |said: &String| said.contains("error reference-cycle");
        assert!(read.said.iter().all(is_cycle), "{:?}", read.said);
    }
}

#[test]
fn a_chain_of_many_references_takes_no_stack() {
    let mut text = String::new();
    for index in 0..20_000 {
        text += &format!(
            "S{index}: {{$ref: '#/components/schemas/S{}'}}\n",
            index + 1
        );
    }
    text += "S20000: {type: string}\n";
    // The chain is long, not the search for each link: JSON pointers are looked up by walking a mapping.
    let short = text.lines().skip(18_000).collect::<Vec<_>>().join("\n");
    let read = read_schemas("3.1.0", &short).quiet();
    let first = read
        .named("S18000")
        .reference
        .expect("it refers to another");
    let last = read.at(read.api.schemas.resolve(first));
    assert_eq!(last.name.as_deref(), Some("S20000"));
}

#[test]
fn objects_that_refer_in_circles_are_errors() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a:\n    get: {operationId: a, parameters: [{$ref: '#/components/parameters/P'}], responses: {}}\ncomponents:\n  parameters:\n    P: {$ref: '#/components/parameters/Q'}\n    Q: {$ref: '#/components/parameters/P'}\n",
    );
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(
        read.said[0].contains("error reference-cycle"),
        "{:?}",
        read.said
    );
}

#[test]
fn a_path_item_that_refers_keeps_what_it_says_itself() {
    let read = read_files(&[
        (
            "openapi.yaml",
            "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a:\n    $ref: item.yaml\n    get: {operationId: own}\n",
        ),
        (
            "item.yaml",
            "parameters: [{name: q, in: query, schema: {}}]\nget: {operationId: other}\npost: {operationId: more}\n",
        ),
    ])
    .quiet();
    assert_eq!(read.ids(), ["own", "more"]);
    assert!(read.api.operations.iter().all(|o| o.parameters.len() == 1));
}

/// The schema that `name` refers to, by its pointer.
fn target(read: &super::Read, name: &str) -> String {
    let target = read.named(name).reference.expect("it refers to another");
    read.at(target).pointer.clone()
}

#[test]
fn a_pointer_may_lead_anywhere() {
    let read = read(
        "openapi: 3.1.0
info: {title: t, version: v}
paths:
  /a/{x}:
    parameters: [{name: x, in: path, required: true, schema: {type: string}}]
    get:
      operationId: a
      parameters: [{name: q, in: query, schema: {type: array, items: {type: integer}}}]
      responses:
        '200': {description: d, headers: {X-A: {schema: {type: string}}}, content: {'a/b; c=d': {schema: {oneOf: [{}, {type: string}]}}}}
components:
  schemas:
    Tuple: {prefixItems: [{type: string}, true], $defs: {'a b': {type: string}, '%': {type: integer}, '': {type: boolean}}}
    A: {$ref: '#/paths/~1a~1{x}/parameters/0/schema'}
    B: {$ref: '#/paths/~1a~1%7Bx%7D/get/parameters/0/schema/items'}
    C: {$ref: '#/paths/~1a~1%7Bx%7D/get/responses/200/headers/X-A/schema'}
    D: {$ref: '#/paths/~1a~1%7Bx%7D/get/responses/200/content/a~1b;%20c=d/schema/oneOf/1'}
    E: {$ref: '#/components/schemas/Tuple/prefixItems/0'}
    F: {$ref: '#/components/schemas/Tuple/prefixItems/1'}
    G: {$ref: '#/components/schemas/Tuple/$defs/a%20b'}
    H: {$ref: '#/components/schemas/Tuple/%24defs/%25'}
    I: {$ref: '#/components/schemas/Tuple/$defs/%'}
    J: {$ref: '#/components/schemas/Tuple/$defs/'}
",
    )
    .quiet();
    let rows = [
        ("A", "#/paths/~1a~1{x}/parameters/0/schema"),
        ("B", "#/paths/~1a~1{x}/get/parameters/0/schema/items"),
        ("C", "#/paths/~1a~1{x}/get/responses/200/headers/X-A/schema"),
        (
            "D",
            "#/paths/~1a~1{x}/get/responses/200/content/a~1b; c=d/schema/oneOf/1",
        ),
        ("E", "#/components/schemas/Tuple/prefixItems/0"),
        ("F", "#/components/schemas/Tuple/prefixItems/1"),
        ("G", "#/components/schemas/Tuple/$defs/a b"),
        ("H", "#/components/schemas/Tuple/$defs/%"),
        ("I", "#/components/schemas/Tuple/$defs/%"),
        ("J", "#/components/schemas/Tuple/$defs/"),
    ];
    for (name, pointer) in rows {
        assert_eq!(
            target(&read, name),
            format!("openapi.yaml{pointer}"),
            "{name}"
        );
    }
    // What is referred to and what an operation names are one schema.
    let parameter = &read.only().parameters[0];
    assert_eq!(read.named("A").reference, Some(parameter.schema));
}

#[test]
fn an_index_that_is_not_there_is_said_with_its_list() {
    let read = read_schemas(
        "3.1.0",
        "A: {prefixItems: [{}]}\nB: {$ref: '#/components/schemas/A/prefixItems/1'}",
    );
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("error dangling-reference"));
}

#[test]
fn references_below_an_id_count_from_there() {
    let read = read_schemas(
        "3.1.0",
        "\
Base:
  $id: https://example.com/schemas/base.json
  $defs: {Own: {type: string}, Named: {$anchor: named, type: integer}}
  properties:
    own: {$ref: '#/$defs/Own'}
    anchor: {$ref: '#named'}
    sibling: {$ref: sibling.json}
    part: {$ref: 'sibling.json#/$defs/Part'}
    whole: {$ref: '#/components/schemas/Other'}
    itself: {$ref: '#'}
Sibling:
  $id: https://example.com/schemas/sibling.json
  $defs: {Part: {type: boolean}, Nested: {$id: deeper/nested.json, $ref: '../base.json'}}
Other: {$ref: 'https://example.com/schemas/deeper/nested.json'}
",
    )
    .quiet();
    let properties = &read.named("Base").object.properties;
    let rows = [
        ("own", "Base/$defs/Own"),
        ("anchor", "Base/$defs/Named"),
        ("sibling", "Sibling"),
        ("part", "Sibling/$defs/Part"),
        ("whole", "Other"),
        ("itself", "Base"),
    ];
    for (name, expected) in rows {
        let schema = read.at(properties[name].schema);
        let target = read.at(schema.reference.expect("it refers to another"));
        let expected = format!("openapi.yaml#/components/schemas/{expected}");
        assert_eq!(target.pointer, expected, "{name}");
    }
    let nested = "openapi.yaml#/components/schemas/Sibling/$defs/Nested";
    assert_eq!(target(&read, "Other"), nested);
    let nested = read.named("Other").reference.map(|id| read.at(id));
    let base = nested
        .and_then(|nested| nested.reference)
        .map(|id| read.at(id));
    assert_eq!(base.and_then(|base| base.name.as_deref()), Some("Base"));
}

#[test]
fn a_document_is_found_by_the_address_that_it_gives_itself() {
    let read = read_files(&[
        (
            "openapi.yaml",
            "openapi: 3.2.0\n$self: https://example.com/api/openapi.yaml\ninfo: {title: t, version: v}\npaths: {}\ncomponents:\n  schemas:\n    A: {type: string}\n    B: {$ref: 'https://example.com/api/openapi.yaml#/components/schemas/A'}\n    C: {$ref: 'schemas/own.yaml'}\n    D: {$ref: 'openapi.yaml#/components/schemas/A'}\n    $self: {$ref: '#/components/schemas/A'}\n",
        ),
        ("schemas/own.yaml", "type: object\n"),
    ])
    .quiet();
    let own = "openapi.yaml#/components/schemas/A";
    assert_eq!(target(&read, "B"), own);
    assert_eq!(target(&read, "C"), "schemas/own.yaml#");
    assert_eq!(target(&read, "D"), own);
}

#[test]
fn a_dynamic_reference_leads_to_the_anchor_of_its_document() {
    let read = read_schemas(
        "3.1.0",
        "\
List: {$dynamicAnchor: node, type: array, items: {$dynamicRef: '#node'}}
Tree: {type: object, properties: {kids: {items: {$recursiveRef: '#/components/schemas/Tree'}}}}
Gone: {$dynamicRef: '#nobody'}
",
    );
    let items = read.named("List").array.items.map(|id| read.at(id));
    let node = items
        .and_then(|items| items.reference)
        .map(|id| read.at(id));
    assert_eq!(node.and_then(|node| node.name.as_deref()), Some("List"));
    assert!(read.named("Gone").reference.is_none());
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning dangling-reference: `#nobody` leads nowhere"));
}

#[test]
fn what_describes_beside_a_reference_wins() {
    let read = read(
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths:\n  /a:\n    post:\n      operationId: a\n      parameters: [{$ref: '#/components/parameters/P', description: here}]\n      requestBody: {$ref: '#/components/requestBodies/B', description: here}\n      responses: {200: {$ref: '#/components/responses/R', description: here}, 400: {$ref: '#/components/responses/R'}}\ncomponents:\n  parameters: {P: {name: p, in: query, schema: {}, description: there}}\n  requestBodies: {B: {content: {a/b: {}}, description: there}}\n  responses: {R: {description: there}}\n",
    )
    .quiet();
    let operation = read.only();
    let here = Some("here");
    assert_eq!(operation.parameters[0].description.as_deref(), here);
    let body = operation.request_body.as_ref().expect("it has a body");
    assert_eq!(body.description.as_deref(), here);
    let responses = operation.responses.iter();
    let responses: Vec<_> = responses.map(|r| r.description.as_str()).collect();
    assert_eq!(responses, ["here", "there"]);
}

#[test]
fn what_only_describes_may_lead_nowhere() {
    let read = read_paths_with_example("{$ref: 'http://127.0.0.1/example.json'}");
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning reference-remote"));
    let read = read_paths_with_example("{$ref: '#/components/examples/none'}");
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning dangling-reference"));
}

fn read_paths_with_example(example: &str) -> super::Read {
    super::read_paths(&format!(
        "/a: {{get: {{operationId: a, responses: {{200: {{description: d, content: {{a/b: {{examples: {{e: {example}}}}}}}}}}}}}}}"
    ))
}
