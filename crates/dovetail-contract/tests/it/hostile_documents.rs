//! OpenAPI documents that are made to multiply work, to lead out of their folder, or to be taken for code.

use std::net::TcpListener;

use dovetail_contract::contract::HttpApi;
use dovetail_contract::load::LoadedApi;

use crate::growth;
use crate::hostile::load_text;

fn document(rest: &str) -> String {
    format!(
        "{{\"openapi\": \"3.1.0\", \"info\": {{\"title\": \"t\", \"version\": \"v\"}}, {rest}}}"
    )
}

fn schemas(rest: &str) -> String {
    document(&format!(
        "\"paths\": {{}}, \"components\": {{\"schemas\": {{{rest}}}}}"
    ))
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// Many operations that all refer to one part, which is large as well.
fn many_refer(count: usize, part: &str, use_of_part: &str) -> String {
    let paths = list(count, |n| {
        format!("\"/p{n}\": {{\"get\": {{\"operationId\": \"o{n}\", {use_of_part}}}}}")
    });
    document(&format!(
        "\"paths\": {{{paths}}}, \"components\": {{{part}}}"
    ))
}

fn codes(loaded: &LoadedApi) -> Vec<&str> {
    let mut codes: Vec<_> = loaded
        .findings
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| finding.code.id)
        .collect();
    codes.dedup();
    codes
}

#[test]
fn work_grows_with_the_document() {
    type Make = fn(usize) -> String;
    let rows: [(&str, usize, Make); 16] = [
        (
            "a chain of parameters that every operation joins",
            400,
            |n| {
                let link = |n| {
                    let next = format!("#/components/parameters/p{}", n + 1);
                    format!("\"p{n}\": {{\"$ref\": \"{next}\"}}")
                };
                let last = format!("\"p{n}\": {{\"name\": \"x\", \"in\": \"query\"}}");
                many_refer(
                    n,
                    &format!("\"parameters\": {{{}, {last}}}", list(n, link)),
                    "\"parameters\": [{\"$ref\": \"#/components/parameters/p0\"}]",
                )
            },
        ),
        ("references through references, in vain", 40, |n| {
            let link = |n| {
                let next = format!("#/components/schemas/s{}/%25x", n + 1);
                format!("\"s{n}\": {{\"$ref\": \"{next}\"}}")
            };
            schemas(&(list(n, link) + &format!(", \"s{n}\": {{}}")))
        }),
        ("a long key above many others", 1_000, |n| {
            let long = "k".repeat(n * 20);
            let properties = list(n, |n| format!("\"p{n}\": {{}}"));
            // The size of all pointers together is what is bounded.
            let few = list(16, |n| format!("\"p{n}\": {{}}"));
            schemas(&format!(
                "\"{long}\": {{\"properties\": {{{few}}}}}, \"short\": {{\"properties\": {{{properties}}}}}"
            ))
        }),
        ("duplicates", 4_000, |n| {
            schemas(&list(n, |_| "\"a\": {}".to_owned()))
        }),
        ("references that lead nowhere", 1_500, |n| {
            schemas(&list(n, |n| {
                format!("\"s{n}\": {{\"$ref\": \"#/components/schemas/x{n}\"}}")
            }))
        }),
        ("a chain of references", 1_500, |n| {
            let link = |n| {
                format!(
                    "\"s{n}\": {{\"$ref\": \"#/components/schemas/s{}\"}}",
                    n + 1
                )
            };
            schemas(&(list(n, link) + &format!(", \"s{n}\": {{}}")))
        }),
        ("parameters", 1_500, |n| {
            let parameters = list(n, |n| {
                format!("{{\"name\": \"p{n}\", \"in\": \"query\", \"schema\": {{}}}}")
            });
            document(&format!(
                "\"paths\": {{\"/\": {{\"get\": {{\"parameters\": [{parameters}]}}}}}}"
            ))
        }),
        ("a path of parameters", 500, |n| {
            let path: String = (0..n).map(|n| format!("{{p{n}}}")).collect();
            document(&format!("\"paths\": {{\"/{path}\": {{\"get\": {{}}}}}}"))
        }),
        ("values of an enumeration", 4_000, |n| {
            let values = list(n, |n| format!("\"v{n}\""));
            schemas(&format!(
                "\"E\": {{\"enum\": [{values}], \"required\": [{values}], \"x-enum-descriptions\": [{values}]}}"
            ))
        }),
        ("files that are not there", 400, |n| {
            schemas(&list(n, |n| {
                format!("\"s{n}\": {{\"$ref\": \"x{n}.yaml\"}}")
            }))
        }),
        ("tags under each other", 1_500, |n| {
            let tags = list(n, |n| {
                format!("{{\"name\": \"t{}\", \"parent\": \"t{n}\"}}", n + 1)
            });
            document(&format!("\"tags\": [{tags}], \"paths\": {{}}"))
        }),
        ("links that lead nowhere", 1_500, |n| {
            let links = list(n, |n| format!("\"l{n}\": {{\"operationId\": \"x{n}\"}}"));
            document(&format!(
                "\"paths\": {{\"/\": {{\"get\": {{\"responses\": {{\"200\": {{\"description\": \"d\", \"links\": {{{links}}}}}}}}}}}}}"
            ))
        }),
        ("ids", 1_000, |n| {
            schemas(&list(n, |n| {
                format!(
                    "\"s{n}\": {{\"$id\": \"http://x/{n}\", \"properties\": {{\"p\": {{\"$ref\": \"#\"}}}}}}"
                )
            }))
        }),
        ("additional operations", 1_000, |n| {
            let operations = list(n, |n| format!("\"M{n}\": {{\"operationId\": \"o{n}\"}}"));
            document(&format!(
                "\"paths\": {{\"/\": {{\"additionalOperations\": {{{operations}}}, \"parameters\": [], \"servers\": []}}}}"
            ))
        }),
        ("security that is not there", 1_500, |n| {
            let schemes = list(n, |n| format!("{{\"s{n}\": []}}"));
            document(&format!("\"security\": [{schemes}], \"paths\": {{}}"))
        }),
        ("operations of the same derived name", 1_500, |n| {
            document(&format!(
                "\"paths\": {{{}}}",
                list(n, |n| format!(
                    "\"/a{}\": {{\"get\": {{}}}}",
                    "-".repeat(n % 50) + &"/".repeat(n / 50)
                ))
            ))
        }),
    ];
    for (name, size, make) in rows {
        growth::check(name, size, make, |text| {
            let loaded = load_text("openapi.json", text);
            assert!(loaded.api.is_some(), "{name}");
            loaded
        });
    }
}

