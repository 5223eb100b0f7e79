//! Texts and documents that are made to hurt are refused, or read in a time that grows with their size, and hurt nobody.

use std::path::Path;

use dovetail_contract::finding::Finding;
use dovetail_contract::load::{LoadedApi, load_openapi, parse_text};

use crate::growth;

/// Reads a document from a folder of its own.
pub(crate) fn load_text(name: &str, text: &str) -> LoadedApi {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("it can be written");
    load_openapi(&path)
}

/// Aliases of aliases: each level is eight times the one before.
fn laughs(levels: usize) -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..levels {
        let below = format!("*a{}, ", level - 1).repeat(8);
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    text
}

#[test]
fn hostile_texts_are_findings_soon() {
    type Make = fn(usize) -> String;
    let rows: [(&str, usize, Make); 15] = [
        ("brackets", 12_500, |n| "[".repeat(n)),
        ("lists", 6_250, |n| "- ".repeat(n)),
        ("keys", 6_250, |n| "? ".repeat(n)),
        ("flow mappings", 6_250, |n| "{a: ".repeat(n)),
        ("JSON", 12_500, |n| "{\"a\":".repeat(n)),
        ("laughs", 10, laughs),
        ("merges", 5_000, |n| {
            let merge = |index| format!("b{index}: {{<<: [*a, *a, *a]}}\n");
            let merges: String = (0..n).map(merge).collect();
            format!("a: &a {{k: 1, l: 2, m: 3}}\n{merges}")
        }),
        ("aliases", 12_000, |n| {
            format!("a: &a 1\nb: [{}]", "*a, ".repeat(n))
        }),
        ("a large value with many aliases", 12_000, |n| {
            format!("a: &a {}\nb: [{}]", "x".repeat(n), "*a, ".repeat(n))
        }),
        ("anchors", 12_000, |n| {
            (0..n).map(|n| format!("a{n}: &a{n} 1\n")).collect()
        }),
        ("quotes", 12_501, |n| "\"".repeat(n | 1)),
        ("recursion", 1, |_| "&a [*a]".to_owned()),
        ("tag", 1, |_| {
            "a: !!python/object/apply:os.system [id]".to_owned()
        }),
        ("documents", 2_500, |n| "---\na: 1\n".repeat(n)),
        ("control", 1, |_| "a: \u{7}".to_owned()),
    ];
    for (name, size, make) in rows {
        for path in ["a.yaml", "a.json"] {
            let title = format!("{name} as {path}");
            growth::check(&title, size, make, |text| {
                let parsed = parse_text(path, text);
                assert!(!parsed.findings.is_empty(), "{title} is taken");
                assert!(parsed.findings.iter().all(Finding::is_error), "{title}");
                parsed
            });
        }
    }
}

#[test]
fn large_but_honest_texts_are_read_soon() {
    type Make = fn(usize) -> String;
    let rows: [(&str, usize, Make); 7] = [
        // Beyond it YAML takes no key.
        ("a long key", 125, |n| format!("\"{}\": 1", "k".repeat(n))),
        ("a long value", 250_000, |n| {
            format!("k: \"{}\"", "v".repeat(n))
        }),
        ("many lines", 8_000, |n| "- a\n".repeat(n)),
        ("many keys", 3_000, |n| {
            (0..n).map(|n| format!("k{n}: {n}\n")).collect()
        }),
        ("many comments", 20_000, |n| "# c\n".repeat(n) + "a: 1"),
        ("many mappings", 2_000, |n| "- {a: {b: 1}}\n".repeat(n)),
        ("a block of many lines", 20_000, |n| {
            format!("a: |\n{}", "  b\n".repeat(n))
        }),
    ];
    for (name, size, make) in rows {
        growth::check(name, size, make, |text| {
            let parsed = parse_text("a.yaml", text);
            assert!(parsed.findings.is_empty(), "{name}: {:?}", parsed.findings);
            assert!(parsed.root.is_some(), "{name}");
            parsed
        });
    }
    growth::check(
        "a long key of JSON",
        375_000,
        |n| format!("{{\"{}\": 1}}", "k".repeat(n)),
        |text| {
            let parsed = parse_text("a.json", text);
            assert!(parsed.findings.is_empty() && parsed.root.is_some());
            parsed
        },
    );
}

#[test]
fn a_reader_with_a_small_stack_survives_the_deepest_document() {
    let depth = 120;
    let mut text = "{\"openapi\": \"3.1.0\", \"info\": {}, \"paths\": {}, \"components\": {\"schemas\": {\"S\": ".to_owned();
    text += &"{\"items\": ".repeat(depth);
    text += "{}";
    text += &"}".repeat(depth + 3);
    for name in ["openapi.yaml", "openapi.json"] {
        let text = text.clone();
        let reader = std::thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(move || load_text(name, &text).findings)
            .expect("a thread can be started");
        let findings = reader.join().expect("the stack is deep enough");
        assert!(findings.is_empty(), "{findings:?}");
    }
}

#[test]
fn a_document_that_is_not_there_is_a_finding() {
    for path in ["nowhere/openapi.yaml", "", "/", "."] {
        let loaded = load_openapi(Path::new(path));
        assert!(loaded.api.is_none());
        assert_eq!(loaded.findings.len(), 1, "{path}: {:?}", loaded.findings);
    }
}

#[cfg(unix)]
#[test]
fn a_reference_through_a_link_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let root = folder.path().join("root");
    std::fs::create_dir(&root).expect("a folder can be made");
    std::fs::write(folder.path().join("secret.yaml"), "type: string\n").expect("it can be written");
    std::os::unix::fs::symlink("../secret.yaml", root.join("link.yaml"))
        .expect("a link can be made");
    std::fs::write(
        root.join("openapi.yaml"),
        "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths: {}\ncomponents: {schemas: {S: {$ref: link.yaml}}}\n",
    )
    .expect("it can be written");
    let loaded = load_openapi(&root.join("openapi.yaml"));
    let codes: Vec<_> = loaded
        .findings
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    assert_eq!(codes, ["reference-outside"]);
    let read: Vec<_> = loaded
        .sources
        .iter()
        .map(|(_, file)| file.path.as_str())
        .collect();
    assert_eq!(read, ["openapi.yaml"]);
}
