//! A line to a broker that can be cut, or go silent.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// Carries bytes between an address of its own and the broker. Dropping it ends everything.
pub(crate) struct Proxy {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    is_open: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

struct Line {
    carrying: JoinHandle<()>,
    silence: Arc<Notify>,
}

impl Proxy {
    /// The host and port that a URL names.
    pub(crate) fn broker(url: &str) -> String {
        let (_, rest) = url
            .rsplit_once('@')
            .unwrap_or_else(|| url.split_once("//").unwrap());
        rest.split('/').next().unwrap().to_owned()
    }

    /// The same URL, by way of this.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&Self::broker(url), &self.address.to_string())
    }

    pub(crate) async fn to(broker: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&lines);
        let is_open = Arc::new(AtomicBool::new(true));
        let opened = Arc::clone(&is_open);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if !opened.load(Ordering::SeqCst) {
                    continue;
                }
                let broker = broker.clone();
                let silence = Arc::new(Notify::new());
                let silenced = Arc::clone(&silence);
                let carrying = tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(broker).await {
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            // Both ends stay open.
                            () = silenced.notified() => std::future::pending().await,
                        }
                    }
                });
                accepted.lock().unwrap().push(Line { carrying, silence });
            }
        });
        Self {
            address,
            lines,
            is_open,
            accepting,
        }
    }

    /// Ends every connection, and new ones at once.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "NATS reconnects by itself")
    )]
    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.cut();
    }

    /// Takes connections again.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "NATS reconnects by itself")
    )]
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// Swallows whatever comes over the connections that there are, without ending them; new ones work.
    #[cfg_attr(
        not(feature = "aws"),
        expect(
            dead_code,
            reason = "only who asks by request and answer waits for one"
        )
    )]
    pub(crate) fn silence(&self) {
        for line in self.lines.lock().unwrap().iter() {
            line.silence.notify_one();
        }
    }

    /// Ends every connection; new ones are taken.
    pub(crate) fn cut(&self) {
        for line in self.lines.lock().unwrap().drain(..) {
            line.carrying.abort();
        }
    }

    /// The newest connection stays, and carries nothing any more.
    #[cfg_attr(
        not(feature = "rabbitmq"),
        expect(dead_code, reason = "only RabbitMQ has two connections")
    )]
    pub(crate) fn silence_newest(&self) {
        self.lines
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .silence
            .notify_one();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
