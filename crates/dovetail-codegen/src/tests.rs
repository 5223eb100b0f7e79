//! Whole crates from small documents: what they say, that hostile text stays text, and that nothing depends on the run.

use std::fs;
use std::path::Path;

use dovetail_contract::load::{LoadedApi, load_openapi};

use serde_json::{Value, json};

use super::*;

mod docs;
mod examples;
mod hostile;
mod messages;
mod names;
mod pages;

/// Loads a document, after a check that it has no errors.
fn loaded(document: &str) -> (HttpApi, Sources) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("openapi.yaml"), document).expect("a file");
    let LoadedApi {
        api,
        sources,
        findings,
    } = load_openapi(&folder.path().join("openapi.yaml"));
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| &finding.message)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    (api.expect("an API"), sources)
}

fn package(api: &HttpApi, sources: &Sources) -> (Package, Vec<Finding>) {
    client(&ClientRequest {
        service: "orders",
        version: semver::Version::new(1, 4, 0),
        summary: None,
        source: &sources.file(api.file).path,
        api,
        policy: &PolicySettings::default(),
        callers: &[],
        runtime: &RuntimeSource::Version("0.1".to_owned()),
    })
}

/// Generates from a document.
fn generated(document: &str) -> (BTreeMap<String, String>, Vec<&'static str>) {
    let (api, sources) = loaded(document);
    let (package, findings) = package(&api, &sources);
    (
        package.files,
        findings.iter().map(|finding| finding.code.id).collect(),
    )
}

/// A document with these schemas, all of which are sent and received.
fn with_schemas(schemas: &str) -> String {
    let indented: String = schemas
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    let names: Vec<&str> = schemas
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.trim_end_matches(':'))
        .collect();
    let properties: String = names
        .iter()
        .map(|name| {
            format!("                  {name}: {{ $ref: '#/components/schemas/{name}' }}\n")
        })
        .collect();
    format!(
        "openapi: 3.1.0\ninfo: {{ title: Orders, version: '1' }}\npaths:\n  /all:\n    get:\n      operationId: all\n      responses:\n        '200':\n          description: All.\n          content:\n            application/json:\n              schema:\n                type: object\n                properties:\n{properties}components:\n  schemas:\n{indented}"
    )
}

/// The lines of `types.rs` that begin a type or a field or variant of one, without documentation.
fn shape(document: &str) -> String {
    let (files, _) = generated(&with_schemas(document));
    let file = syn::parse_file(&files["src/types.rs"]).expect("Rust");
    let mut shape = String::new();
    for line in files["src/types.rs"].lines() {
        let line = line.trim_end();
        let is_member = line.starts_with("    ") && !line.starts_with("     ");
        let bare = line.trim_start();
        let is_field =
            is_member && (bare.starts_with("pub ") && bare.ends_with(',') && !bare.contains("fn "));
        let is_variant = is_member && bare.ends_with(',') && bare.starts_with(char::is_uppercase);
        if line.starts_with("pub struct") || line.starts_with("pub enum") || is_field || is_variant
        {
            shape.push_str(line);
            shape.push('\n');
        }
    }
    assert!(!file.items.is_empty());
    shape
}

#[test]
fn presence_and_null_are_told_apart() {
    let shape = shape(
        "Order:\n  type: object\n  required: [id, note]\n  properties:\n    id: { type: string }\n    note: { type: [string, 'null'] }\n    coupon: { type: [string, 'null'] }\n    count: { type: integer, format: int32 }\n    type: { type: string }\n    camelCase: { type: boolean }\n",
    );
    insta::assert_snapshot!(shape);
}

#[test]
fn unions_are_told_apart_by_tag_constant_kind_and_field() {
    let shape = shape(
        "Cat:\n  type: object\n  required: [kind]\n  properties: { kind: { const: cat }, lives: { type: integer } }\nDog:\n  type: object\n  required: [kind]\n  properties: { kind: { const: dog } }\nByTag:\n  oneOf: [{ $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' }]\nByKind:\n  anyOf: [{ type: string }, { type: integer }, { type: array, items: { type: string } }, { type: 'null' }]\nByField:\n  oneOf:\n  - { type: object, required: [iban], properties: { iban: { type: string } } }\n  - { type: object, required: [card], properties: { card: { type: string } } }\nAlike:\n  oneOf:\n  - { type: object, properties: { a: { type: string } } }\n  - { type: object, properties: { b: { type: string } } }\nOnlyNull:\n  anyOf: [{ $ref: '#/components/schemas/Cat' }, { type: 'null' }]\nWords:\n  anyOf: [{ type: string, enum: [asc, ASC, '', '=', unknown] }, { type: string }]\n",
    );
    insta::assert_snapshot!(shape);
}

