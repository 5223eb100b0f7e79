//! Who did what to which dead letter, and when.

use std::{fmt, time::SystemTime};

/// Somebody does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub who: String,
    /// When.
    pub at: SystemTime,
}

impl Act {
    /// A program does something, and does not say for whom.
    pub(crate) fn of_program(at: SystemTime) -> Self {
        Self {
            who: "a program".to_owned(),
            at,
        }
    }

    /// Nobody does it: it follows from what was decided before.
    pub(crate) fn of_nobody(at: SystemTime) -> Self {
        Self {
            who: "dovetail".to_owned(),
            at,
        }
    }
}

/// What can be done to letters and replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Something was noted on a letter.
    Note,
    /// An edited copy was sent in its place.
    Edit,
    /// It does not matter.
    Discard,
    /// It was opened again.
    Restore,
    /// A replay was started.
    Start,
    /// A letter was sent again.
    Replay,
    /// A replay waits.
    Pause,
    /// A replay goes on.
    Resume,
    /// A replay was ended.
    Cancel,
    /// A replay could not go on.
    Fail,
    /// Closed letters, or a replay that was over, were forgotten.
    Purge,
    /// What had been published was published once more.
    Republish,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Note,
        Self::Edit,
        Self::Discard,
        Self::Restore,
        Self::Start,
        Self::Replay,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Fail,
        Self::Purge,
        Self::Republish,
    ];

    /// The word for it in tables and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Edit => "edit",
            Self::Discard => "discard",
            Self::Restore => "restore",
            Self::Start => "start",
            Self::Replay => "replay",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Fail => "fail",
            Self::Purge => "purge",
            Self::Republish => "republish",
        }
    }

    /// The action of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place among all that was done.
    pub number: i64,
    /// Who did it, and when.
    pub act: Act,
    /// What it was.
    pub action: Action,
    /// The letter that it was done to.
    pub letter: Option<i64>,
    /// The replay that it was done to, or by.
    pub job: Option<i64>,
    /// What else there is to say.
    pub detail: String,
}

/// What is written down of letters that are forgotten; nothing where there are none.
pub(crate) fn purged(numbers: &[i64]) -> Option<String> {
    let (first, last) = (numbers.iter().min()?, numbers.iter().max()?);
    Some(format!(
        "{} of the dead letters {first} to {last}",
        numbers.len()
    ))
}

/// What came of closing a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is closed.
    Now,
    /// It was not open.
    NotOpen,
    /// There is no such letter.
    Unknown,
}

/// What came of opening letters again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Those that are open again.
    pub opened: Vec<i64>,
    /// Those that stay closed, because another open letter is of the same message.
    pub doubled: Vec<i64>,
    /// Those that were not closed, or were resolved by a copy.
    pub unfit: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_read_back_from_its_word() {
        for action in Action::ALL {
            assert_eq!(Action::of(action.as_str()), Some(action));
        }
        assert_eq!(Action::of("deed"), None);
    }
}
