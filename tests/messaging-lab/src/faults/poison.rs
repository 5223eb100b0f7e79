//! F10: one message in a hundred cannot be read, one is not what the contract says, one makes the handler panic, and one in a thousand is too large.

use std::{collections::BTreeMap, marker::PhantomData};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Rejection, Settlement},
    dead_letter::{Filter, Reason},
    store::DeadLetters as _,
};
use dovetail_resilience::{Chance, Clock};

use super::Size;
use crate::{
    child::block_on,
    common::{Watch, start},
    ground::{Ground, Home, Open},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, config, effect_of, ids, number_of, order, tally},
};

/// The longest body that the service takes.
const BYTES_MAX: usize = 64 << 10;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(5_000, 1_000);
    block_on(async {
        let folder = Home::<G>::new()?;
        let ground = G::open(folder.path()).await?;
        let expected: BTreeMap<String, Reason> = (0..count)
            .filter_map(|number| poison(number).map(|reason| (format!("m-{number}"), reason)))
            .collect();
        let clean = handle_all(&ground, "clean", count, false).await?;
        let mixed = handle_all(&ground, BILLING, count, true).await?;
        let mut healthy = ids(count);
        healthy.retain(|id| !expected.contains_key(id));
        let effects = ground.effects().await?;
        let mut own = tally(BILLING, &healthy, &effects);
        let letters = ground.store().letters(Filter::default(), 0, 10_000).await?;
        let found: BTreeMap<String, Reason> = letters
            .iter()
            .filter_map(|letter| Some((letter.message.id.clone()?, letter.reason)))
            .collect();
        let mut broken = Vec::new();
        if found != expected || letters.len() != expected.len() {
            own.lost += expected.len().abs_diff(letters.len()) as u64;
            broken.push("the dead letters are not the poison, each with its reason".to_owned());
        }
        // Whoever drops what it cannot handle has no dead letter for any of it.
        let lost = Tally {
            lost: expected.len() as u64,
            ..Tally::default()
        };
        let ratio = healthy.len() as f64 / mixed / (count as f64 / clean);
        Ok(Said {
            size: format!(
                "{count} messages, {} of them poison: healthy ones at {ratio:.2}× the rate of a clean run",
                expected.len()
            ),
            tally: own,
            broken,
            control: Control::new("what fails is acknowledged and dropped", lost),
        })
    })
}

/// What is wrong with the message of that number.
fn poison(number: usize) -> Option<Reason> {
    match number % 1_000 {
        999 => Some(Reason::Contract),
        rest => match rest % 100 {
            11 => Some(Reason::Decode),
            47 => Some(Reason::Contract),
            83 => Some(Reason::Panic),
            _ => None,
        },
    }
}

/// How many seconds it takes to handle all of them.
async fn handle_all<G: Ground>(
    ground: &G,
    consumer: &'static str,
    count: usize,
    is_mixed: bool,
) -> Result<f64> {
    let handler = Strict {
        consumer,
        ground: PhantomData::<fn(G)>,
    };
    let config = Config {
        attempts_max: 2,
        ..config()
    };
    let consumer = Consumer::new(
        consumer,
        ground.store().clone(),
        handler,
        config,
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    let watch = Watch::start();
    for number in 0..count {
        let message = message(number, is_mixed);
        while !matches!(consumer.process(message.clone()).await, Settlement::Ack(_)) {}
    }
    Ok(watch.elapsed().as_secs_f64())
}

fn message(number: usize, is_mixed: bool) -> Message {
    let mut message = order(number, 1);
    message.key = None;
    let body = match poison(number).filter(|_| is_mixed) {
        None => return message,
        Some(Reason::Decode) => vec![0xff, 0xfe],
        Some(Reason::Panic) => b"panic".to_vec(),
        Some(_) if number % 1_000 == 999 => vec![b'9'; BYTES_MAX + 1],
        Some(_) => b"no number".to_vec(),
    };
    message.body = body.into();
    message
}

#[derive(Debug)]
struct Strict<G> {
    consumer: &'static str,
    ground: PhantomData<fn(G)>,
}

impl<G: Ground> Handler<Open<G>> for Strict<G> {
    type Event = Option<i64>;

    fn decode(&self, message: &Message) -> Result<Option<i64>, Rejection> {
        if message.body.len() > BYTES_MAX {
            return Err(Rejection::contract("it is too large"));
        }
        if &message.body[..] == b"panic" {
            return Ok(None);
        }
        number_of(message).map(Some)
    }

    async fn handle(
        &self,
        transaction: &mut Open<G>,
        number: Option<i64>,
        message: &Message,
    ) -> Result<(), HandlerError> {
        let effect = effect_of(self.consumer, message, number.unwrap_or_default());
        G::write(transaction, effect).await?;
        if number.is_none() {
            // Without the hook, which would print it.
            std::panic::resume_unwind(Box::new("at the handler"));
        }
        Ok(())
    }
}
