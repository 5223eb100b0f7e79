//! A line to a broker that can be cut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Carries bytes between an address of its own and the broker. Dropping it ends everything.
pub(crate) struct Proxy {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<JoinHandle<()>>>>,
    accepting: JoinHandle<()>,
    silencer: Arc<watch::Sender<()>>,
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
        let silencer = Arc::new(watch::Sender::new(()));
        let silence = Arc::clone(&silencer);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let broker = broker.clone();
                let mut silenced = silence.subscribe();
                let line = tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(broker).await {
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            // Both ends stay open.
                            Ok(()) = silenced.changed() => std::future::pending().await,
                        }
                    }
                });
                accepted.lock().unwrap().push(line);
            }
        });
        Self {
            address,
            lines,
            accepting,
            silencer,
        }
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
        self.silencer.send_replace(());
    }

    /// Ends every connection; new ones are taken.
    pub(crate) fn cut(&self) {
        for line in self.lines.lock().unwrap().drain(..) {
            line.abort();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
