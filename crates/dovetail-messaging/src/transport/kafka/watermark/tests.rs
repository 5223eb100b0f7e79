//! The watermark against a model that remembers everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Begins the offsets in their order.
fn begun(offsets: &[i64]) -> Watermark {
    let mut watermark = Watermark::default();
    for offset in offsets {
        watermark.begin(*offset);
    }
    watermark
}

#[test]
fn what_ends_out_of_order_waits_for_what_is_before_it() {
    // What was begun, what ended in this order, and up to where it is finished after each.
    let rows: [(&[i64], &[i64], &[i64]); 6] = [
        (&[0, 1, 2], &[0, 1, 2], &[1, 2, 3]),
        (&[0, 1, 2], &[2, 1, 0], &[0, 0, 3]),
        (&[0, 1, 2], &[1, 0, 2], &[0, 2, 3]),
        // A compacted topic, and one with the markers of transactions.
        (&[5, 9, 12], &[9, 5, 12], &[5, 12, 13]),
        (&[5, 9, 12], &[5, 9, 12], &[9, 12, 13]),
        (&[i64::MAX - 1], &[i64::MAX - 1], &[i64::MAX]),
    ];
    for (offsets, ends, expected) in rows {
        let mut watermark = begun(offsets);
        for (offset, contiguous) in ends.iter().zip(expected) {
            assert!(watermark.end(*offset));
            assert_eq!(
                watermark.contiguous(),
                Some(*contiguous),
                "{offsets:?} {ends:?}"
            );
        }
        assert_eq!(watermark.len(), 0);
    }
}

#[test]
fn an_offset_begins_and_ends_once() {
    let mut watermark = begun(&[3, 4]);
    assert_eq!(watermark.begin(4), None);
    assert!(watermark.end(4));
    assert_eq!(watermark.begin(4), None, "it waits for 3");
    assert!(!watermark.end(4));
    assert!(!watermark.end(7));
    assert!(watermark.end(3));
    assert!(!watermark.end(3));
}

#[test]
fn a_reader_stands_after_what_it_read_last() {
    let mut watermark = Watermark::default();
    let stood: Vec<Option<i64>> = [5, 6, 9, 9, 10]
        .map(|offset| watermark.begin(offset))
        .into();
    assert_eq!(stood, [Some(0), Some(6), Some(7), None, Some(10)]);
}

#[test]
fn a_log_that_is_read_again_is_finished_where_its_second_reading_is() {
    let mut watermark = begun(&[7, 8]);
    watermark.end(7);
    watermark.end(8);
    assert_eq!(watermark.contiguous(), Some(9));
    assert_eq!(watermark.begin(3), Some(3));
    assert_eq!(watermark.contiguous(), Some(3));
    watermark.end(3);
    assert_eq!(watermark.contiguous(), Some(9));
}

#[test]
fn the_broker_is_told_what_it_does_not_know() {
    let mut watermark = Watermark::default();
    assert_eq!(watermark.untold(), None);
    watermark.begin(4);
    assert_eq!(watermark.untold(), Some(4));
    watermark.tell(Some(4));
    assert_eq!(watermark.untold(), None);
    watermark.end(4);
    assert_eq!(watermark.untold(), Some(5));
    watermark.tell(Some(5));
    assert_eq!(watermark.untold(), None);
    watermark.tell(None);
    assert_eq!(watermark.untold(), Some(5), "telling it failed");
}

/// One step: read on past so many missing offsets, or end one of those under way.
#[derive(Debug, Clone, Copy)]
enum Step {
    Read { gap: i64 },
    End { which: usize },
    Rewind { by: i64 },
}

fn steps(rewinds: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..if rewinds { 12_u8 } else { 11 },
        0..4_i64,
        any::<usize>(),
    )
        .prop_map(|(kind, gap, which)| match kind {
            0..5 => Step::Read { gap },
            5..11 => Step::End { which },
            _ => Step::Rewind { by: gap * 3 },
        });
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn nothing_unfinished_is_passed_and_everything_finished_is(steps in steps(false)) {
        let (mut watermark, mut reader) = (Watermark::default(), 0);
        let (mut open, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut last = None;
        for step in steps {
            match step {
                Step::Read { gap } => {
                    reader += gap;
                    prop_assert!(watermark.begin(reader).is_some());
                    open.insert(reader);
                    reader += 1;
                }
                Step::End { which } => {
                    let Some(offset) = open.iter().nth(which % open.len().max(1)).copied() else {
                        continue;
                    };
                    open.remove(&offset);
                    ended.insert(offset);
                    prop_assert!(watermark.end(offset));
                }
                Step::Rewind { .. } => {}
            }
            let contiguous = watermark.contiguous();
            // Nothing is lost: a reader that starts there reads all that is open.
            if let Some(first) = open.first() {
                prop_assert_eq!(contiguous, Some(*first));
            } else if let Some(end) = ended.last() {
                // Nothing is held back: a reader that starts there reads nothing twice.
                prop_assert_eq!(contiguous, Some(end + 1));
            }
            prop_assert!(last <= contiguous, "{last:?} {contiguous:?}");
            last = contiguous;
            // What it keeps is what a crash would read again.
            let behind = ended.range(contiguous.unwrap_or(0)..).count();
            prop_assert_eq!(watermark.len(), open.len() + behind);
        }
    }

    #[test]
    fn nothing_unfinished_is_passed_however_often_the_log_is_read_again(steps in steps(true)) {
        let (mut watermark, mut reader) = (Watermark::default(), 0);
        let mut open = BTreeSet::new();
        for step in steps {
            match step {
                Step::Read { gap } => {
                    reader += gap;
                    if watermark.begin(reader).is_some() {
                        open.insert(reader);
                    }
                    reader += 1;
                }
                Step::End { which } => {
                    let offset = open.iter().nth(which % open.len().max(1)).copied();
                    if let Some(offset) = offset {
                        open.remove(&offset);
                        prop_assert!(watermark.end(offset));
                    }
                }
                Step::Rewind { by } => reader = (reader - by).max(0),
            }
            if let Some(first) = open.first() {
                prop_assert!(watermark.contiguous() <= Some(*first));
            }
        }
        for offset in open {
            prop_assert!(watermark.end(offset));
        }
        prop_assert_eq!(watermark.len(), 0);
    }
}
