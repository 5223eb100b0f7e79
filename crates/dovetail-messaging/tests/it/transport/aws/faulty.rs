//! An endpoint that takes a part of each batch, and says that the rest failed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Every fifth message fails.
const FAILS: usize = 5;

pub(super) struct Faulty {
    pub(super) address: SocketAddr,
    failed: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Faulty {
    /// In front of another endpoint.
    pub(super) async fn before(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let failed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&failed);
        let accepting = tokio::spawn(async move {
            let seen = Arc::new(AtomicUsize::new(0));
            while let Ok((client, _)) = listener.accept().await {
                let line = Line {
                    address: address.clone(),
                    seen: Arc::clone(&seen),
                    failed: Arc::clone(&counted),
                };
                tokio::spawn(line.serve(client));
            }
        });
        Self {
            address: own,
            failed,
            accepting,
        }
    }

    /// How many messages failed.
    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Line {
    address: String,
    seen: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Line {
    async fn serve(self, mut client: TcpStream) {
        while let Some((head, body)) = read(&mut client).await {
            let answer = if head.contains("AmazonSQS.SendMessageBatch") {
                self.split(&head, &body).await
            } else {
                self.forward(&head, &body).await
            };
            let (status, body) = answer;
            let head = format!(
                "{status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if client.write_all(head.as_bytes()).await.is_err()
                || client.write_all(&body).await.is_err()
            {
                return;
            }
        }
    }

    /// Sends on what does not fail.
    async fn split(&self, head: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut request: Value = serde_json::from_slice(body).unwrap();
        let entries = request["Entries"].take();
        let mut failed = Vec::new();
        let mut passed = Vec::new();
        for entry in entries.as_array().unwrap() {
            if self
                .seen
                .fetch_add(1, Ordering::SeqCst)
                .is_multiple_of(FAILS)
            {
                failed.push(json!({ "Id": entry["Id"], "Code": "ServiceUnavailable", "SenderFault": false }));
            } else {
                passed.push(entry.clone());
            }
        }
        self.failed.fetch_add(failed.len(), Ordering::SeqCst);
        let mut answer = json!({ "Successful": [] });
        if !passed.is_empty() {
            request["Entries"] = Value::Array(passed);
            let body = serde_json::to_vec(&request).unwrap();
            let (_, told) = self.forward(head, &body).await;
            answer = serde_json::from_slice(&told).unwrap();
        }
        answer["Failed"] = Value::Array(failed);
        (
            "HTTP/1.1 200 OK".to_owned(),
            serde_json::to_vec(&answer).unwrap(),
        )
    }

    /// Asks the endpoint, over a connection for this one request.
    async fn forward(&self, head: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut server = TcpStream::connect(&self.address).await.unwrap();
        let kept = head.split("\r\n").filter(|line| {
            let name = line.to_ascii_lowercase();
            !name.starts_with("content-length:") && !name.starts_with("connection:")
        });
        let kept: Vec<&str> = kept.filter(|line| !line.is_empty()).collect();
        let head = format!(
            "{}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            kept.join("\r\n"),
            body.len()
        );
        server.write_all(head.as_bytes()).await.unwrap();
        server.write_all(body).await.unwrap();
        let (head, body) = read(&mut server).await.unwrap();
        let status = head.split("\r\n").next().unwrap().to_owned();
        (status.replace("HTTP/1.0", "HTTP/1.1"), body)
    }
}

/// The head and the body of the next request or answer, if there is one.
async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.to_ascii_lowercase().split("\r\n").find_map(|line| {
        let value = line.strip_prefix("content-length:")?;
        value.trim().parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
