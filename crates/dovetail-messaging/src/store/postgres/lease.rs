//! Leases on messages, fenced by a token that grows with each one.
//!
//! They go by the clock of the database alone: two hosts whose clocks differ by minutes agree on who holds what. What is said back to a host is in
//! its own time.

use std::time::{Duration, SystemTime};

use super::{
    Postgres,
    dead_letter::Grave,
    inbox,
    outbox::Publishing,
    rows,
    rows::Indexed,
    session::{Param, Session, Step},
};
use crate::{
    dead_letter::Burial,
    inbox::{Fingerprint, Key},
    message::Message,
    store::{ErrorKind, Lease, Leased, Leases, StoreError},
};

/// Grants the lease, unless another one is held or the message is decided.
const GRANT: &str = "
    INSERT INTO dovetail_inbox AS inbox (consumer, source, id, fingerprint, status, token, lease_until, at)
    VALUES ($1, $2, $3, $4, 'claimed', 1, clock_timestamp() + make_interval(secs => $5), clock_timestamp())
    ON CONFLICT (consumer, source, id) DO UPDATE
    SET token = inbox.token + 1, lease_until = clock_timestamp() + make_interval(secs => $5), at = clock_timestamp()
    WHERE inbox.status = 'claimed' AND inbox.lease_until <= clock_timestamp() AND inbox.fingerprint = $4
    RETURNING token, token - 1 - excused AS attempts";

const PRESENT: &str = "
    SELECT fingerprint, status, extract(epoch FROM lease_until - clock_timestamp())::float8 AS remaining
    FROM dovetail_inbox WHERE consumer = $1 AND source = $2 AND id = $3";

const EXTEND: &str = "
    UPDATE dovetail_inbox SET lease_until = clock_timestamp() + make_interval(secs => $5)
    WHERE consumer = $1 AND source = $2 AND id = $3 AND token = $4 AND status = 'claimed'";

const RELEASE: &str = "
    UPDATE dovetail_inbox SET lease_until = clock_timestamp(), excused = excused + $5
    WHERE consumer = $1 AND source = $2 AND id = $3 AND token = $4 AND status = 'claimed'";

/// Ends the life of a message, if the lease is still the current one.
const DECIDE: &str = "
    UPDATE dovetail_inbox SET status = $5, lease_until = NULL, at = clock_timestamp()
    WHERE consumer = $1 AND source = $2 AND id = $3 AND token = $4 AND status = 'claimed'";

impl Leases for Postgres {
    async fn lease(
        &self,
        key: Key,
        fingerprint: Fingerprint,
        now: SystemTime,
        length: Duration,
    ) -> Result<Leased, StoreError> {
        const ACTION: &str = "lease a message";
        let mut session = self.session(ACTION).await?;
        let columns = Indexed::of(&key);
        let identity: Vec<Param<'_>> = vec![&columns.consumer, &columns.source, &columns.id];
        let (bytes, seconds) = (&fingerprint.0[..], rows::seconds(length));
        let mut params = identity.clone();
        params.extend([&bytes as Param<'_>, &seconds]);
        let answers = session.begin(vec![Step::Query(GRANT, params)]).await?;
        if let Some(row) = answers.rows(0).first() {
            let token = rows::get(row, "token")?;
            // Every lease is an attempt, whatever became of it: a message that takes its process along is counted, too.
            let attempts = rows::counted(rows::get(row, "attempts")?);
            session.commit(Vec::new()).await?;
            return Ok(Leased::Held(Lease {
                key,
                token,
                attempts,
                // The clock of the host was read before the database granted it.
                until: now.checked_add(length).unwrap_or(now),
            }));
        }
        let found = session.query(PRESENT, identity).await?;
        session.rollback().await;
        let Some(row) = found.first() else {
            // It was forgotten in this very moment.
            return Err(StoreError::new(ACTION, ErrorKind::Contended));
        };
        let remaining: Option<f64> = rows::get(row, "remaining")?;
        Ok(match remaining {
            _ if rows::fingerprint(row, "fingerprint")? != fingerprint => Leased::IdReuse,
            Some(remaining) if rows::get::<&str>(row, "status")? == "claimed" => {
                let remaining = Duration::try_from_secs_f64(remaining).unwrap_or_default();
                Leased::Busy(now.checked_add(remaining).unwrap_or(now))
            }
            _ => Leased::Duplicate,
        })
    }

    async fn extend(
        &self,
        lease: &Lease,
        _now: SystemTime,
        length: Duration,
    ) -> Result<bool, StoreError> {
        let session = self.session("extend a lease").await?;
        let held = Held::of(lease);
        let seconds = rows::seconds(length);
        let answers = session.once(vec![held.step(EXTEND, &[&seconds])]).await?;
        Ok(answers.affected(0) > 0)
    }

    async fn complete(
        &self,
        lease: &Lease,
        published: Vec<Message>,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        let session = self.session("complete a message").await?;
        let held = Held::of(lease);
        let publishing = Publishing::of(&published, now)?;
        let mut last = publishing.steps();
        last.push(held.forget_attempts());
        let is_held = decide(session, &held, "done", last).await?;
        if is_held && !published.is_empty() {
            self.wake.published();
        }
        Ok(is_held)
    }

    async fn release(
        &self,
        lease: &Lease,
        is_excused: bool,
        _now: SystemTime,
    ) -> Result<bool, StoreError> {
        let session = self.session("give a lease back").await?;
        let held = Held::of(lease);
        let excused = i64::from(is_excused);
        let answers = session.once(vec![held.step(RELEASE, &[&excused])]).await?;
        Ok(answers.affected(0) > 0)
    }

    async fn bury_leased(&self, lease: &Lease, burial: Burial) -> Result<bool, StoreError> {
        let session = self.session("keep a dead letter").await?;
        let held = Held::of(lease);
        let grave = Grave::of(&burial, Some(lease.attempts.saturating_add(1)))?;
        decide(session, &held, "dead", grave.steps()).await
    }
}

async fn decide(
    mut session: Session,
    held: &Held,
    status: &str,
    last: Vec<Step<'_>>,
) -> Result<bool, StoreError> {
    let answers = session.begin(vec![held.step(DECIDE, &[&status])]).await?;
    if answers.affected(0) == 0 {
        session.rollback().await;
        return Ok(false);
    }
    session.commit(last).await?;
    Ok(true)
}

/// A lease as columns.
struct Held {
    key: Indexed,
    token: i64,
}

impl Held {
    fn of(lease: &Lease) -> Self {
        Self {
            key: Indexed::of(&lease.key),
            token: lease.token,
        }
    }

    fn step<'a>(&'a self, sql: &'static str, more: &[Param<'a>]) -> Step<'a> {
        let mut params: Vec<Param<'a>> = vec![
            &self.key.consumer,
            &self.key.source,
            &self.key.id,
            &self.token,
        ];
        params.extend(more);
        Step::Query(sql, params)
    }

    fn forget_attempts(&self) -> Step<'_> {
        let params: Vec<Param<'_>> = vec![&self.key.consumer, &self.key.source, &self.key.id];
        Step::Query(inbox::FORGET_ATTEMPTS, params)
    }
}
