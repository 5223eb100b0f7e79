//! What may be read, and what is said of the rest.

use std::fs;

use super::*;

/// A folder with `root/` in it, gone when dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(folder.path().join("root")).expect("a folder can be made");
        Self(folder)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        fs::write(path, bytes).expect("it can be written");
    }

    fn files(&self) -> Files {
        Files::new(self.0.path().join("root"))
    }

    /// What is said when a file is read that nothing names.
    fn said(&self, path: &str) -> String {
        let mut files = self.files();
        let read = files.read(path, None).is_some();
        let (sources, findings) = files.into_parts();
        let said: Vec<_> = findings
            .iter()
            .map(|finding| {
                let place = sources.place(finding.place.span);
                let help = finding.help.as_deref().unwrap_or("-");
                format!("{place} {}: {} ({help})", finding.code.id, finding.message)
            })
            .collect();
        assert!(
            read || !said.is_empty(),
            "nothing was read and nothing said"
        );
        said.join("\n")
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding() {
    let folder = Folder::new();
    folder.write("outside.yaml", "a: 1");
    folder.write("root/orders.yaml", "a: 1");
    folder.write("root/empty.yaml", "");
    folder.write("root/bom.yaml", b"\xEF\xBB\xBFa: 1");
    folder.write("root/latin.yaml", b"a: 1\nb: Caf\xE9\n");
    folder.write("root/utf16.yaml", b"\xFF\xFEa\0:\0");
    folder.write("root/utf16be.yaml", b"\0a\0:\0 \0b");
    let rows = [
        ("orders.yaml", ""),
        ("bom.yaml", ""),
        (
            "order.yaml",
            "order.yaml:1:1 missing-file: there is no file `order.yaml` (did you mean `orders.yaml`?)",
        ),
        (
            "x/y.yaml",
            "x/y.yaml:1:1 missing-file: there is no file `x/y.yaml` (-)",
        ),
        ("a\0b", "a\0b:1:1 missing-file: there is no file `a\0b` (-)"),
        (
            "orders.yaml/x",
            "orders.yaml/x:1:1 missing-file: there is no file `orders.yaml/x` (-)",
        ),
        (
            "",
            ":1:1 unreadable-file: `` cannot be read: it is a folder (-)",
        ),
        (
            "../outside.yaml",
            "../outside.yaml:1:1 reference-outside: `../outside.yaml` leads out of the folder (put a copy of the file into the folder)",
        ),
        (
            "empty.yaml",
            "empty.yaml:1:1 empty-file: the file is empty (-)",
        ),
        (
            "latin.yaml",
            "latin.yaml:2:7 invalid-utf8: the byte 0xE9 at 11 is not UTF-8 (save the file as UTF-8)",
        ),
        (
            "utf16.yaml",
            "utf16.yaml:1:1 invalid-utf8: the file is encoded as UTF-16 (save the file as UTF-8)",
        ),
        (
            "utf16be.yaml",
            "utf16be.yaml:1:1 invalid-utf8: the file is encoded as UTF-16 (save the file as UTF-8)",
        ),
    ];
    for (path, expected) in rows {
        assert_eq!(folder.said(path), expected, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused_and_one_inside_is_followed() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("outside/secret.yaml", "a: 1");
    folder.write("root/orders.yaml", "a: 1");
    let link = |target: &str, name: &str| {
        symlink(target, folder.0.path().join("root").join(name)).expect("a link can be made");
    };
    link("../outside/secret.yaml", "file.yaml");
    link("../outside", "folder");
    link("orders.yaml", "inside.yaml");
    link("loop.yaml", "loop.yaml");
    assert!(folder.said("file.yaml").contains("reference-outside"));
    assert!(
        folder
            .said("folder/secret.yaml")
            .contains("reference-outside")
    );
    assert!(folder.said("loop.yaml").contains("unreadable-file"));
    assert_eq!(folder.said("inside.yaml"), "");
}

#[cfg(unix)]
#[test]
fn a_socket_is_not_read() {
    let folder = Folder::new();
    let path = folder.0.path().join("root/socket.yaml");
    let _socket = std::os::unix::net::UnixListener::bind(path).expect("a socket can be made");
    let said = folder.said("socket.yaml");
    assert!(said.contains("it is not a regular file"), "{said}");
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let folder = Folder::new();
    let limit = usize::try_from(FILE_BYTES_MAX).expect("it fits");
    folder.write("root/large.yaml", vec![b'#'; limit + 1]);
    folder.write("root/largest.yaml", vec![b'#'; limit]);
    assert!(folder.said("large.yaml").contains("too-large"));
    assert!(folder.said("largest.yaml").contains("empty-file"));
}

#[test]
fn all_files_together_hold_no_more_than_a_load_may() {
    let folder = Folder::new();
    folder.write("root/a.yaml", "[1, {a: 2}]");
    folder.write("root/b.json", "[1, 2, 3]");
    let mut files = folder.files().limited(7, 10);
    assert!(files.read("a.yaml", None).is_some(), "four values");
    assert!(files.read("b.json", None).is_none(), "four more");
    let (_, findings) = files.into_parts();
    assert_eq!(findings[0].code.id, codes::TOO_LARGE.id);
}

#[test]
fn a_broken_file_is_said_once_and_a_missing_one_wherever_it_is_named() {
    let folder = Folder::new();
    folder.write("root/broken.yaml", "a: [");
    folder.write("root/names.yaml", "a: 1\nb: 2\n");
    let mut files = folder.files();
    let names = files.read("names.yaml", None).expect("it is read");
    let at = |start| Some(Span::new(names.file, start, start + 1));
    for path in ["broken.yaml", "missing.yaml"] {
        assert!(files.read(path, at(0)).is_none());
        assert!(files.read(path, at(5)).is_none());
        assert!(files.prefetch(path).is_none());
    }
    let (sources, findings) = files.into_parts();
    let said: Vec<_> = findings
        .iter()
        .map(|finding| (sources.place(finding.place.span), finding.code.id))
        .collect();
    let missing = codes::MISSING_FILE.id;
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0].1, codes::YAML_SYNTAX.id);
    assert_eq!(said[1], ("names.yaml:1:1".to_owned(), missing));
    assert_eq!(said[2], ("names.yaml:2:1".to_owned(), missing));
}

#[test]
fn a_path_is_joined_inside_the_folder_or_not_at_all() {
    use PathProblem::{Absolute, Backslash, FileAddress, Outside, Remote};
    let rows = [
        ("api.yaml", "other.yaml", Ok("other.yaml")),
        ("orders/api.yaml", "other.yaml", Ok("orders/other.yaml")),
        ("orders/api.yaml", "./x/../y.yaml", Ok("orders/y.yaml")),
        ("orders/api.yaml", "../shared/a.yaml", Ok("shared/a.yaml")),
        ("orders/api.yaml", "a//b.yaml", Ok("orders/a/b.yaml")),
        ("orders/api.yaml", "../../a.yaml", Err(Outside)),
        ("api.yaml", "..", Err(Outside)),
        ("api.yaml", "x/../../orders/a.yaml", Err(Outside)),
        ("api.yaml", "/etc/passwd", Err(Absolute)),
        ("api.yaml", "C:/x.yaml", Err(Absolute)),
        ("api.yaml", "c:x.yaml", Err(Absolute)),
        ("api.yaml", "C:\\x.yaml", Err(Backslash)),
        ("api.yaml", "\\\\host\\share", Err(Backslash)),
        ("api.yaml", "a\\b.yaml", Err(Backslash)),
        ("api.yaml", "//host/a.yaml", Err(Remote)),
        ("api.yaml", "http://127.0.0.1/a", Err(Remote)),
        ("api.yaml", "HTTPS://x/a", Err(Remote)),
        ("api.yaml", "urn:a:b", Err(Remote)),
        ("api.yaml", "file:///etc/passwd", Err(FileAddress)),
        ("api.yaml", "FILE:a.yaml", Err(FileAddress)),
    ];
    for (from, reference, expected) in rows {
        let joined = Files::join(from, reference);
        assert_eq!(joined.as_deref().map_err(|e| *e), expected, "{reference}");
    }
}

#[test]
fn a_flood_of_warnings_does_not_hide_an_error() {
    let mut files = Files::new(PathBuf::new());
    let file = files.sources.add("a.yaml", "");
    let mut warning = Finding::new(&codes::WRONG_TYPE, Span::start_of(file), "w");
    warning.severity = Severity::Warning;
    for _ in 0..FINDINGS_MAX + 5 {
        files.push(warning.clone());
    }
    let error = Finding::new(&codes::WRONG_TYPE, Span::start_of(file), "e");
    files.push(error.clone());
    files.push(error);
    let (_, findings) = files.into_parts();
    assert_eq!(findings.len(), FINDINGS_MAX + 1);
    assert!(findings.iter().any(Finding::is_error));
}