/// What many operations refer to is read for each of them: n parts for n operations would be n² parts.
#[test]
fn a_small_document_does_not_become_a_huge_model() {
    let count = 4_000;
    let text = "x".repeat(100_000);
    let items = |item: &dyn Fn(usize) -> String| list(count, item);
    let rows = [
        (
            "headers of a response",
            format!(
                "\"responses\": {{\"R\": {{\"description\": \"d\", \"headers\": {{{}}}}}}}",
                items(&|n| format!("\"H{n}\": {{}}"))
            ),
            "\"responses\": {\"200\": {\"$ref\": \"#/components/responses/R\"}}",
        ),
        (
            "a long description",
            format!("\"responses\": {{\"R\": {{\"description\": \"{text}\"}}}}"),
            "\"responses\": {\"200\": {\"$ref\": \"#/components/responses/R\"}}",
        ),
        (
            "an example",
            format!(
                "\"responses\": {{\"R\": {{\"description\": \"d\", \"content\": {{\"a/b\": {{\"example\": [{}]}}}}}}}}",
                items(&|n| n.to_string())
            ),
            "\"responses\": {\"200\": {\"$ref\": \"#/components/responses/R\"}}",
        ),
        (
            "callbacks",
            format!(
                "\"callbacks\": {{\"C\": {{{}}}}}",
                items(&|n| format!("\"{{$url}}/{n}\": {{\"post\": {{}}}}"))
            ),
            "\"callbacks\": {\"c\": {\"$ref\": \"#/components/callbacks/C\"}}",
        ),
        (
            "media types of a body",
            format!(
                "\"requestBodies\": {{\"B\": {{\"content\": {{{}}}}}}}",
                items(&|n| format!("\"a/b{n}\": {{}}"))
            ),
            "\"requestBody\": {\"$ref\": \"#/components/requestBodies/B\"}",
        ),
    ];
    for (name, part, use_of_part) in rows {
        let loaded = load_text("openapi.json", &many_refer(count, &part, use_of_part));
        assert_eq!(codes(&loaded), ["too-large"], "{name}");
    }
    let parameters =
        items(&|n| format!("{{\"name\": \"p{n}\", \"in\": \"query\", \"schema\": {{}}}}"));
    let paths = list(count, |n| {
        format!("\"/p{n}\": {{\"$ref\": \"#/components/pathItems/P\"}}")
    });
    let loaded = load_text(
        "openapi.json",
        &document(&format!(
            "\"paths\": {{{paths}}}, \"components\": {{\"pathItems\": {{\"P\": {{\"parameters\": [{parameters}], \"get\": {{}}}}}}}}"
        )),
    );
    assert_eq!(codes(&loaded), ["too-large"]);
}

