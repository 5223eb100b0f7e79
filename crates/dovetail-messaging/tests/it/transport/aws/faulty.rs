//! An endpoint that takes a part of each batch, says that the rest failed, and counts what it is asked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
    asked: Arc<AtomicUsize>,
    /// Whether every subscription is there already, with other attributes.
    is_subscribed: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Faulty {
    /// In front of another endpoint.
    pub(super) async fn before(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let failed = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicUsize::new(0));
        let is_subscribed = Arc::new(AtomicBool::new(false));
        let counted = (
            Arc::clone(&failed),
            Arc::clone(&asked),
            Arc::clone(&is_subscribed),
        );
        let accepting = tokio::spawn(async move {
            let seen = Arc::new(AtomicUsize::new(0));
            while let Ok((client, _)) = listener.accept().await {
                let line = Line {
                    address: address.clone(),
                    seen: Arc::clone(&seen),
                    failed: Arc::clone(&counted.0),
                    asked: Arc::clone(&counted.1),
                    is_subscribed: Arc::clone(&counted.2),
                };
                tokio::spawn(line.serve(client));
            }
        });
        Self {
            address: own,
            failed,
            asked,
            is_subscribed,
            accepting,
        }
    }

    /// Answers subscriptions as SNS does where they are there with other attributes.
    pub(super) fn knows_subscriptions(&self) {
        self.is_subscribed.store(true, Ordering::SeqCst);
    }

    /// How many requests there were.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
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
    asked: Arc<AtomicUsize>,
    is_subscribed: Arc<AtomicBool>,
}

impl Line {
    async fn serve(self, mut client: TcpStream) {
        while let Some((head, body)) = read(&mut client).await {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = if head.contains("AmazonSQS.SendMessageBatch") {
                self.split(&head, &body).await
            } else if body.starts_with(b"Action=PublishBatch&") {
                self.split_form(&head, &body).await
            } else if body.starts_with(b"Action=Subscribe&")
                && self.is_subscribed.load(Ordering::SeqCst)
            {
                let answer = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter: Attributes Reason: Subscription already exists with different attributes</Message></Error></ErrorResponse>";
                ("HTTP/1.1 400 Bad Request".to_owned(), answer.into())
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
            if self.fails() {
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

    /// The same for SNS, whose requests are forms and whose answers are XML.
    async fn split_form(&self, head: &str, body: &[u8]) -> (String, Vec<u8>) {
        const ENTRY: &str = "PublishBatchRequestEntries.member.";
        let body = std::str::from_utf8(body).unwrap();
        let mut around = Vec::new();
        let mut entries: BTreeMap<u32, Vec<(&str, &str)>> = BTreeMap::new();
        for field in body.split('&') {
            let (name, value) = field.split_once('=').unwrap();
            match name.strip_prefix(ENTRY) {
                Some(name) => {
                    let (number, name) = name.split_once('.').unwrap();
                    let fields = entries.entry(number.parse().unwrap()).or_default();
                    fields.push((name, value));
                }
                None => around.push(field.to_owned()),
            }
        }
        let (failed, passed): (Vec<_>, Vec<_>) = entries.into_values().partition(|_| self.fails());
        self.failed.fetch_add(failed.len(), Ordering::SeqCst);
        let mut answer = "<PublishBatchResponse><PublishBatchResult></PublishBatchResult></PublishBatchResponse>".to_owned();
        if !passed.is_empty() {
            let fields = passed.iter().enumerate().flat_map(|(place, fields)| {
                let fields = fields.iter();
                fields.map(move |(name, value)| format!("{ENTRY}{}.{name}={value}", place + 1))
            });
            around.extend(fields);
            let (_, told) = self.forward(head, around.join("&").as_bytes()).await;
            answer = String::from_utf8(told).unwrap();
        }
        let failed = failed.iter().map(|fields| {
            let id = fields.iter().find(|(name, _)| *name == "Id").unwrap().1;
            format!("<member><Id>{id}</Id><Code>ServiceUnavailable</Code><SenderFault>false</SenderFault></member>")
        });
        let failed = format!(
            "<Failed>{}</Failed></PublishBatchResult>",
            failed.collect::<String>()
        );
        assert!(answer.contains("</PublishBatchResult>"), "{answer}");
        let answer = ["<Failed/>", "<Failed />", "<Failed></Failed>"]
            .iter()
            .fold(answer, |answer, none| answer.replace(none, ""));
        let answer = answer.replace("</PublishBatchResult>", &failed);
        ("HTTP/1.1 200 OK".to_owned(), answer.into_bytes())
    }

    fn fails(&self) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst);
        seen.is_multiple_of(FAILS)
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
