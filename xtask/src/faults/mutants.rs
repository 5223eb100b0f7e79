//! F16: each bug of the bank is put into a copy of the crate, which has to fail its suites then. A suite that lets a bug pass proves less than it seems.
//!
//! The copy is a workspace of its own below the target folder and shares that folder, so that a bug costs one crate and what stands on it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use walkdir::WalkDir;

use super::bank::{BUGS, Bug};
use crate::process::{cargo, print, root};

const MEMBERS: [&str; 4] = [
    "crates/dovetail-messaging",
    "crates/dovetail-resilience",
    "crates/dovetail-wire",
    "tests/messaging-lab",
];

/// A suite that hangs on a bug has found it.
const SUITE_TIME_MAX: Duration = Duration::from_secs(180);

/// What became of a bug.
#[derive(Debug, Serialize)]
pub(super) struct Fate {
    name: &'static str,
    what: &'static str,
    pub(super) killed_by: Option<&'static str>,
    seconds: f64,
}

/// A suite: the cheap and broad ones first.
struct Suite {
    name: &'static str,
    run: fn(&Path) -> Command,
}

const SUITES: [Suite; 3] = [
    Suite {
        name: "f15",
        run: |copy| lab(copy, &["f15", "--seeds=120"]),
    },
    Suite {
        name: "tests",
        run: |copy| {
            let mut command = cargo();
            command
                .current_dir(copy)
                .args(["test", "--offline", "--quiet"]);
            // Not what only reads the envelope.
            command.args(["--package", "dovetail-messaging", "--test", "it", "--"]);
            command.args([
                "crash::",
                "duplicates::",
                "failures::",
                "leases::",
                "offsets::",
                "order::",
                "outbox::",
                "routes::",
                "transport::",
            ]);
            command
        },
    },
    Suite {
        name: "f2",
        run: |copy| lab(copy, &["f2", "--seeds=1"]),
    },
];

fn lab(copy: &Path, args: &[&str]) -> Command {
    let mut command = cargo();
    command
        .current_dir(copy)
        .args(["run", "--offline", "--quiet"]);
    command
        .args(["--package", "messaging-lab", "--", "faults"])
        .args(args);
    command
}

/// Runs the suites on the code as it is, and then on each bug.
pub(super) fn run(is_quiet: bool) -> Result<Vec<Fate>> {
    let copy = prepare()?;
    for suite in &SUITES {
        let output = finish((suite.run)(&copy))?;
        if !output
            .as_ref()
            .is_some_and(|output| output.status.success())
        {
            let said = output.map(|output| said(&output)).unwrap_or_default();
            bail!("{} fails without any bug: {said}", suite.name);
        }
    }
    let mut fates = Vec::new();
    for bug in BUGS {
        let fate = try_bug(&copy, bug)?;
        if !is_quiet {
            print(&format!(
                "{} f16 {:28} {:28} {:4.0} s  {}",
                if fate.killed_by.is_some() {
                    "ok    "
                } else {
                    "FAILED"
                },
                fate.name,
                fate.killed_by
                    .map_or("SURVIVED".to_owned(), |suite| format!("killed by {suite}")),
                fate.seconds,
                fate.what
            ))?;
        }
        fates.push(fate);
    }
    Ok(fates)
}

fn try_bug(copy: &Path, bug: &Bug) -> Result<Fate> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a bug takes is for people to read"
    )]
    let started = Instant::now();
    let path = copy.join("crates/dovetail-messaging/src").join(bug.file);
    let sound = std::fs::read_to_string(&path)
        .with_context(|| format!("the bank is stale: there is no {}", bug.file))?;
    let count = sound.matches(bug.from).count();
    if count != 1 {
        bail!(
            "the bank is stale: what `{}` replaces is in {} {count} times",
            bug.name,
            bug.file
        );
    }
    std::fs::write(&path, sound.replace(bug.from, bug.to))?;
    let killed_by = first_to_fail(copy, bug);
    std::fs::write(&path, sound)?;
    Ok(Fate {
        name: bug.name,
        what: bug.what,
        killed_by: killed_by?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn first_to_fail(copy: &Path, bug: &Bug) -> Result<Option<&'static str>> {
    for suite in &SUITES {
        let Some(output) = finish((suite.run)(copy))? else {
            return Ok(Some(suite.name));
        };
        let said = said(&output);
        if said.contains("error: could not compile") || said.contains("error[E") {
            bail!("the bank is stale: `{}` does not compile: {said}", bug.name);
        }
        if !output.status.success() {
            return Ok(Some(suite.name));
        }
    }
    Ok(None)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

/// Runs a suite to its end, or ends it when its time is up.
fn finish(mut command: Command) -> Result<Option<Output>> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run a suite")?;
    let (send, receive) = std::sync::mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || {
        let _ = send.send(child.wait_with_output());
    });
    match receive.recv_timeout(SUITE_TIME_MAX) {
        Ok(output) => Ok(Some(output.context("cannot run a suite")?)),
        Err(_) => {
            end(id)?;
            Ok(None)
        }
    }
}

#[cfg(unix)]
fn end(id: u32) -> Result<()> {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };
    kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM).context("cannot end a suite")
}

#[cfg(not(unix))]
fn end(_: u32) -> Result<()> {
    bail!("a suite can be ended on Unix only")
}

/// Copies what the bugs go into, as a workspace of its own.
fn prepare() -> Result<PathBuf> {
    let root = root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let copy = root.join(&target).join("mutants");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).context("cannot remove the old copy")?;
    }
    for member in MEMBERS {
        copy_folder(&root.join(member), &copy.join(member))?;
    }
    for name in ["Cargo.lock", "rust-toolchain.toml"] {
        std::fs::copy(root.join(name), copy.join(name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    std::fs::write(copy.join("Cargo.toml"), with_members(&manifest)?)?;
    Ok(copy)
}

/// The manifest of the workspace with these members only.
fn with_members(manifest: &str) -> Result<String> {
    let (before, rest) = manifest
        .split_once("members = [")
        .context("the manifest names no members")?;
    let (_, after) = rest
        .split_once(']')
        .context("the list of members does not end")?;
    let members = MEMBERS.map(|member| format!("\"{member}\"")).join(", ");
    Ok(format!("{before}members = [{members}]{after}"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let path = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&path)?;
        } else {
            std::fs::copy(entry.path(), &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_replaces_what_is_in_the_source_once() {
        let sources = root().join("crates/dovetail-messaging/src");
        for bug in BUGS {
            let text = std::fs::read_to_string(sources.join(bug.file)).unwrap();
            assert_eq!(text.matches(bug.from).count(), 1, "{}", bug.name);
        }
    }

    #[test]
    fn a_copied_manifest_has_the_members_that_are_copied() {
        let manifest = with_members("[workspace]\nmembers = [\n    \"a\",\n]\n\n[x]\n").unwrap();
        assert!(
            manifest.contains("\"tests/messaging-lab\"]\n\n[x]"),
            "{manifest}"
        );
        assert!(!manifest.contains("\"a\""));
    }
}
