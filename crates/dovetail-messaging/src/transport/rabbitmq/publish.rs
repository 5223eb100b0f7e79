//! Publishing with confirms, one message at a time on each channel of the protocol.
//!
//! Where several are on their way on one channel, it cannot be told which of them the broker sent back: the client library gives what came back
//! to whichever confirmation is next. And what the broker refuses closes the channel, so that all of them would seem to be refused.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lapin::{
    Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::sync::Semaphore;

use super::{
    link::{Link, Problem, short},
    wire::Frame,
};
use crate::transport::Kind;

/// Messages that are on their way at once, each on a channel of the protocol of its own: enough to keep a broker busy, and far fewer than the
/// channels that it allows one connection.
const ON_THEIR_WAY_MAX: usize = 128;

/// What a frame of the protocol holds besides the properties of a message.
const FRAME_MARGIN: usize = 1024;

/// The connection that is published on, and what is known of the channels that were published to.
pub(super) struct Outlet {
    link: Link,
    turns: Semaphore,
    /// Channels of the protocol on which nothing is on its way.
    idle: Mutex<Vec<lapin::Channel>>,
    kinds: Mutex<HashMap<String, Kind>>,
}

impl Outlet {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            turns: Semaphore::new(ON_THEIR_WAY_MAX),
            idle: Mutex::default(),
            kinds: Mutex::default(),
        }
    }

    /// Publishes, and waits until the broker has it on disk. What there is under the name is asked on another link, which an alarm of the broker
    /// does not stop.
    pub(super) async fn publish(&self, ask: &Link, frame: &Frame<'_>) -> Result<(), Problem> {
        let name = frame.channel;
        let known = self.kinds().get(name).copied();
        if let Some(kind) = known {
            let told = self.send(frame, kind).await;
            if !matches!(told, Err(Problem::Refused(_))) {
                return told;
            }
            // The channel may be another one now, or none.
        }
        let Some(kind) = ask.kind(name).await? else {
            return Err(Problem::refused("there is no such channel"));
        };
        self.kinds().insert(name.to_owned(), kind);
        self.send(frame, kind).await
    }

    async fn send(&self, frame: &Frame<'_>, kind: Kind) -> Result<(), Problem> {
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(Problem::unavailable)?;
        let channel = self.open(frame).await?;
        let told = send(&channel, frame, kind).await;
        // One that is dropped before, because nobody waits any longer, is closed: its confirmation would be taken for the next one's.
        if channel.status().connected() {
            self.idle().push(channel);
        }
        if matches!(told, Err(Problem::Refused(_))) {
            self.kinds().remove(frame.channel);
        }
        told
    }

    /// A channel of the protocol on which nothing is on its way.
    async fn open(&self, frame: &Frame<'_>) -> Result<lapin::Channel, Problem> {
        let connection = self.link.connection().await?;
        if connection.status().blocked() {
            return Err(Problem::unavailable("the broker takes nothing for now"));
        }
        let frame_max = usize::try_from(connection.configuration().frame_max());
        if frame.properties_bytes.saturating_add(FRAME_MARGIN) > frame_max.unwrap_or(usize::MAX) {
            return Err(Problem::refused(
                "its attributes are more than one frame of this connection",
            ));
        }
        if let Some(channel) = self.reuse() {
            return Ok(channel);
        }
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    }

    fn reuse(&self) -> Option<lapin::Channel> {
        let mut idle = self.idle();
        while let Some(channel) = idle.pop() {
            if channel.status().connected() {
                return Some(channel);
            }
        }
        None
    }

    fn idle(&self) -> MutexGuard<'_, Vec<lapin::Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<String, Kind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes on a channel of the protocol that nobody else uses, so that whatever the broker says is about this message.
async fn send(channel: &lapin::Channel, frame: &Frame<'_>, kind: Kind) -> Result<(), Problem> {
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
