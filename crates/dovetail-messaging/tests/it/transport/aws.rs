//! SQS, SNS and EventBridge, as the endpoint that `DOVETAIL_AWS_ENDPOINT` names, such as moto.

mod faulty;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    store::ErrorKind,
    transport::{
        Kind, Transport,
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
        Opened, Rig, acknowledge, channel, gather, ids, message, publish, publish_ids, skip,
        sorted_ids,
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
        let unique = super::rig::fresh("foreign");
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
    for order in [Order::Fifo, Order::Standard] {
        let aws = connect(&url, order, Fanout::Sns);
        let subscription = channel(&aws, Kind::Queue).await;
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
        let mut seen: Vec<String> = Vec::new();
        while seen.iter().collect::<BTreeSet<_>>().len() < 100 {
            let wait = Duration::from_secs(20);
            let received = aws.receive(&subscription, 10, wait).await.unwrap();
            assert!(!received.is_empty(), "{seen:?}");
            seen.extend(ids(&received).into_iter().map(str::to_owned));
            for one in received {
                // Where it took too long it comes again, which is no loss.
                aws.acknowledge(&one.receipt).await.unwrap();
            }
        }
        if order == Order::Fifo {
            for lane in 0..10 {
                let prefix = format!("{lane}-");
                let of_lane = seen.iter().filter(|id| id.starts_with(&prefix));
                assert!(of_lane.is_sorted(), "{seen:?}");
            }
        }
    }
    assert!(faulty.failed() >= 20, "{}", faulty.failed());
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
