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

/// No suite takes longer, once it is built.
const SUITE_TIME_MAX: Duration = Duration::from_secs(180);

/// What became of a bug.
#[derive(Debug, Serialize)]
pub(super) struct Fate {
    name: &'static str,
    what: &'static str,
    pub(super) killed_by: Option<Killer>,
    seconds: f64,
}

/// What found a bug, and how it ended.
#[derive(Debug, Serialize)]
pub(super) struct Killer {
    suite: &'static str,
    end: End,
}

/// How a suite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Passed,
    /// It said what is wrong.
    Failed,
    /// It was killed by a signal, or panicked outside of a test.
    Crashed,
    /// It did not come to its end.
    Hung,
}

/// A suite: the cheap and broad ones first.
struct Suite {
    name: &'static str,
    /// What is compiled before its time begins.
    build: &'static [&'static str],
    run: fn(&Copied) -> Command,
}

/// What is compiled of the lab.
const LAB: [&str; 3] = ["build", "--package", "messaging-lab"];

const SUITES: [Suite; 3] = [
    Suite {
        name: "f15",
        build: &LAB,
        run: |copy| lab(copy, &["f15", "--seeds=120"]),
    },
    Suite {
        name: "tests",
        build: &[
            "test",
            "--no-run",
            "--package",
            "dovetail-messaging",
            "--test",
            "it",
        ],
        run: |copy| {
            let mut command = copy.cargo("test");
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
        build: &LAB,
        run: |copy| lab(copy, &["f2", "--seeds=1"]),
    },
];

fn lab(copy: &Copied, args: &[&str]) -> Command {
    let mut command = copy.cargo("run");
    command
        .args(["--package", "messaging-lab", "--", "faults"])
        .args(args);
    command
}

/// Runs the suites on the code as it is, and then on each bug.
pub(super) fn run(is_quiet: bool) -> Result<Vec<Fate>> {
    let copy = Copied::prepare()?;
    for suite in &SUITES {
        let (end, said) = run_suite(&copy, suite)?;
        if end != End::Passed {
            bail!("{} {end:?} without any bug: {said}", suite.name);
        }
    }
    let mut fates = Vec::new();
    for bug in BUGS {
        let fate = try_bug(&copy, bug)?;
        if !is_quiet {
            print(&line(&fate))?;
        }
        fates.push(fate);
    }
    Ok(fates)
}

fn line(fate: &Fate) -> String {
    let (verdict, killed) = match &fate.killed_by {
        None => ("FAILED", "SURVIVED".to_owned()),
        Some(Killer { suite, end }) => {
            let how = match end {
                End::Hung => ", which hung",
                End::Crashed => ", which crashed",
                End::Failed | End::Passed => "",
            };
            ("ok    ", format!("killed by {suite}{how}"))
        }
    };
    let Fate {
        name,
        what,
        seconds,
        ..
    } = fate;
    format!("{verdict} f16 {name:28} {killed:28} {seconds:4.0} s  {what}")
}

fn try_bug(copy: &Copied, bug: &Bug) -> Result<Fate> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a bug takes is for people to read"
    )]
    let started = Instant::now();
    let path = copy
        .folder
        .join("crates/dovetail-messaging/src")
        .join(bug.file);
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

fn first_to_fail(copy: &Copied, bug: &Bug) -> Result<Option<Killer>> {
    for suite in &SUITES {
        let (end, _) = run_suite(copy, suite)
            .with_context(|| format!("the bank is stale: `{}` does not compile", bug.name))?;
        if end != End::Passed {
            let suite = suite.name;
            return Ok(Some(Killer { suite, end }));
        }
    }
    Ok(None)
}

/// Compiles a suite, however long that takes, and then runs it to its end, or ends it when its time is up. Fails where it does not compile.
fn run_suite(copy: &Copied, suite: &Suite) -> Result<(End, String)> {
    let (first, rest) = suite.build.split_first().context("nothing is built")?;
    let built = copy.cargo(first).args(rest).stdin(Stdio::null()).output();
    let built = built.context("cannot build a suite")?;
    if !built.status.success() {
        bail!("{}", said(&built));
    }
    let mut command = (suite.run)(copy);
    let Some(output) = finish(&mut command)? else {
        return Ok((End::Hung, format!("it did not end in {SUITE_TIME_MAX:?}")));
    };
    let said = said(&output);
    let has_failed = output.status.code() == Some(1) || said.contains("test result: FAILED");
    let end = match output.status.success() {
        true => End::Passed,
        false if has_failed => End::Failed,
        false => End::Crashed,
    };
    Ok((end, said))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

/// Runs a suite to its end. `None`: its time was up, and it was ended with all that it had started.
fn finish(command: &mut Command) -> Result<Option<Output>> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run a suite")?;
    let (send, receive) = std::sync::mpsc::channel();
    let id = child.id();
    let waiting = std::thread::spawn(move || {
        let _ = send.send(child.wait_with_output());
    });
    match receive.recv_timeout(SUITE_TIME_MAX) {
        Ok(output) => Ok(Some(output.context("cannot run a suite")?)),
        Err(_) => {
            end_group(id)?;
            let _ = waiting.join();
            Ok(None)
        }
    }
}

/// Ends what was started as a group of its own, which nobody else is in.
#[cfg(unix)]
fn end_group(id: u32) -> Result<()> {
    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };
    killpg(Pid::from_raw(i32::try_from(id)?), Signal::SIGKILL).context("cannot end a suite")
}

#[cfg(not(unix))]
fn end_group(_: u32) -> Result<()> {
    bail!("a suite can be ended on Unix only")
}

/// What the bugs go into, as a workspace of its own that shares the target folder: what others made is not compiled again.
struct Copied {
    folder: PathBuf,
    target: PathBuf,
}

impl Copied {
    fn prepare() -> Result<Self> {
        let root = root();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = root.join(target);
        let folder = target.join("mutants");
        copy_all(&root, &folder)?;
        Ok(Self { folder, target })
    }

    fn cargo(&self, task: &str) -> Command {
        let mut command = cargo();
        command
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .args([task, "--offline", "--quiet"]);
        command
    }
}

/// Copies it, in the place of an older copy.
fn copy_all(root: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        std::fs::remove_dir_all(copy).context("cannot remove the old copy")?;
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
    Ok(())
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