#[test]
fn scalars_lists_and_maps_have_the_types_of_their_formats() {
    let shape = shape(
        "All:\n  type: object\n  properties:\n    at: { type: string, format: date-time }\n    day: { type: string, format: date }\n    id: { type: string, format: uuid }\n    raw: { type: string, format: byte }\n    price: { type: string, format: decimal }\n    ratio: { type: number, format: float }\n    big: { type: integer, maximum: 18446744073709551615, minimum: 0 }\n    huge: { type: integer, maximum: 340282366920938463463374607431768211455 }\n    tags: { type: array, items: { type: string } }\n    pair: { type: array, prefixItems: [{ type: string }, { type: integer }], minItems: 2, maxItems: 2 }\n    by_name: { type: object, additionalProperties: { type: integer } }\n    anything: {}\n    level: { enum: [1, 2, -3] }\n    link: { type: string, format: uri }\nOpen:\n  type: object\n  properties: { id: { type: string } }\n  additionalProperties: { type: number }\n",
    );
    insta::assert_snapshot!(shape);
}

#[test]
fn types_that_hold_themselves_are_boxed_and_lists_are_not() {
    let shape = shape(
        "Node:\n  type: object\n  properties:\n    next: { $ref: '#/components/schemas/Node' }\n    children: { type: array, items: { $ref: '#/components/schemas/Node' } }\n    other: { $ref: '#/components/schemas/Other' }\nOther:\n  type: object\n  required: [node]\n  properties: { node: { $ref: '#/components/schemas/Node' } }\nLoop:\n  type: array\n  items: { $ref: '#/components/schemas/Loop' }\n",
    );
    insta::assert_snapshot!(shape);
}

#[test]
fn inherited_fields_are_laid_out_flat_and_a_discriminated_base_is_a_union() {
    let shape = shape(
        "Pet:\n  type: object\n  required: [petType]\n  discriminator: { propertyName: petType }\n  properties: { petType: { type: string }, name: { type: string } }\nCat:\n  allOf:\n  - { $ref: '#/components/schemas/Pet' }\n  - { type: object, required: [name], properties: { lives: { type: integer } } }\nLizard:\n  allOf: [{ $ref: '#/components/schemas/Pet' }]\nWrapped:\n  allOf: [{ $ref: '#/components/schemas/Cat' }]\n  description: Only a description.\nClash:\n  allOf:\n  - { type: object, properties: { id: { type: string } } }\n  - { type: object, properties: { id: { type: integer } } }\n",
    );
    insta::assert_snapshot!(shape);
}

/// A document with an operation that takes one schema and answers with another.
fn exchange(sent: &str, received: &str, schemas: &str) -> String {
    format!(
        "openapi: 3.0.3\ninfo: {{ title: T, version: '1' }}\npaths:\n  /x:\n    post:\n      operationId: make\n      requestBody: {{ required: true, content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/{sent}' }} }} }} }}\n      responses: {{ '200': {{ description: ok, content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/{received}' }} }} }} }} }}\ncomponents:\n  schemas:\n{schemas}"
    )
}

/// The fields of a struct, each on a line.
fn fields_of(types: &str, name: &str) -> Vec<String> {
    let (_, rest) = types
        .split_once(&format!("pub struct {name} {{"))
        .unwrap_or_else(|| panic!("there is no {name}"));
    let body = rest.split('}').next().unwrap_or_default();
    let fields = body
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub "));
    fields
        .map(|field| field.trim_end_matches(',').to_owned())
        .collect()
}

#[test]
fn a_part_is_sent_as_what_its_encoding_says_or_else_its_schema() {
    let document = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths:\n  /x:\n    post:\n      operationId: make\n      requestBody: { required: true, content: { multipart/form-data: { schema: { type: object, properties: { plain: { type: string }, photo: { contentMediaType: image/png }, photos: { type: array, items: { contentMediaType: image/gif } }, both: { contentMediaType: image/png }, text: { type: string, contentMediaType: text/csv }, inside: { type: string, contentMediaType: image/png, contentEncoding: base64 } } }, encoding: { both: { contentType: image/webp, headers: { X-A: { schema: { type: string } } } } } } } }\n      responses: { '204': { description: ok } }\n";
    let (files, codes) = generated(document);
    assert_eq!(codes, ["part-headers"]);
    let wire = files["src/wire.rs"].replace(char::is_whitespace, "");
    for part in [
        r#"values{plain:"plain",inside:"inside"}"#,
        r#"values_as{text:"text"="text/csv"}"#,
        r#"photo:"photo"="image/png""#,
        r#"photos:"photos"="image/gif""#,
        r#"both:"both"="image/webp""#,
    ] {
        assert!(wire.contains(part), "{part} is not in {wire}");
    }
}

