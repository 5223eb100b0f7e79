//! The requests of a client of PostgreSQL, as far as a proxy has to understand them.

use std::collections::BTreeSet;

use super::Cut;

/// No request of these faults is longer.
const FRAME_MAX: usize = 64 << 20;

/// Bytes as whole messages of the protocol.
#[derive(Debug, Default)]
pub(super) struct Frames {
    rest: Vec<u8>,
    /// The first message has no letter in front.
    is_begun: bool,
}

impl Frames {
    /// The messages that are whole now. `None`: these are none.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        loop {
            let letter = usize::from(self.is_begun);
            let Some(length) = self.rest.get(letter..letter + 4) else {
                return Some(frames);
            };
            let length = u32::from_be_bytes(length.try_into().ok()?);
            let end = letter + usize::try_from(length).ok()?;
            if end > FRAME_MAX || length < 4 {
                return None;
            }
            if self.rest.len() < end {
                return Some(frames);
            }
            let rest = self.rest.split_off(end);
            frames.push(std::mem::replace(&mut self.rest, rest));
            self.is_begun = true;
        }
    }
}

/// What a client has asked for in the transaction that it is in.
#[derive(Debug)]
pub(super) struct Requests {
    cut: Cut,
    /// Statements that write what the place is about.
    statements: BTreeSet<Vec<u8>>,
    has_written: bool,
}

impl Requests {
    pub(super) const fn of(cut: Cut) -> Self {
        Self {
            cut,
            statements: BTreeSet::new(),
            has_written: false,
        }
    }

    /// Whether this request is the one at which the proxy fails.
    pub(super) fn is_place(&mut self, frame: &[u8]) -> bool {
        let writes: &[u8] = match self.cut {
            Cut::Never => return false,
            Cut::AfterEffect => b"INSERT INTO effect",
            Cut::AfterCommit | Cut::BeforeCommit | Cut::Kill => b"INSERT INTO dovetail_outbox (",
        };
        let Some((letter, body)) = frame.split_first() else {
            return false;
        };
        let mut words = body
            .get(4..)
            .unwrap_or_default()
            .split(|letter| *letter == 0);
        match letter {
            // Parse: the name of the statement, and its text.
            b'P' => {
                let name = words.next().unwrap_or_default().to_vec();
                let text = words.next().unwrap_or_default();
                if text.windows(writes.len()).any(|word| word == writes) {
                    self.statements.insert(name);
                } else {
                    self.statements.remove(&name);
                }
                false
            }
            // Bind: the name of a portal, and that of the statement.
            b'B' => {
                let statement = words.nth(1).unwrap_or_default();
                self.has_written |= self.statements.contains(statement);
                false
            }
            // Sync: what has no transaction is committed.
            b'S' => self.cut == Cut::AfterEffect && std::mem::take(&mut self.has_written),
            // Query.
            b'Q' => {
                let text = words.next().unwrap_or_default();
                let ends = text.starts_with(b"COMMIT") || text.starts_with(b"ROLLBACK");
                let has_written = ends && std::mem::take(&mut self.has_written);
                has_written && text.starts_with(b"COMMIT") && self.cut != Cut::AfterEffect
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(letter: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("a short frame");
        [&[letter][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_commit_is_the_place_once_something_was_published_before_it() {
        let mut requests = Requests::of(Cut::Kill);
        let commit = frame(b'Q', b"COMMIT\0");
        assert!(!requests.is_place(&commit));
        let parse = frame(b'P', b"s1\0INSERT INTO dovetail_outbox (channel)\0\0\0");
        assert!(!requests.is_place(&parse));
        assert!(!requests.is_place(&commit), "only prepared");
        let bind = frame(b'B', b"\0s1\0\0\0");
        assert!(!requests.is_place(&bind));
        assert!(requests.is_place(&commit));
        assert!(!requests.is_place(&commit), "of another transaction");
    }

    #[test]
    fn frames_are_whole_however_they_come() {
        let start = [0, 0, 0, 8, 0, 3, 0, 0];
        let query = frame(b'Q', b"COMMIT\0");
        let all = [&start[..], &query, &query].concat();
        let mut frames = Frames::default();
        let found: Vec<Vec<u8>> = all
            .chunks(3)
            .flat_map(|bytes| frames.take(bytes).expect("frames"))
            .collect();
        assert_eq!(found, [start.to_vec(), query.clone(), query]);
        assert_eq!(
            frames.take(&[b'Q', 0, 0, 0, 1]),
            None,
            "shorter than itself"
        );
    }
}
