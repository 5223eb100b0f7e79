//! The deliveries that a consumer holds: which may be handed out now, and what becomes of them. No I/O, and no clock of its own.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use dovetail_resilience::Instant;

/// Deliveries in the order of their queue.
#[derive(Debug)]
pub(super) struct Window<T> {
    held: BTreeMap<u64, Held<T>>,
    /// The place of each token that is valid.
    places: HashMap<u64, u64>,
    next_place: u64,
    next_token: u64,
}

#[derive(Debug)]
struct Held<T> {
    item: T,
    key: Option<String>,
    /// How many times it came before this window, and was handed out by it.
    deliveries: u32,
    token: Option<u64>,
    /// Not handed out before; nothing: at once.
    due: Option<Instant>,
}

/// A delivery that is handed out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Out<T> {
    pub(super) token: u64,
    pub(super) deliveries: u32,
    pub(super) item: T,
}

impl<T: Clone> Window<T> {
    /// An empty window, whose tokens follow those of the one before: a receipt of that one fits nothing here.
    pub(super) fn after(token: u64) -> Self {
        Self {
            held: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            next_token: token,
        }
    }

    pub(super) fn next_token(&self) -> u64 {
        self.next_token
    }

    pub(super) fn add(&mut self, item: T, key: Option<String>, deliveries: u32) {
        let held = Held {
            item,
            key,
            deliveries,
            token: None,
            due: None,
        };
        self.held.insert(self.next_place, held);
        self.next_place += 1;
    }

    /// Hands out what is due: of each key the earliest only, also while that one is out or has to rest.
    pub(super) fn take(&mut self, limit: u32, now: Instant, visibility: Duration) -> Vec<Out<T>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        for (place, held) in &mut self.held {
            if out.len() >= limit {
                break;
            }
            let is_earliest = held.key.as_deref().is_none_or(|key| seen.insert(key));
            if !is_earliest || held.due.is_some_and(|due| due > now) {
                continue;
            }
            if let Some(late) = held.token.take() {
                self.places.remove(&late);
            }
            let token = self.next_token;
            self.next_token += 1;
            self.places.insert(token, *place);
            held.token = Some(token);
            held.due = now.checked_add(visibility);
            held.deliveries = held.deliveries.saturating_add(1);
            out.push(Out {
                token,
                deliveries: held.deliveries,
                item: held.item.clone(),
            });
        }
        out
    }

    /// Nobody was there to take it: as if it had not been handed out.
    pub(super) fn untake(&mut self, token: u64) {
        if let Some(held) = self.own(token) {
            held.token = None;
            held.due = None;
            held.deliveries = held.deliveries.saturating_sub(1);
            self.places.remove(&token);
        }
    }

    /// Ends a delivery. `None`: its time was over.
    pub(super) fn remove(&mut self, token: u64, now: Instant) -> Option<T> {
        self.valid(token, now)?;
        let place = self.places.remove(&token)?;
        Some(self.held.remove(&place)?.item)
    }

    /// Gives a delivery back. `false`: its time was over.
    pub(super) fn give_back(&mut self, token: u64, now: Instant, after: Duration) -> bool {
        let Some(held) = self.valid(token, now) else {
            return false;
        };
        held.token = None;
        held.due = now.checked_add(after);
        self.places.remove(&token);
        true
    }

    /// When the next of those becomes due that are out or rest.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = self.held.values().filter_map(|held| held.due);
        due.filter(|due| *due > now).min()
    }

    /// Whether it holds something, and nothing of it is out or has to rest.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        !self.held.is_empty() && self.next_due(now).is_none()
    }

    fn valid(&mut self, token: u64, now: Instant) -> Option<&mut Held<T>> {
        let held = self.own(token)?;
        held.due.is_some_and(|due| due > now).then_some(held)
    }

    fn own(&mut self, token: u64) -> Option<&mut Held<T>> {
        self.held.get_mut(self.places.get(&token)?)
    }
}

#[cfg(test)]
mod tests {
    use dovetail_resilience::Clock;

    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(10);

    fn window(names: &[&'static str]) -> Window<&'static str> {
        let mut window = Window::after(7);
        for name in names {
            let key = name.chars().next().filter(|key| *key != '-');
            window.add(*name, key.map(String::from), 0);
        }
        window
    }

    fn names(out: &[Out<&'static str>]) -> Vec<&'static str> {
        out.iter().map(|out| out.item).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn of_each_key_the_earliest_is_out() {
        let now = Clock::system().now();
        let mut window = window(&["a1", "-1", "a2", "b1", "-2", "b2"]);
        let first = window.take(3, now, VISIBILITY);
        assert_eq!(names(&first), ["a1", "-1", "b1"]);
        assert_eq!(names(&window.take(9, now, VISIBILITY)), ["-2"]);
        assert_eq!(window.remove(first[0].token, now), Some("a1"));
        assert_eq!(window.remove(first[0].token, now), None, "once");
        assert_eq!(names(&window.take(9, now, VISIBILITY)), ["a2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_rests_holds_back_its_key_until_it_is_due() {
        let now = Clock::system().now();
        let mut window = window(&["a1", "a2"]);
        let out = window.take(9, now, VISIBILITY);
        let rest = Duration::from_secs(60);
        assert!(window.give_back(out[0].token, now, rest));
        assert!(!window.give_back(out[0].token, now, rest), "once");
        assert_eq!(window.remove(out[0].token, now), None);
        assert_eq!(window.next_due(now), Some(now + rest));
        assert!(window.take(9, now + rest / 2, VISIBILITY).is_empty());
        let again = window.take(9, now + rest, VISIBILITY);
        assert_eq!((names(&again), again[0].deliveries), (vec!["a1"], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_void_after_its_time_and_in_the_next_window() {
        let now = Clock::system().now();
        let mut window = window(&["a1"]);
        let first = window.take(9, now, VISIBILITY);
        let later = now + VISIBILITY;
        assert_eq!(window.remove(first[0].token, later), None);
        let second = window.take(9, later, VISIBILITY);
        assert_eq!((names(&second), second[0].deliveries), (vec!["a1"], 2));
        assert!(!window.give_back(first[0].token, later, Duration::ZERO));
        let mut next = Window::after(window.next_token());
        next.add("b1", None, 0);
        next.take(9, later, VISIBILITY);
        assert_eq!(next.remove(second[0].token, later), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_took_was_not_delivered() {
        let now = Clock::system().now();
        let mut window = window(&["a1"]);
        assert!(window.is_idle(now));
        let out = window.take(9, now, VISIBILITY);
        assert!(!window.is_idle(now));
        window.untake(out[0].token);
        assert!(window.is_idle(now));
        assert_eq!(window.take(9, now, VISIBILITY)[0].deliveries, 1);
    }
}
