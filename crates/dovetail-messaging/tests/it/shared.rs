//! Where the suites are, which are not ours to keep beside the code.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A folder of the suites of CloudEvents; `None`, and loudly so, where it is not there.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("DOVETAIL_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("conformance/cloudevents").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("DOVETAIL_REQUIRE_SHARED").is_none(),
        "there is no folder conformance/cloudevents/{name} under DOVETAIL_SHARED, and it must not be skipped"
    );
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    {
        eprintln!(
            "skipped: there is no folder conformance/cloudevents/{name} under DOVETAIL_SHARED"
        );
    }
    None
}

/// Every file below a folder that ends so, sorted.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the folder can be listed");
        for entry in entries {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a file in YAML.
pub(crate) fn yaml<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = text(path);
    text.split("\n---")
        .map(|document| {
            serde_yaml::from_str(document)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}
