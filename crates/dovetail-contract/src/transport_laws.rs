//! Which laws of transports each kind of broker keeps, for findings and generated docs.
//!
//! The runtime says the same of itself (`Transport::laws` of `dovetail-messaging`, which is never depended on); a test across both crates holds
//! them together.

use crate::contract::Transport;

/// A law of what brings messages to their consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// A message that a group has not acknowledged comes again.
    AtLeastOnce,
    /// A message that a group has acknowledged does not come again to it.
    AcknowledgedIsDone,
    /// While one receiver has a message, the group has no other delivery of it.
    OneAtATime,
    /// A delivery that is not settled in its time comes again.
    UnsettledComesAgain,
    /// After its time, or once it was used, a receipt changes nothing.
    LateReceiptsAreVoid,
    /// Of one key a group has at most one delivery at a time, the earliest.
    KeysKeepTheirOrder,
    /// The same where one of its messages comes again.
    KeysKeepTheirOrderAcrossRedelivery,
    /// A group of a topic has every message from its subscription on, and none from before.
    TopicsBeginAtTheSubscription,
    /// What one group does with a message is nothing to another group.
    GroupsAreIndependent,
    /// A queue keeps messages until its one group takes them.
    QueuesKeepMessages,
    /// What is given back comes again after its time, and not before.
    GivenBackComesAfterItsTime,
    /// Envelope and body arrive byte for byte.
    BytesSurvive,
    /// What is no event arrives as well.
    ForeignMessagesArrive,
    /// What is published to a channel that nobody declared is rejected.
    UndeclaredIsRejected,
    /// What was published is not lost.
    ConfirmedIsKept,
    /// A lost connection is made again.
    ItReconnects,
    /// How often a message came is known.
    DeliveriesAreCounted,
}

impl Law {
    /// Every law, in the order of the runtime's list.
    pub const ALL: [Self; 17] = [
        Self::AtLeastOnce,
        Self::AcknowledgedIsDone,
        Self::OneAtATime,
        Self::UnsettledComesAgain,
        Self::LateReceiptsAreVoid,
        Self::KeysKeepTheirOrder,
        Self::KeysKeepTheirOrderAcrossRedelivery,
        Self::TopicsBeginAtTheSubscription,
        Self::GroupsAreIndependent,
        Self::QueuesKeepMessages,
        Self::GivenBackComesAfterItsTime,
        Self::BytesSurvive,
        Self::ForeignMessagesArrive,
        Self::UndeclaredIsRejected,
        Self::ConfirmedIsKept,
        Self::ItReconnects,
        Self::DeliveriesAreCounted,
    ];

    /// The words that the runtime has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "At least once",
            Self::AcknowledgedIsDone => "Acknowledged is done",
            Self::OneAtATime => "One at a time",
            Self::UnsettledComesAgain => "Unsettled comes again",
            Self::LateReceiptsAreVoid => "Late receipts are void",
            Self::KeysKeepTheirOrder => "Keys keep their order",
            Self::KeysKeepTheirOrderAcrossRedelivery => "Keys keep their order across redelivery",
            Self::TopicsBeginAtTheSubscription => "Topics begin at the subscription",
            Self::GroupsAreIndependent => "Groups are independent",
            Self::QueuesKeepMessages => "Queues keep messages",
            Self::GivenBackComesAfterItsTime => "Given back comes after its time",
            Self::BytesSurvive => "Bytes survive",
            Self::ForeignMessagesArrive => "Foreign messages arrive",
            Self::UndeclaredIsRejected => "Undeclared is rejected",
            Self::ConfirmedIsKept => "Confirmed is kept",
            Self::ItReconnects => "It reconnects",
            Self::DeliveriesAreCounted => "Deliveries are counted",
        }
    }
}

/// The laws that a channel of this kind of broker does not keep, where the broker was set up to keep the order of keys, or was not.
#[must_use]
pub const fn unkept(transport: Transport, keeps_keys: bool) -> &'static [Law] {
    match (transport, keeps_keys) {
        (Transport::Embedded, _)
        | (Transport::RabbitMq | Transport::Nats | Transport::Sqs, true) => &[],
        (Transport::Kafka, _) => &[Law::AcknowledgedIsDone, Law::DeliveriesAreCounted],
        (Transport::RabbitMq | Transport::Nats, false) => &[
            Law::KeysKeepTheirOrder,
            Law::KeysKeepTheirOrderAcrossRedelivery,
        ],
        (Transport::Sqs, false) => &[
            Law::AcknowledgedIsDone,
            Law::OneAtATime,
            Law::KeysKeepTheirOrder,
            Law::KeysKeepTheirOrderAcrossRedelivery,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_law_is_listed_once_in_the_order_of_its_kind() {
        assert!(Law::ALL.is_sorted_by(|one, next| one < next));
        for (_, transport) in Transport::ALL {
            for keeps_keys in [false, true] {
                let unkept = unkept(transport, keeps_keys);
                assert!(unkept.is_sorted_by(|one, next| one < next), "{unkept:?}");
            }
        }
    }
}
