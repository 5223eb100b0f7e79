//! Which laws a transport keeps, as a value that tests and generated docs read.

/// The laws of [the module](super), one by one. A transport that cannot keep one says so here and in its docs; what is claimed is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Laws {
    /// A message that a group has not acknowledged comes again, also where its receiver died.
    pub at_least_once: bool,
    /// A message that a group has acknowledged does not come again to this group.
    pub acknowledged_is_done: bool,
    /// While a delivery is visible to one receiver, the group has no other of the same message.
    pub one_at_a_time: bool,
    /// A delivery that is not settled within the time that the transport is set to comes again, though its receiver lives.
    pub unsettled_comes_again: bool,
    /// After its time, or once it was used, a receipt changes nothing.
    pub late_receipts_are_void: bool,
    /// Of one key a group has at most one delivery at a time, the earliest.
    pub keys_keep_their_order: bool,
    /// A key keeps its order also where one of its messages comes again.
    pub keys_keep_their_order_across_redelivery: bool,
    /// A group of a topic has every message that is published after it subscribed, and none from before.
    pub topics_begin_at_the_subscription: bool,
    /// What one group of a topic does with a message is nothing to another group.
    pub groups_are_independent: bool,
    /// A queue keeps messages until its one group takes them, and gives each to one receiver.
    pub queues_keep_messages: bool,
    /// What is given back comes again after the time that was asked for, and not before.
    pub given_back_comes_after_its_time: bool,
    /// Envelope and body arrive byte for byte.
    pub bytes_survive: bool,
    /// What is no event arrives as a message without identity, so that it can become a dead letter.
    pub foreign_messages_arrive: bool,
    /// What is published to a channel that nobody declared is rejected.
    pub undeclared_is_rejected: bool,
    /// Publishing returns once the broker has the message, so that nothing after that loses it.
    pub confirmed_is_kept: bool,
    /// A lost connection is made again without being asked.
    pub reconnects: bool,
    /// `deliveries` counts how many times a message came to the group.
    pub deliveries_are_counted: bool,
}

impl Laws {
    /// All of them.
    pub const ALL: Self = Self {
        at_least_once: true,
        acknowledged_is_done: true,
        one_at_a_time: true,
        unsettled_comes_again: true,
        late_receipts_are_void: true,
        keys_keep_their_order: true,
        keys_keep_their_order_across_redelivery: true,
        topics_begin_at_the_subscription: true,
        groups_are_independent: true,
        queues_keep_messages: true,
        given_back_comes_after_its_time: true,
        bytes_survive: true,
        foreign_messages_arrive: true,
        undeclared_is_rejected: true,
        confirmed_is_kept: true,
        reconnects: true,
        deliveries_are_counted: true,
    };

    /// None of them, to say one by one which are kept.
    pub const NONE: Self = Self {
        at_least_once: false,
        acknowledged_is_done: false,
        one_at_a_time: false,
        unsettled_comes_again: false,
        late_receipts_are_void: false,
        keys_keep_their_order: false,
        keys_keep_their_order_across_redelivery: false,
        topics_begin_at_the_subscription: false,
        groups_are_independent: false,
        queues_keep_messages: false,
        given_back_comes_after_its_time: false,
        bytes_survive: false,
        foreign_messages_arrive: false,
        undeclared_is_rejected: false,
        confirmed_is_kept: false,
        reconnects: false,
        deliveries_are_counted: false,
    };

    /// Those of RabbitMQ, with one active consumer for each group or without.
    #[must_use]
    pub const fn of_rabbitmq(keeps_keys: bool) -> Self {
        Self::of_keys(keeps_keys)
    }

    /// Those of NATS, with one delivery of a group at a time or with many.
    #[must_use]
    pub const fn of_nats(keeps_keys: bool) -> Self {
        Self::of_keys(keeps_keys)
    }

    /// Those of Kafka.
    #[must_use]
    pub const fn of_kafka() -> Self {
        Self {
            acknowledged_is_done: false,
            deliveries_are_counted: false,
            ..Self::ALL
        }
    }

    /// Those of Amazon SQS, with queues that are first in, first out, or with standard ones.
    #[must_use]
    pub const fn of_sqs(is_fifo: bool) -> Self {
        Self {
            acknowledged_is_done: is_fifo,
            one_at_a_time: is_fifo,
            ..Self::of_keys(is_fifo)
        }
    }

    const fn of_keys(keeps_keys: bool) -> Self {
        Self {
            keys_keep_their_order: keeps_keys,
            keys_keep_their_order_across_redelivery: keeps_keys,
            ..Self::ALL
        }
    }

    /// Each law by the words that open it in the docs, and whether it is kept.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
        [
            ("At least once", self.at_least_once),
            ("Acknowledged is done", self.acknowledged_is_done),
            ("One at a time", self.one_at_a_time),
            ("Unsettled comes again", self.unsettled_comes_again),
            ("Late receipts are void", self.late_receipts_are_void),
            ("Keys keep their order", self.keys_keep_their_order),
            (
                "Keys keep their order across redelivery",
                self.keys_keep_their_order_across_redelivery,
            ),
            (
                "Topics begin at the subscription",
                self.topics_begin_at_the_subscription,
            ),
            ("Groups are independent", self.groups_are_independent),
            ("Queues keep messages", self.queues_keep_messages),
            (
                "Given back comes after its time",
                self.given_back_comes_after_its_time,
            ),
            ("Bytes survive", self.bytes_survive),
            ("Foreign messages arrive", self.foreign_messages_arrive),
            ("Undeclared is rejected", self.undeclared_is_rejected),
            ("Confirmed is kept", self.confirmed_is_kept),
            ("It reconnects", self.reconnects),
            ("Deliveries are counted", self.deliveries_are_counted),
        ]
        .into_iter()
    }

    /// The laws that are not kept, by the words that open them in the docs.
    pub fn exceptions(&self) -> impl Iterator<Item = &'static str> {
        self.iter()
            .filter_map(|(law, is_kept)| (!is_kept).then_some(law))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_law_stands_in_the_docs_of_the_module() {
        let docs = include_str!("../transport.rs");
        assert_eq!(Laws::ALL.exceptions().count(), 0);
        for (law, _) in Laws::ALL.iter() {
            assert!(docs.contains(&format!("//! - **{law}.**")), "{law}");
        }
    }
}