#[test]
fn objects_of_every_kind_may_refer_in_circles() {
    let kinds = [
        (
            "parameters",
            "get: {operationId: a, parameters: [{$ref: '#/components/parameters/A'}]}",
        ),
        (
            "requestBodies",
            "get: {operationId: a, requestBody: {$ref: '#/components/requestBodies/A'}}",
        ),
        (
            "responses",
            "get: {operationId: a, responses: {200: {$ref: '#/components/responses/A'}}}",
        ),
        (
            "headers",
            "get: {operationId: a, responses: {200: {description: d, headers: {H: {$ref: '#/components/headers/A'}}}}}",
        ),
        (
            "examples",
            "get: {operationId: a, responses: {200: {description: d, content: {a/b: {examples: {e: {$ref: '#/components/examples/A'}}}}}}}",
        ),
        (
            "links",
            "get: {operationId: a, responses: {200: {description: d, links: {l: {$ref: '#/components/links/A'}}}}}",
        ),
        (
            "callbacks",
            "get: {operationId: a, callbacks: {c: {$ref: '#/components/callbacks/A'}}}",
        ),
        (
            "mediaTypes",
            "get: {operationId: a, responses: {200: {description: d, content: {a/b: {$ref: '#/components/mediaTypes/A'}}}}}",
        ),
        ("pathItems", "$ref: '#/components/pathItems/A'"),
    ];
    for (kind, item) in kinds {
        for ends in [["A", "A"], ["B", "A"]] {
            let [a, b] = ends.map(|end| format!("{{$ref: '#/components/{kind}/{end}'}}"));
            let text = format!(
                "openapi: 3.2.0\ninfo: {{title: t, version: v}}\npaths:\n  /a:\n    {item}\ncomponents:\n  {kind}: {{A: {a}, B: {b}}}\n"
            );
            let loaded = load_text("openapi.yaml", &text);
            let said: Vec<_> = loaded
                .findings
                .iter()
                .map(|finding| finding.code.id)
                .collect();
            assert_eq!(said, ["reference-cycle"], "{kind}");
        }
    }
}

#[test]
fn nothing_that_a_document_names_is_asked_for_over_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("it can be asked");
    let port = listener.local_addr().expect("it has an address").port();
    let url = format!("http://127.0.0.1:{port}/x.yaml");
    let text = format!(
        "openapi: 3.2.0
$self: {url}
info: {{title: t, version: v, license: {{url: '{url}'}}, termsOfService: '{url}'}}
servers: [{{url: '{url}'}}]
externalDocs: {{url: '{url}'}}
tags: [{{name: a, externalDocs: {{url: '{url}'}}}}]
paths:
  /item: {{$ref: '{url}/item'}}
  /a:
    get:
      operationId: a
      parameters: [{{$ref: '{url}/parameter'}}]
      requestBody: {{$ref: '{url}/body'}}
      callbacks: {{c: {{$ref: '{url}/callback'}}}}
      responses:
        200: {{description: d, content: {{a/b: {{examples: {{e: {{externalValue: '{url}'}}, f: {{$ref: '{url}/f'}}}}}}}}, links: {{l: {{operationRef: '{url}/o'}}, m: {{$ref: '{url}/link'}}}}, headers: {{H: {{$ref: '{url}/header'}}}}}}
        400: {{$ref: '//127.0.0.1:{port}/x'}}
        500: {{$ref: 'HTTP://127.0.0.1:{port}/x'}}
components:
  securitySchemes: {{o: {{type: openIdConnect, openIdConnectUrl: '{url}'}}, p: {{type: oauth2, oauth2MetadataUrl: '{url}', flows: {{}}}}}}
  schemas:
    A: {{$ref: '{url}/schema'}}
    B: {{$id: '{url}', $schema: '{url}', oneOf: [{{$dynamicRef: '{url}/dynamic'}}], discriminator: {{propertyName: k, mapping: {{a: '{url}/branch'}}}}}}
"
    );
    let loaded = load_text("openapi.yaml", &text);
    let remote = loaded.findings.iter();
    let remote = remote.filter(|finding| finding.code.id == "reference-remote");
    assert!(remote.count() >= 9, "{:?}", loaded.findings);
    let asked = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock));
}

