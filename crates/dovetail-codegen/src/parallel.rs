//! Work on several processors at once, with results in the order of what they were made from.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// More workers than this only wait for memory.
const WORKERS_MAX: usize = 16;

/// What `work` makes of each item, in the order of items: the same whatever the number of processors.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    map_with(processors.min(WORKERS_MAX), items, work)
}

fn map_with<T: Send, R: Send>(
    processors: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let workers = processors.min(items.len());
    if workers < 2 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, item)) = take() {
            done.push((index, work(item)));
        }
        done
    };
    let mut done = Vec::new();
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(worker)).collect();
        done.extend(worker());
        for other in others {
            // A panic is a defect, and is told as one where the work was asked for.
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_items_whoever_makes_them() {
        for processors in [1, 2, 7, 100] {
            for count in [0, 1, 2, 1_000] {
                let expected: Vec<usize> = (0..count).map(|item| item * 2).collect();
                let made = map_with(processors, (0..count).collect(), |item| item * 2);
                assert_eq!(made, expected, "{processors} processors, {count} items");
            }
        }
    }

    #[test]
    fn a_panic_reaches_whoever_asked() {
        let run = || map_with(3, vec![1, 2, 3], |item| assert_ne!(item, 2));
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
