//! What stands between a service and its database, and fails at the word.

mod frames;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use dovetail_messaging::store::postgres::tokio_postgres::config::{Config, Host};
use dovetail_resilience::Clock;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use self::frames::{Frames, Requests};

/// How long answers are waited for before somebody dies without them.
const HEARD: Duration = Duration::from_millis(20);

/// Where the proxy fails once it is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nowhere.
    Never,
    /// A COMMIT is done, and its answer does not come.
    AfterCommit,
    /// A COMMIT does not come to the database.
    BeforeCommit,
    /// An effect is written outside of a transaction, and the answer does not come.
    AfterEffect,
    /// What is published is written, and the process dies before its COMMIT goes out.
    Kill,
}

/// Passes bytes on in both directions, until it is closed or does what it was armed for.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    is_away: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many times more it passes by, before it fails; 0 where it does not fail.
    left: AtomicU64,
    cuts: AtomicU64,
    victim: AtomicI32,
}

impl Shared {
    /// Whether it fails this time.
    fn strikes(&self) -> bool {
        let pass = |left: u64| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, pass);
        left == Ok(1)
    }

    fn kill(&self) {
        // Started a moment ago: its id may not be known yet.
        while self.victim.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let victim = Pid::from_raw(self.victim.load(Ordering::SeqCst));
        let _ = kill(victim, Signal::SIGKILL);
    }
}

/// How one connection is treated.
#[derive(Debug, Clone)]
struct Fate {
    cut: Cut,
    shared: Arc<Shared>,
    is_away: watch::Receiver<bool>,
}

impl Proxy {
    pub(crate) async fn start(settings: &Config, cut: Cut) -> Result<Self> {
        let port = settings.get_ports().first().copied().unwrap_or(5_432);
        let host = match settings.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => "127.0.0.1".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (is_away, seen) = watch::channel(false);
        let shared = Arc::<Shared>::default();
        let fate = Fate {
            cut,
            shared: Arc::clone(&shared),
            is_away: seen,
        };
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while open.try_join_next().is_some() {}
                if *fate.is_away.borrow() {
                    continue;
                }
                if let Ok(server) = TcpStream::connect((host.as_str(), port)).await {
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    open.spawn(fate.clone().relay(client, server));
                }
            }
        });
        Ok(Self {
            address,
            shared,
            is_away,
            _accepting: accepting,
        })
    }

    /// Has it fail the `nth` time that it comes to the place.
    pub(crate) fn arm(&self, nth: u64) {
        self.shared.left.store(nth, Ordering::SeqCst);
    }

    /// Who dies there.
    pub(crate) fn aim(&self, victim: Pid) {
        self.shared.victim.store(victim.as_raw(), Ordering::SeqCst);
    }

    /// How often it failed.
    pub(crate) fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
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

    /// The same for another process, as one text.
    pub(crate) fn address(&self, settings: &Config) -> String {
        let mut text = format!("host={} port={}", self.address.ip(), self.address.port());
        let password = settings.get_password().map(String::from_utf8_lossy);
        let words = [
            ("user", settings.get_user().map(str::to_owned)),
            ("password", password.map(std::borrow::Cow::into_owned)),
            ("dbname", settings.get_dbname().map(str::to_owned)),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                let word = word.replace('\\', "\\\\").replace('\'', "\\'");
                text.push_str(&format!(" {name}='{word}'"));
            }
        }
        text
    }
}

impl Fate {
    async fn relay(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_away = self.is_away.clone();
        let mut frames = Frames::default();
        let mut requests = Requests::of(self.cut);
        loop {
            tokio::select! {
                () = closed(&mut is_away) => return,
                bytes = read(&mut client, &mut sent) => {
                    let Some(bytes) = bytes else { return };
                    let Some(frames) = frames.take(bytes) else { return };
                    let mut onward = Vec::with_capacity(bytes.len());
                    for frame in frames {
                        let strikes = requests.is_place(&frame) && self.shared.strikes();
                        if !strikes {
                            onward.extend(frame);
                            continue;
                        }
                        if matches!(self.cut, Cut::AfterCommit | Cut::AfterEffect) {
                            onward.extend(frame);
                        }
                        if server.write_all(&onward).await.is_ok() {
                            self.strike(&mut server).await;
                        }
                        return;
                    }
                    if server.write_all(&onward).await.is_err() {
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

    /// The server has what it is to have, and the client hears no more of it.
    async fn strike(&self, server: &mut TcpStream) {
        match self.cut {
            Cut::AfterCommit => heard(server, b"COMMIT\0").await,
            Cut::AfterEffect => heard(server, b"INSERT 0 1\0").await,
            Cut::Kill => {
                let clock = Clock::system();
                let answers = heard(server, b"never said");
                let _ = clock.until(clock.now() + HEARD, answers).await;
                self.shared.kill();
            }
            Cut::BeforeCommit | Cut::Never => {}
        }
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads until the server says the words, or nothing more.
async fn heard(server: &mut TcpStream, words: &[u8]) {
    let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 14]);
    while let Some(bytes) = read(server, &mut bytes).await {
        all.extend_from_slice(bytes);
        if all.windows(words.len()).any(|said| said == words) {
            return;
        }
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
