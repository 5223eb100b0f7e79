//! Which dead letters are meant, and finding them: by what the database knows, and by a filter over their envelopes.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use super::{DeadLetter, Reason, State};
use crate::{
    cesql,
    message::Message,
    store::{StoreError, Triage},
};

/// Letters looked at in one go, where each of them has to be.
const PAGE: u32 = 500;

/// Groups that are told apart; what comes beyond is counted together.
const GROUPS_MAX: usize = 10_000;

/// The longest text that letters are grouped by, in characters.
const PATTERN_MAX: usize = 160;

/// Which dead letters are meant, as far as the database can tell. What is `None` or empty does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// These, by their numbers.
    pub numbers: Vec<i64>,
    /// Those of this consumer.
    pub consumer: Option<String>,
    /// Those of this reason.
    pub reason: Option<Reason>,
    /// Those of messages of this kind.
    pub kind: Option<String>,
    /// Those that came by this channel.
    pub channel: Option<String>,
    /// Those in this state.
    pub state: Option<State>,
    /// Those that came first at this time or later.
    pub since: Option<SystemTime>,
    /// Those that came first before this time.
    pub until: Option<SystemTime>,
    /// Those that can be sent again as they are, or those that cannot.
    pub replayable: Option<bool>,
}

/// A selection as one line, the same for the same selection.
impl fmt::Display for Selection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            format!("@{}", since.map_or(0, |since| since.as_millis()))
        };
        let numbers = (!self.numbers.is_empty()).then(|| {
            let mut numbers = self.numbers.clone();
            numbers.sort_unstable();
            numbers.dedup();
            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
            numbers.join(",")
        });
        let parts = [
            ("number", numbers),
            ("consumer", self.consumer.clone()),
            ("reason", self.reason.map(|reason| reason.to_string())),
            ("kind", self.kind.clone()),
            ("channel", self.channel.clone()),
            ("state", self.state.map(|state| state.as_str().to_owned())),
            ("since", self.since.map(time)),
            ("until", self.until.map(time)),
            ("replayable", self.replayable.map(|is| is.to_string())),
        ];
        let mut is_first = true;
        for (name, value) in parts {
            let Some(value) = value else { continue };
            let gap = if is_first { "" } else { " " };
            write!(formatter, "{gap}{name}={value:?}")?;
            is_first = false;
        }
        if is_first {
            formatter.write_str("all")?;
        }
        Ok(())
    }
}

/// A dead letter with what people noted on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The letter. In a list it comes without its body.
    pub letter: DeadLetter,
    /// Why the row is not as the tables say, if it is not: somebody changed it by hand. The letter is then what could be read of it, cannot be
    /// sent, and can be discarded.
    pub problem: Option<String>,
    /// How long the body is.
    pub body_bytes: u64,
    /// What was noted last.
    pub note: Option<String>,
}

/// How many letters a selection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matches {
    /// All of them.
    pub count: u64,
    /// When the oldest of them came.
    pub oldest_at: Option<SystemTime>,
    /// The highest of their numbers.
    pub last: i64,
}

/// Letters that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they have in common; empty where they lack it.
    pub name: String,
    /// How many they are.
    pub count: u64,
    /// When the oldest of them came.
    pub oldest_at: SystemTime,
    /// When the newest of them came.
    pub newest_at: SystemTime,
    /// One of them.
    pub example: i64,
}

/// What letters are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Why they are dead.
    Reason,
    /// The consumer that could not handle them.
    Consumer,
    /// The kind of the message.
    Kind,
    /// What the last attempt said, without numbers and names that differ each time.
    Detail,
}

/// Dead letters by all that can be asked of them.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What the database is asked.
    pub selection: Selection,
    /// What their envelopes have to say. A message that is no event matches no filter.
    pub filter: Option<cesql::Filter>,
}

