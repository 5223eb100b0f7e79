//! The inbox of transactional consumers: claims, attempts and offsets.

use std::{sync::Arc, time::SystemTime};

use super::{
    PgTransaction, Postgres,
    begin::Opened,
    dead_letter::Grave,
    parked, rows,
    rows::Indexed,
    session::{Param, Session, Step},
    text,
};
use crate::{
    dead_letter::Burial,
    inbox::{Claim, Claimed, Position},
    store::{Batch, Failure, Parked, Store, StoreError},
};

/// Counts a failed attempt, and answers with how many there were.
pub(super) const COUNT_ATTEMPT: &str = "
    INSERT INTO dovetail_attempt (consumer, source, id, attempts, first_at, last_at, last_error)
    VALUES ($1, $2, $3, 1, $4, $4, $5)
    ON CONFLICT (consumer, source, id)
    DO UPDATE SET attempts = dovetail_attempt.attempts + 1, last_at = excluded.last_at, last_error = excluded.last_error
    RETURNING attempts";

pub(super) const FORGET_ATTEMPTS: &str =
    "DELETE FROM dovetail_attempt WHERE consumer = $1 AND source = $2 AND id = $3";

const PLACE: &str = "
    INSERT INTO dovetail_offset (scope, topic, partition, next) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const ADVANCE: &str = "
    UPDATE dovetail_offset SET next = $5 + 1 WHERE scope = $1 AND topic = $2 AND partition = $3 AND next BETWEEN $4 AND $5";

const NEXT: &str =
    "SELECT next FROM dovetail_offset WHERE scope = $1 AND topic = $2 AND partition = $3";

