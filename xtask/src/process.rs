//! Running other programs, and where the repository is.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The root of the repository: where cargo runs an xtask from may be any folder of it.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    manifest
        .and_then(|path| path.parent().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a program to its end, with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a program and returns what it printed on standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed what is not text"))
}

/// How a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly.
    Dev,
    /// As it is shipped.
    Release,
}

/// Builds a program of this repository with these features of its package, and says where it is.
pub(crate) fn build(
    package: &str,
    program: &str,
    features: &[&str],
    profile: Profile,
) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--package", package, "--bin", program]);
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    command.args(["--message-format", "json-render-diagnostics"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    let messages = capture(&mut command)?;
    let built = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let is_it =
                message["reason"] == "compiler-artifact" && message["target"]["name"] == program;
            is_it
                .then(|| message["executable"].as_str().map(PathBuf::from))
                .flatten()
        });
    built.with_context(|| format!("cargo did not say where `{program}` is"))
}

/// Prints a line for the person who runs this. A closed standard error is not worth failing for.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a line of result.
pub(crate) fn print(line: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("cannot print")
}

fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    let args = command
        .get_args()
        .map(|arg| format!(" {}", arg.to_string_lossy()));
    format!("{name}{}", args.collect::<String>())
}
