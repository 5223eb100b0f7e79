//! Keys whose order is kept while one of their messages waits for its next attempt.
//!
//! Whoever claims, parks or buries under a key holds its lock, so nothing comes between a failure and its parking.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::{
    begin::{LOCK_KEY, digest_of},
    dead_letter::Grave,
    inbox, rows,
    rows::{Columns, Indexed, digest},
    session::{Param, Session, Step},
    text,
};
use crate::{
    dead_letter::{Burial, Reason},
    inbox::{Claim, Fingerprint},
    store::{Failure, Parked, Parking, StoreError},
};

/// How a message stands to what is parked: its own fingerprint, if it is there itself, and whether anything of its key is.
pub(super) const STANDING: &str = "
    SELECT (SELECT fingerprint FROM dovetail_parked WHERE digest = $1) AS fingerprint,
           EXISTS (SELECT 1 FROM dovetail_parked_key WHERE scope = $2 AND lane = $3) AS is_parked";

/// The first message of a key.
const HEAD: &str =
    "SELECT digest FROM dovetail_parked WHERE scope = $1 AND lane = $2 ORDER BY place LIMIT 1";

/// The first message of a key whose time has come.
pub(super) const DUE_HEAD: &str = "
    SELECT digest FROM dovetail_parked WHERE scope = $1 AND lane = $2
      AND EXISTS (SELECT 1 FROM dovetail_parked_key WHERE scope = $1 AND lane = $2 AND retry_at <= $3)
    ORDER BY place LIMIT 1";

const REST: &str = "UPDATE dovetail_parked_key SET retry_at = $3 WHERE scope = $1 AND lane = $2";

const ROOM: &str = "
    SELECT (SELECT count(*) FROM dovetail_parked WHERE scope = $1 AND lane = $2) AS length,
           (SELECT count(*) FROM dovetail_parked_key WHERE scope = $1) AS keys";