impl Search {
    /// Counts what is meant. Without a filter the database counts.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn count<S: Triage>(&self, store: &S) -> Result<Matches, StoreError> {
        let all = store.matches(self.selection.clone()).await?;
        if self.filter.is_none() {
            return Ok(all);
        }
        let mut matches = Matches::default();
        self.each(store, all.last, |listed| {
            let first_at = listed.letter.first_at;
            matches.count += 1;
            matches.oldest_at = Some(matches.oldest_at.map_or(first_at, |at| at.min(first_at)));
            matches.last = listed.letter.number;
        })
        .await?;
        Ok(matches)
    }

    /// Lists what is meant after the number `after`, in the order in which it came, without bodies.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn page<S: Triage>(
        &self,
        store: &S,
        mut after: i64,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.filter.is_none() {
            return store.list(self.selection.clone(), after, limit).await;
        }
        let mut found = Vec::new();
        while found.len() < wanted {
            let page = store.list(self.selection.clone(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.letter.number;
            found.extend(page.into_iter().filter(|listed| self.passes(listed)));
        }
        found.truncate(wanted);
        Ok(found)
    }

    /// The numbers of all that is meant now.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn numbers<S: Triage>(&self, store: &S) -> Result<Vec<i64>, StoreError> {
        let all = store.matches(self.selection.clone()).await?;
        let mut numbers = Vec::new();
        self.each(store, all.last, |listed| numbers.push(listed.letter.number))
            .await?;
        Ok(numbers)
    }

    /// Groups what is meant, the largest group first.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn groups<S: Triage>(&self, store: &S, by: By) -> Result<Vec<Group>, StoreError> {
        if self.filter.is_none() && by != By::Detail {
            return store.groups(self.selection.clone(), by).await;
        }
        let all = store.matches(self.selection.clone()).await?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        self.each(store, all.last, |listed| {
            add(&mut groups, &listed.letter, by);
        })
        .await?;
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by(|one, other| {
            other
                .count
                .cmp(&one.count)
                .then_with(|| one.name.cmp(&other.name))
        });
        Ok(groups)
    }

    /// Walks over what is meant up to the number `last`, page by page, so that no statement keeps others waiting for long.
    async fn each<S: Triage>(
        &self,
        store: &S,
        last: i64,
        mut visit: impl FnMut(&Listed),
    ) -> Result<(), StoreError> {
        let mut after = 0;
        while after < last {
            let page = store.list(self.selection.clone(), after, PAGE).await?;
            let Some(end) = page.last().map(|listed| listed.letter.number) else {
                break;
            };
            let known = page.iter().filter(|listed| listed.letter.number <= last);
            known
                .filter(|listed| self.passes(listed))
                .for_each(&mut visit);
            after = end;
        }
        Ok(())
    }

    fn passes(&self, listed: &Listed) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        listed.problem.is_none() && matches(filter, &listed.letter.message)
    }
}

/// Whether the envelope of a message is one that the filter means.
fn matches(filter: &cesql::Filter, message: &Message) -> bool {
    message.to_event().is_ok_and(|event| filter.matches(&event))
}

fn add(groups: &mut BTreeMap<String, Group>, letter: &DeadLetter, by: By) {
    let mut name = match by {
        By::Reason => letter.reason.to_string(),
        By::Consumer => letter.consumer.clone(),
        By::Kind => letter.message.kind.clone().unwrap_or_default(),
        By::Detail => pattern(&letter.detail),
    };
    if groups.len() >= GROUPS_MAX && !groups.contains_key(&name) {
        "…".clone_into(&mut name);
    }
    let group = groups.entry(name.clone()).or_insert(Group {
        name,
        count: 0,
        oldest_at: letter.first_at,
        newest_at: letter.first_at,
        example: letter.number,
    });
    group.count += 1;
    group.oldest_at = group.oldest_at.min(letter.first_at);
    group.newest_at = group.newest_at.max(letter.first_at);
    group.example = letter.number;
}

/// An error text without what differs from one message to the next: each word with a digit in it becomes `#`, and all space is one blank.
#[must_use]
pub fn pattern(detail: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    let mut out = String::new();
    let mut length = 0;
    let mut rest = detail.trim();
    while let Some(first) = rest.chars().next() {
        let (text, after) = if is_word(first) {
            rest.split_at(rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()))
        } else if is_space(first) {
            let end = rest.find(|c: char| !is_space(c)).unwrap_or(rest.len());
            (" ", rest.get(end..).unwrap_or_default())
        } else {
            rest.split_at(first.len_utf8())
        };
        let is_number = text.chars().any(|c| c.is_ascii_digit());
        for c in if is_number { "#" } else { text }.chars() {
            if length == PATTERN_MAX {
                out.push('…');
                return out;
            }
            out.push(c);
            length += 1;
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_message_to_message_is_not_in_a_pattern() {
        let rows = [
            ("no account a-17", "no account #"),
            ("no account a-18", "no account #"),
            (
                "order 6f1c9d0e-1b2a not found\n  at line 4",
                "order # not found at line #",
            ),
            ("missing field `amount`", "missing field `amount`"),
            ("  \u{1b}[31mred ", " [#"),
            ("", ""),
        ];
        for (detail, expected) in rows {
            assert_eq!(pattern(detail), expected, "{detail:?}");
        }
        assert_eq!(
            pattern(&"ä".repeat(10_000)).chars().count(),
            PATTERN_MAX + 1
        );
        assert_eq!(
            pattern(&"! ".repeat(10_000)).chars().count(),
            PATTERN_MAX + 1
        );
    }

    #[test]
    fn a_selection_reads_the_same_however_its_numbers_stand() {
        let one = Selection {
            numbers: vec![3, 1, 3],
            consumer: Some("a b".to_owned()),
            ..Selection::default()
        };
        assert_eq!(one.to_string(), r#"number="1,3" consumer="a b""#);
        assert_eq!(Selection::default().to_string(), "all");
    }
}
