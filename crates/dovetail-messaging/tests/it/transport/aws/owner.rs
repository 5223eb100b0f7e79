//! What the owner of an account set by hand stays.

use aws_sdk_eventbridge::types::{RetryPolicy, Target};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use dovetail_messaging::{
    store::ErrorKind,
    transport::{
        Channel, Kind, Transport,
        aws::{Aws, Fanout, Order},
    },
};

use super::{ACCOUNT, Faulty, Proxy, config, connect, endpoint, gather, publish_ids, sorted_ids};
use crate::transport::rig::{fresh, to};

/// The address of the only queue whose name begins so.
async fn queue_of(sqs: &aws_sdk_sqs::Client, prefix: &str) -> String {
    let found = sqs.list_queues().queue_name_prefix(prefix).send().await;
    let mut urls = found.unwrap().queue_urls().to_vec();
    urls.retain(|url| !url.contains("undelivered"));
    assert_eq!(urls.len(), 1, "{urls:?}");
    urls.remove(0)
}

async fn policy(sqs: &aws_sdk_sqs::Client, url: &str) -> String {
    let asked = sqs.get_queue_attributes().queue_url(url);
    let told = asked.attribute_names(Attribute::Policy).send().await;
    let told = told.unwrap();
    told.attributes().unwrap()[&Attribute::Policy].clone()
}

async fn set_policy(sqs: &aws_sdk_sqs::Client, url: &str, policy: &str) {
    let asked = sqs.set_queue_attributes().queue_url(url);
    asked
        .attributes(Attribute::Policy, policy)
        .send()
        .await
        .unwrap();
}

/// A topic with a group, whose queue has this policy and knows nothing of the topic.
async fn with_policy(aws: &Aws, sqs: &aws_sdk_sqs::Client, set: &str) -> (String, String) {
    let channel = fresh("channel");
    let declared = Channel::new(&channel, Kind::Topic);
    aws.declare(&declared).await.unwrap();
    aws.subscribe(&to(&channel, "mail")).await.unwrap();
    let url = queue_of(sqs, &format!("{channel}_mail")).await;
    set_policy(sqs, &url, set).await;
    (channel, url)
}

#[tokio::test]
async fn a_policy_of_the_owner_stays_when_a_topic_is_let_in() {
    let Some(url) = endpoint() else { return };
    let sqs = aws_sdk_sqs::Client::new(&config(&url));
    let aws = connect(&url, Order::Standard, Fanout::Sns);
    let deny = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"TlsOnly\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sqs:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}";
    let (channel, queue) = with_policy(&aws, &sqs, deny).await;
    for _ in 0..2 {
        aws.subscribe(&to(&channel, "mail")).await.unwrap();
        let policy = policy(&sqs, &queue).await;
        let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 2, "{policy}");
        assert_eq!(statements[0]["Sid"], "TlsOnly");
        assert_eq!(statements[1]["Action"], "sqs:SendMessage");
    }
}

#[tokio::test]
async fn a_subscription_stays_as_its_owner_set_it_unless_messages_would_not_arrive_as_they_were_sent()
 {
    let Some(url) = endpoint() else { return };
    let faulty = Faulty::before(Proxy::broker(&url)).await;
    let aws = connect(
        &format!("http://{}", faulty.address),
        Order::Standard,
        Fanout::Sns,
    );
    let subscription = to(&fresh("channel"), "mail");
    let declared = Channel::new(&subscription.channel, Kind::Topic);
    aws.declare(&declared).await.unwrap();
    aws.subscribe(&subscription).await.unwrap();
    faulty.knows_subscriptions();
    aws.subscribe(&subscription).await.unwrap();
    let sns = aws_sdk_sns::Client::new(&config(&url));
    let topic = format!("arn:aws:sns:{ACCOUNT}:{}", subscription.channel);
    let known = sns.list_subscriptions_by_topic().topic_arn(&topic);
    let known = known.send().await.unwrap();
    let set = sns
        .set_subscription_attributes()
        .set_subscription_arn(
            known.subscriptions()[0]
                .subscription_arn()
                .map(str::to_owned),
        )
        .attribute_name("RawMessageDelivery")
        .attribute_value("false");
    set.send().await.unwrap();
    let error = aws.subscribe(&subscription).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
}

#[tokio::test]
async fn what_eventbridge_cannot_deliver_is_kept_and_its_target_stays_as_its_owner_set_it() {
    let Some(url) = endpoint() else { return };
    let aws = connect(&url, Order::Standard, Fanout::EventBridge);
    let events = aws_sdk_eventbridge::Client::new(&config(&url));
    let bus = fresh("channel");
    let subscription = to(&bus, "mail");
    aws.declare(&Channel::new(&bus, Kind::Topic)).await.unwrap();
    aws.subscribe(&subscription).await.unwrap();
    let rules = events
        .list_rules()
        .event_bus_name(&bus)
        .send()
        .await
        .unwrap();
    let rule = rules.rules()[0].name().unwrap().to_owned();
    let targets = async || {
        let asked = events.list_targets_by_rule().event_bus_name(&bus);
        let told = asked.rule(&rule).send().await.unwrap();
        told.targets().to_vec()
    };
    let made = targets().await;
    let undelivered = made[0].dead_letter_config().unwrap().arn().unwrap();
    assert!(undelivered.contains("undelivered"), "{undelivered}");
    let own = Target::builder()
        .id(made[0].id())
        .arn(made[0].arn())
        .retry_policy(RetryPolicy::builder().maximum_retry_attempts(7).build())
        .build()
        .unwrap();
    let set = events.put_targets().event_bus_name(&bus).rule(&rule);
    set.targets(own.clone()).send().await.unwrap();
    aws.subscribe(&subscription).await.unwrap();
    assert_eq!(targets().await, [own]);
    publish_ids(&aws, &subscription, &["1"]).await;
    assert_eq!(sorted_ids(&gather(&aws, &subscription, 1).await), ["1"]);
}

#[tokio::test]
async fn a_channel_is_to_every_process_what_it_was_declared_as_first() {
    let Some(url) = endpoint() else { return };
    for (kind, other_kind) in [(Kind::Topic, Kind::Queue), (Kind::Queue, Kind::Topic)] {
        let channel = fresh("channel");
        let [one, other] = [(); 2].map(|()| connect(&url, Order::Fifo, Fanout::Sns));
        one.declare(&Channel::new(&channel, kind)).await.unwrap();
        let error = other.declare(&Channel::new(&channel, other_kind)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Refused);
    }
}
