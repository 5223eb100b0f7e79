//! What stands between a service and its database, and fails.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use dovetail_messaging::store::postgres::tokio_postgres::config::{Config, Host};
use dovetail_resilience::Chance;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::common::one_in;

/// Requests among which the answer of one does not come.
const CASES: u64 = 3;

/// Which answers may not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// All of them come.
    Nothing,
    /// Those to a COMMIT.
    Commits,
    /// Those to anything: outside of a transaction every statement commits itself.
    Anything,
}

/// Passes bytes on in both directions until it is closed.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    /// How many answers did not come.
    pub(crate) cuts: Arc<AtomicU64>,
    is_away: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

/// How one connection is treated.
#[derive(Debug, Clone)]
struct Fate {
    chance: Chance,
    keeps: Keeps,
    cuts: Arc<AtomicU64>,
    is_away: watch::Receiver<bool>,
}

impl Proxy {
    pub(crate) async fn start(settings: &Config, keeps: Keeps) -> Result<Self> {
        let port = settings.get_ports().first().copied().unwrap_or(5_432);
        let host = match settings.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => "127.0.0.1".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (is_away, seen) = watch::channel(false);
        let fate = Fate {
            chance: Chance::seeded(3),
            keeps,
            cuts: Arc::default(),
            is_away: seen,
        };
        let cuts = Arc::clone(&fate.cuts);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while open.try_join_next().is_some() {}
                if *fate.is_away.borrow() {
                    continue;
                }
                if let Ok(server) = TcpStream::connect((host.as_str(), port)).await {
                    open.spawn(fate.clone().relay(client, server));
                }
            }
        });
        Ok(Self {
            address,
            cuts,
            is_away,
            _accepting: accepting,
        })
    }

    /// Has the database away: what is open is cut, and nothing new is let through.
    pub(crate) fn close(&self) {
        self.is_away.send_replace(true);
    }

    /// Has it back.
    pub(crate) fn open(&self) {
        self.is_away.send_replace(false);
    }

    /// The way through the proxy.
    pub(crate) fn settings(&self, settings: &Config) -> Config {
        let mut through = Config::new();
        through.host(self.address.ip().to_string());
        through.port(self.address.port());
        if let Some(user) = settings.get_user() {
            through.user(user);
        }
        if let Some(password) = settings.get_password() {
            through.password(password);
        }
        if let Some(name) = settings.get_dbname() {
            through.dbname(name);
        }
        if let Some(options) = settings.get_options() {
            through.options(options);
        }
        through
    }
}

impl Fate {
    async fn relay(mut self, mut client: TcpStream, mut server: TcpStream) {
        let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_away = self.is_away.clone();
        loop {
            tokio::select! {
                () = closed(&mut is_away) => return,
                bytes = read(&mut client, &mut sent) => {
                    let Some(bytes) = bytes else { return };
                    if server.write_all(bytes).await.is_err() {
                        return;
                    }
                    if self.keeps_answer_to(bytes) {
                        // The server has all of it, and the client hears no more of it.
                        let _ = server.read(&mut answered).await;
                        self.cuts.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
                bytes = read(&mut server, &mut answered) => {
                    let Some(bytes) = bytes else { return };
                    if client.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn keeps_answer_to(&mut self, bytes: &[u8]) -> bool {
        let concerns = match self.keeps {
            Keeps::Nothing => false,
            Keeps::Commits => bytes.windows(6).any(|word| word == b"COMMIT"),
            Keeps::Anything => true,
        };
        concerns && one_in(&self.chance, CASES)
    }
}

async fn read<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let count = stream.read(buffer).await.ok().filter(|count| *count > 0)?;
    buffer.get(..count)
}

/// Resolves once the database is away.
async fn closed(is_away: &mut watch::Receiver<bool>) {
    let _ = is_away.wait_for(|is_away| *is_away).await.is_ok();
}
