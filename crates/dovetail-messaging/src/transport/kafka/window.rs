//! What was read from the partitions of one member of a group, and not finished yet.
//!
//! Kafka knows neither deliveries nor delays: whoever has a partition reads it, and that is all. So a member holds what it read, hands each
//! message out once at a time and the messages of a lane in their order, takes it back for a while, and knows its partitions by their
//! [`Watermark`]s. It is bounded: a partition that is full is not read on. Nothing here does I/O; instants are passed in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dovetail_resilience::Instant;

use super::watermark::Watermark;

/// What keeps the order among messages of one partition: those with the same bytes are handed out one at a time, and in their order.
pub(super) type Lane = Vec<u8>;

/// What a delivery is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// No two deliveries of one member have the same.
    pub(super) token: u64,
}

/// How much one partition may hold before it is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Offsets between the earliest unfinished one and the reader.
    pub(super) length_max: usize,
    /// Bytes of messages.
    pub(super) bytes_max: usize,
}

/// The partitions of a member. `M` is what is handed out.
#[derive(Debug)]
pub(super) struct Windows<M> {
    bounds: Bounds,
    partitions: BTreeMap<i32, Window<M>>,
    /// The partition that was handed out of last, so that each has its turn.
    turn: i32,
    token: u64,
}

#[derive(Debug)]
struct Window<M> {
    watermark: Watermark,
    entries: BTreeMap<i64, Entry<M>>,
    lanes: HashMap<Lane, Queue>,
    /// What may be handed out now.
    ready: BTreeSet<i64>,
    /// What may be handed out again from then on.
    due: BTreeSet<(Instant, i64)>,
    bytes: usize,
    is_paused: bool,
}

/// The entries of a lane.
#[derive(Debug, Default)]
struct Queue {
    /// Those that have not ended.
    waiting: BTreeSet<i64>,
    /// The one that has a delivery. It is the first of them, except in a log that is read again.
    out: Option<i64>,
}

#[derive(Debug)]
struct Entry<M> {
    message: M,
    bytes: usize,
    lane: Option<Lane>,
    /// When it comes again by itself, while it is handed out or waits.
    due: Option<Instant>,
    /// The delivery that may still settle it.
    token: Option<u64>,
    deliveries: u32,
}

/// A message that a partition gave.
#[derive(Debug)]
pub(super) struct Read<M> {
    pub(super) message: M,
    pub(super) bytes: usize,
    pub(super) lane: Option<Lane>,
}

impl<M: Clone> Windows<M> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            partitions: BTreeMap::new(),
            turn: -1,
            token: 0,
        }
    }

    /// Begins anew with a partition.
    pub(super) fn assign(&mut self, partition: i32) {
        self.partitions.insert(partition, Window::default());
    }

    /// Ends with a partition: its deliveries are void from now on. Returns what the broker has yet to be told of it.
    pub(super) fn revoke(&mut self, partition: i32) -> Option<i64> {
        self.partitions.remove(&partition)?.watermark.untold()
    }

    /// Where the reader of a partition stands before it takes `offset`, if that is new to it and the partition is the member's.
    /// [`Windows::put`] follows at once.
    pub(super) fn begin(&mut self, partition: i32, offset: i64) -> Option<i64> {
        let window = self.partitions.get_mut(&partition)?;
        window.watermark.begin(offset)
    }

    /// Adds what begun at the offset.
    pub(super) fn put(&mut self, partition: i32, offset: i64, read: Read<M>) {
        if let Some(window) = self.partitions.get_mut(&partition) {
            window.put(offset, read);
        }
    }

    /// Hands out a message, which comes again at `until` unless it is settled before.
    pub(super) fn take(&mut self, now: Instant, until: Instant) -> Option<(Ticket, M, u32)> {
        for window in self.partitions.values_mut() {
            window.wake(now);
        }
        let later = self.partitions.range(self.turn.saturating_add(1)..);
        let all = later.chain(&self.partitions);
        let mut ready = all.filter(|(_, window)| !window.ready.is_empty());
        let partition = *ready.next()?.0;
        drop(ready);
        self.turn = partition;
        self.token += 1;
        let token = self.token;
        let window = self.partitions.get_mut(&partition)?;
        let (offset, message, deliveries) = window.take(token, until)?;
        let ticket = Ticket {
            partition,
            offset,
            token,
        };
        Some((ticket, message, deliveries))
    }

    /// Ends a delivery for good. `false`: it was over.
    pub(super) fn end(&mut self, ticket: Ticket, now: Instant) -> bool {
        let Some(window) = self.own(ticket, now) else {
            return false;
        };
        window.end(ticket.offset);
        true
    }

    /// Takes a delivery back until `due`. `false`: it was over.
    pub(super) fn give_back(&mut self, ticket: Ticket, now: Instant, due: Instant) -> bool {
        let Some(window) = self.own(ticket, now) else {
            return false;
        };
        window.rest(ticket.offset, due);
        window.wake(now);
        true
    }

    /// When something comes again by itself.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.partitions.values().filter_map(|one| one.due.first());
        due.map(|(instant, _)| *instant).min()
    }

    /// Partitions to be read on, and partitions not to be: each once for each time that it is full.
    pub(super) fn turns(&mut self) -> (Vec<i32>, Vec<i32>) {
        let (mut resumed, mut paused) = (Vec::new(), Vec::new());
        let Bounds {
            length_max,
            bytes_max,
        } = self.bounds;
        for (partition, window) in &mut self.partitions {
            let (length, bytes) = (window.watermark.len(), window.bytes);
            // Half of it is done before the rest is fetched: stopping and going on costs a fetch each time.
            if window.is_paused && length <= length_max / 2 && bytes <= bytes_max / 2 {
                window.is_paused = false;
                resumed.push(*partition);
            } else if !window.is_paused && (length >= length_max || bytes >= bytes_max) {
                window.is_paused = true;
                paused.push(*partition);
            }
        }
        (resumed, paused)
    }

    /// Whether a partition is full.
    pub(super) fn has_paused(&self) -> bool {
        self.partitions.values().any(|window| window.is_paused)
    }

    /// What the broker has yet to be told, which is taken for told.
    pub(super) fn tell(&mut self) -> Vec<(i32, i64)> {
        let mut told = Vec::new();
        for (partition, window) in &mut self.partitions {
            if let Some(offset) = window.watermark.untold() {
                window.watermark.tell(Some(offset));
                told.push((*partition, offset));
            }
        }
        told
    }

    /// Telling the broker failed, as far as is known.
    pub(super) fn untell(&mut self, partition: i32) {
        if let Some(window) = self.partitions.get_mut(&partition) {
            window.watermark.tell(None);
        }
    }

    /// The partitions.
    pub(super) fn partitions(&self) -> impl Iterator<Item = i32> {
        self.partitions.keys().copied()
    }

    /// The partition of a delivery, unless that is over.
    fn own(&mut self, ticket: Ticket, now: Instant) -> Option<&mut Window<M>> {
        let window = self.partitions.get_mut(&ticket.partition)?;
        window.wake(now);
        let entry = window.entries.get(&ticket.offset)?;
        (entry.token == Some(ticket.token)).then_some(window)
    }
}

