//! What the suite needs of a transport to try its laws, and how it publishes and receives.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use dovetail_messaging::{
    Message,
    outbox::PublishError,
    transport::{Channel, Kind, Received, Subscription, Transport},
};
use dovetail_resilience::Clock;

use super::proxy::Proxy;

/// Transports of one kind, on a broker that runs.
pub(crate) trait Rig: Sized {
    /// The transport.
    type Transport: Transport + Clone;

    /// The rig, or `None`, and loudly so, where its broker is not there.
    async fn start() -> Option<Self>;

    /// The source of its module, where the laws must stand that it does not keep.
    fn docs() -> &'static str;

    /// A transport with a connection of its own, as another process has it.
    async fn open(&self) -> Opened<Self::Transport>;

    /// For how long a delivery stays invisible.
    fn visibility(&self) -> Duration;

    /// Lets time pass.
    async fn pass(&self, time: Duration) {
        Clock::system().sleep(time).await;
    }

    /// For how long to look before one may say that nothing comes.
    fn quiet(&self) -> Duration {
        Duration::from_millis(400)
    }

    /// How many deliveries of a group may be under way at once.
    fn at_once(&self) -> usize {
        usize::MAX
    }

    /// How many messages are a large backlog.
    fn backlog(&self) -> u32 {
        1_000
    }

    /// How long the body of a message may be.
    fn body_max(&self) -> usize {
        1 << 20
    }

    /// Whether somebody else could send this body.
    fn carries(&self, _body: &[u8]) -> bool {
        true
    }

    /// Ends the connection of a transport without a word, as a process that is killed does.
    async fn sever(&self, opened: &Opened<Self::Transport>) {
        if let Some(line) = &opened.line {
            line.cut();
        }
    }

    /// Publishes past the transport, with attributes of `CloudEvents` as the protocol writes them.
    async fn publish_foreign(&self, channel: &str, attributes: &[(&str, &str)], body: &[u8]);
}

/// A transport, and the line to its broker where that can be cut.
pub(crate) struct Opened<T> {
    pub(crate) transport: T,
    pub(crate) line: Option<Proxy>,
}

impl<T> Deref for Opened<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.transport
    }
}

/// Nothing that must come takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A name that no other test uses, nor another run.
pub(crate) fn fresh(hint: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = Clock::system()
        .wall()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "test-{hint}-{}-{}-{count}",
        std::process::id(),
        since.as_micros()
    )
}

pub(crate) fn to(channel: &str, group: &str) -> Subscription {
    Subscription {
        channel: channel.to_owned(),
        group: group.to_owned(),
    }
}

/// Declares a new channel with one group, twice: it is the same once or twice.
pub(crate) async fn channel<T: Transport>(transport: &T, kind: Kind) -> Subscription {
    let subscription = to(&fresh("channel"), "billing/orders");
    for _ in 0..2 {
        let channel = Channel::new(&subscription.channel, kind);
        transport.declare(&channel).await.unwrap();
        transport.subscribe(&subscription).await.unwrap();
    }
    subscription
}

pub(crate) fn message(subscription: &Subscription, id: &str) -> Message {
    Message::new(&subscription.channel, "shop", id, id.to_owned()).with_kind("order.created")
}

/// Publishes, again and again while the broker cannot be reached.
pub(crate) async fn publish<T: Transport>(transport: &T, message: &Message) {
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    loop {
        match transport.publish(message).await {
            Ok(()) => return,
            Err(PublishError::Unavailable(_)) if clock.now() < end => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{message:?}: {error}"),
        }
    }
}

pub(crate) async fn publish_ids<T: Transport>(
    transport: &T,
    subscription: &Subscription,
    ids: &[&str],
) {
    for id in ids {
        publish(transport, &message(subscription, id)).await;
    }
}

/// Receives until there are so many.
pub(crate) async fn gather<T: Transport>(
    transport: &T,
    subscription: &Subscription,
    count: usize,
) -> Vec<Received<T::Receipt>> {
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    let mut gathered = Vec::new();
    let mut problem = None;
    while gathered.len() < count {
        let limit = u32::try_from(count - gathered.len()).unwrap();
        let wait = Duration::from_millis(500);
        match transport.receive(subscription, limit, wait).await {
            Ok(received) => gathered.extend(received),
            Err(error) => problem = Some(error),
        }
        assert!(
            clock.now() < end,
            "{count} were to come, and these did: {:?}; {problem:?}",
            ids(&gathered)
        );
    }
    gathered
}

/// Receives so many and acknowledges them, as many at once as may be.
pub(crate) async fn finish<R: Rig>(
    rig: &R,
    transport: &R::Transport,
    subscription: &Subscription,
    count: usize,
) -> Vec<Received<<R::Transport as Transport>::Receipt>> {
    let mut finished = Vec::new();
    while finished.len() < count {
        let next = (count - finished.len()).min(rig.at_once());
        let received = gather(transport, subscription, next).await;
        acknowledge(transport, &received).await;
        finished.extend(received);
    }
    finished
}

/// What is there now.
pub(crate) async fn look<R: Rig>(
    rig: &R,
    transport: &R::Transport,
    subscription: &Subscription,
) -> Vec<Received<<R::Transport as Transport>::Receipt>> {
    transport
        .receive(subscription, 10, rig.quiet())
        .await
        .unwrap()
}

/// Looks for a while, and nothing comes.
pub(crate) async fn nothing<R: Rig>(
    rig: &R,
    transport: &R::Transport,
    subscription: &Subscription,
) {
    let received = look(rig, transport, subscription).await;
    assert_eq!(ids(&received), [""; 0]);
}

pub(crate) fn ids<R>(received: &[Received<R>]) -> Vec<&str> {
    received
        .iter()
        .map(|one| one.delivery.message.id.as_deref().unwrap_or("?"))
        .collect()
}

pub(crate) fn sorted_ids<R>(received: &[Received<R>]) -> Vec<&str> {
    let mut ids = ids(received);
    ids.sort_unstable();
    ids
}

pub(crate) async fn acknowledge<T: Transport>(transport: &T, received: &[Received<T::Receipt>]) {
    for one in received {
        let is_done = transport.acknowledge(&one.receipt).await.unwrap();
        assert!(is_done, "{:?}", one.delivery.message);
    }
}

#[cfg_attr(
    not(any(
        feature = "aws",
        feature = "kafka",
        feature = "nats",
        feature = "rabbitmq"
    )),
    expect(dead_code, reason = "the embedded broker is always there")
)]
/// Says that a test did not run, or fails where it must.
pub(crate) fn skip(what: &str) {
    assert!(
        std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
        "{what} is not set, and must not be skipped"
    );
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    {
        eprintln!("skipped: {what} is not set");
    }
}
