//! Writing and comparing trees: nothing of others is touched, nothing is half written.

use std::fs;

use super::*;

fn package(name: &str, files: &[(&str, &str)]) -> Package {
    let text = |body: &str| format!("// {BANNER} from a.yaml. Do not edit.\n{body}\n");
    Package {
        name: name.to_owned(),
        files: files
            .iter()
            .map(|(path, body)| ((*path).to_owned(), text(body)))
            .collect(),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_second_run_changes_nothing_and_keeps_the_times() {
    let root = folder();
    let packages = [package(
        "a-client",
        &[("Cargo.toml", "x"), ("src/lib.rs", "y")],
    )];
    let first = write(root.path(), &packages).unwrap();
    assert_eq!(
        first.missing,
        ["a-client/Cargo.toml", "a-client/src/lib.rs"]
    );
    let time = |path: &str| {
        fs::metadata(root.path().join(path))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = time("a-client/src/lib.rs");
    assert!(write(root.path(), &packages).unwrap().is_empty());
    assert_eq!(time("a-client/src/lib.rs"), before);
    let left: Vec<_> = entries(root.path());
    assert_eq!(left, ["a-client"], "no lock and no staged file stays");
}

#[test]
fn a_check_names_what_changed_is_missing_and_is_stale() {
    let root = folder();
    let old = [
        package(
            "a-client",
            &[
                ("Cargo.toml", "x"),
                ("src/lib.rs", "y"),
                ("src/old.rs", "z"),
            ],
        ),
        package("b-client", &[("Cargo.toml", "x")]),
    ];
    write(root.path(), &old).unwrap();
    let new = [package(
        "a-client",
        &[
            ("Cargo.toml", "x"),
            ("src/lib.rs", "other"),
            ("src/new.rs", "n"),
        ],
    )];
    let drift = check(root.path(), &new).unwrap();
    assert_eq!(drift.changed, ["a-client/src/lib.rs"]);
    assert_eq!(drift.missing, ["a-client/src/new.rs"]);
    assert_eq!(drift.stale, ["a-client/src/old.rs", "b-client/Cargo.toml"]);
    let text = diff(root.path(), &new).unwrap();
    for line in [
        "--- a/a-client/src/lib.rs",
        "-y",
        "+other",
        "--- /dev/null",
        "+++ b/a-client/src/new.rs",
        "+++ /dev/null",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    write(root.path(), &new).unwrap();
    assert!(check(root.path(), &new).unwrap().is_empty());
    assert!(!root.path().join("b-client").exists());
}

#[test]
fn digests_hold_until_a_file_changes_goes_or_comes() {
    let root = folder();
    let packages = [package(
        "a-client",
        &[("Cargo.toml", "x"), ("src/lib.rs", "y")],
    )];
    let digests = digests(&packages);
    let now = |digests| holds(root.path(), digests).unwrap();
    assert!(!now(&digests), "nothing is written yet");
    write(root.path(), &packages).unwrap();
    assert!(now(&digests));
    let by_hand = root.path().join("a-client/src/own.rs");
    fs::write(&by_hand, "mine").unwrap();
    assert!(now(&digests), "files of others do not matter");

    let path = root.path().join("a-client/src/lib.rs");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text} ")).unwrap();
    assert!(!now(&digests), "a file was edited");
    fs::remove_file(&path).unwrap();
    assert!(!now(&digests), "a file is missing");
    fs::write(&path, &text).unwrap();
    assert!(now(&digests));
    fs::write(&by_hand, format!("// {BANNER}")).unwrap();
    assert!(!now(&digests), "a generated file is left over");
}

#[test]
fn what_was_written_by_hand_is_never_touched() {
    let root = folder();
    write(
        root.path(),
        &[package(
            "a-client",
            &[("Cargo.toml", "x"), ("src/lib.rs", "y")],
        )],
    )
    .unwrap();
    let by_hand = root.path().join("a-client/src/extra.rs");
    fs::write(&by_hand, "mine").unwrap();
    fs::create_dir_all(root.path().join("a-client/target")).unwrap();
    fs::write(
        root.path().join("a-client/target/x.rs"),
        format!("// {BANNER}"),
    )
    .unwrap();
    write(root.path(), &[]).unwrap();
    assert_eq!(fs::read_to_string(&by_hand).unwrap(), "mine");
    assert!(!root.path().join("a-client/src/lib.rs").exists());
    assert!(root.path().join("a-client/target/x.rs").exists());

    let error = write(
        root.path(),
        &[package(
            "a-client",
            &[("src/extra.rs", "ours"), ("src/lib.rs", "y")],
        )],
    )
    .unwrap_err();
    assert!(
        matches!(error.kind, OutputErrorKind::NotGenerated),
        "{error}"
    );
    assert!(
        !root.path().join("a-client/src/lib.rs").exists(),
        "nothing is written where something is in the way"
    );
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let root = folder();
    let outside = folder();
    fs::write(outside.path().join("lib.rs"), format!("// {BANNER}\nold")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("a-client")).unwrap();
    let packages = [package("a-client", &[("src/lib.rs", "y")])];
    assert!(matches!(
        write(root.path(), &packages).unwrap_err().kind,
        OutputErrorKind::Link
    ));

    let root = folder();
    fs::create_dir(root.path().join("a-client")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("a-client/src")).unwrap();
    assert!(matches!(
        write(root.path(), &packages).unwrap_err().kind,
        OutputErrorKind::Link
    ));

    let root = folder();
    fs::create_dir_all(root.path().join("a-client/src")).unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("lib.rs"),
        root.path().join("a-client/src/lib.rs"),
    )
    .unwrap();
    assert!(matches!(
        write(root.path(), &packages).unwrap_err().kind,
        OutputErrorKind::Link
    ));
    assert!(
        fs::read_to_string(outside.path().join("lib.rs"))
            .unwrap()
            .ends_with("old")
    );
}

#[test]
fn two_runs_do_not_write_at_once() {
    let root = folder();
    let lock = Lock::take(root.path()).unwrap();
    assert!(matches!(
        write(root.path(), &[]).unwrap_err().kind,
        OutputErrorKind::Locked
    ));
    drop(lock);
    assert!(write(root.path(), &[]).is_ok());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let root = folder();
    for (name, path) in [
        ("../x", "a.rs"),
        ("x", "../a.rs"),
        ("x", "/etc/a"),
        ("", "a.rs"),
        (".cargo", "config"),
        ("a\\b", "c"),
    ] {
        let error = write(root.path(), &[package(name, &[(path, "x")])]).unwrap_err();
        assert!(matches!(error.kind, OutputErrorKind::Name), "{name} {path}");
    }
}

#[test]
fn a_dry_run_lists_every_file_in_order() {
    let packages = [
        package("b", &[("src/lib.rs", "")]),
        package("a", &[("Cargo.toml", "")]),
    ];
    assert_eq!(dry_run(&packages), ["a/Cargo.toml", "b/src/lib.rs"]);
}

fn entries(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_package_without_a_name_lies_in_the_folder_itself_beside_what_is_not_ours() {
    let root = folder();
    fs::write(root.path().join("own.yaml"), "mine\n").unwrap();
    fs::write(
        root.path().join("own.json"),
        format!("{{\n\"x\": \"{BANNER}\"}}\n"),
    )
    .unwrap();
    let crates = [package("a-client", &[("Cargo.toml", "x")])];
    write(root.path(), &crates).unwrap();
    let old = [package(
        "",
        &[("a.rules.yaml", "x"), ("dashboard.json", "y")],
    )];
    let drift = write(root.path(), &old).unwrap();
    assert_eq!(drift.missing, ["a.rules.yaml", "dashboard.json"]);
    assert!(check(root.path(), &old).unwrap().is_empty());
    assert!(check(root.path(), &crates).unwrap().is_empty());
    assert!(holds(root.path(), &digests(&old)).unwrap());
    let new = [package("", &[("a.rules.yaml", "z")])];
    let drift = write(root.path(), &new).unwrap();
    assert_eq!(
        (drift.changed.as_slice(), drift.stale.as_slice()),
        (
            ["a.rules.yaml".to_owned()].as_slice(),
            ["dashboard.json".to_owned()].as_slice()
        )
    );
    assert_eq!(
        entries(root.path()),
        ["a-client", "a.rules.yaml", "own.json", "own.yaml"]
    );
    let in_the_way = [package("", &[("own.yaml", "z")])];
    let error = write(root.path(), &in_the_way).unwrap_err();
    assert!(matches!(error.kind, OutputErrorKind::NotGenerated));
}
