//! How a transaction begins: with its claim.

use std::{sync::Arc, time::SystemTime};

use super::{
    Postgres, inbox, parked,
    rows::{self, Indexed, digest},
    session::{Param, Session, Step},
    text,
    transaction::PgTransaction,
    verb::SAVEPOINT,
};
use crate::{
    failpoint::reach,
    inbox::{Claim, Claimed},
    store::{ErrorKind, StoreError},
};

const ACTION: &str = "begin a transaction";

/// Keeps others away from the key until the end of the transaction, and is not undone with what follows it.
pub(super) const LOCK_KEY: &str = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(10), current_schema(), $1::text, $2::text), 0))";

/// Writes the row of the message and answers with the attempts that failed; no row where another one is there.
const CLAIM: &str = "
    INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at) VALUES ($1, $2, $3, $4, 'done', $5)
    ON CONFLICT DO NOTHING
    RETURNING coalesce((SELECT attempts FROM dovetail_attempt WHERE consumer = $1 AND source = $2 AND id = $3), 0)";

const ATTEMPTS: &str =
    "SELECT attempts FROM dovetail_attempt WHERE consumer = $1 AND source = $2 AND id = $3";

/// What the row of a message says that was there first.
const PRESENT: &str = "
    SELECT fingerprint, status FROM dovetail_inbox WHERE consumer = $1 AND source = $2 AND id = $3";

/// What a store says to a claim; nothing where the partition has to be noted first.
pub(super) type Opened = Option<Claimed<PgTransaction>>;

/// What the row that was there first means.
enum Present {
    Same,
    Reused,
}

impl Postgres {
    /// Claims a message in one round trip: the lock of its key, its place in the partition, its row of the inbox, and how it stands to
    /// what is parked.
    pub(super) async fn claim(&self, claim: Claim, now: SystemTime) -> Result<Opened, StoreError> {
        let mut session = self.session(ACTION).await?;
        let key = Indexed::of(&claim.key);
        let at = rows::stamp(now);
        let fingerprint = &claim.fingerprint.0[..];
        let lane = claim.order_key.as_deref().map(text::indexed);
        let digest = lane.as_ref().map(|_| digest_of(&claim));
        let place = claim.position.as_ref().map(inbox::Place::of);
        let identity: [Param<'_>; 3] = [&key.consumer, &key.source, &key.id];

        let mut steps = Vec::with_capacity(5);
        if let Some(lane) = &lane {
            steps.push(Step::Query(LOCK_KEY, vec![&claim.scope, lane]));
            steps.push(Step::Plain(SAVEPOINT));
        }
        let moved = steps.len();
        if let Some(place) = &place {
            steps.push(place.advance(&claim.scope));
        }
        let claimed = steps.len();
        steps.push(if claim.by_id {
            let mut params = identity.to_vec();
            params.extend([&fingerprint as Param<'_>, &at]);
            Step::Query(CLAIM, params)
        } else {
            Step::Query(ATTEMPTS, identity.to_vec())
        });
        let standing = steps.len();
        if let Some(lane) = &lane {
            let params: Vec<Param<'_>> = vec![&digest, &claim.scope, lane];
            steps.push(Step::Query(parked::STANDING, params));
        }
        reach("begun");
        let answers = session.begin(steps).await?;
        reach("claimed");

        if let Some(place) = &place
            && answers.affected(moved) == 0
        {
            return place.standing(&mut session, &claim.scope).await;
        }
        let row = answers.rows(claimed).first();
        if claim.by_id && row.is_none() {
            let found = match present(&mut session, &claim, &identity).await? {
                Present::Reused => return Ok(Some(Claimed::IdReuse)),
                Present::Same => Claimed::Duplicate,
            };
            if place.is_some() {
                // The offset has moved past it, and that is right.
                session.commit(Vec::new()).await?;
            }
            return Ok(Some(found));
        }
        let attempts = row.map(rows::first).transpose()?.map_or(0, rows::counted);
        let found = match answers.rows(standing).first() {
            Some(row) if lane.is_some() => parked::standing(row, &claim)?,
            _ => parked::Standing::Free,
        };
        let wake = Arc::clone(&self.wake);
        let open = |session| PgTransaction::new(session, wake, now).of(claim, attempts);
        Ok(Some(match found {
            parked::Standing::Free => Claimed::Fresh {
                transaction: open(session),
                attempts,
            },
            parked::Standing::Behind => Claimed::Behind(open(session)),
            parked::Standing::Reused => Claimed::IdReuse,
        }))
    }

    /// Claims the first message of a parked key.
    pub(super) async fn claim_parked(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<PgTransaction>, StoreError> {
        let mut session = self.session(ACTION).await?;
        let key = Indexed::of(&claim.key);
        let at = rows::stamp(now);
        let fingerprint = &claim.fingerprint.0[..];
        let lane = text::indexed(claim.order_key.as_deref().unwrap_or_default());
        let identity: [Param<'_>; 3] = [&key.consumer, &key.source, &key.id];
        let mut params = identity.to_vec();
        params.extend([&fingerprint as Param<'_>, &at]);
        let answers = session
            .begin(vec![
                Step::Query(LOCK_KEY, vec![&claim.scope, &lane]),
                Step::Query(parked::HEAD, vec![&claim.scope, &lane]),
                Step::Query(CLAIM, params),
            ])
            .await?;
        let head = answers
            .rows(1)
            .first()
            .map(rows::first::<&[u8]>)
            .transpose()?;
        if head != Some(digest_of(&claim).as_slice()) {
            return Ok(Claimed::Duplicate);
        }
        let Some(row) = answers.rows(2).first() else {
            if let Present::Reused = present(&mut session, &claim, &identity).await? {
                return Ok(Claimed::IdReuse);
            }
            let leaving = parked::Leaving::of(&claim);
            session.commit(leaving.steps()).await?;
            return Ok(Claimed::Duplicate);
        };
        let attempts = rows::counted(rows::first(row)?);
        let wake = Arc::clone(&self.wake);
        let transaction = PgTransaction::new(session, wake, now)
            .of(claim, attempts)
            .parked();
        Ok(Claimed::Fresh {
            transaction,
            attempts,
        })
    }
}

pub(super) fn digest_of(claim: &Claim) -> Vec<u8> {
    digest(&claim.key.consumer, &claim.key.source, &claim.key.id)
}

async fn present(
    session: &mut Session,
    claim: &Claim,
    identity: &[Param<'_>; 3],
) -> Result<Present, StoreError> {
    let found = session.query(PRESENT, identity.to_vec()).await?;
    let Some(row) = found.first() else {
        // It was forgotten in this very moment; the next attempt is the first one.
        return Err(StoreError::new(ACTION, ErrorKind::Contended));
    };
    if rows::fingerprint(row, "fingerprint")? != claim.fingerprint {
        return Ok(Present::Reused);
    }
    if rows::get::<&str>(row, "status")? == "claimed" {
        // A lease on the same message is held.
        return Err(StoreError::new(ACTION, ErrorKind::Contended));
    }
    Ok(Present::Same)
}
