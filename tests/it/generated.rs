//! Generated files: the same bytes every time, and no drift unnoticed.

use crate::command::{dovetail, root, sample};

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
