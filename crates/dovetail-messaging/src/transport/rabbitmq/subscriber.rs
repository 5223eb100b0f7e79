//! The task that consumes for one subscription: it holds what the broker sends, hands it to who receives, and connects again when it has to.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use dovetail_resilience::Instant;
use futures::StreamExt;
use lapin::{
    Acker, Consumer,
    message::Delivery as Brought,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Receipt,
    link::{Link, Problem, short},
    window::Window,
    wire,
};
use crate::{
    consumer::Delivery,
    transport::{Received, Subscription},
};

/// Requests that wait to be taken by the task. Whoever sends more waits.
const REQUESTS_MAX: usize = 64;

/// What the protocol says where nothing is wrong.
const REPLY_SUCCESS: u16 = 200;

/// What is asked of the task.
#[derive(Debug)]
pub(super) enum Request {
    Receive {
        limit: u32,
        until: Instant,
        reply: oneshot::Sender<Result<Vec<Received<Receipt>>, Problem>>,
    },
    Settle {
        token: u64,
        how: Settle,
        reply: oneshot::Sender<bool>,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Settle {
    Acknowledge,
    GiveBack(Duration),
}

#[derive(Debug, Clone)]
struct Item {
    delivery: Delivery,
    acker: Acker,
}

/// Why consuming ended.
enum Ended {
    /// Nobody holds the transport any more.
    Dropped,
    /// Nobody receives, and what was held goes back to the queue.
    Idle,
    /// The broker or the way to it is gone.
    Lost,
}

struct Waiter {
    limit: u32,
    until: Instant,
    reply: oneshot::Sender<Result<Vec<Received<Receipt>>, Problem>>,
}

pub(super) struct Subscriber {
    link: Arc<Link>,
    subscription: Subscription,
    requests: mpsc::Receiver<Request>,
    /// For receipts. Weak, so that the task ends with the transport.
    sender: mpsc::WeakSender<Request>,
    waiters: VecDeque<Waiter>,
    window: Window<Item>,
    failures: u32,
}

impl Subscriber {
    pub(super) fn spawn(link: &Arc<Link>, subscription: Subscription) -> mpsc::Sender<Request> {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let subscriber = Self {
            link: Arc::clone(link),
            subscription,
            requests,
            sender: sender.downgrade(),
            waiters: VecDeque::new(),
            window: Window::after(0),
            failures: 0,
        };
        tokio::spawn(subscriber.run());
        sender
    }

    /// Consumes while somebody receives.
    async fn run(mut self) {
        loop {
            while self.waiters.is_empty() {
                let Some(request) = self.requests.recv().await else {
                    return;
                };
                self.take(request).await;
            }
            let ended = match self.open().await {
                Ok((channel, consumer)) => {
                    let ended = self.serve(consumer).await;
                    // Whatever is not acknowledged goes back when the channel is closed, and not before.
                    let closing = channel.close(REPLY_SUCCESS, ShortString::default());
                    let _ = self.link.in_time(closing).await;
                    ended
                }
                Err(problem) => self.rest(problem).await,
            };
            // What was held has gone back to the queue, and its receipts are void.
            self.window = Window::after(self.window.next_token());
            if matches!(ended, Ended::Dropped) {
                return;
            }
        }
    }

    async fn open(&self) -> Result<(lapin::Channel, Consumer), Problem> {
        let (link, subscription) = (&self.link, &self.subscription);
        let opening = async {
            let queue = link.queue(subscription).await?;
            let channel = link.open().await?;
            let prefetch = link.config.prefetch.max(1);
            channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await?;
            let options = BasicConsumeOptions::default();
            let (tag, arguments) = (ShortString::default(), FieldTable::default());
            let consuming = channel.basic_consume(short(&queue)?, tag, options, arguments);
            let consumer = consuming.await?;
            Ok((channel, consumer))
        };
        link.in_time(opening).await?
    }

    /// Waits for the next attempt, and tells those whose time is over what the problem is.
    async fn rest(&mut self, problem: Problem) -> Ended {
        let Link {
            clock,
            config,
            chance,
            ..
        } = &*Arc::clone(&self.link);
        tracing::debug!(?problem, channel = %self.subscription.channel, "cannot consume");
        let ceiling = config.backoff.ceiling(self.failures, false);
        self.failures = self.failures.saturating_add(1);
        // Never less than half, so that a broker that refuses at once is not asked all the time.
        let end = clock.now() + ceiling.mul_f64(0.5 + chance.fraction() / 2.0);
        if matches!(problem, Problem::Refused(_)) {
            self.refuse(&problem, None);
        }
        loop {
            let now = clock.now();
            self.refuse(&problem, Some(now));
            if now >= end || self.waiters.is_empty() {
                return Ended::Lost;
            }
            let first = self.waiters.iter().map(|waiter| waiter.until).min();
            let wake = first.map_or(end, |first| first.min(end));
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.take(request).await,
                    None => return Ended::Dropped,
                },
                () = clock.sleep(wake.saturating_duration_since(now)) => {}
            }
        }
    }

