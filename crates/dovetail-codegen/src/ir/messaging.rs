//! Crates of messages and of their consumers, as data.

use super::{Manifest, Section, Table, TypeItem};

/// A crate of the messages that a service provides.
#[derive(Debug, Clone)]
pub(crate) struct Messages {
    /// What the banner names as its origin.
    pub(crate) source: String,
    pub(crate) manifest: Manifest,
    pub(crate) readme: MessagesReadme,
    /// Documentation of the crate, line by line.
    pub(crate) docs: Vec<String>,
    /// How deep the compiler must look into types, where they are deeper than usual.
    pub(crate) recursion_limit: Option<usize>,
    /// What the crate hands out at its root, as paths.
    pub(crate) exports: Vec<String>,
    pub(crate) channel_uses: Vec<String>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) messages: Vec<MessageType>,
    pub(crate) producers: Vec<Producer>,
    /// Whether a type has so many true-or-false fields that they have a name of their own.
    pub(crate) has_flags: bool,
    pub(crate) types: Section<TypeItem>,
    pub(crate) tables: Section<Table>,
}

/// `README.md` of a crate of messages; all values are Markdown already.
#[derive(Debug, Clone)]
pub(crate) struct MessagesReadme {
    pub(crate) title: String,
    pub(crate) summary: Vec<String>,
    /// Name of the crate as code writes it.
    pub(crate) library: String,
    pub(crate) rows: Vec<MessageRow>,
    /// What the broker does not keep, line by line.
    pub(crate) unkept: Vec<String>,
}

/// A row of the table of messages.
#[derive(Debug, Clone)]
pub(crate) struct MessageRow {
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) method: String,
    pub(crate) channel: String,
    pub(crate) key: String,
}

/// The constant of a channel. All values are expressions.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) docs: Vec<String>,
    pub(crate) constant: String,
    pub(crate) name: String,
    pub(crate) transport: String,
    pub(crate) address: String,
    pub(crate) kind: &'static str,
    pub(crate) partitions: String,
    pub(crate) retention: String,
    pub(crate) keeps_keys: bool,
}

/// The constant of a message. All values are expressions.
#[derive(Debug, Clone)]
pub(crate) struct MessageType {
    pub(crate) docs: Vec<String>,
    pub(crate) constant: String,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) version: String,
    pub(crate) channel: String,
    pub(crate) key: String,
    pub(crate) content_type: String,
    pub(crate) schema: String,
}

/// What publishes the events of a service, or sends its commands.
#[derive(Debug, Clone)]
pub(crate) struct Producer {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// What an example calls it.
    pub(crate) example: &'static str,
    /// The source of all that it publishes, as a literal; none where whoever makes it says so.
    pub(crate) service: Option<String>,
    pub(crate) methods: Vec<ProducerMethod>,
}

/// A method that publishes.
#[derive(Debug, Clone)]
pub(crate) struct ProducerMethod {
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) name: String,
    /// Its name, as documentation links to it.
    pub(crate) shown: String,
    /// The same, under an id of the caller's.
    pub(crate) with_id: String,
    /// Name of the payload's type.
    pub(crate) payload: String,
    /// Name of the message's constant.
    pub(crate) constant: String,
}

/// A crate of what a service consumes.
#[derive(Debug, Clone)]
pub(crate) struct Consumers {
    /// What the banner names as its origin.
    pub(crate) source: String,
    pub(crate) manifest: Manifest,
    pub(crate) readme: ConsumersReadme,
    /// Documentation of the crate, line by line.
    pub(crate) docs: Vec<String>,
    /// What the crate hands out at its root, as paths.
    pub(crate) exports: Vec<String>,
    /// The service, as a literal.
    pub(crate) service: String,
    /// Path of the channels that the service publishes to, if it provides messages.
    pub(crate) provided: Option<String>,
    /// Whether anything is handled under a lease.
    pub(crate) has_leases: bool,
    pub(crate) modules: Vec<HandlerModule>,
    pub(crate) routes: Vec<MessageRoute>,
    pub(crate) groups: Vec<RouteGroup>,
    pub(crate) consumer_uses: Vec<String>,
    /// What a handler has to be, each a trait with its arguments where the store is `S`.
    pub(crate) bounds: Vec<String>,
    /// Calls on the runner, one for each channel.
    pub(crate) steps: Vec<String>,
    pub(crate) dispatchers: Vec<Dispatcher>,
}

/// `README.md` of a crate of consumers; all values are Markdown already.
#[derive(Debug, Clone)]
pub(crate) struct ConsumersReadme {
    pub(crate) title: String,
    pub(crate) summary: Vec<String>,
    pub(crate) library: String,
    pub(crate) rows: Vec<RouteRow>,
    /// What the broker does not keep, line by line.
    pub(crate) unkept: Vec<String>,
}

/// A row of the table of what is consumed.
#[derive(Debug, Clone)]
pub(crate) struct RouteRow {
    pub(crate) message: String,
    pub(crate) handler: String,
    pub(crate) channel: String,
    pub(crate) effect: &'static str,
    pub(crate) order: String,
}

/// A file with the traits of who handles the messages of one service.
#[derive(Debug, Clone)]
pub(crate) struct HandlerModule {
    /// Name of the module.
    pub(crate) name: String,
    /// The provider, as Markdown.
    pub(crate) provider: String,
    /// The crate of the messages, as code names it.
    pub(crate) library: String,
    pub(crate) uses: Vec<String>,
    pub(crate) traits: Vec<HandlerTrait>,
}

/// A trait with a method for each message of one service that is handled in one way.
#[derive(Debug, Clone)]
pub(crate) struct HandlerTrait {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// Whether handlers have a lease, rather than a transaction.
    pub(crate) is_leased: bool,
    pub(crate) methods: Vec<HandlerMethod>,
}

/// A method that handles a message.
#[derive(Debug, Clone)]
pub(crate) struct HandlerMethod {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// Name of the payload's type.
    pub(crate) payload: String,
}

/// The constant of how a message is consumed. All values are expressions.
#[derive(Debug, Clone)]
pub(crate) struct MessageRoute {
    pub(crate) docs: Vec<String>,
    pub(crate) constant: String,
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) inbox: &'static str,
    pub(crate) id_pointer: String,
    pub(crate) is_ordered: bool,
    pub(crate) attempts_max: String,
    pub(crate) backoff_base: String,
    pub(crate) backoff_max: String,
    pub(crate) deadline: String,
    pub(crate) retain: String,
    pub(crate) alert_depth: String,
    pub(crate) alert_oldest: String,
    pub(crate) dead_retain: String,
}

/// What is consumed from one channel.
#[derive(Debug, Clone)]
pub(crate) struct RouteGroup {
    pub(crate) docs: Vec<String>,
    pub(crate) constant: String,
    /// Names of constants.
    pub(crate) routes: Vec<String>,
}

/// What leads from the messages of a channel to their handlers.
#[derive(Debug, Clone)]
pub(crate) struct Dispatcher {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) is_leased: bool,
    pub(crate) bounds: Vec<String>,
    /// What a message says, as a type.
    pub(crate) event: String,
    /// Name of the enum of all that a message may say, where there is more than one.
    pub(crate) choice: Option<String>,
    pub(crate) arms: Vec<Arm>,
}

/// One kind of message of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    /// Its name, as a literal.
    pub(crate) kind: String,
    /// The variant of the enum.
    pub(crate) variant: String,
    /// The payload, as a type.
    pub(crate) payload: String,
    /// The trait of its handler.
    pub(crate) handler: String,
    pub(crate) method: String,
}
