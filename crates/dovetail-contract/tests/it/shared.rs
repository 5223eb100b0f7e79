//! Where the shared documents are, which are too many to keep beside the code.

use std::path::{Path, PathBuf};

/// A folder of the shared documents; `None`, and loudly so, where it is not there.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("DOVETAIL_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    {
        eprintln!("skipped: there is no folder {name} under DOVETAIL_SHARED");
    }
    None
}

/// Every OpenAPI document below a folder, sorted.
pub(crate) fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the folder can be listed");
        for entry in entries {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| ["json", "yaml", "yml"].iter().any(|e| extension == *e))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
