//! How relays learn that something was published, before they look for themselves.
//!
//! `NOTIFY` within a transaction takes a lock of the whole database until it is committed, so it is sent after the commit and by itself, once
//! for all that is committed within some milliseconds. It may be lost with its process: relays look once in a while anyway.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dovetail_resilience::Clock;
use futures::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio_postgres::{
    AsyncMessage, Config, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

use super::{Pool, PoolError, Postgres};
use crate::consumer::with_causes;

/// What is committed within this time is told at once.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// How long a server may take to answer. 10 s: one that is gone without a word does not answer at all.
const CONNECT: Duration = Duration::from_secs(10);

/// How long to wait before listening again after the connection broke.
const RECONNECT: Duration = Duration::from_secs(1);

const TELL: &str = "SELECT pg_notify('dovetail_outbox', current_schema())";

/// What wakes the relays of this process, and tells those of others.
pub(super) struct Wake {
    pool: Arc<dyn Pool>,
    changed: Notify,
    /// Something was published that nobody else was told of.
    is_untold: AtomicBool,
    /// A task tells. There is one at most, however long it waits for a connection.
    is_telling: AtomicBool,
}

impl Wake {
    pub(super) fn new(pool: Arc<dyn Pool>) -> Self {
        Self {
            pool,
            changed: Notify::new(),
            is_untold: AtomicBool::new(false),
            is_telling: AtomicBool::new(false),
        }
    }

    /// Resolves once something may have been added.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Something was committed: here at once, elsewhere after a moment.
    pub(super) fn published(self: &Arc<Self>) {
        self.changed.notify_one();
        self.is_untold.store(true, Ordering::SeqCst);
        if self.is_telling.swap(true, Ordering::SeqCst) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.is_telling.store(false, Ordering::SeqCst);
            return;
        };
        let wake = Arc::clone(self);
        runtime.spawn(async move {
            loop {
                Clock::system().sleep(DEBOUNCE).await;
                wake.tell().await;
                wake.is_telling.store(false, Ordering::SeqCst);
                // Whoever published since then may have seen that a task tells.
                let is_more = wake.is_untold.load(Ordering::SeqCst);
                if !is_more || wake.is_telling.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
    }

    async fn tell(&self) {
        let Ok(lent) = self.pool.lend().await else {
            // They look for themselves.
            self.is_untold.store(false, Ordering::SeqCst);
            return;
        };
        // What is committed from here on is told anew.
        self.is_untold.store(false, Ordering::SeqCst);
        if let Err(error) = lent.client().batch_execute(TELL).await {
            let error = with_causes(&error);
            tracing::debug!(error, "other processes were not told of what was published");
        }
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Wake").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Has the relays of this process woken by what other processes commit, over a connection of its own; without it they find out by
    /// looking. The task ends with the last clone of the store, or with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime of tokio.
    pub fn listen<T>(&self, config: Config, tls: T)
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let wake = Arc::downgrade(&self.wake);
        tokio::spawn(async move {
            while wake.strong_count() > 0 {
                if let Err(error) = listen(&wake, &config, tls.clone()).await {
                    let error = with_causes(error.as_ref());
                    tracing::warn!(
                        error,
                        "what other processes publish is seen later, until the database can be reached"
                    );
                }
                Clock::system().sleep(RECONNECT).await;
            }
        });
    }
}

/// Listens until the connection breaks, or nobody is there to be woken.
async fn listen<T>(wake: &Weak<Wake>, config: &Config, tls: T) -> Result<(), PoolError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let clock = Clock::system();
    let end = clock.now() + CONNECT;
    let (client, mut connection) = clock.until(end, config.connect(tls)).await??;
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let mut listening = pin!(client.batch_execute("LISTEN dovetail_outbox"));
    let mut is_listening = false;
    while let Some(wake) = wake.upgrade() {
        tokio::select! {
            listening = &mut listening, if !is_listening => {
                listening?;
                is_listening = true;
                // Something may have been told before.
                wake.changed.notify_one();
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => wake.changed.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            // Looks whether anybody is still there.
            () = clock.sleep(RECONNECT) => {}
        }
    }
    Ok(())
}
