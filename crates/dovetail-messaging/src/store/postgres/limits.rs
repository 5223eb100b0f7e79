//! How long a transaction may wait, run and do nothing.

use std::time::Duration;

use super::{
    Options,
    session::{Param, Step},
};

/// One prepared statement: three `SET LOCAL` would be parsed anew in every transaction.
const SET: &str = "
    SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
           set_config('idle_in_transaction_session_timeout', $3, true)";

/// The limits in milliseconds, as the database reads them.
#[derive(Debug)]
pub(super) struct Limits {
    lock: String,
    statement: String,
    idle: String,
}

impl Limits {
    pub(super) fn of(options: Options) -> Self {
        // Zero would be no limit at all.
        let millis = |limit: Duration| limit.as_millis().clamp(1, 1 << 30).to_string();
        Self {
            lock: millis(options.lock_timeout),
            statement: millis(options.statement_timeout),
            idle: millis(options.idle_timeout),
        }
    }

    /// The statement that sets them until the end of the transaction.
    pub(super) fn step(&self) -> Step<'_> {
        let params: Vec<Param<'_>> = vec![&self.lock, &self.statement, &self.idle];
        Step::Query(SET, params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_is_the_shortest_one_and_not_none() {
        let limits = Limits::of(Options {
            lock_timeout: Duration::ZERO,
            statement_timeout: Duration::MAX,
            idle_timeout: Duration::from_secs(3),
        });
        assert_eq!(limits.lock, "1");
        assert_eq!(limits.statement, "1073741824");
        assert_eq!(limits.idle, "3000");
    }
}
