//! Claims to several messages in one transaction.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::SystemTime,
};

use super::{
    Postgres,
    begin::digest_of,
    rows,
    rows::Indexed,
    session::{Param, Session, Step},
    text,
    transaction::PgTransaction,
};
use crate::{
    inbox::Claim,
    store::{Batch, Standing, StoreError},
};

const ACTION: &str = "begin a batch";

/// Locks keys as a single claim does, in one order for everybody.
const LOCK_KEYS: &str = "
    SELECT pg_advisory_xact_lock(number) FROM (
        SELECT DISTINCT hashtextextended(concat_ws(chr(10), current_schema(), scope, lane), 0) AS number
        FROM unnest($1::text[], $2::text[]) AS locked (scope, lane)
        ORDER BY number OFFSET 0) AS numbers";

/// The places of those that are parked, or whose key is.
const PARKED: &str = "
    SELECT claimed.place FROM unnest($1::bytea[], $2::text[], $3::text[])
        WITH ORDINALITY AS claimed (digest, scope, lane, place)
    WHERE claimed.lane IS NOT NULL AND (
        EXISTS (SELECT 1 FROM dovetail_parked AS parked WHERE parked.digest = claimed.digest)
        OR EXISTS (SELECT 1 FROM dovetail_parked_key AS waiting
                   WHERE waiting.scope = claimed.scope AND waiting.lane = claimed.lane))";

/// Writes the rows of those that nobody had before, in one order for everybody, so that two batches wait for each other and not both at once. What is
/// parked is left out: the row of a message that waits must not say that it is done.
const CLAIM: &str = "
    INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at)
    SELECT claimed.consumer, claimed.source, claimed.id, claimed.fingerprint, 'done', $8
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
        WITH ORDINALITY AS claimed (consumer, source, id, fingerprint, digest, scope, lane, place)
    WHERE claimed.lane IS NULL OR NOT (
        EXISTS (SELECT 1 FROM dovetail_parked AS parked WHERE parked.digest = claimed.digest)
        OR EXISTS (SELECT 1 FROM dovetail_parked_key AS waiting
                   WHERE waiting.scope = claimed.scope AND waiting.lane = claimed.lane))
    ORDER BY claimed.consumer, claimed.source, claimed.id, claimed.place
    ON CONFLICT DO NOTHING
    RETURNING consumer, source, id";

/// What the rows of messages say that were there first.
const PRESENT: &str = "
    SELECT claimed.place, inbox.fingerprint, inbox.status
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS claimed (consumer, source, id, place)
    JOIN dovetail_inbox AS inbox
    ON inbox.consumer = claimed.consumer AND inbox.source = claimed.source AND inbox.id = claimed.id";

const FORGET_ATTEMPTS: &str = "
    DELETE FROM dovetail_attempt AS attempt
    USING unnest($1::text[], $2::text[], $3::text[]) AS handled (consumer, source, id)
    WHERE attempt.consumer = handled.consumer AND attempt.source = handled.source AND attempt.id = handled.id";

/// Keys of messages, column by column.
pub(super) struct Keys<'a> {
    consumers: Vec<&'a str>,
    sources: Vec<&'a str>,
    ids: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(keys: &'a [Indexed]) -> Self {
        Self {
            consumers: keys.iter().map(|key| key.consumer.as_str()).collect(),
            sources: keys.iter().map(|key| key.source.as_str()).collect(),
            ids: keys.iter().map(|key| key.id.as_str()).collect(),
        }
    }

    pub(super) fn forget_attempts(&self) -> Step<'_> {
        Step::Query(FORGET_ATTEMPTS, self.params())
    }

    fn params(&self) -> Vec<Param<'_>> {
        vec![&self.consumers, &self.sources, &self.ids]
    }
}

impl Postgres {
    /// Claims messages in one round trip, and in a second one where some of them are not new.
    pub(super) async fn claim_batch(
        &self,
        claims: &[Claim],
        now: SystemTime,
    ) -> Result<Batch<PgTransaction>, StoreError> {
        let mut session = self.session(ACTION).await?;
        let keys: Vec<Indexed> = claims.iter().map(|claim| Indexed::of(&claim.key)).collect();
        let columns = Keys::of(&keys);
        let fingerprints: Vec<&[u8]> = claims
            .iter()
            .map(|claim| &claim.fingerprint.0[..])
            .collect();
        let digests: Vec<Vec<u8>> = claims.iter().map(digest_of).collect();
        let scopes: Vec<&str> = claims.iter().map(|claim| claim.scope.as_str()).collect();
        let lanes: Vec<_> = claims
            .iter()
            .map(|claim| claim.order_key.as_deref().map(text::indexed))
            .collect();
        let at = rows::stamp(now);
        let mut params = columns.params();
        let more: [Param<'_>; 5] = [&fingerprints, &digests, &scopes, &lanes, &at];
        params.extend(more);
        let mut steps = vec![Step::Query(CLAIM, params)];
        let is_ordered = lanes.iter().any(Option::is_some);
        if is_ordered {
            steps.insert(0, Step::Query(LOCK_KEYS, vec![&scopes, &lanes]));
            steps.push(Step::Query(PARKED, vec![&digests, &scopes, &lanes]));
        }
        let claimed = usize::from(is_ordered);
        let answers = session.begin(steps).await?;
        let parked = answers.rows(2).iter().map(rows::first);
        let parked: Vec<i64> = parked.collect::<Result<_, _>>()?;

        let mut fresh = BTreeSet::new();
        for row in answers.rows(claimed) {
            let identity: (&str, &str, &str) = (
                rows::get(row, "consumer")?,
                rows::get(row, "source")?,
                rows::get(row, "id")?,
            );
            fresh.insert(identity);
        }
        let mut standings = Vec::with_capacity(claims.len());
        for (key, place) in keys.iter().zip(1_i64..) {
            let identity = (key.consumer.as_str(), key.source.as_str(), key.id.as_str());
            // Of several the first one; the others find its row.
            let is_fresh = !parked.contains(&place) && fresh.remove(&identity);
            standings.push(if is_fresh {
                Standing::Fresh
            } else {
                Standing::Alone
            });
        }
        if standings.contains(&Standing::Alone) {
            mark_duplicates(&mut session, claims, &columns, &parked, &mut standings).await?;
        }
        let wake = Arc::clone(&self.wake);
        Ok(Batch {
            transaction: PgTransaction::new(session, wake, now),
            standings,
        })
    }
}

/// Finds out which of those that are not fresh are duplicates.
async fn mark_duplicates(
    session: &mut Session,
    claims: &[Claim],
    columns: &Keys<'_>,
    parked: &[i64],
    standings: &mut [Standing],
) -> Result<(), StoreError> {
    let mut present = HashMap::new();
    for row in session.query(PRESENT, columns.params()).await? {
        let place: i64 = rows::get(&row, "place")?;
        let is_decided = rows::get::<&str>(&row, "status")? != "claimed";
        present.insert(place, (rows::fingerprint(&row, "fingerprint")?, is_decided));
    }
    for ((standing, claim), place) in standings.iter_mut().zip(claims).zip(1_i64..) {
        let is_duplicate = present.get(&place) == Some(&(claim.fingerprint, true));
        if *standing == Standing::Alone && is_duplicate && !parked.contains(&place) {
            *standing = Standing::Duplicate;
        }
    }
    Ok(())
}
