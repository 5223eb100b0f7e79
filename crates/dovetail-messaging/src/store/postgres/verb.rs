//! Which statements a handler may run: all but those that end its transaction.
//!
//! The extended protocol takes one statement at a time, and within a transaction neither procedures nor `DO` can end it. So the first words of a
//! statement say everything.

/// The savepoint in front of every claim.
pub(super) const SAVEPOINT: &str = "SAVEPOINT dovetail_claim";

/// The way back to it.
pub(super) const BACK: &str = "ROLLBACK TO SAVEPOINT dovetail_claim";

/// Words that begin, end or hand over a transaction.
const ENDING: [&str; 8] = [
    "ABORT", "BEGIN", "COMMIT", "DISCARD", "END", "PREPARE", "ROLLBACK", "START",
];

/// The word for which a handler may not run a statement, if there is one.
pub(super) fn ending(sql: &str) -> Option<&'static str> {
    let mut words = Words { rest: sql };
    let first = words.next()?;
    let word = ENDING.into_iter().find(|word| first == *word);
    match word {
        // Back to a savepoint of the handler, `ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name`, is no end.
        Some("ROLLBACK") => {
            let mut next = words.next();
            if matches!(next.as_deref(), Some("WORK" | "TRANSACTION")) {
                next = words.next();
            }
            let is_partial = next.as_deref() == Some("TO");
            (!is_partial || names_ours(sql)).then_some("ROLLBACK")
        }
        Some(word) => Some(word),
        None if first == "RELEASE" && names_ours(sql) => Some("RELEASE"),
        None if first == "SAVEPOINT" && names_ours(sql) => Some("SAVEPOINT"),
        None => None,
    }
}

fn names_ours(sql: &str) -> bool {
    sql.to_ascii_lowercase().contains("dovetail_claim")
}

/// The words of a statement in capitals, without comments.
struct Words<'a> {
    rest: &'a str,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.skip();
        let end = self
            .rest
            .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_ascii_uppercase())
    }
}

impl Words<'_> {
    /// Leaves out spaces, comments, and the semicolons of empty statements.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(|sign: char| {
                sign.is_ascii_whitespace() || sign == '\x0b' || sign == ';'
            });
            if let Some(comment) = self.rest.strip_prefix("--") {
                let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
                self.rest = comment.get(end..).unwrap_or_default();
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = after_comment(comment);
            } else {
                return;
            }
        }
    }
}

/// What follows a comment that is open. Comments nest.
fn after_comment(mut rest: &str) -> &str {
    let mut depth = 1_usize;
    while depth > 0 {
        let Some(at) = rest.find(['*', '/']) else {
            return "";
        };
        rest = rest.get(at..).unwrap_or_default();
        let (length, change) = match rest.get(..2) {
            Some("/*") => (2, 1),
            Some("*/") => (2, -1),
            _ => (1, 0),
        };
        depth = depth.saturating_add_signed(change);
        rest = rest.get(length..).unwrap_or_default();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_transaction_is_told_however_it_is_written() {
        for sql in [
            "COMMIT",
            "commit;",
            " \n;; Commit and chain",
            "-- a comment\nCOMMIT",
            "/* a /* nested */ comment */END",
            "/* ** */ABORT",
            "rollback",
            "ROLLBACK WORK",
            "ROLLBACK TRANSACTION AND CHAIN",
            "rollback to savepoint DOVETAIL_CLAIM",
            "RELEASE dovetail_claim",
            "savepoint dovetail_claim",
            "PREPARE TRANSACTION 'x'",
            "START TRANSACTION",
            "BEGIN",
            "DISCARD ALL",
        ] {
            assert!(ending(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn what_does_not_may_be_run() {
        for sql in [
            "",
            ";",
            "SELECT 1",
            "INSERT INTO commit VALUES ('COMMIT')",
            "/* COMMIT */ SELECT 1",
            "-- COMMIT",
            "/* COMMIT",
            "/* COMMIT *",
            "SAVEPOINT mine",
            "ROLLBACK TO mine",
            "rollback work to savepoint mine",
            "RELEASE SAVEPOINT mine",
            "\"COMMIT\"",
            "commits",
        ] {
            assert_eq!(ending(sql), None, "{sql}");
        }
    }
}
