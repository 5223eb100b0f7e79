//! `dovetail dead-letters`, `outbox` and `messaging`: looking after the messages of a running system.
//!
//! The one place where the command meets the runtime: what it does goes through the store of `dovetail-messaging`, as the services do it, so
//! that no second tool knows the tables. Nothing of a contract is read.

mod decide;
mod find;
mod migrate;
mod outbox;
mod replay;
mod shown;
mod target;

use std::time::SystemTime;

use dovetail_messaging::Clock;
use dovetail_messaging::dead_letter::{Act, State};
use dovetail_messaging::store::{Outbox, Replays, StoreError};

use self::target::Target;
use crate::args::operate::{
    self, LetterAction, LetterState, MessagingAction, OutboxAction, StoreAt,
};
use crate::args::{Format, Global};
use crate::exit::{Exit, Stop};
use crate::outputs::Outputs;
use crate::ui::Ui;

/// What every action has before it.
struct Desk {
    ui: Ui,
    outputs: Outputs,
    clock: Clock,
    who: String,
}

impl Desk {
    fn new(global: &Global, ui: Ui, at: &StoreAt) -> Result<Self, Stop> {
        Ok(Self {
            ui,
            outputs: Outputs::new(global, &[Format::Human, Format::Json])?,
            clock: Clock::system(),
            who: who(at)?,
        })
    }

    fn now(&self) -> SystemTime {
        self.clock.wall()
    }

    fn act(&self) -> Act {
        Act {
            who: self.who.clone(),
            at: self.now(),
        }
    }

    /// Writes a result: `human` for people, `json` for programs.
    fn write(&self, human: &str, json: &serde_json::Value) -> Result<(), Stop> {
        self.outputs.write(self.ui, |format, _| match format {
            Format::Json => shown::json(json),
            Format::Human | Format::Junit => human.to_owned(),
        })
    }

    /// Ends an action that changes something and was not confirmed.
    fn unconfirmed(&self, what: &str) -> Stop {
        Stop::new(
            Exit::Refused,
            anyhow::anyhow!("{what}; nothing was done: say `--yes` to do it"),
        )
    }
}

/// Who acts, as the command line or else the environment says.
fn who(at: &StoreAt) -> Result<String, Stop> {
    const LENGTH_MAX: usize = 100;
    let said = |name| std::env::var(name).ok().filter(|who| !who.is_empty());
    let who = at
        .who
        .clone()
        .or_else(|| said("USER"))
        .or_else(|| said("LOGNAME"))
        .or_else(|| said("USERNAME"));
    let who = who.unwrap_or_else(|| "unknown".to_owned());
    if who.is_empty() || who.len() > LENGTH_MAX {
        return Err(Stop::usage("`--as` takes a name of 1 to 100 bytes"));
    }
    Ok(who)
}

/// Looks after dead letters.
pub(crate) fn dead_letters(
    global: &Global,
    ui: Ui,
    asked: &operate::DeadLetters,
) -> Result<Exit, Stop> {
    let desk = Desk::new(global, ui, &asked.at)?;
    // What is wrong with the command line is said before anything is opened.
    let job = Job::Letters(&asked.action);
    check(&desk, &job)?;
    run(global, &desk, &asked.at, &job)
}

/// Looks after what a service publishes.
pub(crate) fn outbox(global: &Global, ui: Ui, asked: &operate::Outbox) -> Result<Exit, Stop> {
    let desk = Desk::new(global, ui, &asked.at)?;
    let job = Job::Outbox(&asked.action);
    check(&desk, &job)?;
    run(global, &desk, &asked.at, &job)
}

/// Looks after the tables of messages.
pub(crate) fn messaging(global: &Global, ui: Ui, asked: &operate::Messaging) -> Result<Exit, Stop> {
    let desk = Desk::new(global, ui, &asked.at)?;
    let MessagingAction::Migrate { print_sql, from } = asked.action;
    if print_sql {
        let is_postgres = target::is_postgres(&asked.at)?;
        return migrate::print(&desk, is_postgres, from.unwrap_or(0));
    }
    match Target::read(global, &asked.at)? {
        Target::Sqlite(path) => migrate::sqlite(&desk, &path),
        #[cfg(feature = "postgres")]
        Target::Postgres(address) => {
            let versions = runtime()?.block_on(address.migrate(&desk))?;
            migrate::say(&desk, versions)
        }
    }
}