#[test]
fn what_the_contract_says_exactly_is_held_exactly() {
    let shape = shape(
        "Both:\n  { type: [integer, number] }\nMixed:\n  { type: [integer, number, boolean] }\nTold:\n  { type: object, properties: { both: { $ref: '#/components/schemas/Both' }, mixed: { $ref: '#/components/schemas/Mixed' }, short: { type: string, format: uuid, maxLength: 32 }, day: { type: string, format: date, maxLength: 8 }, two: { allOf: [{ type: string, format: byte }, { type: string, format: email }] } } }\nPhantom:\n  { type: object, required: [id] }\nClosed:\n  { type: object, required: [id], additionalProperties: false }\n",
    );
    insta::assert_snapshot!(shape);
}

#[test]
fn a_parameter_may_be_called_client() {
    let document = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths:\n  /x/{client}/{the_client}:\n    get:\n      operationId: get\n      parameters: [{ name: client, in: path, required: true, schema: { type: array, items: { type: string } } }, { name: the_client, in: path, required: true, schema: { type: array, items: { type: string } } }]\n      responses: { '204': { description: ok } }\n";
    let (files, _) = generated(document);
    let examples = &files["examples/operations.rs"];
    assert!(examples.contains("the_the_client: &Client"), "{examples}");
    assert!(examples.contains("the_the_client.get(&client, &the_client)"));
}

#[test]
fn a_type_that_goes_one_way_has_no_members_that_go_the_other() {
    let both = "type: object, required: [id, secret], properties: { id: { type: string, readOnly: true }, secret: { type: string, writeOnly: true } }";
    let document = exchange(
        "X",
        "Y",
        &format!("    X: {{ {both} }}\n    Y: {{ {both} }}\n"),
    );
    let (files, _) = generated(&document);
    let types = &files["src/types.rs"];
    assert_eq!(fields_of(types, "X"), ["secret: String"]);
    assert_eq!(fields_of(types, "Y"), ["id: String"]);
    let only = "type: object, properties: { id: { type: string, readOnly: true } }";
    let closed = format!("{only}, additionalProperties: false");
    for (schema, expected) in [
        (only, "pub type X = BTreeMap<String, Value>;"),
        (closed.as_str(), "pub struct X {}"),
    ] {
        let schemas = format!("    X: {{ {schema} }}\n    Y: {{ {schema} }}\n");
        let (files, _) = generated(&exchange("X", "Y", &schemas));
        let types = &files["src/types.rs"];
        assert!(types.contains(expected), "{types}");
        assert_eq!(fields_of(types, "Y"), ["id: Option<String>"]);
    }
}

#[test]
fn a_type_that_goes_both_ways_becomes_two_where_a_member_must_go_one_way() {
    let schemas = "    Pet: { type: object, required: [id, name], properties: { id: { type: string, readOnly: true }, name: { type: string }, next: { $ref: '#/components/schemas/Pet' } } }\n    Litter: { type: object, properties: { pets: { type: array, items: { $ref: '#/components/schemas/Pet' } }, tag: { $ref: '#/components/schemas/Tag' }, at: { type: string, readOnly: true } } }\n    Tag: { type: object, properties: { text: { type: string }, id: { type: string, readOnly: true } } }\n    PetRequest: { type: object, properties: { x: { $ref: '#/components/schemas/Litter' } } }\n";
    let (files, _) = generated(&exchange("Litter", "PetRequest", schemas));
    let types = &files["src/types.rs"];
    assert_eq!(
        fields_of(types, "Pet"),
        ["id: String", "name: String", "next: Option<Box<Pet>>"]
    );
    assert_eq!(
        fields_of(types, "Litter"),
        [
            "pets: Option<Vec<Pet>>",
            "tag: Option<Tag>",
            "at: Option<String>"
        ]
    );
    // The contract has a name like it already.
    let request = types
        .lines()
        .filter_map(|line| line.strip_prefix("pub struct PetRequestX"))
        .find_map(|line| line.split(' ').next())
        .expect("another name");
    let request = format!("PetRequestX{request}");
    assert_eq!(
        fields_of(types, &request),
        vec![
            "name: String".to_owned(),
            format!("next: Option<Box<{request}>>")
        ]
    );
    assert_eq!(
        fields_of(types, "LitterRequest"),
        vec![
            format!("pets: Option<Vec<{request}>>"),
            "tag: Option<Tag>".to_owned()
        ]
    );
    // What need not be there anyway is no reason for a second type.
    assert_eq!(
        fields_of(types, "Tag"),
        ["text: Option<String>", "id: Option<String>"]
    );
    assert!(!types.contains("TagRequest"));
    assert!(files["src/client.rs"].contains("body: &LitterRequest"));
}

