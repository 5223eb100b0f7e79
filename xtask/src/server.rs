//! Servers that tests and the demonstration need, by name.

use clap::ValueEnum;

/// What can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    Postgres,
    Rabbitmq,
    Nats,
    Kafka,
    Aws,
}

impl Name {
    /// The variable that tells tests where it is.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DOVETAIL_POSTGRES_URL",
            Self::Rabbitmq => "DOVETAIL_RABBITMQ_URL",
            Self::Nats => "DOVETAIL_NATS_URL",
            Self::Kafka => "DOVETAIL_KAFKA_BROKERS",
            Self::Aws => "DOVETAIL_AWS_ENDPOINT",
        }
    }

    /// How to come by it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Postgres => "apt-get install postgresql",
            Self::Rabbitmq => "apt-get install rabbitmq-server",
            Self::Nats => "apt-get install nats-server",
            Self::Kafka => {
                "cargo install --locked tansu --no-default-features --features libsql,dynostore, or name the binary in DOVETAIL_TANSU"
            }
            Self::Aws => "pip install 'moto[server]'",
        }
    }
}