#[test]
fn a_reference_leads_nowhere_outside_however_it_is_written() {
    let references = [
        "/etc/hostname",
        "//host/share",
        "///etc/hostname",
        "\\\\\\\\host\\\\share",
        "..\\\\secret.yaml",
        "..%5csecret.yaml",
        "../secret.yaml",
        "./../secret.yaml",
        "a/../../secret.yaml",
        "%2e%2e/secret.yaml",
        "..%2fsecret.yaml",
        "%2E%2E%2Fsecret.yaml",
        "file:///etc/hostname",
        "FILE:///etc/hostname",
        "file:secret.yaml",
        "C:/secret.yaml",
        "c:secret.yaml",
        "data:application/json,{}",
        "ftp://127.0.0.1/secret.yaml",
        "secret.yaml%00.json",
        "%252e%252e/secret.yaml",
        "http:secret.yaml",
    ];
    let folder = tempfile::tempdir().expect("a folder can be made");
    let root = folder.path().join("root");
    std::fs::create_dir(&root).expect("a folder can be made");
    let secret = "description: c0nfidential\n";
    std::fs::write(folder.path().join("secret.yaml"), secret).expect("it can be written");
    for reference in references {
        let text = schemas(&format!("\"S\": {{\"$ref\": \"{reference}\"}}"));
        let path = root.join("openapi.json");
        std::fs::write(&path, text).expect("it can be written");
        let loaded = dovetail_contract::load::load_openapi(&path);
        let codes = codes(&loaded);
        let expected = ["reference-outside", "reference-remote", "missing-file"];
        assert!(
            codes.len() == 1 && expected.contains(&codes[0]),
            "{reference}: {codes:?}"
        );
        let said = format!(
            "{:?} {:?} {:?}",
            loaded.api, loaded.findings, loaded.sources
        );
        assert!(!said.contains("c0nfidential"), "{reference}");
        assert_eq!(loaded.sources.iter().count(), 1, "{reference}");
    }
}

/// Every text that a document can hold, as one that would be code if it were not kept as text.
const PAYLOADS: [&str; 12] = [
    "\\\"]\\npub fn pwned() {}",
    "*/ pwned();",
    "\\r\\u2028pwned",
    "\\u202epwned",
    "{}{0}{:?}",
    "${pwned}",
    "1.0.0\\\"\\nbuild = \\\"evil.rs",
    "../../.cargo/config",
    "r#type",
    "\\u0000\\u001b[2J",
    "🦀",
    "",
];

#[test]
fn hostile_text_is_kept_as_it_is() {
    for payload in PAYLOADS {
        let text = document(&format!(
            "\"servers\": [{{\"url\": \"{payload}\"}}], \"tags\": [{{\"name\": \"{payload}\"}}], \"paths\": {{\"/{payload}\": {{\"get\": {{\"operationId\": \"{payload}\", \"summary\": \"{payload}\", \"x-rust-type\": \"std::fs::File\", \"parameters\": [{{\"name\": \"{payload}\", \"in\": \"query\", \"schema\": {{}}}}], \"responses\": {{\"200\": {{\"description\": \"{payload}\"}}}}}}}}}}, \"components\": {{\"schemas\": {{\"S{payload}\": {{\"enum\": [\"{payload}\"], \"pattern\": \"{payload}\", \"default\": \"{payload}\", \"x-rust-type\": \"{payload}\", \"properties\": {{\"{payload}\": {{}}}}}}}}}}"
        ));
        let loaded = load_text("openapi.json", &text);
        assert_eq!(
            codes(&loaded),
            if payload.is_empty() {
                vec!["missing-key"]
            } else {
                vec![]
            },
            "{payload}"
        );
        let plain: String = serde_json::from_str(&format!("\"{payload}\"")).expect("it is JSON");
        let api = loaded.api.expect("there is something to work with");
        check_texts(&api, &plain);
    }
}