#[test]
fn awkward_names_all_become_names() {
    let awkward = [
        "self", "Self", "crate", "super", "_", "1", "🦀", "a-b", "a_b", "aB", "r#type", "Vec",
        "String", "Option", "Result", "Error", "Client", "Box", "type", "match", "async", "gen",
        "Some", "Unknown", "Value", "status", "body", "fields", "name", "extra", "имя", "ﬁ", "A",
        "a", "new", "clone", "default", "main", "try", "union", "dyn", "Ok",
    ];
    let long = "x".repeat(1_000);
    let names: Vec<&str> = awkward.iter().copied().chain([long.as_str()]).collect();
    let properties: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "boolean"})))
        .chain([("e e".to_owned(), json!({"enum": names}))])
        .collect();
    let schemas: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| {
            (
                (*name).to_owned(),
                json!({"type": "object", "required": names, "properties": properties}),
            )
        })
        .collect();
    let operation = |(index, name): (usize, &&str)| {
        let parameter = |name: &&str| json!({"name": name, "in": "query", "required": true, "schema": {"type": "string"}});
        let parameters: Vec<Value> = names.iter().take(5).map(parameter).collect();
        let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let operation = json!({"operationId": name, "parameters": parameters, "responses": {"200": {"description": "ok", "content": content}}});
        (format!("/{index}"), json!({"get": operation}))
    };
    let paths: serde_json::Map<String, Value> = names.iter().enumerate().map(operation).collect();
    let document = json!({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths, "components": {"schemas": schemas}}).to_string();
    let (files, codes) = generated(&document);
    assert!(!codes.contains(&"broken-output"), "{codes:?}");
    let types = syn::parse_file(&files["src/types.rs"]).expect("Rust");
    let mut seen = std::collections::BTreeSet::new();
    for item in &types.items {
        if let syn::Item::Struct(item) = item
            && !item.ident.to_string().contains("Request")
        {
            assert!(seen.insert(item.ident.to_string()), "{} twice", item.ident);
            let mut fields = std::collections::BTreeSet::new();
            assert!(
                item.fields
                    .iter()
                    .all(|field| fields.insert(field.ident.clone())),
                "a field of {} twice",
                item.ident
            );
        }
    }
    assert_eq!(seen.len(), names.len());
    assert!(seen.contains("ErrorBody") && seen.contains("OptionType"));
}

#[test]
fn fifty_thousand_values_and_numbers_without_end_are_no_trouble() {
    let values: Vec<String> = (0..50_000).map(|index| format!("v{index}")).collect();
    let document = with_schemas(&format!(
        "Many:\n  type: string\n  enum: [{}]\nOdd:\n  type: object\n  properties:\n    a: {{ type: integer, minimum: -170141183460469231731687303715884105728 }}\n    b: {{ type: number, maximum: 1e400 }}\n    c: {{ type: string, pattern: '(a+)+$', default: 5 }}\n    d: {{ const: 1e300 }}\n",
        values.join(", ")
    ));
    let (files, _) = generated(&document);
    assert!(files["src/types.rs"].contains("V49999"));
    assert!(files["src/types.rs"].contains("pub a: Option<i128>"));
}

#[test]
fn the_same_contract_gives_the_same_bytes() {
    let document = with_schemas(
        "A:\n  type: object\n  properties: { x: { type: string }, y: { enum: [a, b] } }\n",
    );
    assert_eq!(generated(&document), generated(&document));
    for (path, text) in generated(&document).0 {
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains(output::BANNER)),
            "{path}"
        );
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}");
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{path}");
    }
}

