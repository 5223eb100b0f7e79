//! What became of messages that a relay held.

use std::time::{Duration, SystemTime};

use super::{
    dead_letter::Grave,
    outbox::ONE_AT_A_TIME,
    rows,
    session::{Param, Session, Step},
    text,
};
use crate::{
    dead_letter::{Burial, Reason},
    outbox::{Fate, Settled},
    store::StoreError,
};

/// Records a whole batch, as far as it is still held under the token. Distances are what the host's clock said of a time.
const SETTLE: &str = "
    UPDATE dovetail_outbox AS message SET
        status = settled.status,
        published_at = CASE WHEN settled.status = 'published' THEN $6::timestamptz END,
        attempts = message.attempts + CASE WHEN settled.error IS NULL THEN 0 ELSE 1 END,
        last_error = coalesce(settled.error, message.last_error),
        held_until = CASE WHEN settled.status = 'pending' THEN 'epoch' ELSE message.held_until END,
        retry_at = CASE WHEN settled.error IS NULL THEN message.retry_at
                        ELSE statement_timestamp() + make_interval(secs => settled.delay) END
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::float8[]) AS settled (place, status, error, delay)
    WHERE message.place = settled.place AND message.token = $1 AND message.status = 'pending'
    RETURNING message.place, message.status, message.last_error, message.attempts, message.channel, message.source, message.id,
              message.kind, message.key, message.expires_at,
              CASE WHEN message.status IN ('blocked', 'skipped') THEN message.headers ELSE '[]' END AS headers,
              CASE WHEN message.status IN ('blocked', 'skipped') THEN message.body ELSE '' END AS body";

/// Records what became of messages, in one statement; dead letters of those that were rejected are kept in the same transaction.
pub(super) async fn settle(
    mut session: Session,
    token: i64,
    settled: &[Settled],
    now: SystemTime,
) -> Result<u32, StoreError> {
    let fates: Vec<Columns> = settled.iter().map(|one| Columns::of(one, now)).collect();
    let places: Vec<i64> = fates.iter().map(|fate| fate.place).collect();
    let statuses: Vec<&str> = fates.iter().map(|fate| fate.status).collect();
    let errors: Vec<Option<&str>> = fates.iter().map(|fate| fate.error.as_deref()).collect();
    let delays: Vec<f64> = fates.iter().map(|fate| fate.delay).collect();
    let at = rows::stamp(now);
    let params: Vec<Param<'_>> = vec![&token, &places, &statuses, &errors, &delays, &at];
    // What waits again is not taken by somebody who sees one message of a key as it was before, and another one as it is then: a relay that
    // was too slow would have them out of their order.
    let mut steps = Vec::with_capacity(2);
    if fates.iter().any(|fate| fate.status != "published") {
        steps.push(Step::Query(ONE_AT_A_TIME, Vec::new()));
    }
    let told = steps.len();
    steps.push(Step::Query(SETTLE, params));
    let is_rejected = |fate: &Columns| matches!(fate.status, "blocked" | "skipped");
    if !fates.iter().any(is_rejected) {
        let answers = session.once(steps).await?;
        return Ok(rows::written(answers.affected(told)));
    }
    let answers = session.begin(steps).await?;
    for row in answers.rows(told) {
        if matches!(rows::get(row, "status")?, "blocked" | "skipped") {
            let message = rows::message(row)?;
            let burial = Burial {
                consumer: format!("outbox/{}", message.channel),
                message,
                reason: Reason::PublishRejected,
                detail: text::read(rows::get(row, "last_error")?),
                contract: None,
                at: now,
            };
            let attempts = rows::counted(rows::get(row, "attempts")?);
            let grave = Grave::of(&burial, Some(attempts))?;
            session.send(&grave.steps()).await?;
        }
    }
    session.commit(Vec::new()).await?;
    Ok(rows::written(answers.affected(told)))
}

/// A fate as columns.
struct Columns {
    place: i64,
    status: &'static str,
    error: Option<String>,
    delay: f64,
}

impl Columns {
    fn of(settled: &Settled, now: SystemTime) -> Self {
        let kept = |error: &str| Some(text::kept(error).into_owned());
        let (status, error, delay) = match &settled.fate {
            Fate::Published => ("published", None, Duration::ZERO),
            Fate::Released => ("pending", None, Duration::ZERO),
            Fate::Failed { error, retry_at } => {
                let delay = retry_at.duration_since(now).unwrap_or_default();
                ("pending", kept(error), delay)
            }
            Fate::Rejected { error, blocks_key } => {
                let status = if *blocks_key { "blocked" } else { "skipped" };
                (status, kept(error), Duration::ZERO)
            }
        };
        Self {
            place: settled.place,
            status,
            error,
            delay: rows::seconds(delay),
        }
    }
}
