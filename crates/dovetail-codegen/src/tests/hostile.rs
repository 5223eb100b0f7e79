//! Text of strangers in every place of a document: it stays text, and costs no more than its size.

use std::collections::BTreeMap;

use serde_json::json;

use super::generated;

const HOSTILE: &[&str] = &[
    "\"]\npub fn x(){}",
    "*/ pub fn x(){}",
    "a\rb",
    "a\u{2028}pub fn x(){}",
    "```\nstd::process::exit(1)\n```",
    "    std::process::exit(1)",
    "<script>alert(1)</script> [x](javascript:alert(1)) \u{202e}evil \u{1b}[31m",
    "x\"); std::process::exit(1); (\"",
    "{} {0} {:?} %7B",
    "1.0.0\"\nbuild = \"evil.rs\"\n[patch.crates-io]",
    "-->\n<script>",
    "![x](https://evil.example/p.png) Look![x](https://evil.example/p.png)",
    "${x} \\ ' `",
];

#[test]
fn hostile_text_stays_text_wherever_it_stands() {
    for text in HOSTILE {
        let json = serde_json::to_string(text).expect("JSON");
        let name =
            serde_json::to_string(&text.replace(['/', '{', '}', '?', '#'], " ")).expect("JSON");
        let document = format!(
            r##"{{"openapi":"3.1.0","info":{{"title":{json},"version":{json},"description":{json}}},
            "paths":{{"/a":{{"get":{{"operationId":{json},"summary":{json},"description":{json},"tags":[{json}],
              "parameters":[{{"name":{name},"in":"query","description":{json},"schema":{{"type":"string"}}}}],
              "responses":{{"200":{{"description":{json},"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/S"}}}}}}}},
                "404":{{"description":{json}}},"default":{{"description":{json}}}}}}}}}}},
            "components":{{"schemas":{{"S":{{"type":"object","title":{json},"description":{json},"x-rust-type":"std::fs::File",
              "properties":{{{json}:{{"type":"string","description":{json},"default":{json}}},"e":{{"enum":[{json},"b"]}},"c":{{"const":{json}}}}}}}}}}}}}"##
        );
        let (files, codes) = generated(&document);
        assert!(!codes.contains(&"broken-output"), "{text:?}");
        check_inert(&files, text);
        for (path, text) in &files {
            assert!(!text.contains("std::fs::File"), "{path}");
            let is_image = |(at, _): (usize, &str)| {
                let before = text.get(..at).unwrap_or_default();
                let line = before.rsplit('\n').next().unwrap_or_default();
                let is_code = line.matches('`').count() % 2 == 1;
                !before.ends_with('\\') && !is_code
            };
            let shows_image = text.match_indices("![").any(is_image);
            let is_docs = path.ends_with(".md") || path.ends_with("types.rs");
            assert!(!is_docs || !shows_image, "{path}: {text}");
        }
    }
}

/// A document that answers with the first of a chain of schemas, each made with a reference to the next, of which the last is an integer.
fn chain(length: usize, link: fn(serde_json::Value) -> serde_json::Value) -> String {
    let reference = |n: usize| json!({ "$ref": format!("#/components/schemas/S{n}") });
    let mut schemas: BTreeMap<String, serde_json::Value> = (0..length)
        .map(|n| (format!("S{n}"), link(reference(n + 1))))
        .collect();
    schemas.insert(format!("S{length}"), json!({ "type": "integer" }));
    json!({
        "openapi": "3.1.0",
        "info": { "title": "T", "version": "1" },
        "paths": { "/a": { "get": { "operationId": "a", "responses": { "200": { "description": "ok", "content": {
            "application/json": { "schema": reference(0) } } } } } } },
        "components": { "schemas": schemas },
    })
    .to_string()
}

#[test]
fn a_chain_of_names_is_the_type_at_its_end() {
    let (files, codes) = generated(&chain(2_000, |next| next));
    assert!(codes.is_empty(), "{codes:?}");
    assert!(files["src/client.rs"].contains("Result<i64, "));
}

