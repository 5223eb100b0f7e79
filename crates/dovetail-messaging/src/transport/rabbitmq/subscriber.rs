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
        reply: oneshot::Sender<Result<bool, Problem>>,
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
    bytes: usize,
}

/// Why consuming ended.
enum Ended {
    /// Nobody holds the transport any more.
    Dropped,
    /// Nobody receives, and what was held goes back to the queue.
    Idle,
    /// More came than may be held, and it goes back to the queue, to come in smaller portions.
    Heavy,
    /// The broker or the way to it is gone.
    Lost(Problem),
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
    /// Bytes of the bodies in the window, and of the largest body since the portions were made smaller.
    held_bytes: usize,
    largest_bytes: usize,
    /// How many messages the broker sends ahead.
    prefetch: u16,
    failures: u32,
    /// Whether something came since the last attempt to consume.
    has_received: bool,
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
            held_bytes: 0,
            largest_bytes: 0,
            prefetch: link.config.prefetch.max(1),
            failures: 0,
            has_received: false,
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
                // Nothing is held yet, so nothing can be lost.
                let _ = self.take(request).await;
            }
            let began = self.link.clock.now();
            self.has_received = false;
            let ended = self.consume().await;
            // What was held has gone back to the queue, and its receipts are void.
            self.window = Window::after(self.window.next_token());
            self.held_bytes = 0;
            let is_over = match ended {
                Ended::Dropped => true,
                Ended::Heavy => {
                    self.prefetch = self.narrower();
                    false
                }
                Ended::Idle => {
                    self.widen();
                    false
                }
                Ended::Lost(problem) => {
                    self.widen();
                    let lived = self.link.clock.now().saturating_duration_since(began);
                    let is_new = self.has_received || lived > self.link.config.backoff.max;
                    if is_new {
                        self.failures = 0;
                    }
                    // What worked is tried again at once.
                    !self.has_received && self.rest(problem).await
                }
            };
            if is_over {
                return;
            }
        }
    }

    async fn consume(&mut self) -> Ended {
        let (channel, mut consumer) = match self.open().await {
            Ok(open) => open,
            Err(problem) => return Ended::Lost(problem),
        };
        let ended = self.serve(&mut consumer).await;
        // Whatever is not acknowledged goes back when the channel is closed, and not before. A consumer that is dropped earlier is cancelled, and
        // another process gets what comes after that.
        let closing = channel.close(REPLY_SUCCESS, ShortString::default());
        let _ = self.link.in_time(closing).await;
        drop(consumer);
        ended
    }

    /// So few messages that the largest of them may come each time.
    fn narrower(&self) -> u16 {
        let fit = self.link.config.held_bytes_max / self.largest_bytes.max(1);
        u16::try_from(fit)
            .unwrap_or(u16::MAX)
            .clamp(1, self.prefetch)
    }

    fn widen(&mut self) {
        self.prefetch = self.link.config.prefetch.max(1);
        self.largest_bytes = 0;
    }

    async fn open(&self) -> Result<(lapin::Channel, Consumer), Problem> {
        let (link, subscription) = (&self.link, &self.subscription);
        let opening = async {
            let queue = link.queue(subscription).await?;
            let channel = link.open().await?;
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await?;
            let options = BasicConsumeOptions::default();
            let (tag, arguments) = (ShortString::default(), FieldTable::default());
            let consuming = channel.basic_consume(short(&queue)?, tag, options, arguments);
            let consumer = consuming.await?;
            Ok((channel, consumer))
        };
        link.in_time(opening).await?
    }

    /// Waits for the next attempt, and tells those whose time is over what the problem is. `true`: nobody holds the transport any more.
    async fn rest(&mut self, problem: Problem) -> bool {
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
        if matches!(problem, Problem::Refused(_) | Problem::Barred(_)) {
            self.refuse(&problem, None);
        }
        loop {
            let now = clock.now();
            self.refuse(&problem, Some(now));
            if now >= end {
                return false;
            }
            let first = self.waiters.iter().map(|waiter| waiter.until).min();
            let wake = first.map_or(end, |first| first.min(end));
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => {
                        let _ = self.take(request).await;
                    }
                    None => return true,
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

    async fn serve(&mut self, consumer: &mut Consumer) -> Ended {
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
                    Some(request) => if let Err(problem) = self.take(request).await {
                        return Ended::Lost(problem);
                    },
                    None => return Ended::Dropped,
                },
                brought = consumer.next() => match brought {
                    Some(Ok(brought)) => self.add(brought),
                    Some(Err(error)) => return Ended::Lost(error.into()),
                    None => return Ended::Lost(Problem::unavailable("the broker ended the consumer")),
                },
                () = clock.sleep(wake.saturating_duration_since(now)) => {}
            }
            if self.held_bytes > self.link.config.held_bytes_max && self.narrower() < self.prefetch
            {
                return Ended::Heavy;
            }
        }
    }

    fn add(&mut self, brought: Brought) {
        self.has_received = true;
        let bytes = brought.data.len();
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        self.largest_bytes = self.largest_bytes.max(bytes);
        let (delivery, returns) = wire::read(
            &self.subscription.channel,
            &brought.properties,
            brought.data,
        );
        let key = delivery.message.key.clone();
        let acker = brought.acker;
        let item = Item {
            delivery,
            acker,
            bytes,
        };
        self.window.add(item, key, returns);
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

    /// Fails where the way to the broker is stuck, so that what was acknowledged comes again.
    async fn take(&mut self, request: Request) -> Result<(), Problem> {
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
                let told = match how {
                    Settle::GiveBack(after) => Ok(self.window.give_back(token, now, after)),
                    Settle::Acknowledge => self.acknowledge(token, now).await,
                };
                let problem = told.as_ref().err().cloned();
                let _ = reply.send(told);
                if let Some(problem) = problem {
                    return Err(problem);
                }
            }
        }
        Ok(())
    }

    async fn acknowledge(&mut self, token: u64, now: Instant) -> Result<bool, Problem> {
        let Some(item) = self.window.remove(token, now) else {
            return Ok(false);
        };
        self.held_bytes = self.held_bytes.saturating_sub(item.bytes);
        let acknowledging = item.acker.ack(BasicAckOptions::default());
        let told = self.link.in_time(acknowledging).await?;
        Ok(told.unwrap_or(false))
    }
}
