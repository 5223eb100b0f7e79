//! Publishing with confirms.

use std::collections::HashMap;

use lapin::{
    Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::sync::Mutex;

use super::{
    link::{Link, Problem, short},
    wire::Frame,
};
use crate::transport::Kind;

/// The channel of the protocol that messages are published on, and what kind the channels are that were published to.
#[derive(Default)]
pub(super) struct Outlet {
    open: Mutex<Option<Open>>,
}

struct Open {
    channel: lapin::Channel,
    kinds: HashMap<String, Kind>,
}

impl Outlet {
    /// Publishes, and waits until the broker has it on disk.
    pub(super) async fn publish(&self, link: &Link, frame: &Frame<'_>) -> Result<(), Problem> {
        let (channel, kind) = self.open(link, frame.channel).await?;
        let name = short(frame.channel)?;
        // A topic that nobody subscribed to takes a message and gives it to nobody; a queue is there or it is not.
        let (exchange, key, mandatory) = match kind {
            Kind::Topic => (name, ShortString::default(), false),
            Kind::Queue => (ShortString::default(), name, true),
        };
        let options = BasicPublishOptions {
            mandatory,
            ..BasicPublishOptions::default()
        };
        let properties = frame.properties.clone();
        let confirmed = channel
            .basic_publish(exchange, key, options, frame.body, properties)
            .await?
            .await?;
        match confirmed {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Problem::refused("there is no such queue any more")),
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                Err(Problem::unavailable("the broker could not keep it"))
            }
        }
    }

    /// A channel of the protocol that is open. What exists is asked on others, because publishing to what is not there would close this one and
    /// fail everybody's messages that are on their way.
    async fn open(&self, link: &Link, name: &str) -> Result<(lapin::Channel, Kind), Problem> {
        let mut guard = self.open.lock().await;
        let usable = guard.take_if(|open| open.channel.status().connected());
        let mut open = match usable {
            Some(open) => open,
            None => {
                let channel = link.open().await?;
                channel
                    .confirm_select(ConfirmSelectOptions::default())
                    .await?;
                Open {
                    channel,
                    kinds: HashMap::new(),
                }
            }
        };
        let known = open.kinds.get(name).copied();
        let kind = match known {
            Some(kind) => Ok(kind),
            None => match link.kind(name).await {
                Ok(Some(kind)) => {
                    open.kinds.insert(name.to_owned(), kind);
                    Ok(kind)
                }
                Ok(None) => Err(Problem::refused("there is no such channel")),
                Err(problem) => Err(problem),
            },
        };
        let channel = open.channel.clone();
        *guard = Some(open);
        Ok((channel, kind?))
    }
}
