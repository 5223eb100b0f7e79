//! Real `.proto` files: every message of them is read as a payload.

use std::path::{Path, PathBuf};

use dovetail_contract::load::load;

use crate::shared;

/// What is said of files that cannot be read, with the reason.
const REFUSED: [&str; 2] = [
    // A name that means another type to prost-reflect: one that the file cannot see, since only what it imports imports it.
    "'common.dynamic_forward_proxy.v3.DnsCacheConfig' resolves to",
    // A file that stands outside of the folder that it imports from.
    "src/proto/tracez.proto:",
];

/// Every `.proto` file below a folder, sorted.
fn protos(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be listed") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "proto")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The names of the messages at the top of a file, as far as they stand at the begin of a line.
fn messages(text: &str) -> Vec<&str> {
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("message "));
    names
        .filter_map(|rest| rest.split([' ', '{']).next())
        .collect()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

#[test]
fn every_message_of_real_files_is_read() {
    let Some(corpus) = shared::folder("corpus/proto") else {
        return;
    };
    let mut count = 0;
    let mut wrong: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&corpus).expect("it can be listed") {
        let project = entry.expect("it can be read").path();
        if !project.is_dir() {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path();
        for (index, some) in protos(&project).chunks(10).enumerate() {
            let mut events = String::new();
            for path in some {
                let name = path.strip_prefix(&project).expect("it lies in the folder");
                // Its files have several roots, which import each other.
                let has_roots = project.ends_with("envoy-xds") || project.ends_with("temporal");
                let above = match has_roots {
                    true if name.starts_with("proto/cel-spec") => 3,
                    true => 2,
                    false => 0,
                };
                let name: PathBuf = name.iter().skip(above).collect();
                // Copies of what is built in cannot stand beside it.
                if name.to_string_lossy().contains("google/protobuf/") {
                    continue;
                }
                let text = std::fs::read_to_string(path).expect("it can be read");
                write(&root.join(&name), &text);
                let name = name.to_string_lossy().replace('\\', "/");
                for message in messages(&text) {
                    let event =
                        format!("    e{count}: {{ schema: '../{name}#{message}', channel: c }}\n");
                    events.push_str(&event);
                    count += 1;
                }
            }
            let service = format!("service: s{index}\nprovides:\n  events:\n{events}");
            write(&root.join(format!("svc{index}/service.yaml")), &service);
        }
        write(
            &root.join("dovetail.yaml"),
            "dovetail: 1\nchannels: { c: {} }\n",
        );
        let loaded = load(root);
        let errors: Vec<String> = loaded
            .findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| {
                format!(
                    "{} {}",
                    loaded.sources.place(finding.place.span),
                    finding.message
                )
            })
            .collect();
        let is_new = |error: &String| !REFUSED.iter().any(|known| error.contains(known));
        let errors = errors.into_iter().filter(is_new);
        let errors: Vec<String> = errors.collect();
        wrong.extend(errors.into_iter().take(5));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(count > 100, "only {count}");
}