const PARK: &str = "
    INSERT INTO dovetail_parked
        (scope, lane, consumer, key, channel, source, id, digest, kind, expires_at, headers, body, fingerprint, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";

const PARK_KEY: &str = "
    INSERT INTO dovetail_parked_key (scope, lane, retry_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const LEAVE: &str = "DELETE FROM dovetail_parked WHERE digest = $1";

/// The next message of the key is due at once.
const NEXT_IS_DUE: &str = "
    UPDATE dovetail_parked_key SET retry_at = 'epoch'
    WHERE scope = $1 AND lane = $2 AND EXISTS (SELECT 1 FROM dovetail_parked WHERE scope = $1 AND lane = $2)";

/// The key is free after its last message.
const FREE_KEY: &str = "
    DELETE FROM dovetail_parked_key
    WHERE scope = $1 AND lane = $2 AND NOT EXISTS (SELECT 1 FROM dovetail_parked WHERE scope = $1 AND lane = $2)";

const DUE: &str = "
    SELECT parked.consumer, parked.channel, parked.source, parked.id, parked.kind, parked.key, parked.expires_at,
           parked.headers, parked.body
    FROM dovetail_parked_key AS waiting
    CROSS JOIN LATERAL (
        SELECT * FROM dovetail_parked AS behind
        WHERE behind.scope = waiting.scope AND behind.lane = waiting.lane ORDER BY behind.place LIMIT 1) AS parked
    WHERE waiting.scope = $1 AND waiting.retry_at <= $2
    ORDER BY waiting.retry_at, waiting.lane LIMIT $3";

const OF_KEY: &str = "
    SELECT consumer, channel, source, id, kind, key, expires_at, headers, body
    FROM dovetail_parked WHERE scope = $1 AND lane = $2 ORDER BY place";

const CLEAR: &str = "DELETE FROM dovetail_parked WHERE scope = $1 AND lane = $2";

/// So many dead letters are sent to the database at once.
const BURIED_AT_ONCE: usize = 8;

/// How a message stands to what is parked.
pub(super) enum Standing {
    /// Nothing of its key is parked.
    Free,
    /// It has to wait behind what is parked, or is parked itself.
    Behind,
    /// Another message of its identity is parked.
    Reused,
}

/// Reads what [`STANDING`] answered.
pub(super) fn standing(row: &Row, claim: &Claim) -> Result<Standing, StoreError> {
    let own: Option<&[u8]> = rows::get(row, "fingerprint")?;
    Ok(match own {
        Some(own) if own == claim.fingerprint.0 => Standing::Behind,
        Some(_) => Standing::Reused,
        None if rows::get(row, "is_parked")? => Standing::Behind,
        None => Standing::Free,
    })
}

/// Puts the message into the queue of its key, in a transaction that holds the lock of the key and nothing else. `false`: there is no room.
pub(super) async fn park(
    mut session: Session,
    claim: &Claim,
    parking: &Parking,
) -> Result<bool, StoreError> {
    let lane = text::indexed(claim.order_key.as_deref().unwrap_or_default());
    let found = session.query(ROOM, vec![&claim.scope, &lane]).await?;
    if !has_room(found.first(), parking)? {
        session.rollback().await;
        return Ok(false);
    }
    let columns = Columns::of(&parking.message)?;
    let consumer = text::kept(&claim.key.consumer);
    let digest = digest_of(claim);
    let key = Indexed::of(&claim.key);
    let body = &parking.message.body[..];
    let fingerprint = Fingerprint::of(body).0;
    let fingerprint = &fingerprint[..];
    let at = rows::stamp(parking.at);
    let error = text::kept(&parking.error);
    let retry_at = parking.retry_at.map(rows::stamp);
    let place = claim.position.as_ref().map(inbox::Place::of);
    let message: Vec<Param<'_>> = vec![
        &claim.scope,
        &lane,
        &consumer,
        &columns.key,
        &columns.channel,
        &columns.source,
        &columns.id,
        &digest,
        &columns.kind,
        &columns.expires_at,
        &columns.headers,
        &body,
        &fingerprint,
        &at,
    ];
    let mut steps = vec![Step::Query(PARK, message)];
    if let Some(retry_at) = &retry_at {
        let attempt: Vec<Param<'_>> = vec![&key.consumer, &key.source, &key.id, &at, &error];
        steps.push(Step::Query(inbox::COUNT_ATTEMPT, attempt));
        steps.push(Step::Query(PARK_KEY, vec![&claim.scope, &lane, retry_at]));
    }
    if let Some(place) = &place {
        // The claim moved the offset before, and was undone.
        steps.push(place.advance(&claim.scope));
    }
    session.commit(steps).await?;
    Ok(true)
}

fn has_room(row: Option<&Row>, parking: &Parking) -> Result<bool, StoreError> {
    let Some(row) = row else { return Ok(false) };
    let length = rows::counted(rows::get(row, "length")?);
    let keys = rows::counted(rows::get(row, "keys")?);
    Ok(if length > 0 {
        length < parking.length_max
    } else {
        keys < parking.keys_max && parking.length_max > 0
    })
}

/// The first messages of the keys whose time has come.
pub(super) async fn due(
    session: Session,
    scope: &str,
    now: SystemTime,
    limit: u32,
) -> Result<Vec<Parked>, StoreError> {
    let (now, limit) = (rows::stamp(now), i64::from(limit));
    let answers = session
        .once(vec![Step::Query(DUE, vec![&scope, &now, &limit])])
        .await?;
    answers.rows(0).iter().map(parked).collect()
}

fn parked(row: &Row) -> Result<Parked, StoreError> {
    Ok(Parked {
        consumer: text::read(rows::get(row, "consumer")?),
        message: rows::message(row)?,
    })
}

/// Lets a key rest, and counts the attempt that failed.
pub(super) async fn rest(
    session: Session,
    (scope, key): (&str, &str),
    retry_at: SystemTime,
    failure: Option<&Failure>,
) -> Result<(), StoreError> {
    let lane = text::indexed(key);
    let retry_at = rows::stamp(retry_at);
    let mut steps = vec![Step::Query(REST, vec![&scope, &lane, &retry_at])];
    let attempt = failure.map(|failure| {
        let (at, error) = (rows::stamp(failure.at), text::kept(&failure.error));
        (Indexed::of(&failure.key), at, error)
    });
    if let Some((key, at, error)) = &attempt {
        let params: Vec<Param<'_>> = vec![&key.consumer, &key.source, &key.id, at, error];
        steps.push(Step::Query(inbox::COUNT_ATTEMPT, params));
    }
    session.once(steps).await.map(drop)
}

/// A message on its way out of the queue of its key.
pub(super) struct Leaving {
    scope: String,
    lane: String,
    digest: Vec<u8>,
}

impl Leaving {
    pub(super) fn of(claim: &Claim) -> Self {
        let key = claim.order_key.as_deref().unwrap_or_default();
        Self {
            scope: claim.scope.clone(),
            lane: text::indexed(key).into_owned(),
            digest: digest_of(claim),
        }
    }

    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        vec![
            Step::Query(LEAVE, vec![&self.digest]),
            Step::Query(NEXT_IS_DUE, vec![&self.scope, &self.lane]),
            Step::Query(FREE_KEY, vec![&self.scope, &self.lane]),
        ]
    }
}

