//! The README is true: its commands print what it shows, and its contracts are those of the repository.

use std::process::Command;

use crate::command::root;

/// The fenced blocks of a language, in order.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = readme.split(fence.as_str()).skip(1);
    parts
        .filter_map(|part| part.split("\n```").next())
        .collect()
}

/// Text with every port called the same, since each run takes free ones.
fn without_ports(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("127.0.0.1:") {
        plain.push_str(before);
        plain.push_str("127.0.0.1:PORT");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    plain + rest
}

#[test]
fn the_demonstration_prints_what_the_readme_shows() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let consoles = blocks(&readme, "console");
    let shown = consoles
        .iter()
        .find_map(|block| block.strip_prefix("$ cargo xtask demo\n"))
        .unwrap();
    let shown = shown.split("\n$ ").next().unwrap();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command
        .args(["xtask", "demo"])
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(without_ports(printed.trim_end()), without_ports(shown));
}

#[test]
fn the_contracts_of_the_readme_are_those_of_the_repository() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let files = [
        "contracts/orders/service.yaml",
        "contracts/orders/expects/payments.yaml",
        "contracts/orders/service.yaml",
    ];
    let shown = blocks(&readme, "yaml");
    assert_eq!(shown.len(), files.len());
    for (block, file) in shown.iter().zip(files) {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(block), "{file} no longer says:\n{block}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_command() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let line = readme
        .lines()
        .find_map(|line| line.strip_prefix("Exit codes: "))
        .unwrap();
    let shown: Vec<u8> = line
        .split('·')
        .map(|end| end.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(shown, dovetail_cli::Exit::ALL.map(dovetail_cli::Exit::code));
}
