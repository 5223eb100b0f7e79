//! Where a broker is, as one text.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use dovetail_messaging::Clock;
use dovetail_messaging::transport::embedded::Embedded;

use super::{Broker, VISIBILITY, carrier::Carrier};

impl Broker {
    /// The broker at an address: `amqp://…` or `amqps://…` is RabbitMQ, `nats://…` or `tls://…` is NATS, `kafka:HOST:PORT` is Kafka, `sqs:URL` is
    /// an endpoint of AWS, and everything else is the file of the embedded broker. `env:NAME` is what the variable says, which keeps a password
    /// out of the list of processes.
    ///
    /// # Errors
    ///
    /// Where the address is none, the program was built without that broker, or the file cannot be opened.
    pub async fn at(address: &str) -> Result<Self> {
        let said;
        let address = match address.strip_prefix("env:") {
            None => address,
            Some(name) => {
                said = std::env::var(name).with_context(|| format!("{name} is not set"))?;
                &said
            }
        };
        let scheme = address.split_once(':').map(|(scheme, _)| scheme);
        let carrier: Arc<dyn Carrier> = match scheme {
            Some("amqp" | "amqps") => rabbitmq(address)?,
            Some("nats" | "tls") => nats(address)?,
            Some("kafka") => kafka(address.trim_start_matches("kafka:"))?,
            Some("sqs") => sqs(address.trim_start_matches("sqs:")).await?,
            _ => return Self::embedded(Path::new(address)),
        };
        Ok(Self::of(carrier))
    }

    /// The embedded broker, in a file that all services share.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn embedded(file: &Path) -> Result<Self> {
        let store = crate::store(Some(file))?;
        let embedded = Embedded::new(store, VISIBILITY, Clock::system());
        Ok(Self {
            embedded: Some(embedded.clone()),
            ..Self::of(Arc::new(embedded))
        })
    }
}

/// A broker that this program was built without.
macro_rules! without {
    ($name:ident, $feature:literal) => {
        #[cfg(not(feature = $feature))]
        fn $name(_: &str) -> Result<Arc<dyn Carrier>> {
            anyhow::bail!("build this program with `--features {}`", $feature)
        }
    };
}

without!(rabbitmq, "rabbitmq");
without!(nats, "nats");
without!(kafka, "kafka");

#[cfg(feature = "rabbitmq")]
fn rabbitmq(url: &str) -> Result<Arc<dyn Carrier>> {
    use dovetail_messaging::transport::rabbitmq::{Config, RabbitMq};
    let (clock, chance) = super::world();
    let config = Config {
        visibility: VISIBILITY,
        ..Config::default()
    };
    let broker = RabbitMq::new(url, config, clock, chance);
    Ok(Arc::new(broker.context("not an address of RabbitMQ")?))
}

#[cfg(feature = "nats")]
fn nats(url: &str) -> Result<Arc<dyn Carrier>> {
    use dovetail_messaging::transport::nats::{Config, Nats};
    let (clock, chance) = super::world();
    let config = Config {
        visibility: VISIBILITY,
        // What an order is told of comes in the order in which it happened.
        keeps_keys: true,
        ..Config::default()
    };
    let broker = Nats::new(url, config, clock, chance);
    Ok(Arc::new(broker.context("not an address of NATS")?))
}

#[cfg(feature = "kafka")]
fn kafka(brokers: &str) -> Result<Arc<dyn Carrier>> {
    use dovetail_messaging::transport::kafka::{Kafka, Options};
    let options = Options {
        visibility: VISIBILITY,
        ..Options::new(brokers)
    };
    let broker = Kafka::connect(options, Clock::system());
    Ok(Arc::new(broker.context("no addresses of Kafka")?))
}

#[cfg(not(feature = "aws"))]
async fn sqs(_: &str) -> Result<Arc<dyn Carrier>> {
    anyhow::bail!("build this program with `--features aws`")
}

/// Credentials and region are those of the environment.
#[cfg(feature = "aws")]
async fn sqs(endpoint: &str) -> Result<Arc<dyn Carrier>> {
    use aws_config::BehaviorVersion;
    use dovetail_messaging::transport::aws::{Aws, Options};
    let (clock, chance) = super::world();
    let config = aws_config::defaults(BehaviorVersion::latest());
    let config = config.endpoint_url(endpoint).load().await;
    let options = Options {
        visibility: VISIBILITY,
        ..Options::default()
    };
    let broker = Aws::new(&config, options, clock, chance);
    Ok(Arc::new(broker.context("cannot use AWS")?))
}
