//! Every rule has a folder in `cases/` with its page, a workspace that breaks it and one that keeps it.
//!
//! Both are `cases/base` with the files of the case laid over it, so that a case shows only what it is about.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dovetail_contract::finding::{self, Finding};
use dovetail_contract::frame::{self, Look};
use dovetail_contract::load::load;
use dovetail_contract::source::Sources;

use super::*;

/// What the rules say of a workspace, once it is sure that it loads.
fn findings_of(overlay: Option<&Path>) -> (Vec<Finding>, Sources) {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&cases().join("base"), folder.path());
    if let Some(overlay) = overlay {
        copy(overlay, folder.path());
    }
    let loaded = load(folder.path());
    let wrong: Vec<String> = loaded
        .findings
        .iter()
        .map(|finding| frame::render(finding, &loaded.sources, &Look::default()))
        .collect();
    assert!(
        wrong.is_empty(),
        "{overlay:?} does not load:\n{}",
        wrong.join("\n")
    );
    let mut findings = check(&loaded.workspace);
    finding::sort(&mut findings, &loaded.sources);
    (findings, loaded.sources)
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a new folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn every_rule_fires_on_its_bad_case_as_recorded() {
    for rule in RULES {
        let id = rule.code.id;
        let (findings, sources) = findings_of(Some(&cases().join(id).join("bad")));
        let fired: BTreeSet<&str> = findings.iter().map(|finding| finding.code.id).collect();
        assert!(fired.contains(id), "{id} is silent; fired: {fired:?}");
        let look = Look::default();
        let shown: Vec<String> = findings
            .iter()
            .map(|f| frame::render(f, &sources, &look))
            .collect();
        let settings = {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(cases().join(id));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings
        };
        settings.bind(|| insta::assert_snapshot!("findings", shown.join("\n")));
    }
}

#[test]
fn nothing_fires_on_the_base_and_the_good_cases() {
    let good = RULES
        .iter()
        .map(|rule| cases().join(rule.code.id).join("good"));
    for overlay in std::iter::once(None).chain(good.map(Some)) {
        let (findings, sources) = findings_of(overlay.as_deref());
        let look = Look::default();
        let shown: Vec<String> = findings
            .iter()
            .map(|f| frame::render(f, &sources, &look))
            .collect();
        assert!(shown.is_empty(), "{overlay:?}:\n{}", shown.join("\n"));
    }
}

#[test]
fn every_finding_says_what_was_expected_and_what_to_do() {
    for rule in RULES {
        let (findings, _) = findings_of(Some(&cases().join(rule.code.id).join("bad")));
        for finding in findings {
            let missing = finding.expected.is_none() || finding.help.is_none();
            assert!(!missing, "{}: {}", finding.code.id, finding.message);
            assert!(
                !finding.related.is_empty() || finding.code.id.starts_with("unknown-"),
                "{}",
                finding.message
            );
        }
    }
}

#[test]
fn rules_are_unique_and_their_pages_bear_their_names() {
    let mut ids = BTreeSet::new();
    for rule in RULES {
        let Rule { code, .. } = rule;
        assert!(ids.insert(code.id), "{} stands twice", code.id);
        assert!(
            code.page.starts_with(&format!("# {}\n", code.id)),
            "{}",
            code.id
        );
        for part in ["## What it checks", "## Why it matters", "## Instead"] {
            assert!(code.page.contains(part), "{} lacks {part}", code.id);
        }
    }
    let folders = fs::read_dir(cases()).expect("the cases are there");
    let names: BTreeSet<String> = folders
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "base")
        .collect();
    assert!(names.iter().map(String::as_str).eq(ids), "{names:?}");
}

#[test]
fn the_contracts_of_the_sample_system_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let loaded = load(&folder);
    let errors: Vec<String> = check(&loaded.workspace)
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| frame::render(finding, &loaded.sources, &Look::default()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
