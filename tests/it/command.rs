//! Running the command as a user does, and what each end of it looks like.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command in a folder.
pub(crate) fn dovetail(folder: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dovetail-under-test"));
    command
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        // What runs remember of a folder that is soon gone should go with it.
        .env_remove("CARGO_TARGET_DIR")
        .env("XDG_CACHE_HOME", folder.join(".cache"));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        exit: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Makes a folder of these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

/// Writes one file of a folder.
pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The contracts of the sample system, to be changed at will.
pub(crate) fn sample() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("contracts"), &folder.path().join("contracts"));
    folder
}

/// Replaces text in a file, which must hold it.
pub(crate) fn edit(folder: &Path, path: &str, from: &str, to: &str) {
    let path = folder.join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {}", path.display());
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_sample_contracts_hold() {
    let ended = dovetail(&root(), &["check"]);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_typo_in_an_operation_names_both_places_without_a_provider() {
    let sample = sample();
    edit(
        sample.path(),
        "contracts/orders/expects/payments.yaml",
        "call: GetPayment",
        "call: GetPaymnt",
    );
    let ended = dovetail(sample.path(), &["check"]);
    assert_eq!(ended.exit, 1, "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout, @r"
    error[unknown-operation]: `orders` calls `GetPaymnt`, and `payments` has no such operation
      --> orders/expects/payments.yaml:31:11
       |
    31 |     call: GetPaymnt
       |           ^^^^^^^^^ no such operation
      --> payments/openapi.yaml:42:20
       |
    42 |       operationId: GetPayment
       |                    ---------- the closest one
       = expected: the id of an operation of `payments`
       = help: did you mean `GetPayment`?
    ");
}

#[test]
fn the_command_line_is_checked_before_anything_is_done() {
    let empty = tempfile::tempdir().unwrap();
    let rows: &[(&[&str], &str)] = &[
        (&["check"], "no `dovetail.yaml`"),
        (&["chekc"], "similar"),
        (&["check", "--format", "junit"], "no such output"),
        (&["check", "--output", "json"], "lacks a path"),
        (&["check", "--output", "jsn=x"], "no output is called"),
        (&["explain", "unknown-kye"], "did you mean `unknown-key`?"),
        (&["codegen", "--check", "--diff"], "cannot be used with"),
        (&["codegen", "--check", "--watch"], "cannot be used with"),
        (&["-C", "missing", "check"], "is not a folder"),
    ];
    for (args, needle) in rows {
        let ended = dovetail(empty.path(), args);
        assert_eq!(ended.exit, 2, "{args:?}");
        assert!(ended.stderr.contains(needle), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
}

#[test]
fn every_exit_code_is_documented_in_the_help() {
    let ended = dovetail(&root(), &["--help"]);
    assert_eq!(ended.exit, 0);
    for exit in dovetail_cli::Exit::ALL {
        assert!(
            ended
                .stdout
                .contains(&format!("{:>3}  {}", exit.code(), exit.meaning()))
        );
    }
}

#[test]
fn every_code_is_explained() {
    let listed = dovetail(&root(), &["explain"]);
    assert_eq!(listed.exit, 0);
    let codes: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        let page = dovetail(&root(), &["explain", code]);
        assert_eq!(page.exit, 0, "{code}");
        assert!(page.stdout.starts_with(&format!("# {code}\n")), "{code}");
    }
}

#[test]
fn findings_are_also_a_document() {
    let sample = sample();
    edit(
        sample.path(),
        "contracts/users/service.yaml",
        "owner:",
        "onwer:",
    );
    let ended = dovetail(
        sample.path(),
        &["check", "--format", "json", "--output", "human=said.txt"],
    );
    assert_eq!(ended.exit, 3);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["errors"], 1);
    let findings = document["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["code"] == "unknown-key")
        .unwrap();
    assert_eq!(finding["path"], "users/service.yaml");
    assert_eq!(finding["line"], 4);
    let said = std::fs::read_to_string(sample.path().join("said.txt")).unwrap();
    assert!(said.contains("did you mean `owner`?"), "{said}");
}
