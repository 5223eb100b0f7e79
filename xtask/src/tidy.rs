//! What no lint knows: every module says what it is, sizes stay readable, and some names stay where they belong.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::process::{print, root, say};

/// Lines of code (without the inline tests) above which a file is reported, and above which it fails.
const FILE_LINES: (usize, usize) = (400, 600);
/// The same for functions.
const FUNCTION_LINES: (usize, usize) = (40, 70);

/// Names that may be used in some places only, and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    (
        "serde_yaml::",
        &[
            "crates/dovetail-contract/src/load/yaml",
            "crates/dovetail-client/src/policy/document.rs",
            "crates/dovetail-messaging/tests/",
        ],
        "one module decides what YAML means",
    ),
    (
        "openapiv3::",
        &["crates/dovetail-contract/tests/"],
        "documents are read by our own reader; this one is a second opinion in tests",
    ),
    (
        "protox_parse::",
        &["crates/dovetail-contract/src/load/proto/"],
        "protobuf is read by the rules of a workspace, in one module",
    ),
];

/// Where Markdown may stand.
const MARKDOWN: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "contracts/README.md",
    "crates/dovetail-contract/codes/",
    "crates/dovetail-codegen/codes/",
    "crates/dovetail-verify/codes/",
    "crates/dovetail-check/cases/",
    "crates/generated/",
    "tests/golden/",
];

/// Checks every file that is part of the repository.
pub(crate) fn run() -> Result<()> {
    let root = root();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files(&root) {
        count += 1;
        let name = path
            .strip_prefix(&root)
            .unwrap_or(&path)
            .to_string_lossy()
            .replace('\\', "/");
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("rs") => {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {name}"))?;
                check_rust(&name, &text, &mut wrong);
            }
            Some("md") if !MARKDOWN.iter().any(|place| name.starts_with(place)) => {
                wrong.push(format!(
                    "{name}: Markdown stands in {} only",
                    MARKDOWN.join(", ")
                ));
            }
            Some("toml") if name.ends_with("/Cargo.toml") && !is_generated(&name) => {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {name}"))?;
                check_manifest(&name, &text, &mut wrong);
            }
            _ => {}
        }
    }
    if count == 0 {
        bail!("no file was found to check");
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    print(&format!("tidy: {count} files hold"))
}

/// Every file of the repository, sorted, without what is hidden or built.
fn files(root: &Path) -> Vec<PathBuf> {
    let walk = WalkDir::new(root).sort_by_file_name().into_iter();
    let entries = walk.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "target")
    });
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Whether a file is one that contracts become.
fn is_generated(name: &str) -> bool {
    name.starts_with("crates/generated/") || name.starts_with("tests/golden/")
}

fn check_rust(name: &str, text: &str, wrong: &mut Vec<String>) {
    let is_generated = is_generated(name);
    if !is_generated && !text.starts_with("//!") {
        wrong.push(format!(
            "{name}: begins without `//!`: what is this module, and why is it apart?"
        ));
    }
    for (line, number) in text.lines().zip(1..) {
        let is_open = ["TODO", "FIXME", "XXX"]
            .iter()
            .any(|word| line.contains(&format!("{word}:")) || line.contains(&format!("{word} ")));
        if is_open && !line.contains('#') && !name.ends_with("tidy.rs") {
            wrong.push(format!(
                "{name}:{number}: an open end without the number of its issue"
            ));
        }
    }
    for (used, places, reason) in CONFINED {
        let is_inside = places.iter().any(|place| name.starts_with(place));
        if !is_inside && text.contains(used) && !name.ends_with("tidy.rs") {
            wrong.push(format!(
                "{name}: `{used}` stands in {} only: {reason}",
                places.join(", ")
            ));
        }
    }
    let is_test =
        name.starts_with("tests/it/") || name.contains("/tests/") || name.ends_with("/tests.rs");
    if !is_generated && !is_test {
        check_sizes(name, text, wrong);
    }
}

fn check_sizes(name: &str, text: &str, wrong: &mut Vec<String>) {
    let code = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    report_size(name, "the file", code.lines().count(), FILE_LINES, wrong);
    let mut open: Option<(usize, usize, &str)> = None;
    for (line, number) in code.lines().zip(1..) {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start();
        let begins = words.starts_with("fn ")
            || words.contains(" fn ") && words.starts_with("pub")
            || words.starts_with("async fn ");
        match open {
            None if begins && !words.ends_with(';') && !words.ends_with('}') => {
                open = Some((number, indent, words));
            }
            // A method of a trait that is only declared, over several lines.
            Some((_, depth, _)) if indent == depth && words.ends_with(';') => open = None,
            Some((start, depth, words))
                if indent == depth && line.trim_end() == format!("{}}}", " ".repeat(depth)) =>
            {
                let place = format!("{name}:{start}");
                let what = words.split('(').next().unwrap_or(words);
                report_size(&place, what, number - start + 1, FUNCTION_LINES, wrong);
                open = None;
            }
            _ => {}
        }
    }
}

fn report_size(
    place: &str,
    what: &str,
    lines: usize,
    (soft, hard): (usize, usize),
    wrong: &mut Vec<String>,
) {
    if lines > hard {
        wrong.push(format!(
            "{place}: {what} has {lines} lines, more than {hard}: does it still have one subject?"
        ));
    } else if lines > soft && std::env::var_os("TIDY_SOFT").is_some() {
        say(&format!(
            "{place}: {what} has {lines} lines, more than {soft}"
        ));
    }
}

/// Versions stand in the root manifest once; a crate is called as its folder.
fn check_manifest(name: &str, text: &str, wrong: &mut Vec<String>) {
    let mut in_dependencies = false;
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies
            && line.contains('=')
            && !line.trim_start().starts_with('#')
            && !line.contains("workspace")
        {
            wrong.push(format!(
                "{name}:{number}: versions stand in the root manifest: write `.workspace = true`"
            ));
        }
    }
    let folder = name
        .trim_end_matches("/Cargo.toml")
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let expected = if folder == "tests" {
        "dovetail-tests"
    } else {
        folder
    };
    if !text.contains(&format!("name = \"{expected}\"")) {
        wrong.push(format!(
            "{name}: the crate must be called `{expected}`, as its folder"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, text: &str) -> String {
        let mut wrong = Vec::new();
        check_rust(name, text, &mut wrong);
        wrong.join("\n")
    }

    #[test]
    fn a_file_that_holds_says_nothing() {
        assert_eq!(
            said(
                "crates/a/src/lib.rs",
                "//! What it is.\n\nfn f() {\n    g();\n}\n"
            ),
            ""
        );
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let long = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(80));
        let rows = [
            ("fn f() {}\n", "begins without"),
            ("//! x\n// TODO: later\n", "an open end"),
            ("//! x\nuse serde_yaml::from_str;\n", "one module decides"),
            (long.as_str(), "fn f has 82 lines"),
        ];
        for (text, needle) in rows {
            let said = said("crates/a/src/lib.rs", text);
            assert!(said.contains(needle), "{needle}: {said}");
        }
    }
}
