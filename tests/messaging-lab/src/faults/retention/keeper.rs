//! A handler that fails on one message until it is well.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dovetail_messaging::{
    Message,
    consumer::{Handler, HandlerError, Rejection},
};

use crate::{
    ground::{Ground, Open},
    work::{BILLING, effect_of, number_of},
};

/// Writes the effect of each message but one.
#[derive(Debug)]
pub(super) struct Keeper<G> {
    fails_on: usize,
    is_well: Arc<AtomicBool>,
    ground: PhantomData<fn(G)>,
}

impl<G> Keeper<G> {
    pub(super) const fn new(fails_on: usize, is_well: Arc<AtomicBool>) -> Self {
        Self {
            fails_on,
            is_well,
            ground: PhantomData,
        }
    }
}

impl<G: Ground> Handler<Open<G>> for Keeper<G> {
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
        let fails = usize::try_from(number) == Ok(self.fails_on);
        if fails && !self.is_well.load(Ordering::SeqCst) {
            return Err(HandlerError::Message("not now".to_owned()));
        }
        G::write(transaction, effect_of(BILLING, message, number)).await?;
        Ok(())
    }
}
