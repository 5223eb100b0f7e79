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
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "ack-before-commit",
        what: "a delivery is acknowledged before it is handled",
        file: "consumer/run.rs",
        from: "            reach(\"received\");",
        to: "            for receipt in &receipts {\n                let _ = transport.acknowledge(receipt).await;\n            }\n            reach(\"received\");",
    },
    Bug {
        name: "mark-first",
        what: "the row of the inbox is committed before the handler runs",
        file: "store/sqlite/transaction.rs",
        from: "    reach(\"claimed\");",
        to: "    reach(\"claimed\");\n    if matches!(found, Found::Fresh { .. }) {\n        desk.connection.execute_batch(\"COMMIT; BEGIN IMMEDIATE; SAVEPOINT dovetail_claim\")?;\n    }",
    },
    Bug {
        name: "separate-transaction",
        what: "what is published is written in a transaction after that of the effect",
        file: "store/sqlite/transaction.rs",
        from: "            for message in &published {",
        to: "            desk.connection.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n            for message in &published {",
    },
    Bug {
        name: "outbox-after-commit",
        what: "what is published is dropped where a message was parked before",
        file: "store/sqlite/transaction.rs",
        from: "        let published = std::mem::take(&mut self.published);",
        to: "        let mut published = std::mem::take(&mut self.published);\n        if self.is_parked {\n            published.clear();\n        }",
    },
    Bug {
        name: "unscoped-key",
        what: "two consumers take each other's messages for duplicates",
        file: "inbox.rs",
        from: "        let (source, id) = message.identity()?;\n        Some(Self {\n            consumer: consumer.to_owned(),",
        to: "        let (source, id) = message.identity()?;\n        let _ = consumer;\n        Some(Self {\n            consumer: String::new(),",
    },
    Bug {
        name: "id-reuse-unseen",
        what: "another message of the same identity is taken for a duplicate",
        file: "store/sqlite/inbox.rs",
        from: "    Ok(Some(if fingerprint != claim.fingerprint.0 {",
        to: "    Ok(Some(if fingerprint == [0; 16] {",
    },
    Bug {
        name: "live-lease-taken",
        what: "a lease is given away while it is held",
        file: "store/sqlite/lease.rs",
        from: "             WHERE status = 'claimed' AND lease_until <= ?6 AND fingerprint = ?4",
        to: "             WHERE status = 'claimed' AND (lease_until <= ?6 OR 1) AND fingerprint = ?4",
    },
    Bug {
        name: "host-clock-lease",
        what: "a lease ends by a clock of its own, not by the one that it was asked with",
        file: "store/sqlite/lease.rs",
        from: "    now.checked_add(length).unwrap_or(now)",
        to: "    let _ = now;\n    #[allow(clippy::disallowed_methods)]\n    let host = SystemTime::now();\n    host.checked_add(length).unwrap_or(host)",
    },
    Bug {
        name: "unfenced-complete",
        what: "whoever lost a lease completes under it",
        file: "store/sqlite/lease.rs",
        from: "            \"UPDATE dovetail_inbox SET status = ?5, lease_until = NULL, at = ?6\n             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token = ?4",
        to: "            \"UPDATE dovetail_inbox SET status = ?5, lease_until = NULL, at = ?6\n             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token >= ?4",
    },
    Bug {
        name: "cursor-relay",
        what: "the relay reads behind the last message that it published",
        file: "store/sqlite/outbox.rs",
        from: "    WHERE status = 'pending' AND held_until <= ?1 AND retry_at <= ?1",
        to: "    WHERE status = 'pending' AND held_until <= ?1 AND retry_at <= ?1\n      AND place > (SELECT coalesce(max(place), 0) FROM dovetail_outbox WHERE status = 'published')",
    },
    Bug {
        name: "unordered-relay",
        what: "the relay takes what follows a message that could not be published",
        file: "store/sqlite/outbox.rs",
        from: "            AND earlier.status IN ('pending', 'blocked')",
        to: "            AND earlier.status IN ('none')",
    },
    Bug {
        name: "unfenced-relay",
        what: "a relay that was too slow settles what another one holds",
        file: "store/sqlite/outbox.rs",
        from: "\"WHERE place = ?1 AND token = ?2 AND status = 'pending'\"",
        to: "\"WHERE place = ?1 AND token >= ?2 AND status = 'pending'\"",
    },
    Bug {
        name: "unconfirmed-publish",
        what: "what could not be published counts as published",
        file: "outbox.rs",
        from: "            Err(PublishError::Unavailable(error)) => {",
        to: "            Err(PublishError::Unavailable(error)) if !error.is_empty() => Fate::Published,\n            Err(PublishError::Unavailable(error)) => {",
    },
    Bug {
        name: "retry-in-transaction",
        what: "what a failed attempt wrote is committed",
        file: "consumer/transactional.rs",
        from: "                transaction.rollback().await;\n                self.count(route, delivery, failed).await",
        to: "                let _ = transaction.commit().await;\n                self.count(route, delivery, failed).await",
    },
    Bug {
        name: "duplicate-acknowledged-early",
        what: "a delivery is acknowledged while another one of the same message is under way",
        file: "consumer/rules.rs",
        from: "            self.retry(route, 1, RetryCause::Contended)",
        to: "            let _ = self.retry(route, 1, RetryCause::Contended);\n            Settlement::Ack(super::Done::Duplicate)",
    },
    Bug {
        name: "overtaken-key",
        what: "a message goes before one of its key that waits for its next attempt",
        file: "store/sqlite/inbox.rs",
        from: "            parked::Standing::Behind => return Ok(Found::Behind),",
        to: "            parked::Standing::Behind => {}",
    },
    Bug {
        name: "cleanup-deletes-pending",
        what: "cleaning up forgets what is a dead letter or under lease",
        file: "store/sqlite/inbox.rs",
        from: "                             WHERE status = 'done' AND at < ?1 ORDER BY at LIMIT ?2)",
        to: "                             WHERE at < ?1 ORDER BY at LIMIT ?2)",
    },
    Bug {
        name: "cleanup-deletes-unpublished",
        what: "cleaning up forgets what is not published yet",
        file: "store/sqlite/outbox.rs",
        from: "                             WHERE status = 'published' AND published_at < ?1",
        to: "                             WHERE at < ?1",
    },
    Bug {
        name: "offset-beyond-gap",
        what: "the offset moves to the highest message that was handled, not to the next one",
        file: "store/sqlite/inbox.rs",
        from: "AND next BETWEEN ?4 AND ?5\",",
        to: "AND ?4 <= ?5 AND next <= ?5\",",
    },
    Bug {
        name: "late-receipt",
        what: "a receipt is good after its time",
        file: "transport/embedded.rs",
        from: "channel = ?1 AND name = ?2 AND place = ?3 AND token = ?4\";",
        to: "channel = ?1 AND name = ?2 AND place = ?3 AND token >= ?4\";",
    },
    Bug {
        name: "unordered-broker",
        what: "the embedded broker hands out a message while an earlier one of its key is out",
        file: "transport/embedded.rs",
        from: "          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key))",
        to: "          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key AND earlier.visible_at <= ?3))",
    },
];
