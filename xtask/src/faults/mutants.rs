//! F16: each bug of the bank is put into a copy of the crate, which has to fail its suites then. A suite that lets a bug pass proves less than it seems.
//!
//! The copy is a workspace of its own below the target folder, and is built beside that folder rather than in it: cargo takes a crate of the copy for
//! the one of the same name here, and a bug would be left behind as if it were what the source says.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use walkdir::WalkDir;

use super::bank::{BUGS, Bug};
use crate::process::{cargo, print, root, say};

const MEMBERS: [&str; 7] = [
    "crates/dovetail-messaging",
    "crates/dovetail-resilience",
    "crates/dovetail-wire",
    "tests/golden/depot-consumers",
    "tests/golden/depot-messages",
    "tests/golden/parcels-messages",
    "tests/messaging-lab",
];

/// No suite takes longer, once it is built.
const SUITE_TIME_MAX: Duration = Duration::from_secs(180);

/// What became of a bug.
#[derive(Debug, Serialize)]
pub(super) struct Fate {
    name: &'static str,
    what: &'static str,
    found_by: Option<Found>,
    seconds: f64,
}

impl Fate {
    /// Whether a suite came to its end, and said what is wrong with it.
    pub(super) fn is_killed(&self) -> bool {
        let found = self.found_by.as_ref();
        found.is_some_and(|found| found.end == End::Failed && found.is_expected)
    }
}

/// What did not pass with a bug, and how it ended.
#[derive(Debug, Serialize)]
struct Found {
    suite: &'static str,
    end: End,
    /// Whether it said what the bug is to be known by.
    is_expected: bool,
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

/// Those that try the embedded store.
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
                "replays::",
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

/// Those that try PostgreSQL.
const SERVED: [Suite; 3] = [
    Suite {
        name: "f7",
        build: &LAB,
        run: |copy| lab(copy, &["f7", "--small", "--store=postgres"]),
    },
    Suite {
        name: "f9",
        build: &LAB,
        run: |copy| lab(copy, &["f9", "--small"]),
    },
    Suite {
        name: "f6",
        build: &LAB,
        run: |copy| lab(copy, &["f6", "--seeds=1", "--store=postgres"]),
    },
];

/// Names the database.
const URL: &str = "DOVETAIL_POSTGRES_URL";

/// Whether the bugs of PostgreSQL can be tried; says so loudly where they cannot.
fn is_served() -> Result<bool> {
    let is_there = std::env::var_os(URL).is_some();
    if !is_there && std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_some() {
        bail!("{URL} names no database, and it must not be skipped");
    }
    if !is_there {
        say(&format!(
            "skipped: bugs of PostgreSQL: {URL} names no database"
        ));
    }
    Ok(is_there)
}

fn lab(copy: &Copied, args: &[&str]) -> Command {
    let mut command = copy.cargo("run");
    command
        .args(["--package", "messaging-lab", "--", "faults"])
        .args(args);
    command
}

/// Runs the suites on the code as it is, and then on each bug.
pub(super) fn run(only: Option<&str>, is_quiet: bool) -> Result<Vec<Fate>> {
    let is_asked = |bug: &&Bug| only.is_none_or(|name| name == bug.name);
    if !BUGS.iter().any(|bug| is_asked(&bug)) {
        bail!("there is no bug of that name");
    }
    let asks_for = |served| {
        BUGS.iter()
            .filter(is_asked)
            .any(|bug| bug.is_served() == served)
    };
    let copy = Copied::prepare()?;
    let is_served = is_served()?;
    let embedded = SUITES.iter().filter(|_| asks_for(false));
    let served = SERVED.iter().filter(|_| is_served && asks_for(true));
    for suite in embedded.chain(served) {
        let (end, said) = run_suite(&copy, suite)?;
        if end != End::Passed {
            bail!("{} {end:?} without any bug: {said}", suite.name);
        }
    }
    let mut fates = Vec::new();
    let is_possible = |bug: &&Bug| is_served || !bug.is_served();
    for bug in BUGS.iter().filter(is_asked).filter(is_possible) {
        let fate = try_bug(&copy, bug)?;
        if !is_quiet {
            print(&line(&fate))?;
        }
        fates.push(fate);
    }
    Ok(fates)
}

fn line(fate: &Fate) -> String {
    let verdict = if fate.is_killed() { "ok    " } else { "FAILED" };
    let said = match &fate.found_by {
        None => "SURVIVED".to_owned(),
        Some(found) => match found.end {
            End::Hung => format!("{} hung", found.suite),
            End::Crashed => format!("{} crashed", found.suite),
            _ if found.is_expected => format!("killed by {}", found.suite),
            _ => format!("{} found something else", found.suite),
        },
    };
    let Fate {
        name,
        what,
        seconds,
        ..
    } = fate;
    format!("{verdict} f16 {name:28} {said:28} {seconds:4.0} s  {what}")
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
    let found_by = first_to_fail(copy, bug);
    std::fs::write(&path, sound)?;
    Ok(Fate {
        name: bug.name,
        what: bug.what,
        found_by: found_by?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn first_to_fail(copy: &Copied, bug: &Bug) -> Result<Option<Found>> {
    let suites: &[Suite] = if bug.is_served() { &SERVED } else { &SUITES };
    for suite in suites {
        let (end, said) = run_suite(copy, suite)
            .with_context(|| format!("the bank is stale: `{}` does not compile", bug.name))?;
        if end != End::Passed {
            // For whoever wants to know what it said.
            std::fs::write(copy.folder.join(format!("{}.txt", bug.name)), &said)?;
            return Ok(Some(Found {
                suite: suite.name,
                end,
                is_expected: said.contains(bug.expected),
            }));
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

/// What the bugs go into, as a workspace of its own.
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
        // Kept from run to run, for the libraries.
        let target = target.join("mutants-built");
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