#[test]
fn types_that_hold_others_twice_each_have_a_size() {
    let pair = |next| json!({ "type": "object", "required": ["a", "b"], "properties": { "a": next, "b": next } });
    let (files, _) = generated(&chain(70, pair));
    let boxes = files["src/types.rs"].matches("Box<").count();
    assert!((4..40).contains(&boxes), "{boxes}");
}

/// Whether an item is a macro of the runtime, and of names and literals only.
fn is_table(item: &syn::Item) -> bool {
    const TABLES: [&str; 5] = ["object", "open_enum", "open_numbers", "union", "alike"];
    let syn::Item::Macro(item) = item else {
        return false;
    };
    let name = item.mac.path.get_ident().map(ToString::to_string);
    let (mut in_text, mut escaped) = (false, false);
    let outside = item.mac.tokens.to_string().chars().any(|c| {
        let was_in_text = in_text;
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
        !was_in_text && matches!(c, ';' | '.' | '!' | '\'')
    });
    name.is_some_and(|name| TABLES.contains(&name.as_str())) && !outside
}

/// Nothing but the expected items is in any file, and no text reaches the manifest or the banner unescaped.
fn check_inert(files: &BTreeMap<String, String>, text: &str) {
    for (path, content) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let file =
            syn::parse_file(content).unwrap_or_else(|error| panic!("{path} for {text:?}: {error}"));
        let inner = file.items.iter().filter_map(|item| match item {
            syn::Item::Mod(module) => module.content.as_ref(),
            _ => None,
        });
        let is_call = |item: &syn::Item| matches!(item, syn::Item::Use(_) | syn::Item::Fn(_));
        assert!(inner.flat_map(|(_, items)| items).all(is_call), "{path}");
        for item in &file.items {
            let is_expected = matches!(
                item,
                syn::Item::Use(_)
                    | syn::Item::Struct(_)
                    | syn::Item::Enum(_)
                    | syn::Item::Impl(_)
                    | syn::Item::Const(_)
                    | syn::Item::Mod(_)
            ) || is_table(item);
            assert!(
                is_expected,
                "an item of another kind in {path} for {text:?}"
            );
        }
        let fences = content
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with("/// ```") || line.starts_with("//! ```"));
        assert!(
            fences.clone().all(|line| ["```text", "```ignore", "```"]
                .iter()
                .any(|end| line.ends_with(end))),
            "{path} for {text:?}"
        );
        // What an example shows is a call.
        let lines: Vec<&str> = content.lines().map(str::trim_start).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "/// ```ignore") {
            let call = pair[1]
                .trim_start_matches("/// ")
                .trim_end_matches(".await?;");
            let call = call.trim_start_matches("let answer = ");
            assert!(
                matches!(syn::parse_str(call), Ok(syn::Expr::MethodCall(_))),
                "{call}"
            );
        }
        assert!(
            !content
                .chars()
                .any(|c| c == '\r' || c == '\u{2028}' || c == '\u{202e}' || c == '\u{1b}'),
            "{path} for {text:?}"
        );
    }
    let manifest: toml_edit::DocumentMut = files["Cargo.toml"].parse().expect("TOML");
    let keys: Vec<&str> = manifest.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "package",
            "lib",
            "example",
            "features",
            "dependencies",
            "lints"
        ],
        "{text:?}"
    );
    assert_eq!(manifest["package"]["name"].as_str(), Some("orders-client"));
    assert_eq!(manifest["package"]["version"].as_str(), Some("1.4.0"));
    assert!(manifest["package"].get("build").is_none());
    assert!(!files["README.md"].contains("<script>"), "{text:?}");
}