fn check_texts(api: &HttpApi, plain: &str) {
    let operation = &api.operations[0];
    let response = &operation.responses[0];
    assert_eq!(response.description, plain);
    assert_eq!(operation.summary.as_deref(), Some(plain));
    assert!(!operation.id.value.is_empty());
    assert!(operation.path.value.starts_with('/'));
    let name = format!("S{plain}");
    let schemas = api.schemas.iter();
    let named = schemas
        .map(|(_, schema)| schema)
        .find(|schema| schema.name.as_deref() == Some(&name))
        .expect("the schema is there");
    assert_eq!(named.enumeration, Some(vec![plain.into()]));
    assert_eq!(named.string.pattern.as_deref(), Some(plain));
    assert!(named.object.properties.contains_key(plain));
}

#[test]
fn names_that_are_no_identifiers_are_names() {
    let long = "n".repeat(10_000);
    let names = [
        "self", "Self", "crate", "_", "1", "a-b", "a_b", "aB", "Vec", "Option", "\u{43e}", "é",
        "e\u{301}", &long,
    ];
    let paths = list(names.len(), |n| {
        format!(
            "\"/{n}\": {{\"get\": {{\"operationId\": \"{}\"}}}}",
            names[n]
        )
    });
    let all = list(names.len(), |n| format!("\"{}\": {{}}", names[n]));
    let text = document(&format!(
        "\"paths\": {{{paths}}}, \"components\": {{\"schemas\": {{{all}}}}}"
    ));
    let loaded = load_text("openapi.json", &text);
    assert_eq!(loaded.findings, []);
    let api = loaded.api.expect("there is something to work with");
    let ids: Vec<_> = api.operations.iter().map(|o| o.id.value.as_str()).collect();
    assert_eq!(ids, names);
    let schemas = api.schemas.iter();
    let schemas: Vec<_> = schemas
        .filter_map(|(_, schema)| schema.name.as_deref())
        .collect();
    assert_eq!(schemas, names);
}

#[test]
fn numbers_without_end_are_findings_where_values_are_made_of_them() {
    let rows = [
        ("{\"enum\": [1, 1e400]}", "error"),
        ("{\"const\": {\"a\": [-1e999]}}", "error"),
        ("{\"default\": 1e400}", "warning"),
        ("{\"example\": [1e400]}", "warning"),
        ("{\"examples\": [1e400, 1]}", "warning"),
    ];
    for (schema, severity) in rows {
        let loaded = load_text("openapi.json", &schemas(&format!("\"S\": {schema}")));
        let said: Vec<_> = loaded
            .findings
            .iter()
            .map(|finding| format!("{} {}", finding.severity, finding.code.id))
            .collect();
        assert_eq!(said, [format!("{severity} invalid-value")], "{schema}");
    }
    let bounds = "{\"minimum\": -1e400, \"maximum\": 170141183460469231731687303715884105728, \"multipleOf\": 1e-400}";
    let loaded = load_text("openapi.json", &schemas(&format!("\"S\": {bounds}")));
    assert_eq!(loaded.findings, []);
}

#[test]
fn a_path_that_climbs_is_said() {
    for path in ["/a/../b", "/./a", "/a/..", "/%2e%2E/a", "/.%2e"] {
        let text = document(&format!(
            "\"paths\": {{\"{path}\": {{\"get\": {{\"operationId\": \"a\"}}}}}}"
        ));
        let loaded = load_text("openapi.json", &text);
        let said: Vec<_> = loaded
            .findings
            .iter()
            .map(|finding| finding.code.id)
            .collect();
        assert_eq!(said, ["invalid-value"], "{path}");
    }
    for path in ["/a..b", "/...", "/a/.well-known"] {
        let text = document(&format!(
            "\"paths\": {{\"{path}\": {{\"get\": {{\"operationId\": \"a\"}}}}}}"
        ));
        assert_eq!(load_text("openapi.json", &text).findings, [], "{path}");
    }
}
