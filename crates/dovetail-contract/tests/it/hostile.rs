//! Inputs that are made to hurt are refused fast, and hurt nobody.

use std::path::Path;
use std::time::{Duration, Instant};

use dovetail_contract::finding::Finding;
use dovetail_contract::load::{LoadedApi, load_openapi, parse_text};

/// Generous for a slow machine, and far below what a quadratic reader would need.
const SOON: Duration = Duration::from_secs(5);

/// Tries before a reader counts as slow: a machine that is busy with something else is not busy every time.
const TRIES: usize = 3;

/// Does the work, and again while it took longer than `limit`: the result, and the shortest time.
#[expect(
    clippy::disallowed_methods,
    reason = "only real time tells a linear reader from a quadratic one"
)]
fn timed<T>(limit: Duration, work: impl Fn() -> T) -> (T, Duration) {
    let once = || {
        let start = Instant::now();
        let done = work();
        (done, start.elapsed())
    };
    let (mut done, mut shortest) = once();
    for _ in 1..TRIES {
        if shortest < limit {
            break;
        }
        let (again, took) = once();
        done = again;
        shortest = shortest.min(took);
    }
    (done, shortest)
}

/// Reads a document from a folder of its own.
fn load_text(name: &str, text: &str) -> LoadedApi {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("it can be written");
    load_openapi(&path)
}

#[test]
fn hostile_texts_are_findings_soon() {
    let laughs = {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ('b'..='i').zip('a'..='h') {
            text += &format!(
                "{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n"
            );
        }
        text
    };
    let merges = {
        let mut text = "a: &a {k: 1, l: 2, m: 3}\n".to_owned();
        for index in 0..20_000 {
            text += &format!("b{index}: {{<<: [*a, *a, *a]}}\n");
        }
        text
    };
    let rows = [
        ("brackets", "[".repeat(100_000)),
        ("lists", "- ".repeat(50_000)),
        ("keys", "? ".repeat(50_000)),
        ("flow mappings", "{a: ".repeat(50_000)),
        ("JSON", "{\"a\":".repeat(50_000)),
        ("laughs", laughs),
        ("merges", merges),
        (
            "aliases",
            format!("a: &a 1\nb: [{}]", "*a, ".repeat(20_000)),
        ),
        (
            "anchors",
            (0..20_000).map(|n| format!("a{n}: &a{n} 1\n")).collect(),
        ),
        ("quotes", "\"".repeat(99_999)),
        ("recursion", "&a [*a]".to_owned()),
        ("tag", "a: !!python/object/apply:os.system [id]".to_owned()),
        ("documents", "---\na: 1\n".repeat(20_000)),
        ("control", "a: \u{7}".to_owned()),
    ];
    for (name, text) in rows {
        for path in ["a.yaml", "a.json"] {
            let (parsed, took) = timed(SOON, || parse_text(path, &text));
            assert!(!parsed.findings.is_empty(), "{name} is taken as {path}");
            assert!(parsed.findings.iter().all(Finding::is_error));
            assert!(took < SOON, "{name} as {path} took {took:?}");
        }
    }
}

#[test]
fn large_but_honest_texts_are_read_soon() {
    let rows = [
        ("a long key", format!("\"{}\": 1", "k".repeat(1_000))),
        ("a long value", format!("k: \"{}\"", "v".repeat(3_000_000))),
        ("many lines", "- a\n".repeat(200_000)),
        (
            "many keys",
            (0..50_000).map(|n| format!("k{n}: {n}\n")).collect(),
        ),
        ("many comments", "# c\n".repeat(200_000) + "a: 1"),
    ];
    for (name, text) in rows {
        let (parsed, took) = timed(SOON * 2, || parse_text("a.yaml", &text));
        assert!(parsed.findings.is_empty(), "{name}: {:?}", parsed.findings);
        assert!(parsed.root.is_some(), "{name}");
        assert!(took < SOON * 2, "{name} took {took:?}");
    }
}

#[test]
fn documents_that_multiply_work_are_refused_or_read_soon() {
    let document = |rest: String| {
        format!(
            "{{\"openapi\": \"3.1.0\", \"info\": {{\"title\": \"t\", \"version\": \"v\"}}, {rest}}}"
        )
    };
    let schemas = |rest: String| {
        document(format!(
            "\"paths\": {{}}, \"components\": {{\"schemas\": {{{rest}}}}}"
        ))
    };
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let long = "k".repeat(1_000_000);
    let rows = [
        ("a long key above many others", {
            let properties = list(50_000, &|n| format!("\"p{n}\": {{}}"));
            schemas(format!("\"{long}\": {{\"properties\": {{{properties}}}}}"))
        }),
        ("duplicates", {
            schemas(list(200_000, &|_| "\"a\": {}".to_owned()))
        }),
        ("references that lead nowhere", {
            schemas(list(20_000, &|n| {
                format!("\"s{n}\": {{\"$ref\": \"#/components/schemas/x{n}\"}}")
            }))
        }),
        ("a chain of references", {
            let next = |n: usize| {
                format!(
                    "\"s{n}\": {{\"$ref\": \"#/components/schemas/s{}\"}}",
                    n + 1
                )
            };
            schemas(list(50_000, &next) + ", \"s50000\": {}")
        }),
        ("parameters", {
            let parameters = list(50_000, &|n| {
                format!("{{\"name\": \"p{n}\", \"in\": \"query\", \"schema\": {{}}}}")
            });
            document(format!(
                "\"paths\": {{\"/\": {{\"get\": {{\"parameters\": [{parameters}]}}}}}}"
            ))
        }),
        ("a path of parameters", {
            let path: String = (0..50_000).map(|n| format!("{{p{n}}}")).collect();
            document(format!("\"paths\": {{\"/{path}\": {{\"get\": {{}}}}}}"))
        }),
        ("values of an enumeration", {
            let values = list(100_000, &|n| format!("\"v{n}\""));
            schemas(format!(
                "\"E\": {{\"enum\": [{values}], \"required\": [{values}]}}"
            ))
        }),
        ("files that are not there", {
            schemas(list(20_000, &|n| {
                format!("\"s{n}\": {{\"$ref\": \"x{n}.yaml\"}}")
            }))
        }),
    ];
    for (name, text) in rows {
        let (loaded, took) = timed(SOON * 2, || load_text("openapi.json", &text));
        assert!(loaded.api.is_some(), "{name}");
        assert!(took < SOON * 2, "{name} took {took:?}");
    }
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
