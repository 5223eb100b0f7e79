//! Windows as a member uses them, over instants that are made up.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    length_max: 4,
    bytes_max: 100,
};

/// Reads messages, which are their own offsets, into partition 0.
fn windows(messages: &[(i64, &str)]) -> Windows<i64> {
    let mut windows = Windows::new(BOUNDS);
    windows.assign(0);
    for (offset, lane) in messages {
        read(&mut windows, 0, *offset, lane);
    }
    windows
}

fn read(windows: &mut Windows<i64>, partition: i32, offset: i64, lane: &str) {
    if windows.begin(partition, offset).is_some() {
        let read = Read {
            message: offset,
            bytes: 10,
            lane: (!lane.is_empty()).then(|| lane.as_bytes().to_vec()),
        };
        windows.put(partition, offset, read);
    }
}

/// Takes all that can be taken until 60 s after `now`.
fn take(windows: &mut Windows<i64>, now: Instant) -> Vec<(Ticket, i64, u32)> {
    let until = now + Duration::from_secs(60);
    std::iter::from_fn(|| windows.take(now, until)).collect()
}

fn offsets(taken: &[(Ticket, i64, u32)]) -> Vec<i64> {
    taken.iter().map(|(_, offset, _)| *offset).collect()
}

#[test]
fn of_one_lane_the_earliest_comes_and_the_rest_waits() {
    let now = Instant::now();
    let mut windows = windows(&[(0, "a"), (1, "a"), (2, "b"), (3, ""), (4, "")]);
    let first = take(&mut windows, now);
    assert_eq!(offsets(&first), [0, 2, 3, 4]);
    assert!(take(&mut windows, now).is_empty());
    assert!(windows.end(first[0].0, now));
    assert!(!windows.end(first[0].0, now), "once");
    assert_eq!(offsets(&take(&mut windows, now)), [1]);
}

#[test]
fn what_is_given_back_comes_after_its_time_and_its_lane_waits() {
    let now = Instant::now();
    let mut windows = windows(&[(0, "a"), (1, "a")]);
    let first = take(&mut windows, now);
    let due = now + Duration::from_secs(5);
    assert!(windows.give_back(first[0].0, now, due));
    assert!(
        !windows.give_back(first[0].0, now, due),
        "its receipt is void"
    );
    assert!(take(&mut windows, now).is_empty());
    assert_eq!(windows.next_due(), Some(due));
    assert_eq!(windows.tell(), [(0, 0)]);
    let again = take(&mut windows, due);
    assert_eq!((offsets(&again), again[0].2), (vec![0], 2));
    assert!(windows.end(again[0].0, due));
    assert_eq!(windows.tell(), [(0, 1)]);
}

#[test]
fn a_delivery_that_takes_too_long_is_over() {
    let now = Instant::now();
    let mut windows = windows(&[(0, "a")]);
    let first = take(&mut windows, now);
    let late = now + Duration::from_secs(61);
    assert!(!windows.end(first[0].0, late));
    let second = take(&mut windows, late);
    assert_eq!(second[0].2, 2);
    assert!(!windows.give_back(first[0].0, late, late));
    assert!(windows.end(second[0].0, late));
}

#[test]
fn a_partition_that_is_gone_takes_its_deliveries_with_it() {
    let now = Instant::now();
    let mut windows = windows(&[(0, ""), (1, ""), (2, "")]);
    let taken = take(&mut windows, now);
    assert!(windows.end(taken[0].0, now));
    assert!(windows.end(taken[2].0, now));
    assert_eq!(windows.revoke(0), Some(1), "2 waits for 1");
    assert_eq!(windows.revoke(0), None);
    assert!(!windows.end(taken[1].0, now));
    read(&mut windows, 0, 1, "");
    assert!(take(&mut windows, now).is_empty(), "nobody has it here");
    windows.assign(0);
    read(&mut windows, 0, 1, "");
    assert!(!windows.end(taken[1].0, now), "another reading of it");
    assert_eq!(offsets(&take(&mut windows, now)), [1]);
}

