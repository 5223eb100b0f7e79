//! The bank of seeded bugs: mistakes that were made elsewhere, each as one change of the source.

/// A bug: what is replaced, and by what.
#[derive(Debug)]
pub(super) struct Bug {
    /// What it is called.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) what: &'static str,
    /// The file, from the sources of dovetail-messaging.
    pub(super) file: &'static str,
    /// The text that is there once.
    pub(super) from: &'static str,
    /// What stands there instead.
    pub(super) to: &'static str,
    /// What the suite says that finds it: the name of a test, where it is one.
    pub(super) expected: &'static str,
}

impl Bug {
    /// Whether it is one of what stands on a server.
    pub(super) fn is_served(&self) -> bool {
        self.file.starts_with("store/postgres")
    }
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "ack-before-commit",
        what: "a delivery is acknowledged before it is handled",
        file: "consumer/run.rs",
        from: "            reach(\"received\");",
        to: "            for receipt in &receipts {\n                let _ = transport.acknowledge(receipt).await;\n            }\n            reach(\"received\");",
        expected: "broken: seed",
    },
    Bug {
        name: "mark-first",
        what: "the row of the inbox is committed before the handler runs",
        file: "store/sqlite/transaction.rs",
        from: "    reach(\"claimed\");",
        to: "    reach(\"claimed\");\n    if matches!(found, Found::Fresh { .. }) {\n        desk.connection.execute_batch(\"COMMIT; BEGIN IMMEDIATE; SAVEPOINT dovetail_claim\")?;\n    }",
        expected: "broken: seed",
    },
    Bug {
        name: "separate-transaction",
        what: "what is published is written in a transaction after that of the effect",
        file: "store/sqlite/transaction.rs",
        from: "            for message in &published {",
        to: "            desk.connection.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n            for message in &published {",
        expected: "a_commit_whose_answer_nobody_waits_for_is_all_or_nothing",
    },
    Bug {
        name: "outbox-after-commit",
        what: "what is published is dropped where a message was parked before",
        file: "store/sqlite/transaction.rs",
        from: "        let published = std::mem::take(&mut self.published);",
        to: "        let mut published = std::mem::take(&mut self.published);\n        if self.is_parked {\n            published.clear();\n        }",
        expected: "the outbox is not what the effects are",
    },
    Bug {
        name: "unscoped-key",
        what: "two consumers take each other's messages for duplicates",
        file: "inbox.rs",
        from: "        let (source, id) = message.identity()?;\n        Some(Self {\n            consumer: consumer.to_owned(),",
        to: "        let (source, id) = message.identity()?;\n        let _ = consumer;\n        Some(Self {\n            consumer: String::new(),",
        expected: "two_consumers_do_not_take_each_others_messages_for_duplicates",
    },
    Bug {
        name: "id-reuse-unseen",
        what: "another message of the same identity is taken for a duplicate",
        file: "store/sqlite/inbox.rs",
        from: "    Ok(Some(if fingerprint != claim.fingerprint.0 {",
        to: "    Ok(Some(if fingerprint == [0; 16] {",
        expected: "another_body_under_the_same_identity_is_a_dead_letter_and_no_duplicate",
    },
    Bug {
        name: "live-lease-taken",
        what: "a lease is given away while it is held",
        file: "store/sqlite/lease.rs",
        from: "             WHERE status = 'claimed' AND lease_until <= ?6 AND fingerprint = ?4",
        to: "             WHERE status = 'claimed' AND (lease_until <= ?6 OR 1) AND fingerprint = ?4",
        expected: "a_lease_keeps_others_away_until_it_ends",
    },
    Bug {
        name: "host-clock-lease",
        what: "a lease ends by a clock of its own, not by the one that it was asked with",
        file: "store/sqlite/lease.rs",
        from: "    now.checked_add(length).unwrap_or(now)",
        to: "    let _ = now;\n    #[allow(clippy::disallowed_methods)]\n    let host = SystemTime::now();\n    host.checked_add(length).unwrap_or(host)",
        expected: "an_extended_lease_lasts_longer",
    },
    Bug {
        name: "unfenced-complete",
        what: "whoever lost a lease completes under it",
        file: "store/sqlite/lease.rs",
        from: "            \"UPDATE dovetail_inbox SET status = ?5, lease_until = NULL, at = ?6\n             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token = ?4",
        to: "            \"UPDATE dovetail_inbox SET status = ?5, lease_until = NULL, at = ?6\n             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token >= ?4",
        expected: "whoever_lost_the_lease_can_do_nothing_under_it",
    },
    Bug {
        name: "cursor-relay",
        what: "the relay reads behind the last message that it published",
        file: "store/sqlite/outbox.rs",
        from: "    WHERE status = 'pending' AND held_until <= ?1 AND retry_at <= ?1",
        to: "    WHERE status = 'pending' AND held_until <= ?1 AND retry_at <= ?1\n      AND place > (SELECT coalesce(max(place), 0) FROM dovetail_outbox WHERE status = 'published')",
        expected: "broken: seed",
    },
    Bug {
        name: "unordered-relay",
        what: "the relay takes what follows a message that could not be published",
        file: "store/sqlite/outbox.rs",
        from: "            AND earlier.status IN ('pending', 'blocked')",
        to: "            AND earlier.status IN ('none')",
        expected: "broken: seed",
    },
    Bug {
        name: "unfenced-relay",
        what: "a relay that was too slow settles what another one holds",
        file: "store/sqlite/outbox.rs",
        from: "\"WHERE place = ?1 AND token = ?2 AND status = 'pending'\"",
        to: "\"WHERE place = ?1 AND token >= ?2 AND status = 'pending'\"",
        expected: "what_is_taken_is_nobody_elses_until_the_hold_ends",
    },
    Bug {
        name: "unconfirmed-publish",
        what: "what could not be published counts as published",
        file: "outbox.rs",
        from: "            Err(PublishError::Unavailable(error)) => {",
        to: "            Err(PublishError::Unavailable(error)) if !error.is_empty() => Fate::Published,\n            Err(PublishError::Unavailable(error)) => {",
        expected: "broken: seed",
    },
    Bug {
        name: "retry-in-transaction",
        what: "what a failed attempt wrote is committed",
        file: "consumer/transactional.rs",
        from: "                transaction.rollback().await;\n                self.count(route, delivery, failed).await",
        to: "                let _ = transaction.commit().await;\n                self.count(route, delivery, failed).await",
        expected: "the outbox is not what the effects are",
    },
    Bug {
        name: "duplicate-acknowledged-early",
        what: "a delivery is acknowledged while another one of the same message is under way",
        file: "consumer/rules.rs",
        from: "            self.retry(route, 1, RetryCause::Contended)",
        to: "            let _ = self.retry(route, 1, RetryCause::Contended);\n            Settlement::Ack(super::Done::Duplicate)",
        expected: "broken: seed",
    },
    Bug {
        name: "overtaken-key",
        what: "a message goes before one of its key that waits for its next attempt",
        file: "store/sqlite/inbox.rs",
        from: "            parked::Standing::Behind => return Ok(Found::Behind),",
        to: "            parked::Standing::Behind => {}",
        expected: "broken: seed",
    },
    Bug {
        name: "cleanup-deletes-pending",
        what: "cleaning up forgets what is a dead letter or under lease",
        file: "store/sqlite/inbox.rs",
        from: "                             WHERE status = 'done' AND at < ?1 ORDER BY at LIMIT ?2)",
        to: "                             WHERE at < ?1 ORDER BY at LIMIT ?2)",
        expected: "handled_messages_are_forgotten_and_dead_ones_are_not",
    },
    Bug {
        name: "cleanup-deletes-unpublished",
        what: "cleaning up forgets what is not published yet",
        file: "store/sqlite/outbox.rs",
        from: "                             WHERE status = 'published' AND published_at < ?1",
        to: "                             WHERE at < ?1",
        expected: "what_was_published_can_be_published_again_for_a_while",
    },
    Bug {
        name: "offset-beyond-gap",
        what: "the offset moves to the highest message that was handled, not to the next one",
        file: "store/sqlite/inbox.rs",
        from: "AND next BETWEEN ?4 AND ?5\",",
        to: "AND ?4 <= ?5 AND next <= ?5\",",
        expected: "an_offset_is_handled_once_and_in_its_turn",
    },
    Bug {
        name: "late-receipt",
        what: "a receipt is good after its time",
        file: "transport/embedded/rows.rs",
        from: "AND token = ?4 AND visible_at > ?5\";",
        to: "AND token >= ?4 AND ?5 IS NOT NULL\";",
        expected: "a_receipt_changes_nothing_after_its_time",
    },
    Bug {
        name: "unordered-broker",
        what: "the embedded broker hands out a message while an earlier one of its key is out",
        file: "transport/embedded/rows.rs",
        from: "          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key))",
        to: "          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key AND earlier.visible_at <= ?3))",
        expected: "of_one_key_the_earliest_comes_and_the_rest_waits",
    },
    Bug {
        name: "unordered-replay",
        what: "a replay sends the newest letter first",
        file: "store/sqlite/replay.rs",
        from: "row_number() OVER (ORDER BY number), number, 'waiting'",
        to: "row_number() OVER (ORDER BY number DESC), number, 'waiting'",
        expected: "two_thousand_letters_are_sent_once_across_crashes_and_two_operators",
    },
    Bug {
        name: "unlocked-keys",
        what: "messages of a key get their places in another order than their commits",
        file: "store/postgres/outbox.rs",
        from: "        locks.into_iter().chain(rows).collect()",
        to: "        let _ = locks;\n        rows.into_iter().collect()",
        expected: "FAILED f9",
    },
    Bug {
        name: "host-clock-lease-of-server",
        what: "a lease ends by the clock of the host that asked for it",
        file: "store/postgres/lease.rs",
        from: "        let (bytes, seconds) = (&fingerprint.0[..], rows::seconds(length));",
        to: "        let (bytes, seconds) = (&fingerprint.0[..], rows::seconds(length));\n        #[allow(clippy::disallowed_methods)]\n        let ahead = now.duration_since(SystemTime::now()).unwrap_or_default();\n        let seconds = seconds + ahead.as_secs_f64();",
        expected: "FAILED f7",
    },
    Bug {
        name: "unfenced-complete-of-server",
        what: "whoever lost a lease completes and buries under it",
        file: "store/postgres/lease.rs",
        from: "    UPDATE dovetail_inbox SET status = $5, lease_until = NULL, at = clock_timestamp()\n    WHERE consumer = $1 AND source = $2 AND id = $3 AND token = $4",
        to: "    UPDATE dovetail_inbox SET status = $5, lease_until = NULL, at = clock_timestamp()\n    WHERE consumer = $1 AND source = $2 AND id = $3 AND token >= $4",
        expected: "FAILED f7",
    },
    Bug {
        name: "unordered-relay-of-server",
        what: "the relay takes what follows a message of its key that another one holds",
        file: "store/postgres/outbox.rs",
        from: "                AND earlier.status IN ('pending', 'blocked')",
        to: "                AND earlier.status IN ('none')",
        expected: "FAILED f6",
    },
];
