//! The outbox: what is published, and rows taken under a token.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use tokio_postgres::Row;

use super::{
    Postgres, rows,
    rows::Columns,
    session::{Param, Step},
    settle, text,
};
use crate::{
    message::Message,
    outbox::{Pending, Settled, Taken, Waiting},
    store::{Outbox, StoreError},
};

/// No batch holds more than this in bodies, beyond its first message.
const BATCH_BYTES_MAX: i64 = 16 << 20;

/// Locks the rows of keys until the end of the transaction, in one order for everybody. Places are given after that, so that those of a key
/// are in the order of the commits.
const LOCK_KEYS: &str = "
    INSERT INTO dovetail_outbox_key (channel, lane, seq)
    SELECT channel, lane, 1 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS published (channel, lane, ordinal)
    ORDER BY ordinal
    ON CONFLICT (channel, lane) DO UPDATE SET seq = dovetail_outbox_key.seq + 1";

const INSERT: &str = "
    INSERT INTO dovetail_outbox (channel, source, id, kind, key, lane, expires_at, headers, body, status, at)
    SELECT channel, source, id, kind, key, lane, expires_at, headers, body, 'pending', $10
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::bytea[])
        WITH ORDINALITY AS published (channel, source, id, kind, key, lane, expires_at, headers, body, ordinal)
    ORDER BY ordinal";

/// One relay takes at a time: who came second sees what the first one holds, and takes nothing behind it.
pub(super) const ONE_AT_A_TIME: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('dovetail takes ' || current_schema(), 0))";

/// What can be taken: due, held by nobody, and with nothing of its key in front of it that could not be taken as well.
const TAKE: &str = "
    WITH takeable AS (
        SELECT message.place, octet_length(message.body) AS bytes FROM dovetail_outbox AS message
        WHERE message.status = 'pending' AND message.held_until <= statement_timestamp()
          AND message.retry_at <= statement_timestamp()
          AND NOT EXISTS (
              SELECT 1 FROM dovetail_outbox AS earlier
              WHERE earlier.channel = message.channel AND earlier.lane = message.lane AND earlier.place < message.place
                AND earlier.status IN ('pending', 'blocked')
                AND (earlier.status = 'blocked' OR earlier.held_until > statement_timestamp()
                     OR earlier.retry_at > statement_timestamp()))
        ORDER BY message.place LIMIT $1 FOR UPDATE OF message SKIP LOCKED
    ), batch AS (
        SELECT place, row_number() OVER earlier AS number, sum(bytes) OVER earlier AS bytes FROM takeable
        WINDOW earlier AS (ORDER BY place)
    )
    UPDATE dovetail_outbox AS message
    SET token = (SELECT nextval('dovetail_outbox_token')), held_until = statement_timestamp() + make_interval(secs => $2)
    FROM batch WHERE message.place = batch.place AND (batch.number = 1 OR batch.bytes <= $3)
    RETURNING message.place, message.token, message.attempts, message.channel, message.source, message.id, message.kind,
              message.key, message.expires_at, message.headers, message.body";

const PENDING: &str =
    "SELECT count(*) AS count, min(at) AS oldest_at FROM dovetail_outbox WHERE status = 'pending'";

const REPUBLISH: &str = "
    UPDATE dovetail_outbox SET status = 'pending', published_at = NULL, held_until = 'epoch', retry_at = 'epoch'
    WHERE status = 'published' AND published_at >= $1";