/// Makes a dead letter of the first message of a key; and of all behind it, unless it is wrong in itself. Returns how many.
pub(super) async fn bury(
    mut session: Session,
    scope: &str,
    head: &Burial,
) -> Result<u32, StoreError> {
    let grave = Grave::of(head, None)?;
    let (Some(key), Some((source, id))) = (head.message.key.as_deref(), head.message.identity())
    else {
        session.once(grave.steps()).await?;
        return Ok(1);
    };
    let leaving = Leaving {
        scope: scope.to_owned(),
        lane: text::indexed(key).into_owned(),
        digest: digest(&head.consumer, source, id),
    };
    let place: Vec<Param<'_>> = vec![&leaving.scope, &leaving.lane];
    let answers = session
        .begin(vec![
            Step::Query(LOCK_KEY, place.clone()),
            Step::Query(HEAD, place.clone()),
            Step::Query(OF_KEY, place.clone()),
        ])
        .await?;
    let first = answers
        .rows(1)
        .first()
        .map(rows::first::<&[u8]>)
        .transpose()?;
    if first != Some(leaving.digest.as_slice()) {
        // Somebody else had it meanwhile.
        return Ok(0);
    }
    session.send(&grave.steps()).await?;
    let might_have_worked = matches!(
        head.reason,
        Reason::Panic | Reason::Timeout | Reason::RetriesExhausted
    );
    if !might_have_worked {
        session.commit(leaving.steps()).await?;
        return Ok(1);
    }
    let mut behind = Vec::new();
    for row in answers.rows(2).iter().skip(1) {
        behind.push(blocked(head, parked(row)?));
    }
    for some in behind.chunks(BURIED_AT_ONCE) {
        let graves = some
            .iter()
            .map(|burial| Grave::of(burial, None))
            .collect::<Result<Vec<_>, _>>()?;
        let steps: Vec<Step<'_>> = graves.iter().flat_map(Grave::steps).collect();
        session.send(&steps).await?;
    }
    session
        .commit(vec![
            Step::Query(CLEAR, place.clone()),
            Step::Query(FREE_KEY, place),
        ])
        .await?;
    Ok(1 + u32::try_from(behind.len()).unwrap_or(u32::MAX))
}

fn blocked(head: &Burial, parked: Parked) -> Burial {
    Burial {
        consumer: parked.consumer,
        message: parked.message,
        reason: Reason::KeyBlocked,
        detail: format!(
            "an earlier message of its key became a dead letter: {}",
            head.reason
        ),
        ..head.clone()
    }
}
