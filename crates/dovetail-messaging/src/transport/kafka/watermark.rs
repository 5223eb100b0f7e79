//! Up to where a partition is finished, when what was read from it ends in any order.
//!
//! A log has one number for a group: the offset before which everything is done. Nothing here does I/O or knows the time, so that the one rule that
//! loses messages when it is broken is tested by itself: *no number is given out that is past an offset which was begun and has not ended*.
//! Offsets have gaps, where a topic is compacted or a transaction ended, and what never was in the log is never waited for.

use std::collections::BTreeMap;

/// What was begun in one partition, and how much of it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Watermark {
    /// From the earliest offset that has not ended on: whether it has. What ended before all others is not kept.
    begun: BTreeMap<i64, bool>,
    /// Where the reader stands: after the last offset that was begun.
    next: Option<i64>,
    /// What the broker was told last.
    told: Option<i64>,
}

impl Watermark {
    /// Begins an offset. `None`: it is known, and its fate is decided where it was begun first. Otherwise where the reader stood before.
    ///
    /// A log may be read again from an earlier place, after its end was lost or its reader fell out of it. What was forgotten as ended
    /// then begins again: rather twice than never.
    pub(crate) fn begin(&mut self, offset: i64) -> Option<i64> {
        if self.begun.contains_key(&offset) {
            return None;
        }
        self.begun.insert(offset, false);
        let stood = self.next.map_or(0, |next| next.min(offset));
        let after = offset.saturating_add(1);
        self.next = Some(self.next.map_or(after, |next| next.max(after)));
        Some(stood)
    }

    /// Ends an offset. `false`: it was not under way.
    pub(crate) fn end(&mut self, offset: i64) -> bool {
        match self.begun.get_mut(&offset) {
            Some(is_ended) if !*is_ended => *is_ended = true,
            _ => return false,
        }
        while let Some(first) = self.begun.first_entry() {
            if !first.get() {
                break;
            }
            first.remove();
        }
        true
    }

    /// The offset before which everything that was begun has ended.
    pub(crate) fn contiguous(&self) -> Option<i64> {
        let first = self.begun.first_key_value().map(|(offset, _)| *offset);
        first.or(self.next)
    }

    /// What the broker has yet to be told.
    pub(crate) fn untold(&self) -> Option<i64> {
        self.contiguous()
            .filter(|offset| self.told != Some(*offset))
    }

    /// The broker is told, or it is not known what it knows.
    pub(crate) fn tell(&mut self, offset: Option<i64>) {
        self.told = offset;
    }

    /// How many offsets lie between the earliest that has not ended and the reader: what is read again after a crash.
    pub(crate) fn len(&self) -> usize {
        self.begun.len()
    }
}

#[cfg(test)]
mod tests;
