//! Transports: one suite of laws for all of them, and what is peculiar to each.

#[cfg(feature = "aws")]
mod aws;
#[cfg(any(feature = "nats", feature = "rabbitmq"))]
mod by_url;
mod embedded;
#[cfg(feature = "kafka")]
mod kafka;
mod laws;
#[cfg(feature = "nats")]
mod nats;
#[cfg_attr(
    not(any(feature = "aws", feature = "nats", feature = "rabbitmq")),
    expect(dead_code, reason = "only brokers have a line that can be cut")
)]
mod proxy;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod rig;
