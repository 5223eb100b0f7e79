//! Workspaces that are made to hurt: names that would be other paths, files without end, many services.

use std::fs::File;
use std::path::Path;

use dovetail_contract::load::{Loaded, load, load_openapi};

use crate::growth;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

fn codes(loaded: &Loaded) -> Vec<&str> {
    let errors = loaded.findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.code.id).collect()
}

#[test]
fn a_name_of_a_service_is_no_path_and_no_crate_of_others() {
    let long = "a".repeat(300);
    let names = [
        "../../.cargo/config",
        "/etc/x",
        "CON",
        "a\\b",
        "a.",
        "a b",
        ".",
        "..",
        "-a",
        "a-",
        "a--b",
        "1a",
        "é",
        "e\u{301}",
        "A",
        "a_b",
        "a\u{0}",
        "a\nb",
        "",
        &long,
    ];
    for name in names {
        let folder = tempfile::tempdir().expect("a folder can be made");
        write(folder.path(), "dovetail.yaml", "dovetail: 1\n");
        let quoted = serde_json::to_string(name).expect("it can be quoted");
        write(
            folder.path(),
            "a/service.yaml",
            &format!("service: {quoted}\n"),
        );
        let loaded = load(folder.path());
        assert_eq!(codes(&loaded).len(), 1, "{name:?}: {:?}", loaded.findings);
        assert!(loaded.workspace.services.is_empty(), "{name:?}");
    }
}

#[test]
fn two_services_of_one_name_are_a_finding() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(folder.path(), "dovetail.yaml", "dovetail: 1\n");
    write(folder.path(), "a/service.yaml", "service: orders\n");
    write(folder.path(), "b/service.yaml", "service: orders\n");
    let loaded = load(folder.path());
    assert_eq!(codes(&loaded), ["invalid-value"]);
    assert_eq!(loaded.workspace.services.len(), 1);
}

#[test]
fn a_document_of_a_service_stays_in_the_workspace() {
    let rows = [
        ("../../outside.yaml", "reference-outside"),
        ("/etc/hostname", "reference-outside"),
        ("http://127.0.0.1/openapi.yaml", "reference-remote"),
        ("file:///etc/hostname", "reference-outside"),
        ("..\\\\..\\\\outside.yaml", "reference-outside"),
        (".", "unreadable-file"),
    ];
    for (path, expected) in rows {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path().join("root");
        write(folder.path(), "outside.yaml", "c0nfidential: 1\n");
        write(&root, "dovetail.yaml", "dovetail: 1\n");
        let service = format!("service: a\nprovides: {{http: {{openapi: \"{path}\"}}}}\n");
        write(&root, "a/service.yaml", &service);
        let loaded = load(&root);
        assert_eq!(codes(&loaded), [expected], "{path}");
        assert!(!format!("{loaded:?}").contains("c0nfidential"), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_or_in_circles_are_findings() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let root = folder.path().join("root");
    write(folder.path(), "outside/service.yaml", "service: outside\n");
    write(&root, "dovetail.yaml", "dovetail: 1\n");
    write(
        &root,
        "a/service.yaml",
        "service: a\nprovides: {http: {openapi: loop.yaml}}\n",
    );
    symlink("../outside", root.join("b")).expect("a link can be made");
    write(folder.path(), "secrets/c0nfidential.txt", "");
    symlink("../../secrets", root.join("a/expects")).expect("a link can be made");
    symlink("loop.yaml", root.join("a/loop.yaml")).expect("a link can be made");
    let loaded = load(&root);
    let mut found = codes(&loaded);
    found.sort_unstable();
    assert_eq!(
        found,
        ["reference-outside", "reference-outside", "unreadable-file"]
    );
    assert!(!format!("{:?}", loaded.findings).contains("c0nfidential"));
    assert!(!loaded.workspace.services.contains_key("outside"));
}

#[test]
fn a_file_without_end_is_refused_by_its_size() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for name in ["openapi.json", "openapi.yaml"] {
        let path = folder.path().join(name);
        // Nothing is written: it is all hole.
        let file = File::create(&path).expect("it can be made");
        file.set_len(100 * 1024 * 1024).expect("it can be long");
        let loaded = load_openapi(&path);
        let said: Vec<_> = loaded
            .findings
            .iter()
            .map(|finding| finding.code.id)
            .collect();
        assert_eq!(said, ["too-large"], "{name}");
        let kept: usize = loaded.sources.iter().map(|(_, file)| file.text.len()).sum();
        assert_eq!(kept, 0);
    }
}

/// A workspace of services that have as many operations, and call each other.
fn workspace(services: usize, operations: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(folder.path(), "dovetail.yaml", "dovetail: 1\n");
    let paths: String = (0..operations)
        .map(|n| {
            format!(
                "  /p{n}/{{id}}:\n    get:\n      operationId: o{n}\n      parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}, {{name: cursor, in: query, schema: {{type: string}}}}]\n      responses: {{200: {{description: d, content: {{application/json: {{schema: {{$ref: '#/components/schemas/S{n}'}}}}}}}}}}\n"
            )
        })
        .collect();
    let schemas: String = (0..operations)
        .map(|n| format!("    S{n}: {{type: object, properties: {{next: {{type: string}}, data: {{type: array, items: {{type: string}}}}}}}}\n"))
        .collect();
    let api = format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: v}}\npaths:\n{paths}components:\n  schemas:\n{schemas}"
    );
    for service in 0..services {
        let next = (service + 1) % services;
        let text = format!(
            "service: s{service}\nprovides:\n  http:\n    openapi: openapi.yaml\n    pagination: {{style: cursor, request: cursor, response: /next, items: /data}}\n    rename: {{schemas: {{S0: First}}, operations: {{o0: first}}}}\ncalls:\n  s{next}: {{operations: {{o0: {{}}}}}}\n"
        );
        write(folder.path(), &format!("s{service}/service.yaml"), &text);
        write(folder.path(), &format!("s{service}/openapi.yaml"), &api);
    }
    folder
}

#[test]
fn many_services_of_many_operations_take_time_by_their_number() {
    let read = |folder: &tempfile::TempDir| {
        let loaded = load(folder.path());
        assert_eq!(loaded.findings, []);
        let services = loaded.workspace.services.values();
        let mut operations =
            services.flat_map(|service| &service.http.as_ref().expect("it is read").operations);
        assert!(operations.all(|operation| operation.pagination.is_some()));
        loaded
    };
    growth::check("services", 6, |n| workspace(n, 10), read);
    growth::check("operations", 25, |n| workspace(2, n), read);
}