#[test]
fn a_partition_is_not_read_on_while_it_is_full() {
    let now = Instant::now();
    let mut windows = windows(&[(0, ""), (1, ""), (2, ""), (3, "")]);
    assert_eq!(windows.turns(), (vec![], vec![0]));
    assert_eq!(windows.turns(), (vec![], vec![]), "once");
    let taken = take(&mut windows, now);
    for (ticket, ..) in &taken[1..] {
        windows.end(*ticket, now);
    }
    assert_eq!(windows.turns(), (vec![], vec![]), "all wait for the first");
    windows.end(taken[0].0, now);
    assert_eq!(windows.turns(), (vec![0], vec![]));
    assert!(!windows.has_paused());
}

#[test]
fn every_partition_has_its_turn() {
    let now = Instant::now();
    let mut windows = Windows::new(BOUNDS);
    for partition in [0, 1, 2] {
        windows.assign(partition);
        for offset in [0, 1] {
            read(&mut windows, partition, offset, "");
        }
    }
    let order: Vec<i32> = take(&mut windows, now)
        .iter()
        .map(|(ticket, ..)| ticket.partition)
        .collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_log_that_is_read_again_keeps_the_order_of_its_lanes() {
    let now = Instant::now();
    let mut windows = windows(&[(5, "a"), (6, "a")]);
    read(&mut windows, 0, 4, "a");
    assert_eq!(offsets(&take(&mut windows, now)), [4]);
}

#[test]
fn a_log_that_is_read_again_has_one_delivery_of_a_lane_at_a_time() {
    let now = Instant::now();
    let mut windows = windows(&[(5, "a"), (6, "a")]);
    let first = take(&mut windows, now);
    assert_eq!(offsets(&first), [5]);
    read(&mut windows, 0, 4, "a");
    assert!(take(&mut windows, now).is_empty(), "5 is under way");
    assert!(windows.give_back(first[0].0, now, now));
    let next = take(&mut windows, now);
    assert_eq!(offsets(&next), [4]);
    let late = now + Duration::from_secs(61);
    let again = take(&mut windows, late);
    assert_eq!(offsets(&again), [4]);
    assert!(windows.end(again[0].0, late));
    assert_eq!(offsets(&take(&mut windows, late)), [5]);
}

proptest! {
    /// Whatever happens: of a lane one delivery at a time and in order, nothing lost, and what ended does not come again.
    #[test]
    fn lanes_keep_their_order(steps in prop::collection::vec((0..4_u8, any::<usize>()), 0..300)) {
        let mut now = Instant::now();
        let mut windows = windows(&[]);
        let (mut reader, mut out, mut ended) = (0_i64, Vec::<(Ticket, i64, Instant)>::new(), BTreeSet::new());
        let lane = |offset: i64| offset % 3;
        for (kind, which) in steps {
            let index = which % out.len().max(1);
            match kind {
                0 => {
                    read(&mut windows, 0, reader, &lane(reader).to_string());
                    reader += 1;
                }
                1 => {
                    let until = now + Duration::from_secs(3);
                    if let Some((ticket, offset, _)) = windows.take(now, until) {
                        out.retain(|one| one.2 > now);
                        prop_assert!(!ended.contains(&offset));
                        prop_assert!(out.iter().all(|one| lane(one.1) != lane(offset)));
                        let earlier = (0..offset).filter(|other| lane(*other) == lane(offset));
                        prop_assert!(earlier.clone().all(|other| ended.contains(&other)));
                        out.push((ticket, offset, until));
                    }
                }
                2 if !out.is_empty() => {
                    let (ticket, offset, until) = out.swap_remove(index);
                    let is_own = windows.end(ticket, now);
                    prop_assert_eq!(is_own, until > now);
                    if is_own {
                        ended.insert(offset);
                    }
                }
                3 if !out.is_empty() => {
                    let (ticket, _, until) = out.swap_remove(index);
                    let due = now + Duration::from_secs(which as u64 % 4);
                    prop_assert_eq!(windows.give_back(ticket, now, due), until > now);
                }
                _ => now += Duration::from_secs(1),
            }
        }
        // In the end all of it comes.
        while ended.len() < usize::try_from(reader).unwrap() {
            now += Duration::from_secs(10);
            let taken = take(&mut windows, now);
            prop_assert!(!taken.is_empty());
            for (ticket, offset, _) in taken {
                prop_assert!(windows.end(ticket, now));
                ended.insert(offset);
            }
        }
        prop_assert_eq!(windows.revoke(0), (reader > 0).then_some(reader));
    }
}
