//! Batches over a broker that is a list.

use std::sync::Mutex;

use futures::future::join_all;

use super::*;

/// Fails what its documents say, and remembers the requests.
#[derive(Default)]
struct Fake(Mutex<Vec<Vec<String>>>);

impl Sender for Arc<Fake> {
    fn bytes_max(&self) -> usize {
        100
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Fate>, PublishError> {
        let documents: Vec<String> = entries.iter().map(|one| one.document.clone()).collect();
        self.0.lock().unwrap().push(documents.clone());
        if documents.iter().any(|one| one == "spoils all") {
            return Err(PublishError::Rejected("spoilt".to_owned()));
        }
        let fate = |document: &String| match document.as_str() {
            "fails" => Err(PublishError::Unavailable("busy".to_owned())),
            "is bad" => Err(PublishError::Rejected("bad".to_owned())),
            _ => Ok(()),
        };
        // The last one is not named.
        let named = documents.iter().filter(|one| *one != "is forgotten");
        Ok(named.map(fate).collect())
    }
}

fn entry(document: &str) -> Entry {
    Entry {
        document: document.to_owned(),
        group: None,
        source: String::new(),
        kind: String::new(),
    }
}

async fn publish(documents: &[&str]) -> (Vec<Fate>, Vec<Vec<String>>) {
    let fake = Arc::new(Fake::default());
    let batches = Batches::begin(Arc::clone(&fake));
    let fates = join_all(documents.iter().map(|one| batches.publish(entry(one)))).await;
    let requests = fake.0.lock().unwrap().clone();
    (fates, requests)
}

fn word(fate: &Fate) -> &str {
    match fate {
        Ok(()) => "ok",
        Err(PublishError::Rejected(_)) => "rejected",
        Err(_) => "unavailable",
    }
}

#[tokio::test]
async fn each_message_of_a_request_has_its_own_fate() {
    let documents = ["a", "fails", "b", "is bad", "c", "is forgotten"];
    let (fates, requests) = publish(&documents).await;
    let words: Vec<&str> = fates.iter().map(word).collect();
    let expected = ["ok", "unavailable", "ok", "rejected", "ok", "unavailable"];
    assert_eq!(words, expected);
    assert_eq!(requests, [documents]);
}

#[tokio::test]
async fn one_that_spoils_a_request_is_rejected_alone() {
    let (fates, requests) = publish(&["a", "spoils all", "b"]).await;
    let words: Vec<&str> = fates.iter().map(word).collect();
    assert_eq!(words, ["ok", "rejected", "ok"]);
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn requests_have_their_limits() {
    let documents: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let (fates, requests) = publish(&texts).await;
    assert!(fates.iter().all(Result::is_ok));
    let lengths: Vec<usize> = requests.iter().map(Vec::len).collect();
    assert_eq!(lengths, [10, 10, 5]);
    let large = "x".repeat(40);
    let (fates, requests) = publish(&[large.as_str(); 5]).await;
    assert!(fates.iter().all(Result::is_ok));
    let lengths: Vec<usize> = requests.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2, 1]);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let fake = Arc::new(Fake::default());
    let batches = Batches::begin(Arc::clone(&fake));
    {
        let mut given_up = std::pin::pin!(batches.publish(entry("given up")));
        assert!(futures::poll!(&mut given_up).is_pending());
    }
    batches.publish(entry("wanted")).await.unwrap();
    assert_eq!(*fake.0.lock().unwrap(), [["wanted"]]);
}
