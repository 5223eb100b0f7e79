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
