//! SQS, SNS and EventBridge, as the endpoint that `DOVETAIL_AWS_ENDPOINT` names, such as moto.

mod faulty;
mod owner;
mod silence;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    store::ErrorKind,
    transport::{
        Channel, Kind, Subscription, Transport,
        aws::{Aws, Fanout, Options, Order},
    },
};
use dovetail_resilience::{Chance, Clock};
use futures::future::join_all;

use self::faulty::Faulty;
use super::{
    laws::conformance,
    proxy::Proxy,
    rig::{
        Opened, Rig, acknowledge, channel, fresh, gather, ids, message, publish, publish_ids, skip,
        sorted_ids, to,
    },
};

/// Long enough for an endpoint in Python on a busy machine.
const VISIBILITY: Duration = Duration::from_secs(5);
/// The account that moto is.
const ACCOUNT: &str = "us-east-1:123456789012";

/// Where the endpoint is.
fn endpoint() -> Option<String> {
    const VARIABLE: &str = "DOVETAIL_AWS_ENDPOINT";
    let Ok(url) = std::env::var(VARIABLE) else {
        skip(VARIABLE);
        return None;
    };
    Some(url)
}

fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .build()
}

fn connect(url: &str, order: Order, fanout: Fanout) -> Aws {
    let options = Options {
        visibility: VISIBILITY,
        order,
        fanout,
    };
    let chance = Chance::from_entropy();
    Aws::new(&config(url), options, Clock::system(), chance).unwrap()
}

/// What others send to a topic of SNS: attributes like those of HTTP, and text.
async fn publish_foreign(
    url: &str,
    topic: &str,
    attributes: &[(&str, &str)],
    body: &[u8],
    is_fifo: bool,
) {
    use aws_sdk_sns::types::MessageAttributeValue;
    let client = aws_sdk_sns::Client::new(&config(url));
    let mut request = client
        .publish()
        .topic_arn(format!("arn:aws:sns:{ACCOUNT}:{topic}"))
        .message(std::str::from_utf8(body).unwrap());
    for (name, value) in attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(*value)
            .build()
            .unwrap();
        request = request.message_attributes(format!("ce-{name}"), value);
    }
    if is_fifo {
        let unique = fresh("foreign");
        request = request
            .message_group_id("foreign")
            .message_deduplication_id(unique);
    }
    request.send().await.unwrap();
}

macro_rules! rig {
    ($name:ident, $module:ident, $order:expr, $fanout:expr) => {
        mod $module {
            use super::*;

            struct $name(String);

            impl Rig for $name {
                type Transport = Aws;

                async fn start() -> Option<Self> {
                    endpoint().map(Self)
                }

                fn docs() -> &'static str {
                    include_str!("../../../src/transport/aws.rs")
                }

                async fn open(&self) -> Opened<Aws> {
                    let line = Proxy::to(Proxy::broker(&self.0)).await;
                    Opened {
                        transport: connect(&line.through(&self.0), $order, $fanout),
                        line: Some(line),
                    }
                }

                /// A second longer than a receipt lives.
                fn visibility(&self) -> Duration {
                    VISIBILITY + Duration::from_secs(1)
                }

                fn backlog(&self) -> u32 {
                    100
                }

                /// 256 KiB with the envelope and in base64.
                fn body_max(&self) -> usize {
                    150_000
                }

                fn carries(&self, body: &[u8]) -> bool {
                    let is_text = std::str::from_utf8(body).is_ok_and(|text| !text.is_empty());
                    is_text && $fanout == Fanout::Sns
                }

                async fn publish_foreign(
                    &self,
                    channel: &str,
                    attributes: &[(&str, &str)],
                    body: &[u8],
                ) {
                    let is_fifo = $order == Order::Fifo;
                    let topic = format!("{channel}{}", if is_fifo { ".fifo" } else { "" });
                    publish_foreign(&self.0, &topic, attributes, body, is_fifo).await;
                }
            }

            conformance!($name);
        }
    };
}

rig!(Fifo, fifo, Order::Fifo, Fanout::Sns);
rig!(Standard, standard, Order::Standard, Fanout::Sns);
rig!(Bus, bus, Order::Standard, Fanout::EventBridge);