/// What is done with a store.
enum Job<'a> {
    Letters(&'a LetterAction),
    Outbox(&'a OutboxAction),
}

fn check(desk: &Desk, job: &Job<'_>) -> Result<(), Stop> {
    match job {
        Job::Letters(LetterAction::List(asked)) => find::list_search(desk, asked).map(drop),
        Job::Letters(LetterAction::Group(asked)) => find::group_search(desk, asked).map(drop),
        Job::Letters(LetterAction::Replay(asked)) => replay::asked(desk, asked).map(drop),
        Job::Letters(LetterAction::Discard(asked)) => decide::discarded(desk, asked).map(drop),
        Job::Letters(LetterAction::Purge(asked)) => decide::purged(desk, asked).map(drop),
        Job::Letters(LetterAction::Edit(asked)) => decide::edited(asked).map(drop),
        Job::Outbox(OutboxAction::Replay { since, .. }) => {
            find::instant(desk, "--since", since).map(drop)
        }
        _ => Ok(()),
    }
}

/// Opens the store and does it.
fn run(global: &Global, desk: &Desk, at: &StoreAt, job: &Job<'_>) -> Result<Exit, Stop> {
    let target = Target::read(global, at)?;
    runtime()?.block_on(async {
        match target {
            Target::Sqlite(path) => perform(desk, &target::attach(&path)?, job).await,
            #[cfg(feature = "postgres")]
            Target::Postgres(address) => perform(desk, &address.attach().await?, job).await,
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.map_err(|error| Stop::new(Exit::Infrastructure, error))
}

async fn perform<S: Replays + Outbox>(desk: &Desk, store: &S, job: &Job<'_>) -> Result<Exit, Stop> {
    let action = match job {
        Job::Letters(action) => action,
        Job::Outbox(OutboxAction::Status) => return outbox::status(desk, store).await,
        Job::Outbox(OutboxAction::Replay { since, yes }) => {
            return outbox::replay(desk, store, since, *yes).await;
        }
    };
    match action {
        LetterAction::List(asked) => find::list(desk, store, asked).await,
        LetterAction::Show(asked) => find::show(desk, store, asked).await,
        LetterAction::Group(asked) => find::group(desk, store, asked).await,
        LetterAction::Audit {
            number,
            after,
            limit,
        } => find::audit(desk, store, *number, (*after, *limit)).await,
        LetterAction::Note { number, text } => decide::note(desk, store, *number, text).await,
        LetterAction::Edit(asked) => decide::edit(desk, store, asked).await,
        LetterAction::Discard(asked) => decide::discard(desk, store, asked).await,
        LetterAction::Restore { numbers } => decide::restore(desk, store, numbers).await,
        LetterAction::Purge(asked) => decide::purge(desk, store, asked).await,
        LetterAction::Replay(asked) => replay::start(desk, store, asked).await,
        LetterAction::Jobs { job } => replay::jobs(desk, store, *job).await,
        LetterAction::Pause { job } => replay::pause(desk, store, *job).await,
        LetterAction::Resume { job } => replay::resume(desk, store, *job).await,
        LetterAction::Cancel { job } => replay::cancel(desk, store, *job).await,
    }
}

/// What a store could not do.
fn failed(error: StoreError) -> Stop {
    Stop::new(Exit::Infrastructure, error)
}

fn nothing(what: impl Into<String>) -> Stop {
    Stop::new(Exit::NothingMatched, anyhow::Error::msg(what.into()))
}

fn no_letter(number: i64) -> Stop {
    nothing(format!("there is no dead letter {number}"))
}

fn state(asked: LetterState) -> Option<State> {
    match asked {
        LetterState::Open => Some(State::Open),
        LetterState::Replayed => Some(State::Replayed),
        LetterState::Discarded => Some(State::Discarded),
        LetterState::Resolved => Some(State::Resolved),
        LetterState::Any => None,
    }
}