#[test]
fn operations_are_thin_and_typed_by_status() {
    let document = "openapi: 3.0.3\ninfo: { title: Orders, version: '1' }\npaths:\n  /orders/{order_id}:\n    get:\n      operationId: getOrder\n      summary: Fetches one order\n      parameters:\n      - { name: order_id, in: path, required: true, schema: { type: string } }\n      - { name: expand, in: query, schema: { type: array, items: { type: string } }, explode: false }\n      responses:\n        '200': { description: The order., content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }\n        '202': { description: Not yet. }\n        '404': { description: no order has this identifier, content: { application/problem+json: { schema: { $ref: '#/components/schemas/Problem' } } } }\n        5XX: { description: Trouble. }\ncomponents:\n  schemas:\n    Order: { type: object, required: [id], properties: { id: { type: string } } }\n    Problem: { type: object, properties: { title: { type: string } } }\n";
    let (files, codes) = generated(document);
    assert!(codes.is_empty(), "{codes:?}");
    let from = files["src/client.rs"]
        .split("    /// Fetches one order")
        .nth(1)
        .expect("the method");
    let method = from.split("\nimpl").next().expect("the method");
    insta::assert_snapshot!("client", format!("    /// Fetches one order{method}"));
    insta::assert_snapshot!("errors", files["src/errors.rs"]);
    insta::assert_snapshot!("manifest", files["Cargo.toml"]);
    insta::assert_snapshot!("lib", files["src/lib.rs"]);
    insta::assert_snapshot!("readme", files["README.md"]);
}

#[test]
fn formatting_by_cargo_changes_nothing() {
    let (files, _) = generated(&with_schemas(
        "A:\n  type: object\n  properties: { x: { enum: [a, b] } }\n",
    ));
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in &files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    // What `cargo fmt` does: it begins at `lib.rs` and follows its modules, which say that they are not for rustfmt.
    let run = std::process::Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .arg(folder.path().join("src/lib.rs"))
        .output()
        .expect("rustfmt of the pinned toolchain");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stdout)
    );
}

#[test]
fn the_path_to_the_runtime_starts_at_the_crate() {
    let rows = [
        ("../crates/generated/a-client", "../crates", "../.."),
        (
            "crates/generated/a-client",
            "vendor/dovetail",
            "../../../vendor/dovetail",
        ),
        ("out/a", "/abs", "/abs"),
        ("a", ".", ".."),
    ];
    for (from, to, expected) in rows {
        assert_eq!(relative(from, to), expected, "{from} → {to}");
    }
}

#[test]
fn numbers_are_as_wide_as_the_widest_that_is_allowed() {
    let shape = shape(
        "All:\n  type: object\n  properties:\n    huge: { type: integer, enum: [18446744073709551615, 1] }\n    open: { anyOf: [{ type: integer, enum: [1, 2] }, { type: integer }] }\n    wide: { anyOf: [{ type: integer, format: uint64, minimum: 0 }, { type: integer, format: int32 }] }\n    any: { anyOf: [{ type: integer }, { type: number }] }\n    exact: { type: [number, 'null'], format: decimal }\n    exacts: { type: array, items: { $ref: '#/components/schemas/Exact' } }\nExact:\n  type: number\n  format: decimal\n",
    );
    for field in [
        "pub huge: Option<u64>,",
        "pub open: Option<i64>,",
        "pub wide: Option<i128>,",
        "pub any: Option<Number>,",
        "pub exact: Patch<DecimalNumber>,",
        "pub exacts: Option<Vec<DecimalNumber>>,",
    ] {
        assert!(shape.contains(field), "{field} in {shape}");
    }
}

#[test]
fn a_union_writes_its_tag_where_a_branch_may_leave_it_out() {
    let (files, _) = generated(&with_schemas(
        "Cat:\n  type: object\n  required: [kind]\n  properties: { kind: { type: string } }\nDog:\n  type: object\n  properties: { kind: { type: string } }\nEel:\n  type: object\n  properties: { volts: { type: integer } }\nPet:\n  oneOf: [{ $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' }, { $ref: '#/components/schemas/Eel' }]\n  discriminator: { propertyName: kind, mapping: { dog: Dog, puppy: Dog } }\n",
    ));
    let wire = &files["src/wire.rs"];
    let written = r#"write { Cat, Dog: "kind" = "dog", Eel: "kind" = "Eel" }"#;
    assert!(wire.contains(written), "{wire}");
}

