//! Whether work grows with its input and no faster: two sizes are measured in one run, so that a slow or busy machine changes nothing.

use std::time::{Duration, Instant};

/// How much larger the larger input is.
const FACTOR: usize = 8;

/// Most that the larger input may take of the time of the smaller one. Work that is quadratic takes 64 times; work that is not takes 8 times, or
/// some more on a machine so busy that only short work is left alone.
const RATIO_MAX: u32 = 30;

/// What is shorter says more of the clock than of the work.
const SHORTEST: Duration = Duration::from_millis(4);

/// Tries of the short work before anything is compared with it.
const SHORT_TRIES: usize = 4;

/// Rounds before work counts as too slow: a machine that is busy with something else is not busy every time.
const ROUNDS: usize = 6;

/// Does the work on an input of size `size` and on one of eight times that, and fails where it grows faster than its input does.
pub(crate) fn check<I, T>(
    name: &str,
    size: usize,
    input: impl Fn(usize) -> I,
    work: impl Fn(&I) -> T,
) {
    let (small, large) = (input(size), input(size * FACTOR));
    // One slow try of the short work would hide how slow the long work is.
    let tries = (0..SHORT_TRIES).map(|_| timed(|| work(&small)));
    let mut short = tries.min().unwrap_or(Duration::MAX);
    let mut long = Duration::MAX;
    for _ in 0..ROUNDS {
        short = short.min(timed(|| work(&small)));
        long = long.min(timed(|| work(&large)));
        if long <= short.max(SHORTEST) * RATIO_MAX {
            return;
        }
    }
    panic!("{name}: {short:?} for {size}, but {long:?} for {FACTOR} times that");
}

#[expect(
    clippy::disallowed_methods,
    reason = "only real time tells a linear reader from a quadratic one"
)]
fn timed<T>(work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    // Dropping what was made is part of the work.
    drop(work());
    start.elapsed()
}

#[test]
fn quadratic_work_is_seen() {
    let pairs = |text: &Vec<u8>| -> usize {
        let equal = |byte: &u8| text.iter().filter(|other| *other == byte).count();
        text.iter().map(equal).sum()
    };
    let seen = std::panic::catch_unwind(|| check("pairs", 600, |n| vec![1; n], pairs));
    assert!(seen.is_err());
}
