//! `codegen --watch`: generates again once contracts have changed and then stood still for a moment.
//!
//! Files are looked at rather than subscribed to: that works on every system and file system, and a workspace is small.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Ran;
use crate::exit::{Exit, Stop};
use crate::ui::Ui;

/// How often files are looked at. A change is acted upon when the next look finds nothing new: editors write a file in several steps.
const INTERVAL: Duration = Duration::from_millis(100);
/// Files of the workspace beyond this many are not looked at, unless the last run read them.
const FILES_MAX: usize = 5_000;
/// How deep folders are followed.
const DEPTH_MAX: usize = 8;

/// What there is to see of files without reading them: their sizes, and when they changed.
type Seen = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A moment has passed.
    Tick,
    /// The user wants no more.
    Interrupt,
}

/// Generates until interrupted.
pub(super) fn run(
    ui: Ui,
    root: &Path,
    mut once: impl FnMut() -> Result<Ran, Stop>,
) -> Result<Exit, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Stop::new(Exit::Infrastructure, error))?;
    runtime.block_on(async {
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let next = async || {
            tokio::select! {
                biased;
                _ = &mut interrupt => Event::Interrupt,
                _ = ticks.tick() => Event::Tick,
            }
        };
        let look = |inputs: &[PathBuf]| look(root, inputs);
        let tell = |ran: &Result<Ran, Stop>| tell(ui, ran);
        let clear = || clear();
        follow(&mut once, look, next, clear, tell).await
    })
}

/// Runs once, and again after each change, until an interrupt.
///
/// What is looked at is taken before each run, so that a change during a run is not missed.
async fn follow(
    mut once: impl FnMut() -> Result<Ran, Stop>,
    mut look: impl FnMut(&[PathBuf]) -> Seen,
    mut next: impl AsyncFnMut() -> Event,
    mut clear: impl FnMut(),
    mut tell: impl FnMut(&Result<Ran, Stop>),
) -> Result<Exit, Stop> {
    let mut inputs = Vec::new();
    loop {
        let before = look(&inputs);
        clear();
        let ran = once();
        tell(&ran);
        if let Ok(ran) = ran {
            inputs = ran.inputs;
        }
        // Files that the run was the first to read count as they are now.
        let mut still = look(&inputs);
        let known = |seen: &Seen| -> Seen {
            let before = before.iter().map(|(path, state)| (path.clone(), *state));
            seen.clone().into_iter().chain(before).collect()
        };
        let acted_upon = known(&still);
        loop {
            if next().await == Event::Interrupt {
                return Ok(Exit::Interrupted);
            }
            let now = look(&inputs);
            if now == still && now != acted_upon {
                break;
            }
            still = now;
        }
    }
}

/// Sizes and times of the contracts of the last run and of every file of the workspace, of which any may become one.
fn look(root: &Path, inputs: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    walk(root, DEPTH_MAX, &mut seen);
    for path in inputs {
        if let Ok(found) = fs::metadata(path) {
            seen.insert(path.clone(), (found.len(), found.modified().ok()));
        }
    }
    seen
}

fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_hidden = name.to_string_lossy().starts_with('.');
        // What is built or fetched is no contract.
        if is_hidden || name == "target" || name == "node_modules" {
            continue;
        }
        if seen.len() >= FILES_MAX {
            return;
        }
        let path = entry.path();
        let is_contract = ["yaml", "yml", "json"].iter().any(|known| {
            path.extension()
                .is_some_and(|extension| extension == *known)
        });
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() && depth > 0 => walk(&path, depth - 1, seen),
            Ok(found) if is_contract && !found.is_dir() => {
                seen.insert(path, (found.len(), found.modified().ok()));
            }
            _ => {}
        }
    }
}

/// Empties the screen, if there is one.
fn clear() {
    let is_plain = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !is_plain {
        use std::io::Write;
        let _ = write!(std::io::stderr().lock(), "\u{1b}[2J\u{1b}[H");
    }
}

fn tell(ui: Ui, ran: &Result<Ran, Stop>) {
    if let Err(stop) = ran {
        ui.always(&format!("error: {:#}", stop.error));
    }
    ui.message("waiting for contracts to change; Ctrl-C ends this");
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    /// A workspace of one file whose size is said for each look, and what `follow` did by the time it was interrupted: how often it ran.
    fn runs(sizes: &[u64], fails: bool) -> usize {
        let sizes = RefCell::new(VecDeque::from(sizes.to_vec()));
        let mut runs = 0;
        let once = || {
            runs += 1;
            let inputs = vec![PathBuf::from("a")];
            if fails {
                return Err(Stop::usage("no"));
            }
            let exit = Exit::Ok;
            Ok(Ran { exit, inputs })
        };
        let look = |_: &[PathBuf]| {
            let size = sizes.borrow_mut().pop_front().unwrap_or_default();
            Seen::from([(PathBuf::from("a"), (size, None))])
        };
        let next = async || match sizes.borrow().is_empty() {
            true => Event::Interrupt,
            false => Event::Tick,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let ended = runtime
            .expect("a runtime")
            .block_on(follow(once, look, next, || {}, |_| {}));
        assert_eq!(ended.expect("an end").code(), 130);
        runs
    }

    #[test]
    fn a_run_follows_each_change_that_has_come_to_rest() {
        // Looks: before the first run, after it, then one for each tick; again two around each further run.
        let rows: [(&str, &[u64], usize); 6] = [
            ("nothing changes", &[1, 1, 1, 1, 1], 1),
            ("one change", &[1, 1, 2, 2, 2, 2, 2], 2),
            (
                "a change that goes on is waited for",
                &[1, 1, 2, 3, 4, 5],
                1,
            ),
            ("and acted upon once", &[1, 1, 2, 3, 4, 4, 4, 4, 4], 2),
            ("a change during the run", &[1, 2, 2, 2, 2, 2], 2),
            ("a change that is taken back", &[1, 1, 2, 1, 1, 1], 1),
        ];
        for (what, sizes, expected) in rows {
            assert_eq!(runs(sizes, false), expected, "{what}");
            assert_eq!(runs(sizes, true), expected, "{what}, where runs fail");
        }
    }

    #[test]
    fn contracts_are_seen_and_what_is_built_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in [
            "a/openapi.yaml",
            "a/main.rs",
            "target/x.json",
            ".git/y.yaml",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        let first = look(root, &[]);
        let paths: Vec<&PathBuf> = first.keys().collect();
        assert_eq!(paths, [&root.join("a/openapi.yaml")]);
        fs::write(root.join("a/openapi.yaml"), "xy").expect("a file");
        assert_ne!(look(root, &[]), first);
        let read = look(root, &[root.join("a/main.rs"), root.join("gone.yaml")]);
        assert!(read.contains_key(&root.join("a/main.rs")) && read.len() == 2);
    }
}
