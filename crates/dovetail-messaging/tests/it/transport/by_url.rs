//! What rigs of brokers at a URL have in common.

use std::time::Duration;

use dovetail_resilience::backoff;

use super::{
    proxy::Proxy,
    rig::{Opened, skip},
};

/// Where a server is, as the environment says.
pub(crate) fn server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        skip(variable);
    }
    url
}

/// Waits between connections that a test can wait for.
pub(crate) const fn quick() -> backoff::Config {
    backoff::Config {
        base: Duration::from_millis(20),
        throttled_base: Duration::from_millis(20),
        max: Duration::from_millis(500),
    }
}

/// A transport whose line can be cut.
pub(crate) async fn open_through<T>(url: &str, connect: impl FnOnce(&str) -> T) -> Opened<T> {
    let line = Proxy::to(Proxy::broker(url)).await;
    let transport = connect(&line.through(url));
    Opened {
        transport,
        line: Some(line),
    }
}

/// The rig of a broker at a URL, which keeps the order of keys or not. The module around it says where the broker is (`url`), how it is used
/// (`config`, `open`), and how others publish there (`publish_raw`). The last number is how many deliveries of a group may be under way at once.
macro_rules! by_url {
    ($rig:ident, $transport:ty, $docs:literal, $keeps_keys:literal) => {
        by_url!($rig, $transport, $docs, $keeps_keys, usize::MAX);
    };
    ($rig:ident, $transport:ty, $docs:literal, $keeps_keys:literal, $at_once:expr) => {
        impl Rig for $rig {
            type Transport = $transport;

            async fn start() -> Option<Self> {
                url().map(Self)
            }

            fn docs() -> &'static str {
                include_str!($docs)
            }

            async fn open(&self) -> Opened<$transport> {
                let config = Config {
                    keeps_keys: $keeps_keys,
                    ..config()
                };
                open(&self.0, config).await
            }

            fn at_once(&self) -> usize {
                $at_once
            }

            fn visibility(&self) -> Duration {
                config().visibility
            }

            async fn publish_foreign(
                &self,
                channel: &str,
                attributes: &[(&str, &str)],
                body: &[u8],
            ) {
                publish_raw(&self.0, channel, attributes, body).await;
            }
        }
    };
}

pub(crate) use by_url;
