//! What a replay promised, held against what came of it.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use dovetail_messaging::replay::{Job, JobState};

use crate::{child::RATE, tally::Tally, work::ids};

/// How soon a replay is still that somebody paused.
const PAUSE_TIME_MAX: Duration = Duration::from_secs(1);

/// What came of a replay.
pub(super) struct Facts {
    /// Of the effects.
    pub(super) tally: Tally,
    /// What was sent, by its ids.
    pub(super) outbox: Vec<String>,
    /// When each letter was sent, in seconds since 1970.
    pub(super) sent: Vec<f64>,
    /// How many letters are open still.
    pub(super) open: u64,
    pub(super) job: Job,
    /// What starting it came to for each operator.
    pub(super) words: Vec<String>,
    /// When it was paused, and when it was resumed.
    pub(super) paused: (SystemTime, SystemTime),
    pub(super) crashes: usize,
    pub(super) broken: Vec<String>,
}

/// How the rate is looked at.
pub(super) struct Pace {
    /// Over every time of that length.
    pub(super) window: Duration,
    /// How far from its rate a replay may be.
    pub(super) off_max: f64,
    /// How long nobody looks after it began, or was resumed.
    pub(super) skipped: Duration,
}

/// What there is to say of it.
pub(super) struct Judged {
    pub(super) tally: Tally,
    pub(super) broken: Vec<String>,
    pub(super) said: String,
}

pub(super) fn judge(facts: &Facts, letters: usize, late: usize, pace: &Pace) -> Judged {
    let mut broken = facts.broken.clone();
    let mut words = facts.words.clone();
    words.sort_unstable();
    if words != ["new", "present"] {
        broken.push(format!(
            "two operators started the same, and found {words:?}"
        ));
    }
    let mut tally = facts.tally;
    let distinct: BTreeSet<&str> = facts.outbox.iter().map(String::as_str).collect();
    if distinct != ids(letters).iter().map(String::as_str).collect() {
        broken.push(format!("{} of {letters} letters were sent", distinct.len()));
    }
    tally.doubled += (facts.outbox.len() - distinct.len()) as u64;
    if facts.open != late as u64 {
        let open = facts.open;
        broken.push(format!(
            "{open} letters are open, of {late} that came later"
        ));
    }
    let (state, counts) = (facts.job.state, facts.job.counts);
    if state != JobState::Done || counts.handled != letters as u64 {
        broken.push(format!("it ended as {state}, with {counts:?}"));
    }
    let (paused, resumed) = (seconds(facts.paused.0), seconds(facts.paused.1));
    let still = paused + PAUSE_TIME_MAX.as_secs_f64();
    let meanwhile = facts
        .sent
        .iter()
        .filter(|at| (still..resumed).contains(*at));
    let meanwhile = meanwhile.count();
    if meanwhile > 0 {
        broken.push(format!("{meanwhile} letters were sent after it was paused"));
    }
    // The first letter is sent alone, and waited for.
    let sent = facts.sent.get(1..).unwrap_or_default();
    let split = |from: f64, to: f64| -> Vec<f64> {
        let within = sent.iter().filter(|at| (from..to).contains(*at));
        within.copied().collect()
    };
    let skip = |part: Vec<f64>| -> Vec<f64> {
        let from = part.first().copied().unwrap_or_default() + pace.skipped.as_secs_f64();
        part.into_iter().filter(|at| *at >= from).collect()
    };
    let parts = [skip(split(0.0, paused)), skip(split(resumed, f64::MAX))];
    let (window, off_max) = (pace.window, f64::from(RATE) * pace.off_max);
    let (rate, off, windows) = rate(&parts, window.as_secs_f64());
    let wanted = f64::from(RATE);
    if (rate - wanted).abs() > off_max {
        broken.push(format!(
            "{rate:.1} letters were sent in a second, not {RATE}"
        ));
    }
    if (off - wanted).abs() > off_max {
        broken.push(format!(
            "{off:.1} letters were sent in each second of one time of {window:?}, not {RATE}"
        ));
    }
    if windows == 0 {
        broken.push(format!("it did not last for {window:?}"));
    }
    Judged {
        tally,
        broken,
        said: format!(
            "{rate:.1}/s, and {off:.1}/s where {window:?} were furthest from it, of {windows}"
        ),
    }
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// The rate of the whole, that of the window that is furthest from what it should be, and how many windows there are.
fn rate(parts: &[Vec<f64>], window: f64) -> (f64, f64, u64) {
    let wanted = f64::from(RATE);
    let (mut count, mut time, mut off, mut windows) = (0, 0.0, wanted, 0);
    for part in parts {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            continue;
        };
        count += part.len();
        time += last - first;
        let mut from = *first;
        while from + window <= *last {
            let begin = part.partition_point(|at| *at < from);
            let end = part.partition_point(|at| *at < from + window);
            let rate = (end - begin) as f64 / window;
            if (rate - wanted).abs() > (off - wanted).abs() {
                off = rate;
            }
            windows += 1;
            from += 1.0;
        }
    }
    (count as f64 / time.max(f64::MIN_POSITIVE), off, windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_a_gap_are_seen_though_the_whole_is_right() {
        let steady: Vec<f64> = (0..4_000).map(|number| f64::from(number) / 200.0).collect();
        let (whole, off, windows) = rate(std::slice::from_ref(&steady), 10.0);
        assert!((whole - 200.0).abs() < 1.0 && (off - 200.0).abs() < 1.0);
        assert_eq!(windows, 10);
        let late: Vec<f64> = steady
            .iter()
            .map(|at| if (5.0..9.0).contains(at) { 9.0 } else { *at })
            .collect();
        let (whole, off, _) = rate(&[late], 4.0);
        assert!(
            (whole - 200.0).abs() < 1.0 && (off - 200.0).abs() > 100.0,
            "{off}"
        );
    }
}