const FORGET: &str = "
    DELETE FROM dovetail_outbox WHERE place IN (
        SELECT place FROM dovetail_outbox WHERE status = 'published' AND published_at < $1
        ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Keys that nobody is publishing under: what is published already needs none. An index has what is not.
const IDLE_KEYS: &str = "
    SELECT channel, lane FROM dovetail_outbox_key AS idle
    WHERE NOT EXISTS (SELECT 1 FROM dovetail_outbox
                      WHERE channel = idle.channel AND lane = idle.lane AND status IN ('pending', 'blocked'))
    LIMIT $1 FOR UPDATE SKIP LOCKED";

/// Looks once more, now that they are locked: something may have been committed in between.
const FORGET_KEYS: &str = "
    DELETE FROM dovetail_outbox_key AS idle
    USING unnest($1::text[], $2::text[]) AS locked (channel, lane)
    WHERE idle.channel = locked.channel AND idle.lane = locked.lane
      AND NOT EXISTS (SELECT 1 FROM dovetail_outbox
                      WHERE channel = idle.channel AND lane = idle.lane AND status IN ('pending', 'blocked'))";

impl Outbox for Postgres {
    async fn take(
        &self,
        now: SystemTime,
        length: Duration,
        limit: u32,
    ) -> Result<Taken, StoreError> {
        let session = self.session("take messages to publish").await?;
        let (limit, seconds) = (i64::from(limit), rows::seconds(length));
        let params: Vec<Param<'_>> = vec![&limit, &seconds, &BATCH_BYTES_MAX];
        let steps = vec![
            Step::Query(ONE_AT_A_TIME, Vec::new()),
            Step::Query(TAKE, params),
        ];
        let answers = session.once(steps).await?;
        let taken = answers.rows(1);
        let mut messages = taken.iter().map(waiting).collect::<Result<Vec<_>, _>>()?;
        messages.sort_unstable_by_key(|waiting| waiting.place);
        let token = taken.first().map(|row| rows::get(row, "token"));
        Ok(Taken {
            token: token.transpose()?.unwrap_or_default(),
            // The clock of the host was read before the database held them, so that it cannot be later by it.
            until: now.checked_add(length).unwrap_or(now),
            messages,
        })
    }

    async fn settle(
        &self,
        token: i64,
        settled: Vec<Settled>,
        now: SystemTime,
    ) -> Result<u32, StoreError> {
        let session = self.session("record what was published").await?;
        settle::settle(session, token, &settled, now).await
    }

    async fn changed(&self) {
        self.wake.changed().await;
    }

    async fn pending(&self) -> Result<Pending, StoreError> {
        let session = self.session("count what is to be published").await?;
        let answers = session.once(vec![Step::Query(PENDING, Vec::new())]).await?;
        let Some(row) = answers.rows(0).first() else {
            return Ok(Pending {
                count: 0,
                oldest_at: None,
            });
        };
        Ok(Pending {
            count: rows::get::<i64>(row, "count")?.unsigned_abs(),
            oldest_at: rows::get(row, "oldest_at")?,
        })
    }

    async fn republish(&self, since: SystemTime) -> Result<u32, StoreError> {
        let session = self.session("publish once more").await?;
        let since = rows::stamp(since);
        let answers = session
            .once(vec![Step::Query(REPUBLISH, vec![&since])])
            .await?;
        self.wake.published();
        Ok(rows::written(answers.affected(0)))
    }

    async fn forget_published(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        let mut session = self.session("forget what was published").await?;
        let (before, limit) = (rows::stamp(before), i64::from(limit));
        let answers = session
            .begin(vec![
                Step::Query(FORGET, vec![&before, &limit]),
                Step::Query(IDLE_KEYS, vec![&limit]),
            ])
            .await?;
        let mut keys: (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for row in answers.rows(1) {
            keys.0.push(rows::get(row, "channel")?);
            keys.1.push(rows::get(row, "lane")?);
        }
        session
            .commit(vec![Step::Query(FORGET_KEYS, vec![&keys.0, &keys.1])])
            .await?;
        Ok(rows::written(answers.affected(0)))
    }
}

fn waiting(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        place: rows::get(row, "place")?,
        attempts: rows::counted(rows::get(row, "attempts")?),
        message: rows::message(row)?,
    })
}

/// Messages on their way into the outbox, column by column.
pub(super) struct Publishing<'a> {
    locked_channels: Vec<String>,
    locked_lanes: Vec<String>,
    channels: Vec<String>,
    sources: Vec<Option<String>>,
    ids: Vec<Option<String>>,
    kinds: Vec<Option<String>>,
    keys: Vec<Option<String>>,
    lanes: Vec<Option<String>>,
    expirations: Vec<Option<SystemTime>>,
    headers: Vec<String>,
    bodies: Vec<&'a [u8]>,
    at: SystemTime,
}

impl<'a> Publishing<'a> {
    pub(super) fn of(messages: &'a [Message], now: SystemTime) -> Result<Self, StoreError> {
        let mut publishing = Self {
            locked_channels: Vec::new(),
            locked_lanes: Vec::new(),
            channels: Vec::with_capacity(messages.len()),
            sources: Vec::with_capacity(messages.len()),
            ids: Vec::with_capacity(messages.len()),
            kinds: Vec::with_capacity(messages.len()),
            keys: Vec::with_capacity(messages.len()),
            lanes: Vec::with_capacity(messages.len()),
            expirations: Vec::with_capacity(messages.len()),
            headers: Vec::with_capacity(messages.len()),
            bodies: Vec::with_capacity(messages.len()),
            at: rows::stamp(now),
        };
        let mut locked = BTreeSet::new();
        for message in messages {
            let columns = Columns::of(message)?;
            let lane = message.key.as_deref().map(text::indexed);
            if let Some(lane) = &lane {
                locked.insert((columns.channel.clone(), lane.clone().into_owned()));
            }
            publishing.channels.push(columns.channel);
            publishing.sources.push(columns.source);
            publishing.ids.push(columns.id);
            publishing.kinds.push(columns.kind);
            publishing.keys.push(columns.key);
            publishing
                .lanes
                .push(lane.map(std::borrow::Cow::into_owned));
            publishing.expirations.push(columns.expires_at);
            publishing.headers.push(columns.headers);
            publishing.bodies.push(&message.body);
        }
        (publishing.locked_channels, publishing.locked_lanes) = locked.into_iter().unzip();
        Ok(publishing)
    }

    /// The statements that add them: none where there is nothing.
    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        if !self.locked_lanes.is_empty() {
            let keys: Vec<Param<'_>> = vec![&self.locked_channels, &self.locked_lanes];
            steps.push(Step::Query(LOCK_KEYS, keys));
        }
        if !self.channels.is_empty() {
            let columns: Vec<Param<'_>> = vec![
                &self.channels,
                &self.sources,
                &self.ids,
                &self.kinds,
                &self.keys,
                &self.lanes,
                &self.expirations,
                &self.headers,
                &self.bodies,
                &self.at,
            ];
            steps.push(Step::Query(INSERT, columns));
        }
        steps
    }
}