#[test]
fn hostile_paths_are_literals_and_parameters() {
    let paths = [
        "/x\"); std::process::exit(1); (\"",
        "/a/{id}/{0}",
        "/{id}/..",
        "/%2e%2e/{id}",
        "/{id}*/ pub fn x(){}",
        "/{id}\u{202e}\u{1b}[31m",
    ];
    for path in paths {
        let parameter = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
        let document = json!({
            "openapi": "3.1.0",
            "info": { "title": "T", "version": "1" },
            "paths": { path: { "get": {
                "parameters": [parameter("id"), parameter("0")],
                "responses": { "204": { "description": "Done." } },
            } } },
        });
        let (files, codes) = generated(&document.to_string());
        assert!(!codes.contains(&"broken-output"), "{path:?}");
        check_inert(&files, path);
    }
}

#[test]
fn hostile_values_of_enums_and_constants_are_literals() {
    let values: Vec<&str> = HOSTILE
        .iter()
        .copied()
        .chain(["", "A", "a", "\\", "\n"])
        .collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "T", "version": "1" },
        "paths": { "/a": { "get": { "operationId": "a", "responses": { "200": { "description": "ok", "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/S" } } } } } } } },
        "components": { "schemas": { "S": {
            "type": "object",
            "required": ["c", "n", "wide"],
            "properties": {
                "e": { "enum": values },
                "c": { "const": "\"} } } pub fn x() {} object! { A { required { 0 a: \"" },
                "n": { "const": -9_223_372_036_854_775_808_i64 },
                "wide": { "type": "integer", "const": 18_446_744_073_709_551_615_u64 },
                "wrong": { "type": "integer", "default": "x", "const": "y" },
                "mixed": { "enum": [1, "a", {}, [], 1.5] },
            },
        } } },
    });
    let (files, codes) = generated(&document.to_string());
    assert!(!codes.contains(&"broken-output"), "{codes:?}");
    check_inert(&files, "values");
    assert!(
        files["src/wire.rs"].contains("= -9223372036854775808"),
        "{}",
        files["src/wire.rs"]
    );
}

#[test]
fn declared_servers_are_constants_that_no_client_uses_by_itself() {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "T", "version": "1" },
        "servers": [
            { "url": "javascript:alert(1)" },
            { "url": "file:///etc/passwd" },
            { "url": "/v1" },
            { "url": "https://user:secret@example.com" },
            { "url": "https:///user:secret@example.com" },
            { "url": "https:\\\\user:secret@example.com" },
            { "url": "http://169.254.169.254/{a}", "description": "\"; evil()", "variables": { "a": { "default": "\"x" } } },
            { "url": "https://eu.example.com", "description": "Europe" },
        ],
        "paths": { "/a": { "get": { "operationId": "a", "responses": { "204": { "description": "ok" } } } } },
    });
    let (files, _) = generated(&document.to_string());
    check_inert(&files, "servers");
    let operations = &files["src/operations.rs"];
    assert!(
        operations.contains("pub const EUROPE_SERVER: ServerTemplate"),
        "{operations}"
    );
    for absent in ["javascript", "passwd", "secret", "\"/v1\""] {
        assert!(!operations.contains(absent), "{absent} in {operations}");
    }
    assert!(
        !files["src/client.rs"].contains("_SERVER"),
        "{}",
        files["src/client.rs"]
    );
}

#[test]
fn an_enum_of_very_many_values_costs_what_its_size_says() {
    let document = |count: usize| {
        let values: Vec<String> = (0..count)
            .map(|number| format!("v{}", number % (count / 2) * 2))
            .collect();
        json!({
            "openapi": "3.1.0",
            "info": { "title": "T", "version": "1" },
            "paths": { "/a": { "get": { "operationId": "a", "responses": { "200": { "description": "ok", "content": {
                "application/json": { "schema": { "enum": values } } } } } } } },
        })
        .to_string()
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "two sizes in one run are compared, not a time"
    )]
    let took = |text: &str| {
        (0..3)
            .map(|_| {
                let started = std::time::Instant::now();
                generated(text);
                started.elapsed()
            })
            .min()
            .unwrap_or_default()
    };
    let (small, large) = (took(&document(2_000)), took(&document(16_000)));
    assert!(
        large < small * 32,
        "8 times the size took {small:?} and {large:?}"
    );
}
