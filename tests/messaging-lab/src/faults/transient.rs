//! F11: one attempt in twenty fails, and the messages of each key keep their order nevertheless.

use std::{collections::VecDeque, marker::PhantomData, sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Order, Rejection, Settlement},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use super::Size;
use crate::{
    child::block_on,
    common::one_in,
    ground::{Ground, Home, Open},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, config, effect_of, ids, number_of, order, tally},
};

const WORKERS: usize = 16;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let (keys, length) = size.of((1_000, 20), (50, 10));
    let (own, broken) = block_on(handle_all::<G>(keys, length, true))?;
    let (control, _) = block_on(handle_all::<G>(keys, length, false))?;
    Ok(Said {
        size: format!("{keys} keys × {length} messages, 5 % of the attempts fail"),
        tally: own,
        broken,
        control: Control::new("what fails goes to the end of the queue", control),
    })
}

async fn handle_all<G: Ground>(
    keys: usize,
    length: usize,
    parks: bool,
) -> Result<(Tally, Vec<String>)> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let handler = Flaky {
        chance: Chance::seeded(11),
        ground: PhantomData::<fn(G)>,
    };
    let config = Config {
        order: parks.then(Order::default),
        ..config()
    };
    let clock = Clock::system();
    let consumer = Arc::new(Consumer::new(
        BILLING,
        ground.store().clone(),
        handler,
        config,
        clock,
        Chance::seeded(1),
    ));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        // The transport hands the messages of a key to one worker at a time.
        let own = (0..keys * length).filter(|number| number % keys % WORKERS == worker);
        let mut queue: VecDeque<Message> = own.map(|number| order(number, keys)).collect();
        let consumer = Arc::clone(&consumer);
        workers.spawn(async move {
            while let Some(message) = queue.pop_front() {
                if !matches!(consumer.process(message.clone()).await, Settlement::Ack(_)) {
                    queue.push_back(message);
                }
            }
        });
    }
    loop {
        while workers.try_join_next().transpose()?.is_some() {}
        let drained = consumer.drain(100).await?;
        if workers.is_empty() && ground.parked().await? == 0 {
            break;
        }
        if drained.handled == 0 {
            clock.sleep(Duration::from_millis(2)).await;
        }
    }
    let effects = ground.effects().await?;
    Ok((tally(BILLING, &ids(keys * length), &effects), Vec::new()))
}

#[derive(Debug)]
struct Flaky<G> {
    chance: Chance,
    ground: PhantomData<fn(G)>,
}

impl<G: Ground> Handler<Open<G>> for Flaky<G> {
    type Event = i64;

    fn decode(&self, message: &Message) -> Result<i64, Rejection> {
        number_of(message)
    }

    async fn handle(
        &self,
        transaction: &mut Open<G>,
        number: i64,
        message: &Message,
    ) -> Result<(), HandlerError> {
        G::write(transaction, effect_of(BILLING, message, number)).await?;
        if one_in(&self.chance, 20) {
            return Err(HandlerError::Message("not now".to_owned()));
        }
        Ok(())
    }
}