    /// Tells the problem to all who wait, or to those whose time is over.
    fn refuse(&mut self, problem: &Problem, now: Option<Instant>) {
        let (told, waiting) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| now.is_none_or(|now| waiter.until <= now));
        self.waiters = waiting;
        let told: VecDeque<Waiter> = told;
        for waiter in told {
            let _ = waiter.reply.send(Err(problem.clone()));
        }
    }

    async fn serve(&mut self, mut consumer: Consumer) -> Ended {
        let (clock, visibility) = (self.link.clock, self.link.config.visibility);
        let mut received_at = clock.now();
        loop {
            let now = clock.now();
            self.answer(now);
            if !self.waiters.is_empty() {
                received_at = now;
            } else if now.saturating_duration_since(received_at) >= visibility {
                if self.window.is_idle(now) {
                    return Ended::Idle;
                }
                received_at = now;
            }
            let waits = self.waiters.iter().map(|waiter| waiter.until).min();
            let due = self.window.next_due(now);
            let wake = match waits {
                Some(until) => due.map_or(until, |due| due.min(until)),
                None => received_at + visibility,
            };
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.take(request).await,
                    None => return Ended::Dropped,
                },
                brought = consumer.next() => match brought {
                    Some(Ok(brought)) => self.add(brought),
                    Some(Err(error)) => {
                        tracing::debug!(%error, channel = %self.subscription.channel, "the consumer was lost");
                        return Ended::Lost;
                    }
                    None => return Ended::Lost,
                },
                () = clock.sleep(wake.saturating_duration_since(now)) => {}
            }
        }
    }

    fn add(&mut self, brought: Brought) {
        self.failures = 0;
        let (delivery, returns) = wire::read(
            &self.subscription.channel,
            &brought.properties,
            brought.data,
        );
        let key = delivery.message.key.clone();
        let acker = brought.acker;
        self.window.add(Item { delivery, acker }, key, returns);
    }

    /// Hands out what there is, in the order in which it was asked for.
    fn answer(&mut self, now: Instant) {
        let Some(sender) = self.sender.upgrade() else {
            return;
        };
        let visibility = self.link.config.visibility;
        while let Some(waiter) = self.waiters.pop_front() {
            if waiter.reply.is_closed() {
                continue;
            }
            let out = self.window.take(waiter.limit, now, visibility);
            if out.is_empty() && waiter.until > now && waiter.limit > 0 {
                self.waiters.push_front(waiter);
                break;
            }
            let received = out.into_iter().map(|out| Received {
                delivery: out.item.delivery,
                receipt: Receipt {
                    token: out.token,
                    subscriber: sender.clone(),
                },
                deliveries: out.deliveries,
            });
            if let Err(Ok(received)) = waiter.reply.send(Ok(received.collect())) {
                for one in received {
                    self.window.untake(one.receipt.token);
                }
            }
        }
    }

    async fn take(&mut self, request: Request) {
        let now = self.link.clock.now();
        match request {
            Request::Receive {
                limit,
                until,
                reply,
            } => self.waiters.push_back(Waiter {
                limit,
                until,
                reply,
            }),
            Request::Settle { token, how, reply } => {
                let is_done = match how {
                    Settle::GiveBack(after) => self.window.give_back(token, now, after),
                    Settle::Acknowledge => match self.window.remove(token, now) {
                        Some(item) => {
                            let told = item.acker.ack(BasicAckOptions::default()).await;
                            told.unwrap_or(false)
                        }
                        None => false,
                    },
                };
                let _ = reply.send(is_done);
            }
        }
    }
}