#[tokio::test]
async fn a_fifth_of_every_request_fails_and_nothing_is_lost() {
    let Some(url) = endpoint() else { return };
    let faulty = Faulty::before(Proxy::broker(&url)).await;
    let url = format!("http://{}", faulty.address);
    for (order, kind) in [
        (Order::Fifo, Kind::Queue),
        (Order::Standard, Kind::Queue),
        (Order::Fifo, Kind::Topic),
    ] {
        let before = faulty.failed();
        let aws = connect(&url, order, Fanout::Sns);
        let subscription = channel(&aws, kind).await;
        // Keys side by side, the messages of a key one after the other, as a relay does.
        join_all((0..10).map(|lane| {
            let (aws, subscription) = (&aws, &subscription);
            async move {
                for number in 0..10 {
                    let id = format!("{lane}-{number:02}");
                    let one = message(subscription, &id).with_key(format!("k{lane}"));
                    publish(aws, &one).await;
                }
            }
        }))
        .await;
        assert!(faulty.failed() - before >= 20, "{}", faulty.failed());
        let seen = drain(&aws, &subscription, 100).await;
        assert_eq!(distinct(&seen), 100, "{seen:?}");
        if order == Order::Fifo {
            for lane in 0..10 {
                let prefix = format!("{lane}-");
                let of_lane = seen.iter().filter(|id| id.starts_with(&prefix));
                assert!(of_lane.is_sorted(), "{seen:?}");
            }
        }
    }
}

/// What the test above would not see if it saw nothing: whoever takes the answer of a batch for the answer to each of its messages loses some.
#[tokio::test]
async fn a_publisher_that_does_not_read_what_failed_loses_messages() {
    let Some(url) = endpoint() else { return };
    let faulty = Faulty::before(Proxy::broker(&url)).await;
    let aws = connect(&url, Order::Standard, Fanout::Sns);
    let subscription = channel(&aws, Kind::Queue).await;
    let naive = aws_sdk_sqs::Client::new(&config(&format!("http://{}", faulty.address)));
    let address = naive.get_queue_url().queue_name(&subscription.channel);
    let address = address.send().await.unwrap();
    for batch in 0..10 {
        let mut request = naive.send_message_batch();
        request = request.set_queue_url(address.queue_url().map(str::to_owned));
        for number in 0..10 {
            let id = format!("{batch}-{number}");
            let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder().id(&id);
            let body = format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"shop\",\"type\":\"order.created\"}}"
            );
            request = request.entries(entry.message_body(body).build().unwrap());
        }
        request.send().await.unwrap();
    }
    let seen = drain(&aws, &subscription, 80).await;
    assert_eq!((distinct(&seen), faulty.failed()), (80, 20), "{seen:?}");
}

/// Receives and acknowledges until there are so many, and looks for more.
async fn drain(aws: &Aws, subscription: &Subscription, count: usize) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let is_all = distinct(&seen) >= count;
        let wait = Duration::from_secs(if is_all { 1 } else { 20 });
        let received = aws.receive(subscription, 10, wait).await.unwrap();
        if received.is_empty() {
            return seen;
        }
        seen.extend(ids(&received).into_iter().map(str::to_owned));
        for one in received {
            // Where it took too long it comes again, which is no loss.
            aws.acknowledge(&one.receipt).await.unwrap();
        }
    }
}