/// The table of each type, as `wire.rs` has it.
fn tables(schemas: &str) -> String {
    let (files, _) = generated(&with_schemas(schemas));
    let wire = &files["src/wire.rs"];
    let all = wire.split("\n\n").skip(2);
    all.filter(|table| !table.contains("AllResponse"))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn tables_say_what_tells_the_branches_of_a_union_apart() {
    let tables = tables(
        "Mixed:\n  oneOf:\n  - { type: object, required: [iban], properties: { iban: { type: string } } }\n  - { type: object, required: [amount], properties: { amount: { type: integer } } }\n  - { type: object, required: [amount], properties: { amount: { type: object, properties: { value: { type: number } } } } }\n  - { type: string }\n  - { type: integer }\nTagged:\n  oneOf:\n  - { type: object, required: [v], properties: { v: { const: 1 }, a: { type: string } } }\n  - { type: object, required: [v], properties: { v: { enum: [2, 3] } } }\nBase:\n  type: object\n  required: [id, kind]\n  properties: { id: { type: string } }\n  oneOf:\n  - { required: [kind, last4], properties: { kind: { const: card }, last4: { type: string } } }\n  - { required: [kind], properties: { kind: { enum: [cash] } } }\nAny:\n  type: object\n  properties: { id: { type: string } }\n  anyOf:\n  - { properties: { a: { type: string } } }\n  - { properties: { b: { type: string } } }\nNested:\n  oneOf:\n  - { type: object, required: [m], properties: { m: { type: string } } }\n  - { type: object, required: [m, sha], properties: { m: { type: string }, sha: { type: string } } }\nLists:\n  anyOf:\n  - { type: array, items: { type: string } }\n  - { type: array, items: { type: integer } }\n",
    );
    insta::assert_snapshot!(tables);
}

#[test]
fn a_tag_may_have_the_name_of_anything_that_its_files_use() {
    let taken = [
        "operations",
        "policies",
        "fmt",
        "std",
        "core",
        "alloc",
        "shared",
        "other",
        "wire",
        "default",
        "full-serde",
        "dovetail-client",
        "serde_json",
        "用户",
        "Ä b",
        "ß",
    ];
    let mut document = "openapi: 3.1.0\ninfo: { title: Large, version: '1' }\npaths:\n".to_owned();
    for (number, tag) in (0..70).zip(taken.iter().cycle()) {
        document.push_str(&format!(
            "  /{number}: {{ get: {{ operationId: o{number}, tags: [{tag}], responses: {{ '204': {{ description: ok }} }} }} }}\n"
        ));
    }
    let (files, codes) = generated(&document);
    assert!(codes.is_empty(), "{codes:?}");
    let modules: Vec<&str> = files["src/client.rs"]
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(modules.len(), taken.len());
    for name in taken {
        assert!(
            !modules.contains(&name.replace('-', "_").as_str()),
            "{name}"
        );
    }
}

#[test]
fn a_large_contract_is_divided_by_tags_and_shares_what_several_use() {
    let operation = |tag: &str, number: usize, schema: &str| {
        format!(
            "  /{tag}/{number}:\n    get:\n      operationId: {tag}{number}\n      tags: [{tag}]\n      responses: {{ '200': {{ description: ok, content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/{schema}' }} }} }} }}, '404': {{ description: gone }} }}\n"
        )
    };
    let mut document = "openapi: 3.1.0\ninfo: { title: Large, version: '1' }\npaths:\n".to_owned();
    for number in 0..40 {
        document.push_str(&operation("orders", number, "Order"));
        document.push_str(&operation(
            "aux",
            number,
            if number == 0 { "Order" } else { "Own" },
        ));
    }
    document.push_str("components:\n  schemas:\n    Order: { type: object, properties: { money: { $ref: '#/components/schemas/Money' } } }\n    Money: { type: object, properties: { amount: { type: string } } }\n    Own: { type: object, properties: { x: { type: string } } }\n");
    let (files, codes) = generated(&document);
    assert!(codes.is_empty(), "{codes:?}");
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    insta::assert_snapshot!(paths.join("\n"));
    assert!(files["src/types/shared.rs"].contains("pub struct Money"));
    assert!(files["src/types/aux_2.rs"].contains("pub struct Own"));
    for path in ["src/client.rs", "src/errors.rs", "src/operations.rs"] {
        let gate = "#[cfg(feature = \"orders\")]\nmod orders;";
        assert!(files[path].contains(gate), "{path}: {}", files[path]);
    }
    let manifest: toml_edit::DocumentMut = files["Cargo.toml"].parse().expect("TOML");
    assert_eq!(
        manifest["features"]["default"]
            .as_array()
            .map(toml_edit::Array::len),
        Some(2)
    );
}