/// What was forgotten is remembered as that, for replays.
const FORGET: &str = "
    WITH gone AS (
        DELETE FROM dovetail_inbox WHERE (consumer, source, id) IN (
            SELECT consumer, source, id FROM dovetail_inbox
            WHERE status = 'done' AND at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), raised AS (
        UPDATE dovetail_inbox_floor SET before = greatest(before, $1) WHERE EXISTS (SELECT 1 FROM gone)
    ), never_came_again AS (
        DELETE FROM dovetail_attempt WHERE (consumer, source, id) IN (
            SELECT consumer, source, id FROM dovetail_attempt WHERE last_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    )
    SELECT count(*) FROM gone";

impl Store for Postgres {
    type Transaction = PgTransaction;

    async fn transaction(&self, now: SystemTime) -> Result<PgTransaction, StoreError> {
        let mut session = self.session("begin a transaction").await?;
        session.begin(Vec::new()).await?;
        Ok(PgTransaction::new(session, Arc::clone(&self.wake), now))
    }

    async fn begin(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<PgTransaction>, StoreError> {
        loop {
            let claimed = self.claim(claim.clone(), now).await?;
            match (claimed, &claim.position) {
                (Some(claimed), _) => return Ok(claimed),
                (None, None) => return Ok(Claimed::NotNext),
                (None, Some(position)) => {
                    // For good, whatever becomes of the first message of a partition.
                    let place = Place::of(position);
                    let session = self.session("begin a partition").await?;
                    session.once(vec![place.note(&claim.scope)]).await?;
                }
            }
        }
    }

    async fn begin_batch(
        &self,
        claims: Vec<Claim>,
        now: SystemTime,
    ) -> Result<Batch<PgTransaction>, StoreError> {
        self.claim_batch(&claims, now).await
    }

    async fn fail(&self, failure: Failure) -> Result<u32, StoreError> {
        let session = self.session("count a failed attempt").await?;
        let key = Indexed::of(&failure.key);
        let at = rows::stamp(failure.at);
        let error = text::kept(&failure.error);
        let params: Vec<Param<'_>> = vec![&key.consumer, &key.source, &key.id, &at, &error];
        let answers = session
            .once(vec![Step::Query(COUNT_ATTEMPT, params)])
            .await?;
        let row = answers.rows(0).first();
        Ok(row.map(rows::first).transpose()?.map_or(0, rows::counted))
    }

    async fn bury(
        &self,
        burial: Burial,
        place: Option<(&str, Position)>,
    ) -> Result<bool, StoreError> {
        let mut session = self.session("keep a dead letter").await?;
        let grave = Grave::of(&burial, None)?;
        let Some((scope, position)) = place else {
            session.once(grave.steps()).await?;
            return Ok(true);
        };
        let place = Place::of(&position);
        if !place.pass(&mut session, scope).await? {
            // That the partition begins here is kept.
            session.commit(Vec::new()).await?;
            return Ok(false);
        }
        session.commit(grave.steps()).await?;
        Ok(true)
    }

    async fn pass(&self, scope: &str, position: Position) -> Result<bool, StoreError> {
        let mut session = self.session("pass a message over").await?;
        let is_passed = Place::of(&position).pass(&mut session, scope).await?;
        session.commit(Vec::new()).await?;
        Ok(is_passed)
    }

    async fn due(
        &self,
        scope: &str,
        now: SystemTime,
        limit: u32,
    ) -> Result<Vec<Parked>, StoreError> {
        let session = self.session("find what is due").await?;
        parked::due(session, scope, now, limit).await
    }

    async fn begin_parked(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<PgTransaction>, StoreError> {
        self.claim_parked(claim, now).await
    }

    async fn rest(
        &self,
        scope: &str,
        key: &str,
        retry_at: SystemTime,
        failure: Option<Failure>,
    ) -> Result<(), StoreError> {
        let session = self.session("let a key rest").await?;
        parked::rest(session, (scope, key), retry_at, failure.as_ref()).await
    }

    async fn bury_parked(&self, scope: &str, head: Burial) -> Result<u32, StoreError> {
        let session = self.session("keep the dead letters of a key").await?;
        parked::bury(session, scope, &head).await
    }

    async fn forget(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        let session = self.session("forget handled messages").await?;
        let (before, limit) = (rows::stamp(before), i64::from(limit));
        let answers = session
            .once(vec![Step::Query(FORGET, vec![&before, &limit])])
            .await?;
        let count = answers.rows(0).first().map_or(Ok(0), rows::first)?;
        Ok(rows::counted(count))
    }
}

/// A position as columns.
pub(super) struct Place {
    topic: String,
    partition: i64,
    offset: i64,
    expected: i64,
    began: i64,
}

impl Place {
    pub(super) fn of(position: &Position) -> Self {
        // Logs do not grow beyond.
        let column = |offset: u64| rows::count(offset).min(i64::MAX - 1);
        Self {
            topic: text::kept(&position.topic).into_owned(),
            partition: i64::from(position.partition),
            offset: column(position.offset),
            expected: column(position.expected),
            began: column(position.began.min(position.expected)),
        }
    }

    /// Notes where the partition begins, unless that is known.
    fn note<'a>(&'a self, scope: &'a (impl tokio_postgres::types::ToSql + Sync)) -> Step<'a> {
        Step::Query(
            PLACE,
            vec![scope, &self.topic, &self.partition, &self.began],
        )
    }

    /// Moves the offset past the message, if the message is the next one: one row is written then.
    pub(super) fn advance<'a>(
        &'a self,
        scope: &'a (impl tokio_postgres::types::ToSql + Sync),
    ) -> Step<'a> {
        let params: Vec<Param<'a>> = vec![
            scope,
            &self.topic,
            &self.partition,
            &self.expected,
            &self.offset,
        ];
        Step::Query(ADVANCE, params)
    }

    /// How the partition stands to a message that is not the next one.
    pub(super) async fn standing(
        &self,
        session: &mut Session,
        scope: &str,
    ) -> Result<Opened, StoreError> {
        Ok(match self.next(session, scope).await? {
            None => None,
            Some(next) if next > self.offset => Some(Claimed::Duplicate),
            Some(_) => Some(Claimed::NotNext),
        })
    }

    async fn next(&self, session: &mut Session, scope: &str) -> Result<Option<i64>, StoreError> {
        let params: Vec<Param<'_>> = vec![&scope, &self.topic, &self.partition];
        let found = session.query(NEXT, params).await?;
        found.first().map(rows::first).transpose()
    }

    /// Begins a transaction that moves the offset past a message that is not claimed. `false`: the partition has yet to come to it.
    async fn pass(&self, session: &mut Session, scope: &str) -> Result<bool, StoreError> {
        let answers = session
            .begin(vec![self.note(&scope), self.advance(&scope)])
            .await?;
        let is_moved = answers.affected(1) > 0;
        let next = self.next(session, scope).await?;
        Ok(is_moved || next.is_some_and(|next| next > self.offset))
    }
}