fn distinct(ids: &[String]) -> usize {
    ids.iter().collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn waiting_costs_one_request_and_so_does_a_name_that_is_misspelt() {
    let Some(url) = endpoint() else { return };
    let faulty = Faulty::before(Proxy::broker(&url)).await;
    let aws = connect(
        &format!("http://{}", faulty.address),
        Order::Standard,
        Fanout::Sns,
    );
    let subscription = channel(&aws, Kind::Queue).await;
    let before = faulty.asked();
    let wait = Duration::from_millis(1_900);
    assert!(
        aws.receive(&subscription, 1, wait)
            .await
            .unwrap()
            .is_empty()
    );
    let asked = faulty.asked() - before;
    assert!(asked <= 2, "{asked}");
    let misspelt = to(&fresh("channel"), "");
    let lost = message(&misspelt, "1");
    let mut counts = BTreeSet::new();
    for _ in 0..5 {
        let published = aws.publish(&lost).await;
        assert!(matches!(published, Err(PublishError::Rejected(_))));
        counts.insert(faulty.asked());
    }
    assert!(counts.len() <= 2, "{counts:?}");
    // Whoever declares it need not wait.
    let declared = Channel::new(&misspelt.channel, Kind::Queue);
    aws.declare(&declared).await.unwrap();
    publish_ids(&aws, &misspelt, &["1"]).await;
    assert_eq!(sorted_ids(&gather(&aws, &misspelt, 1).await), ["1"]);
}

#[tokio::test]
async fn what_waits_for_a_group_is_counted() {
    let Some(url) = endpoint() else { return };
    let aws = connect(&url, Order::Fifo, Fanout::Sns);
    let subscription = channel(&aws, Kind::Topic).await;
    publish_ids(&aws, &subscription, &["1", "2", "3"]).await;
    assert_eq!(aws.backlog(&subscription).await.unwrap(), Some(3));
    let held = gather(&aws, &subscription, 2).await;
    assert_eq!(aws.backlog(&subscription).await.unwrap(), Some(3));
    acknowledge(&aws, &held).await;
    assert_eq!(aws.backlog(&subscription).await.unwrap(), Some(1));
    assert!(aws.backlog(&to(&fresh("channel"), "")).await.is_err());
}

#[tokio::test]
async fn an_acknowledgement_that_is_given_up_may_be_tried_again() {
    let Some(url) = endpoint() else { return };
    let aws = connect(&url, Order::Fifo, Fanout::Sns);
    let subscription = channel(&aws, Kind::Queue).await;
    publish_ids(&aws, &subscription, &["1"]).await;
    let held = gather(&aws, &subscription, 1).await;
    {
        let mut given_up = std::pin::pin!(aws.acknowledge(&held[0].receipt));
        assert!(futures::poll!(&mut given_up).is_pending());
    }
    acknowledge(&aws, &held).await;
    assert!(!aws.acknowledge(&held[0].receipt).await.unwrap(), "once");
}

#[tokio::test]
async fn what_is_too_large_is_rejected_and_what_is_not_arrives() {
    let Some(url) = endpoint() else { return };
    let aws = connect(&url, Order::Fifo, Fanout::Sns);
    // The largest that fits, and one byte more.
    for (kind, most) in [(Kind::Queue, 1 << 20), (Kind::Topic, 256 << 10)] {
        let subscription = channel(&aws, kind).await;
        let sized = |length: usize| Message {
            headers: vec![("datacontenttype".to_owned(), "text/plain".to_owned())],
            body: "x".repeat(length).into(),
            ..message(&subscription, "1")
        };
        let mut fits = most;
        let rejected = loop {
            let published = aws.publish(&sized(fits)).await;
            match published {
                Err(PublishError::Rejected(text)) => fits = most - (over(&text) - most),
                other => break other,
            }
        };
        rejected.unwrap();
        let received = gather(&aws, &subscription, 1).await;
        assert_eq!(received[0].delivery.message, sized(fits));
        let published = aws.publish(&sized(fits + 1)).await;
        assert!(matches!(published, Err(PublishError::Rejected(_))));
    }
}

/// How many bytes a message had, by the words of its rejection.
fn over(text: &str) -> usize {
    let words = text.split(' ');
    words.filter_map(|word| word.parse().ok()).next().unwrap()
}

#[tokio::test]
async fn a_message_that_is_replayed_at_once_comes_again() {
    let Some(url) = endpoint() else { return };
    let aws = connect(&url, Order::Fifo, Fanout::Sns);
    let subscription = channel(&aws, Kind::Topic).await;
    for _ in 0..2 {
        publish_ids(&aws, &subscription, &["1"]).await;
        let received = gather(&aws, &subscription, 1).await;
        assert_eq!(sorted_ids(&received), ["1"]);
        acknowledge(&aws, &received).await;
    }
}

#[tokio::test]
async fn what_aws_cannot_do_is_refused_and_what_is_down_is_unavailable() {
    let refused = [
        (Order::Fifo, Fanout::EventBridge, VISIBILITY),
        (Order::Fifo, Fanout::Sns, Duration::from_millis(500)),
        (Order::Fifo, Fanout::Sns, Duration::from_secs(12 * 60 * 60)),
    ];
    // Nobody listens at the port of a listener that is gone.
    let gone = Proxy::to(String::new()).await.through("http://gone");
    for (order, fanout, visibility) in refused {
        let options = Options {
            visibility,
            order,
            fanout,
        };
        let made = Aws::new(&config(&gone), options, Clock::system(), Chance::seeded(1));
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Refused);
    }
    let aws = connect(&gone, Order::Fifo, Fanout::Sns);
    let lost = Message::new("orders", "/shop", "1", "").with_kind("order.created");
    let published = aws.publish(&lost).await;
    assert!(
        matches!(published, Err(PublishError::Unavailable(_))),
        "{published:?}"
    );
    assert!(!format!("{aws:?}").contains("test"), "no credentials");
}
