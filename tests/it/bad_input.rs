//! Broken contracts, as a whole run sees them: findings with places, an exit code, nothing written.

use crate::command::{dovetail, folder, sample, write};

const SERVICE: &str = "service: a\nprovides: { http: { openapi: openapi.yaml } }\n";

/// Runs `codegen` on a workspace with this OpenAPI document, and returns what it said.
fn generate(document: &[u8]) -> String {
    let folder = folder(&[
        ("dovetail.yaml", "dovetail: 1\ncodegen: { output: out }\n"),
        ("a/service.yaml", SERVICE),
    ]);
    std::fs::write(folder.path().join("a/openapi.yaml"), document).unwrap();
    let ended = dovetail(folder.path(), &["codegen"]);
    assert_eq!(ended.exit, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(!folder.path().join("out").exists(), "something was written");
    ended.stdout
}

#[test]
fn broken_documents_are_findings_with_a_place() {
    let bomb = {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let below = format!("*a{},", level - 1).repeat(9);
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                below.trim_end_matches(',')
            ));
        }
        text
    };
    let brackets = "[".repeat(100_000);
    let dashes = "- ".repeat(50_000);
    let maps = "{a: ".repeat(50_000);
    let rows: Vec<(&[u8], &str)> = vec![
        (b"", "empty-file"),
        (b"openapi: 3.1.0\n   info: x\n", "yaml-syntax"),
        (b"openapi: 3.1.0\nopenapi: 3.1.0\n", "duplicate-key"),
        (b"openapi: 3.1.0\npaths: [1]\n", "wrong-type"),
        (b"openapi: \xff\n", "invalid-utf8"),
        (b"openapi: 9.0.0\n", "unsupported-version"),
        (bomb.as_bytes(), "a/openapi.yaml:"),
        (brackets.as_bytes(), "a/openapi.yaml:"),
        (dashes.as_bytes(), "a/openapi.yaml:"),
        (maps.as_bytes(), "a/openapi.yaml:"),
    ];
    for (document, needle) in rows {
        let said = generate(document);
        assert!(said.contains(needle), "{needle}: {said}");
        assert!(said.contains("--> a/openapi.yaml"), "no place: {said}");
    }
}

#[test]
fn a_missing_document_is_shown_where_it_is_named() {
    let folder = folder(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", SERVICE),
    ]);
    let ended = dovetail(folder.path(), &["check"]);
    assert_eq!(ended.exit, 3);
    assert!(
        ended.stdout.contains("missing-file") && ended.stdout.contains("a/service.yaml:2"),
        "{}",
        ended.stdout
    );
}

#[test]
fn dangling_and_cyclic_references_are_findings() {
    let document = "\
openapi: 3.1.0
info: { title: T, version: '1' }
paths: {}
components:
  schemas:
    A: { $ref: '#/components/schemas/Missing' }
    B: { $ref: '#/components/schemas/C' }
    C: { $ref: '#/components/schemas/B' }
    D: { $ref: 'http://127.0.0.1:9/d.yaml' }
    E: { $ref: '../../e.yaml' }
";
    let said = generate(document.as_bytes());
    for code in [
        "dangling-reference",
        "reference-cycle",
        "reference-remote",
        "reference-outside",
    ] {
        assert!(said.contains(code), "{code}: {said}");
    }
}

#[test]
fn one_broken_contract_among_many_stops_all_writing_and_everything_is_said() {
    let sample = sample();
    let root = sample.path();
    for number in 1..=20 {
        let document = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: {}\n";
        write(
            root,
            &format!("contracts/s{number}/service.yaml"),
            &SERVICE.replace("service: a", &format!("service: s{number}")),
        );
        write(root, &format!("contracts/s{number}/openapi.yaml"), document);
    }
    write(
        root,
        "contracts/s7/service.yaml",
        "service: s7\nonwer: x\nsumary: y\n",
    );
    write(
        root,
        "contracts/s9/openapi.yaml",
        "openapi: 3.1.0\npaths: 1\n",
    );
    let ended = dovetail(root, &["codegen"]);
    assert_eq!(ended.exit, 3);
    for needle in ["`onwer`", "`sumary`", "s9/openapi.yaml:2"] {
        assert!(ended.stdout.contains(needle), "{needle}: {}", ended.stdout);
    }
    assert!(
        ended.stderr.contains("nothing was written"),
        "{}",
        ended.stderr
    );
    assert!(!root.join("crates").exists());
}
