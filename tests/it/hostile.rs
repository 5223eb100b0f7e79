//! Hostile contracts, as a whole run of `codegen` meets them: what is written stays in its folder and is what a colleague could have written.

use std::path::{Path, PathBuf};

use crate::command::{dovetail, folder, write};

/// A document whose every text would be code, another path or another key if it were not kept as text.
const OPENAPI: &str = r##"
openapi: 3.2.0
info: {title: "*/ fn pwned() {} /*", version: "1.0.0\"\nbuild = \"evil.rs\"\n[patch.crates-io]"}
servers: [{url: "javascript:pwned()"}, {url: "http://u:p@169.254.169.254/{v}", variables: {v: {default: "\"); pwned(", enum: ["\"); pwned("]}}}]
tags: [{name: "../../tag", description: "```\nstd::fs::write(\"pwned\", \"\");\n```"}]
paths:
  "/x\"); std::process::exit(1); (\"/{a b}":
    get:
      operationId: "../../../escaped"
      tags: ["../../tag"]
      description: "\r\u2028]\npub fn pwned() {}"
      parameters: [{name: "a b", in: path, required: true, schema: {type: string}}, {name: "X-\"", in: header, schema: {type: string}}]
      responses:
        "200": {description: "d", headers: {"X-\"]": {schema: {type: string}}}, content: {"application/json": {schema: {$ref: "#/components/schemas/..~1..~1etc"}}}, links: {"}": {operationId: "../../../escaped"}}}
      callbacks: {"*/": {"{$url}\"]": {post: {operationId: "#[pwned]"}}}}
    additionalOperations: {"A'`|B": {operationId: "#![pwned]"}}
webhooks: {"\"]": {post: {requestBody: {content: {"application/json\"]": {schema: {type: object, properties: {"fn pwned": {const: "\"]"}}}}}}}}}
components:
  securitySchemes: {"\"]": {type: apiKey, name: "\"]\r\nX-Evil: 1", in: header}, "b": {type: oauth2, flows: {clientCredentials: {tokenUrl: "file:///\"]", scopes: {}}}}}
  schemas:
    ../../etc: {type: object, x-rust-type: "std::fs::File", properties: {"self": {enum: ["\"", "\\", "\n", "", "A", "a", "${x}", "{}"]}, "a-b": {}, "a_b": {type: string, pattern: "(a+)+$"}}}
"##;

/// Runs `codegen` on that document, with settings and a service that say no more than given.
fn generate(settings: &str, service: &str) -> (tempfile::TempDir, crate::command::Ended) {
    let outer = folder(&[
        ("root/dovetail.yaml", settings),
        ("root/a/service.yaml", service),
        ("root/a/openapi.yaml", OPENAPI),
    ]);
    let ended = dovetail(&outer.path().join("root"), &["codegen"]);
    (outer, ended)
}

/// Every file below a folder, relative to it.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

const SERVICE: &str = "service: a\nprovides: { http: { openapi: openapi.yaml } }\n";

#[test]
fn hostile_text_becomes_one_crate_in_its_folder() {
    let (outer, ended) = generate("dovetail: 1\ncodegen: { output: out }\n", SERVICE);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    let contracts = Path::new("root/a");
    let made = files(outer.path());
    let made = made
        .iter()
        .filter(|path| !path.starts_with(contracts) && !path.ends_with("dovetail.yaml"))
        // What was done is remembered in the caches of the user, whose home is this folder.
        .filter(|path| !path.starts_with("root/.cache"));
    let made: Vec<_> = made.collect();
    assert!(made.len() >= 4, "{made:?}");
    for path in made {
        assert!(path.starts_with("root/out/a-client"), "{path:?}");
        let text = std::fs::read_to_string(outer.path().join(path)).unwrap();
        if path.extension().is_some_and(|extension| extension == "rs") {
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let lines = text.lines().map(str::trim_start);
            let mut code = lines.filter(|line| !line.starts_with("//"));
            assert!(
                !code.any(|line| line.starts_with("pub fn pwned") || line.starts_with("#![pwned")),
                "{path:?}"
            );
        }
        if path.ends_with("Cargo.toml") {
            assert!(
                !text.contains("build =") && !text.contains("[patch"),
                "{text}"
            );
        }
    }
    // Generating again changes nothing, whatever the names are.
    let again = dovetail(&outer.path().join("root"), &["codegen", "--check"]);
    assert_eq!(again.exit, 0, "{}", again.stdout);
}

#[test]
fn names_of_services_are_folders_of_crates_or_findings() {
    for name in [
        "../../.cargo/config",
        "/etc/x",
        "CON",
        "a\\\\b",
        "a.",
        "é",
        "..",
    ] {
        let service = SERVICE.replace("service: a", &format!("service: \"{name}\""));
        let (outer, ended) = generate("dovetail: 1\ncodegen: { output: out }\n", &service);
        assert_eq!(ended.exit, 3, "{name}: {}", ended.stdout);
        assert_eq!(files(outer.path()).len(), 3, "{name}");
    }
}

#[test]
fn the_output_folder_is_relative() {
    // A path that climbs is legal: generated crates often stand beside the contracts.
    for output in ["/tmp/dovetail-escaped", "c:\\\\out"] {
        let settings = format!("dovetail: 1\ncodegen: {{ output: \"{output}\" }}\n");
        let (outer, ended) = generate(&settings, SERVICE);
        assert_ne!(ended.exit, 0, "{output}: {}", ended.stdout);
        assert_eq!(files(outer.path()).len(), 3, "{output}");
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    for link in ["root/out", "root/out/a-client", "root/out/a-client/src"] {
        let outer = folder(&[
            (
                "root/dovetail.yaml",
                "dovetail: 1\ncodegen: { output: out }\n",
            ),
            ("root/a/service.yaml", SERVICE),
            ("root/a/openapi.yaml", OPENAPI),
        ]);
        let outside = outer.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        write(&outside, "kept.rs", "// mine\n");
        let link = outer.path().join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        let ended = dovetail(&outer.path().join("root"), &["codegen"]);
        assert_ne!(ended.exit, 0, "{link:?}: {}", ended.stdout);
        assert_eq!(files(&outside), [Path::new("kept.rs")], "{link:?}");
    }
}
