//! What became of messages: lost, doubled or out of order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::AddAssign,
};

use serde::Serialize;

/// One effect of a message, as it is found in the database afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whose effect it is.
    pub(crate) consumer: String,
    /// Of which message.
    pub(crate) id: String,
    /// Of which key.
    pub(crate) key: String,
    /// Which message of its key it is.
    pub(crate) sequence: i64,
}

/// How many messages did not have their effect once, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Tally {
    /// Messages without an effect.
    pub(crate) lost: u64,
    /// Effects beyond the first of a message, and effects of messages that there are not.
    pub(crate) doubled: u64,
    /// Effects after one of a later message of their key.
    pub(crate) disordered: u64,
}

impl Tally {
    /// Holds what a consumer did, in its order, against what it should have done.
    pub(crate) fn of(expected: &BTreeSet<String>, effects: &[Effect]) -> Self {
        let mut tally = Self::default();
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for effect in effects {
            if !expected.contains(&effect.id) || !seen.insert(effect.id.as_str()) {
                tally.doubled += 1;
                continue;
            }
            let last = last.entry(&effect.key).or_insert(i64::MIN);
            if effect.sequence < *last {
                tally.disordered += 1;
            }
            *last = (*last).max(effect.sequence);
        }
        tally.lost = (expected.len() - seen.len()) as u64;
        tally
    }

    /// The same, where no order was promised.
    pub(crate) const fn without_order(self) -> Self {
        Self {
            disordered: 0,
            ..self
        }
    }

    pub(crate) fn is_clean(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} / {} / {}",
            self.lost, self.doubled, self.disordered
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(effects: &[(&str, &str, i64)]) -> [u64; 3] {
        let expected = ["a", "b", "c"].map(str::to_owned).into();
        let effects: Vec<Effect> = effects
            .iter()
            .map(|&(id, key, sequence)| Effect {
                consumer: "one".to_owned(),
                id: id.to_owned(),
                key: key.to_owned(),
                sequence,
            })
            .collect();
        let Tally {
            lost,
            doubled,
            disordered,
        } = Tally::of(&expected, &effects);
        [lost, doubled, disordered]
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_counted() {
        let (a, b, c) = (("a", "k", 0), ("b", "k", 1), ("c", "l", 0));
        assert_eq!(tally(&[a, c, b]), [0, 0, 0]);
        assert_eq!(tally(&[a, b]), [1, 0, 0]);
        assert_eq!(tally(&[a, b, a, c]), [0, 1, 0]);
        assert_eq!(tally(&[b, a, c]), [0, 0, 1]);
        assert_eq!(tally(&[a, b, c, ("d", "k", 2)]), [0, 1, 0]);
    }
}
