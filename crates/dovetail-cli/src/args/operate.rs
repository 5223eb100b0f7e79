//! What can be asked of the messages of a running system.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Where the messages are, and who asks.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreAt {
    /// Where the service keeps its messages: `sqlite:PATH`, `postgres://…`, or `env:VARIABLE` that says so; by default what `DOVETAIL_STORE` says
    #[arg(long, value_name = "STORE", global = true)]
    pub store: Option<String>,
    /// Who does it, for the audit; by default the user of this machine
    #[arg(long = "as", value_name = "NAME", global = true)]
    pub who: Option<String>,
}

/// Looks after dead letters.
#[derive(Debug, Args)]
pub struct DeadLetters {
    /// Where they are, and who asks.
    #[command(flatten)]
    pub at: StoreAt,
    /// What to do with them.
    #[command(subcommand)]
    pub action: LetterAction,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum LetterAction {
    /// Lists them, in the order in which they came
    List(List),
    /// Shows one with its headers and what was done to it
    Show(Show),
    /// Counts them by what they have in common
    Group(Group),
    /// Notes something on one; an empty text takes the note away
    Note {
        /// Which one
        number: i64,
        /// What to note
        text: String,
    },
    /// Sends them again, to the consumers that could not handle them
    Replay(Replay),
    /// Sends an edited copy of one, under an id of its own, and closes the original
    Edit(Edit),
    /// Decides that they do not matter
    Discard(Discard),
    /// Opens discarded or replayed ones again
    Restore {
        /// Which ones
        #[arg(required = true)]
        numbers: Vec<i64>,
    },
    /// Forgets those that were closed long ago; what was done to them stays in the audit
    Purge(Purge),
    /// Lists who did what, and when
    Audit {
        /// Only what was done to this dead letter
        number: Option<i64>,
        /// Goes on after this entry
        #[arg(long, value_name = "ENTRY", default_value_t = 0)]
        after: i64,
        /// How many entries at most
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Lists replays, the newest first
    Jobs {
        /// Only this one
        job: Option<i64>,
    },
    /// Lets a replay wait
    Pause {
        /// Which one
        job: i64,
    },
    /// Lets a replay go on, and runs it until it ends
    Resume {
        /// Which one
        job: i64,
    },
    /// Ends a replay; what it has not sent stays a dead letter
    Cancel {
        /// Which one
        job: i64,
    },
}

/// Which dead letters are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct Selecting {
    /// Only those of this consumer, as `service/provider/handler`
    #[arg(long, value_name = "CONSUMER")]
    pub consumer: Option<String>,
    /// Only those of this reason, such as `contract`
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those of this kind of message
    #[arg(long, value_name = "TYPE")]
    pub kind: Option<String>,
    /// Only those that came by this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Only those that came at this time or later: `2026-11-24T09:00:00Z`, or an age such as `2h`
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those that came before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only those whose envelope this CESQL expression is true of, such as `subject LIKE 'eu-%'`
    #[arg(long, value_name = "CESQL")]
    pub filter: Option<String>,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LetterState {
    /// It waits for somebody
    Open,
    /// It was sent again
    Replayed,
    /// It does not matter
    Discarded,
    /// An edited copy was sent in its place
    Resolved,
    /// Whatever became of it
    Any,
}

/// Lists dead letters.
#[derive(Debug, Args)]
pub struct List {
    /// Which ones.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Only those in this state
    #[arg(long, value_enum, default_value_t = LetterState::Open)]
    pub state: LetterState,
    /// Only those that can be sent again as they are; `--replayable=false` for the others
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub replayable: Option<bool>,
    /// Goes on after this dead letter
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: i64,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

/// Shows a dead letter.
#[derive(Debug, Args)]
pub struct Show {
    /// Which one
    pub number: i64,
    /// Shows what the message says, without what looks like a secret
    #[arg(long)]
    pub payload: bool,
    /// Writes what the message says to a new file, byte for byte, secrets included
    #[arg(long, value_name = "FILE")]
    pub payload_to: Option<PathBuf>,
}

/// Counts dead letters by what they have in common.
#[derive(Debug, Args)]
pub struct Group {
    /// Which ones.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Only those in this state
    #[arg(long, value_enum, default_value_t = LetterState::Open)]
    pub state: LetterState,
    /// By what
    #[arg(long, value_enum, default_value_t = GroupBy::Reason)]
    pub by: GroupBy,
}

/// What dead letters have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroupBy {
    /// Why they are dead
    Reason,
    /// The consumer
    Consumer,
    /// The kind of message
    Kind,
    /// What the last attempt said, without numbers
    Detail,
}

/// Sends dead letters again.
#[derive(Debug, Args)]
pub struct Replay {
    /// Which ones, by their numbers
    pub numbers: Vec<i64>,
    /// Which ones.
    #[command(flatten)]
    pub selecting: Selecting,
    /// All that are open, where nothing else says which ones
    #[arg(long)]
    pub all: bool,
    /// How many in each second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// How many have to be handled before the rest is sent; 0 sends all without waiting
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub canary: u32,
    /// For how long each one is given the time to be handled
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub settle: String,
    /// For how long every consumer of the channel remembers what it handled; older ones are refused
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub inbox_retention: String,
    /// Sends also what a consumer may have handled and forgotten
    #[arg(long)]
    pub accept_duplicates: bool,
    /// Does it, where it is more than one
    #[arg(long)]
    pub yes: bool,
}

/// Sends an edited copy of a dead letter.
#[derive(Debug, Args)]
pub struct Edit {
    /// Which one
    pub number: i64,
    /// The file that holds the new body; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// Gives a header another value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Takes a header away; may be repeated
    #[arg(long, value_name = "NAME")]
    pub remove: Vec<String>,
    /// Does it
    #[arg(long)]
    pub yes: bool,
}

/// Decides that dead letters do not matter.
#[derive(Debug, Args)]
pub struct Discard {
    /// Which ones, by their numbers
    pub numbers: Vec<i64>,
    /// Which ones.
    #[command(flatten)]
    pub selecting: Selecting,
    /// All that are open, where nothing else says which ones
    #[arg(long)]
    pub all: bool,
    /// Does it
    #[arg(long)]
    pub yes: bool,
}

/// Forgets dead letters that were closed long ago.
#[derive(Debug, Args)]
pub struct Purge {
    /// How long ago they were closed at least, such as `30d`
    #[arg(long, value_name = "TIME")]
    pub older_than: String,
    /// Does it
    #[arg(long)]
    pub yes: bool,
}

/// Looks after what a service publishes.
#[derive(Debug, Args)]
pub struct Outbox {
    /// Where it is, and who asks.
    #[command(flatten)]
    pub at: StoreAt,
    /// What to do.
    #[command(subcommand)]
    pub action: OutboxAction,
}

/// What to do with an outbox.
#[derive(Debug, Subcommand)]
pub enum OutboxAction {
    /// Says how much waits to be published, and since when
    Status,
    /// Publishes once more what was published lately, for a broker that lost what it had acknowledged
    Replay {
        /// Since when: `2026-11-24T09:00:00Z`, or an age such as `2h`
        #[arg(long, value_name = "TIME")]
        since: String,
        /// Does it
        #[arg(long)]
        yes: bool,
    },
}

/// Looks after the tables of messages.
#[derive(Debug, Args)]
pub struct Messaging {
    /// Where they are, and who asks.
    #[command(flatten)]
    pub at: StoreAt,
    /// What to do.
    #[command(subcommand)]
    pub action: MessagingAction,
}

/// What to do with the tables of messages.
#[derive(Debug, Subcommand)]
pub enum MessagingAction {
    /// Brings the tables up to date, once however often it runs
    Migrate {
        /// Changes nothing; prints the statements, for those who run them themselves
        #[arg(long)]
        print_sql: bool,
        /// Prints what follows this version of the tables, rather than all
        #[arg(long, value_name = "VERSION", requires = "print_sql")]
        from: Option<u32>,
    },
}
