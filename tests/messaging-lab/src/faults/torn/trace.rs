//! What a process asked of the disk, as `strace` tells it: how much of a log was safe when each message was acknowledged.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    child::ACKNOWLEDGED,
    common::{Watch, say},
};

/// How long the tracer may take to write down the end.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Whether there is a tracer; says so loudly where there is none.
///
/// # Errors
///
/// Where there is none, and it must not be skipped.
pub(crate) fn is_there() -> Result<bool> {
    let output = Command::new("strace").arg("-V").output();
    let is_there = output.is_ok_and(|output| output.status.success());
    ensure!(
        is_there || std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
        "there is no strace, and it must not be skipped"
    );
    if !is_there {
        say("skipped: there is no strace to tell what a store asks of the disk");
    }
    Ok(is_there)
}

/// How a program is started so that it leaves a trace.
pub(super) fn tracer(trace: &Path) -> Vec<String> {
    let trace = trace.display().to_string();
    // The program stays a child of whoever starts it.
    let words = [
        "strace", "-D", "-f", "-y", "-s", "32", "-e", CALLS, "-o", &trace,
    ];
    words.map(str::to_owned).to_vec()
}

const CALLS: &str = "trace=write,pwrite64,fsync,fdatasync";

/// The trace of a process that has ended.
pub(super) fn read(trace: &Path) -> Result<String> {
    let watch = Watch::start();
    loop {
        let text = std::fs::read_to_string(trace).unwrap_or_default();
        // Every thread of it says its end.
        if text.lines().last().is_some_and(|line| line.contains("+++")) {
            return Ok(text);
        }
        ensure!(
            watch.elapsed() < TIME_MAX,
            "the trace has no end: can this user trace?"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How long the part of the log was that was on the disk at each acknowledgement.
pub(super) fn safe_lengths(trace: &str, log: &str) -> Result<Vec<usize>> {
    let (mut written, mut safe, mut lengths) = (0, 0, Vec::new());
    for call in calls(trace) {
        let is_log = call.contains(&format!("/{log}>"));
        if call.starts_with("pwrite64(") && is_log {
            written = written.max(end_of(&call).with_context(|| format!("what is {call}?"))?);
        } else if (call.starts_with("fdatasync(") || call.starts_with("fsync(")) && is_log {
            safe = written;
        } else if call.starts_with("write(") && call.contains(ACKNOWLEDGED) {
            lengths.push(safe);
        }
    }
    Ok(lengths)
}

/// The calls that came to an end, in the order of their ends.
fn calls(trace: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(call) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread, call);
        } else if call.starts_with("<...") {
            let rest = call.split_once("resumed>").map_or("", |(_, rest)| rest);
            let first = begun.remove(thread).unwrap_or_default();
            calls.push(format!("{first}{rest}"));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// Where what `pwrite64(…, length, offset) = count` wrote ends.
fn end_of(call: &str) -> Option<usize> {
    let (call, count) = call.rsplit_once(" = ")?;
    let offset = call.trim_end().trim_end_matches(')').rsplit(", ").next()?;
    let offset: usize = offset.parse().ok()?;
    let count: usize = count.split(' ').next()?.parse().ok()?;
    Some(offset + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_safe_is_what_was_written_before_the_last_answer_of_the_disk() {
        let trace = r#"
7 pwrite64(9</tmp/a/shop.db-wal>, "7\177\6\202"..., 32, 0) = 32
7 pwrite64(9</tmp/a/shop.db-wal>, "\0\0"..., 4096, 56) = 4096
7 fdatasync(9</tmp/a/shop.db-wal> <unfinished ...>
8 write(1<pipe:[1]>, "acknowledged 0\n", 15) = 15
7 <... fdatasync resumed>)             = 0
8 write(1<pipe:[1]>, "acknowledged 1\n", 15) = 15
7 pwrite64(9</tmp/a/shop.db-wal>, "\0\0"..., 4096, 4152) = 4096
8 write(1<pipe:[1]>, "acknowledged 2\n", 15) = 15
7 +++ killed by SIGKILL +++"#;
        let lengths = safe_lengths(trace, "shop.db-wal").expect("lengths");
        assert_eq!(lengths, [0, 4_152, 4_152]);
    }
}
