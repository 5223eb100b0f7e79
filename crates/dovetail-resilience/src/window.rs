//! Counts over the last while: ten slots and their running totals.
//!
//! A call costs the same at ten calls a second and at thirty thousand, because nothing is kept per call.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::later;

/// Sliding counts of several kinds. It slides by a tenth of its length at a time.
#[derive(Debug)]
pub(crate) struct Window<const KINDS: usize> {
    slots: [[u64; KINDS]; SLOTS as usize],
    totals: [u64; KINDS],
    width: Duration,
    /// The slot that is being written.
    current: usize,
    /// When the current slot ends.
    ends: Instant,
}

const SLOTS: u32 = 10;

impl<const KINDS: usize> Window<KINDS> {
    pub(crate) fn new(length: Duration, now: Instant) -> Self {
        let width = (length / SLOTS).max(Duration::from_millis(1));
        Self {
            slots: [[0; KINDS]; SLOTS as usize],
            totals: [0; KINDS],
            width,
            current: 0,
            ends: later(now, width),
        }
    }

    pub(crate) fn add(&mut self, now: Instant, counts: [u64; KINDS]) {
        self.turn(now);
        for ((slot, total), count) in self.slots[self.current]
            .iter_mut()
            .zip(&mut self.totals)
            .zip(counts)
        {
            *slot += count;
            *total += count;
        }
    }

    pub(crate) fn totals(&mut self, now: Instant) -> [u64; KINDS] {
        self.turn(now);
        self.totals
    }

    pub(crate) fn clear(&mut self, now: Instant) {
        *self = Self::new(self.width * SLOTS, now);
    }

    /// Forgets the slots whose time is over.
    fn turn(&mut self, now: Instant) {
        for _ in 0..SLOTS {
            if now < self.ends {
                return;
            }
            self.current = (self.current + 1) % SLOTS as usize;
            self.ends = later(self.ends, self.width);
            let expired = std::mem::replace(&mut self.slots[self.current], [0; KINDS]);
            for (total, count) in self.totals.iter_mut().zip(expired) {
                *total -= count;
            }
        }
        // All slots are empty now; after a longer pause, time starts afresh.
        if now >= self.ends {
            self.ends = later(now, self.width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_one_slot_at_a_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut window = Window::<2>::new(Duration::from_secs(10), start);
        window.add(at(0), [1, 0]);
        window.add(at(1_500), [1, 1]);
        for (ms, expected) in [
            (1_500, [2, 1]),
            (9_999, [2, 1]),
            (10_000, [1, 1]),
            (10_999, [1, 1]),
            (11_000, [0, 0]),
        ] {
            assert_eq!(window.totals(at(ms)), expected, "{ms} ms");
        }
    }

    #[test]
    fn a_window_without_end_or_without_length_still_counts() {
        let start = Instant::now();
        for length in [Duration::MAX, Duration::ZERO] {
            let mut window = Window::<1>::new(length, start);
            window.add(start, [1]);
            window.clear(start);
            window.add(start, [2]);
            assert_eq!(window.totals(start), [2], "{length:?}");
        }
    }

    #[test]
    fn a_long_pause_empties_it_and_an_earlier_time_does_no_harm() {
        let start = Instant::now();
        let mut window = Window::<1>::new(Duration::from_secs(10), start);
        window.add(start, [5]);
        let later = start + Duration::from_secs(3_600);
        assert_eq!(window.totals(later), [0]);
        window.add(later, [2]);
        window.add(start, [1]);
        assert_eq!(window.totals(later + Duration::from_millis(999)), [3]);
        assert_eq!(window.totals(later + Duration::from_secs(10)), [0]);
    }
}
