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

/// The same for one key, which needs no plan.
const LOCK_KEY: &str = "
    INSERT INTO dovetail_outbox_key (channel, lane, seq) VALUES ($1, $2, 1)
    ON CONFLICT (channel, lane) DO UPDATE SET seq = dovetail_outbox_key.seq + 1";

const INSERT_ALL: &str = "
    INSERT INTO dovetail_outbox (channel, source, id, kind, key, lane, expires_at, headers, body, status, at)
    SELECT channel, source, id, kind, key, lane, expires_at, headers, body, 'pending', $10
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::bytea[])
        WITH ORDINALITY AS published (channel, source, id, kind, key, lane, expires_at, headers, body, ordinal)
    ORDER BY ordinal";

/// The same for one message, which needs no plan.
const INSERT: &str = "
    INSERT INTO dovetail_outbox (channel, source, id, kind, key, lane, expires_at, headers, body, status, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10)";

/// One relay takes at a time: who came second sees what the first one holds, and takes nothing behind it.
const ONE_AT_A_TIME: &str =
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

const PENDING: &str = "
    SELECT count(*) AS count, min(at) AS oldest_at, (SELECT count(*) FROM dovetail_outbox WHERE status = 'blocked') AS blocked
    FROM dovetail_outbox WHERE status = 'pending'";

const LAST: &str = "SELECT coalesce(max(place), 0) FROM dovetail_outbox";

/// Rows that are published once more in one transaction.
const REPUBLISHED_MAX: i64 = 5_000;

const REPUBLISH: &str = "
    UPDATE dovetail_outbox SET status = 'pending', published_at = NULL, held_until = 'epoch', retry_at = 'epoch'
    WHERE place IN (
        SELECT place FROM dovetail_outbox WHERE status = 'published' AND published_at >= $1 AND place > $2 AND place <= $3
        ORDER BY place LIMIT $4)
    RETURNING place";

const FORGET: &str = "
    DELETE FROM dovetail_outbox WHERE place IN (
        SELECT place FROM dovetail_outbox WHERE status = 'published' AND published_at < $1
        ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Their letters have all that is needed to publish them after all.
const FORGET_SKIPPED: &str = "
    DELETE FROM dovetail_outbox WHERE place IN (
        SELECT place FROM dovetail_outbox WHERE status = 'skipped' AND at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Keys that nobody is publishing under.
const IDLE_KEYS: &str = "
    SELECT channel, lane FROM dovetail_outbox_key AS idle
    WHERE NOT EXISTS (SELECT 1 FROM dovetail_outbox WHERE channel = idle.channel AND lane = idle.lane)
    LIMIT $1 FOR UPDATE SKIP LOCKED";

/// Looks once more, now that they are locked: something may have been committed in between.
const FORGET_KEYS: &str = "
    DELETE FROM dovetail_outbox_key AS idle
    USING unnest($1::text[], $2::text[]) AS locked (channel, lane)
    WHERE idle.channel = locked.channel AND idle.lane = locked.lane
      AND NOT EXISTS (SELECT 1 FROM dovetail_outbox WHERE channel = idle.channel AND lane = idle.lane)";

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
                blocked: 0,
            });
        };
        Ok(Pending {
            count: rows::get::<i64>(row, "count")?.unsigned_abs(),
            oldest_at: rows::get(row, "oldest_at")?,
            blocked: rows::get::<i64>(row, "blocked")?.unsigned_abs(),
        })
    }

    async fn republish(&self, since: SystemTime) -> Result<u32, StoreError> {
        const ACTION: &str = "publish once more";
        let since = rows::stamp(since);
        let session = self.session(ACTION).await?;
        // Others write in between; what they publish meanwhile is not published once more.
        let answers = session.once(vec![Step::Query(LAST, Vec::new())]).await?;
        let end: i64 = answers.rows(0).first().map_or(Ok(0), rows::first)?;
        let (mut after, mut count) = (0_i64, 0_u32);
        loop {
            let session = self.session(ACTION).await?;
            let params: Vec<Param<'_>> = vec![&since, &after, &end, &REPUBLISHED_MAX];
            let answers = session.once(vec![Step::Query(REPUBLISH, params)]).await?;
            self.wake.published();
            count = count.saturating_add(rows::written(answers.affected(0)));
            let before = after;
            for row in answers.rows(0) {
                after = after.max(rows::first(row)?);
            }
            if after == before {
                return Ok(count);
            }
        }
    }

    async fn forget_published(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        let mut session = self.session("forget what was published").await?;
        let (before, limit) = (rows::stamp(before), i64::from(limit));
        let answers = session
            .begin(vec![
                Step::Query(FORGET, vec![&before, &limit]),
                Step::Query(IDLE_KEYS, vec![&limit]),
                Step::Query(FORGET_SKIPPED, vec![&before, &limit]),
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
        Ok(rows::written(answers.affected(0).max(answers.affected(2))))
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
        let locks = match (&self.locked_channels[..], &self.locked_lanes[..]) {
            ([], _) | (_, []) => None,
            ([channel], [lane]) => Some(Step::Query(LOCK_KEY, vec![channel, lane])),
            _ => {
                let keys: Vec<Param<'_>> = vec![&self.locked_channels, &self.locked_lanes];
                Some(Step::Query(LOCK_KEYS, keys))
            }
        };
        let rows = match self.channels.len() {
            0 => None,
            1 => self.row().map(|row| Step::Query(INSERT, row)),
            _ => Some(Step::Query(INSERT_ALL, self.columns())),
        };
        locks.into_iter().chain(rows).collect()
    }

    fn columns(&self) -> Vec<Param<'_>> {
        vec![
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
        ]
    }

    /// The first row.
    fn row(&self) -> Option<Vec<Param<'_>>> {
        Some(vec![
            self.channels.first()?,
            self.sources.first()?,
            self.ids.first()?,
            self.kinds.first()?,
            self.keys.first()?,
            self.lanes.first()?,
            self.expirations.first()?,
            self.headers.first()?,
            self.bodies.first()?,
            &self.at,
        ])
    }
}
