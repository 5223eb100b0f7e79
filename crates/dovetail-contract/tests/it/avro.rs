//! The schemas that the makers of Avro test with.

use std::path::Path;

use dovetail_contract::finding::Finding;
use dovetail_contract::load::load;

use crate::shared;

/// What is said of an Avro schema that is an error.
fn errors(avro: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    write("dovetail.yaml", "dovetail: 1\nchannels: { c: {} }\n");
    write(
        "a/service.yaml",
        "service: a\nprovides: { events: { e: { schema: e.avsc, channel: c } } }\n",
    );
    write("a/e.avsc", avro);
    let loaded = load(folder.path());
    let errors = loaded.findings.into_iter().filter(Finding::is_error);
    let mut errors: Vec<String> = errors.map(|finding| finding.message).collect();
    if loaded.workspace.services["a"].messaging.provides["e"]
        .schema
        .is_none()
    {
        errors.push("it has no schema".to_owned());
    }
    errors
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it can be read")
}

#[test]
fn every_schema_of_the_tests_of_avro_is_read() {
    let Some(folder) = shared::folder("conformance/avro") else {
        return;
    };
    for name in [
        "interop.avsc",
        "reserved.avsc",
        "test_schema.avsc",
        "weather.avsc",
    ] {
        assert_eq!(errors(&text(&folder.join(name))), [""; 0], "{name}");
    }
    let cases = text(&folder.join("schema-tests.txt"));
    let mut count = 0;
    for case in cases.split("<<INPUT").skip(1) {
        let input = case.split("<<canonical").next().unwrap_or_default().trim();
        // An input of several lines ends with a line that says so.
        let input = input.strip_suffix("INPUT").unwrap_or(input);
        // One has a number that is none in JSON, and says so itself.
        if input.contains("parser broken") {
            continue;
        }
        assert_eq!(errors(input), [""; 0], "{input}");
        count += 1;
    }
    assert!(count >= 30, "only {count}");
    let pairs: serde_json::Value =
        serde_json::from_str(&text(&folder.join("reader-writer-compat.json"))).expect("it is JSON");
    let pairs = pairs.as_array().or_else(|| pairs.get("cases")?.as_array());
    let pairs = pairs.expect("it is a list of pairs");
    for pair in pairs {
        for side in ["reader", "writer"] {
            let schema = match &pair[side] {
                serde_json::Value::String(text) if text.starts_with(['{', '[', '"']) => {
                    text.clone()
                }
                schema => schema.to_string(),
            };
            assert_eq!(errors(&schema), [""; 0], "{schema}");
        }
    }
    assert!(pairs.len() > 100, "only {}", pairs.len());
}
