//! `dovetail init`: a repository in which the next command works.

use std::path::Path;
use std::process::Command;

use crate::command::{dovetail, root};

fn source() -> String {
    format!("path:{}", root().display())
}

/// Runs cargo in a folder with the target folder of this build, so that what is built already is not built again.
fn cargo(folder: &Path, args: &[&str]) -> (bool, String) {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target.join("scaffolded"));
    let output = command.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn an_empty_folder_becomes_a_repository_whose_generated_crate_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let ended = dovetail(folder.path(), &["init", "--dovetail", &source()]);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    // The versions that this build has already, so that nothing else needs to be fetched.
    std::fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    for args in [
        &["xtask", "codegen"][..],
        &["xtask", "check"],
        &["check", "--quiet"],
    ] {
        let (ok, said) = cargo(folder.path(), args);
        assert!(ok, "cargo {args:?}: {said}");
    }
    let (ok, said) = cargo(folder.path(), &["fmt", "--all"]);
    assert!(ok, "{said}");
    let ended = dovetail(folder.path(), &["codegen", "--check"]);
    assert_eq!(ended.exit, 0, "`cargo fmt` caused drift: {}", ended.stdout);
}

#[test]
fn what_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), "# mine\n").unwrap();
    let ended = dovetail(folder.path(), &["init", "--dovetail", &source()]);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap(),
        "# mine\n"
    );
    assert!(
        ended.stderr.contains("kept   Cargo.toml"),
        "{}",
        ended.stderr
    );
    let again = dovetail(folder.path(), &["init", "--dovetail", &source()]);
    assert_eq!(again.exit, 0);
    assert!(!again.stderr.contains("wrote  "), "{}", again.stderr);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = dovetail(folder.path(), &["init", "--dry-run"]);
    assert_eq!(ended.exit, 0);
    assert!(
        ended.stdout.contains("write  contracts/dovetail.yaml"),
        "{}",
        ended.stdout
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
