//! Generated files: the same bytes every time, and no drift unnoticed.

use crate::command::{dovetail, edit, root, sample};

#[test]
fn generating_twice_changes_nothing() {
    let sample = sample();
    let first = dovetail(sample.path(), &["codegen"]);
    assert_eq!(first.exit, 0, "{}", first.stderr);
    let modified = |path: &str| {
        std::fs::metadata(sample.path().join(path))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = modified("crates/generated/users-client/src/client.rs");
    let second = dovetail(sample.path(), &["codegen"]);
    assert_eq!(second.exit, 0);
    assert!(
        second.stderr.contains("0 written, 0 removed"),
        "{}",
        second.stderr
    );
    assert_eq!(
        modified("crates/generated/users-client/src/client.rs"),
        before
    );
}

#[test]
fn an_unchanged_workspace_is_not_read_again_and_says_the_same() {
    let sample = sample();
    let unchanged = "nothing changed since the last run";
    let run = |args: &[&str]| {
        let ended = dovetail(sample.path(), &[&["codegen", "--verbose"], args].concat());
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        ended
    };
    let first = run(&[]);
    assert!(!first.stderr.contains(unchanged), "{}", first.stderr);
    let second = run(&[]);
    assert!(second.stderr.contains(unchanged), "{}", second.stderr);
    assert_eq!(second.stdout, first.stdout, "findings");
    assert_eq!(run(&["--format", "json"]).stdout, {
        let full = run(&["--format", "json", "--no-cache"]);
        assert!(!full.stderr.contains(unchanged), "{}", full.stderr);
        full.stdout
    });
    assert!(!run(&["--check"]).stderr.contains(unchanged));

    let changed = sample
        .path()
        .join("crates/generated/users-client/src/types.rs");
    let text = std::fs::read_to_string(&changed).unwrap();
    std::fs::write(&changed, format!("{text}\n")).unwrap();
    let third = run(&[]);
    assert!(third.stderr.contains("1 written"), "{}", third.stderr);
    assert_eq!(std::fs::read_to_string(&changed).unwrap(), text);

    let contract = "contracts/users/service.yaml";
    edit(sample.path(), contract, "version: ", "# Edited.\nversion: ");
    let fourth = run(&[]);
    assert!(!fourth.stderr.contains(unchanged), "{}", fourth.stderr);
    edit(sample.path(), contract, "service: users", "servce: users");
    assert_eq!(
        dovetail(sample.path(), &["codegen"]).exit,
        3,
        "a mistake is seen"
    );
}

#[test]
fn what_has_no_type_is_reported_for_each_service() {
    let sample = sample();
    let ended = dovetail(sample.path(), &["codegen", "--report-untyped"]);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    let services = ["obstacle-course", "orders", "payments", "users", "in total"];
    for service in services {
        let line = format!("{service}: ");
        assert!(
            ended.stdout.lines().any(|said| said.starts_with(&line)),
            "{}",
            ended.stdout
        );
    }
    assert!(
        !sample.path().join("crates/generated").exists(),
        "a report writes nothing"
    );
    let document = dovetail(
        sample.path(),
        &["codegen", "--report-untyped", "--format", "json"],
    );
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    let places: usize = document["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["places"].as_array().unwrap().len())
        .sum();
    assert_eq!(document["untyped"], places);
}

#[test]
fn the_committed_crates_are_what_the_contracts_say() {
    for folder in [root(), root().join("tests/golden")] {
        let ended = dovetail(&folder, &["codegen", "--check"]);
        assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn drift_of_every_kind_is_named_and_mended() {
    let sample = sample();
    let crates = sample.path().join("crates/generated");
    assert_eq!(dovetail(sample.path(), &["codegen"]).exit, 0);
    let changed = crates.join("users-client/src/types.rs");
    let text = std::fs::read_to_string(&changed).unwrap();
    std::fs::write(&changed, text.replacen("pub", "pub ", 1)).unwrap();
    std::fs::remove_file(crates.join("orders-client/src/lib.rs")).unwrap();
    std::fs::copy(
        crates.join("users-client/src/client.rs"),
        crates.join("users-client/src/old.rs"),
    )
    .unwrap();
    std::fs::write(crates.join("users-client/src/mine.rs"), "// By hand.\n").unwrap();

    let ended = dovetail(sample.path(), &["codegen", "--check"]);
    assert_eq!(ended.exit, 6);
    insta::assert_snapshot!(ended.stdout, @r"
    changed  users-client/src/types.rs
    missing  orders-client/src/lib.rs
    stale    users-client/src/old.rs
    ");
    let diff = dovetail(sample.path(), &["codegen", "--diff"]);
    assert_eq!(diff.exit, 0);
    assert!(
        diff.stdout.contains("users-client/src/types.rs"),
        "{}",
        diff.stdout
    );
    assert_eq!(
        dovetail(sample.path(), &["codegen", "--check"]).exit,
        6,
        "a diff writes nothing"
    );

    assert_eq!(dovetail(sample.path(), &["codegen"]).exit, 0);
    assert_eq!(dovetail(sample.path(), &["codegen", "--check"]).exit, 0);
    assert!(
        crates.join("users-client/src/mine.rs").exists(),
        "a file of the user's was removed"
    );
    assert!(!crates.join("users-client/src/old.rs").exists());
}