impl<M> Default for Window<M> {
    fn default() -> Self {
        Self {
            watermark: Watermark::default(),
            entries: BTreeMap::new(),
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            bytes: 0,
            is_paused: false,
        }
    }
}

impl<M: Clone> Window<M> {
    fn put(&mut self, offset: i64, read: Read<M>) {
        if let Some(lane) = &read.lane {
            let queue = self.lanes.entry(lane.clone()).or_default();
            // Only in a log that is read again does one come before those that are here.
            if let Some(first) = queue.waiting.first().filter(|first| **first > offset) {
                self.ready.remove(first);
            }
            queue.waiting.insert(offset);
        }
        self.bytes = self.bytes.saturating_add(read.bytes);
        self.entries.insert(
            offset,
            Entry {
                message: read.message,
                bytes: read.bytes,
                lane: read.lane,
                due: None,
                token: None,
                deliveries: 0,
            },
        );
        self.offer(offset);
    }

    /// Makes an entry ready if its lane has no delivery and none before it, and it does not wait.
    fn offer(&mut self, offset: i64) {
        if let Some(entry) = self.entries.get(&offset)
            && entry.due.is_none()
            && self.is_next(entry.lane.as_ref(), offset)
        {
            self.ready.insert(offset);
        }
    }

    fn is_next(&self, lane: Option<&Lane>, offset: i64) -> bool {
        lane.and_then(|lane| self.lanes.get(lane))
            .is_none_or(|queue| queue.out.is_none() && queue.waiting.first() == Some(&offset))
    }

    /// The delivery of an entry is over: its lane goes on.
    fn clear(&mut self, offset: i64) {
        let Some(entry) = self.entries.get_mut(&offset) else {
            return;
        };
        entry.token = None;
        let queue = entry
            .lane
            .as_ref()
            .and_then(|lane| self.lanes.get_mut(lane));
        if let Some(queue) = queue.filter(|queue| queue.out == Some(offset)) {
            queue.out = None;
            if let Some(first) = queue.waiting.first().copied() {
                self.offer(first);
            }
        }
    }

    /// Offers what comes again by now; a delivery of it is over.
    fn wake(&mut self, now: Instant) {
        while let Some((due, offset)) = self.due.first().copied() {
            if due > now {
                return;
            }
            self.due.pop_first();
            if let Some(entry) = self.entries.get_mut(&offset) {
                entry.due = None;
            }
            self.clear(offset);
            self.offer(offset);
        }
    }

    fn take(&mut self, token: u64, until: Instant) -> Option<(i64, M, u32)> {
        let offset = self.ready.pop_first()?;
        self.rest(offset, until);
        let entry = self.entries.get_mut(&offset)?;
        entry.token = Some(token);
        entry.deliveries = entry.deliveries.saturating_add(1);
        let queue = entry
            .lane
            .as_ref()
            .and_then(|lane| self.lanes.get_mut(lane));
        if let Some(queue) = queue {
            queue.out = Some(offset);
        }
        Some((offset, entry.message.clone(), entry.deliveries))
    }

    /// Lets an entry rest, with no delivery to settle it.
    fn rest(&mut self, offset: i64, until: Instant) {
        if let Some(entry) = self.entries.get_mut(&offset) {
            if let Some(due) = entry.due.replace(until) {
                self.due.remove(&(due, offset));
            }
            self.due.insert((until, offset));
            self.clear(offset);
        }
    }

    fn end(&mut self, offset: i64) {
        self.watermark.end(offset);
        let Some(entry) = self.entries.remove(&offset) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        if let Some(due) = entry.due {
            self.due.remove(&(due, offset));
        }
        let Some(lane) = entry.lane else { return };
        let Some(queue) = self.lanes.get_mut(&lane) else {
            return;
        };
        queue.waiting.remove(&offset);
        if queue.out == Some(offset) {
            queue.out = None;
        }
        match queue.waiting.first().copied() {
            Some(next) => self.offer(next),
            None => {
                self.lanes.remove(&lane);
            }
        }
    }
}

#[cfg(test)]
mod tests;
