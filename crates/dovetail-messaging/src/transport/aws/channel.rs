//! Queues, topics, buses and what connects them: found, made, and made once.

use std::{collections::HashMap, time::Duration};

use aws_sdk_eventbridge::types::{DeadLetterConfig, RuleState, Target as RuleTarget};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use super::{
    clients::{Clients, Fanout, Options},
    name, policy,
    request::{Target, broken, has_code, said},
};
use crate::{
    store::{ErrorKind, StoreError},
    transport::{Channel, Kind},
};

/// What SQS calls a queue that is not there.
const NO_QUEUE: [&str; 2] = ["NonExistentQueue", "QueueDoesNotExist"];
/// What EventBridge calls what is not there.
const NO_BUS: [&str; 1] = ["ResourceNotFoundException"];
/// What SNS says to a subscription that is there with other attributes.
const OTHER_ATTRIBUTES: [&str; 2] = ["InvalidParameter", "InvalidParameterException"];
/// No account has more topics than this of a hundred each.
const PAGES_MAX: u32 = 1_000;
/// Queues keep messages between a minute and two weeks.
const RETENTION: std::ops::RangeInclusive<u64> = 60..=14 * 24 * 60 * 60;

/// Finds and makes what carries channels.
#[derive(Debug, Clone)]
pub(super) struct Carriers {
    pub(super) clients: Clients,
    pub(super) options: Options,
}

impl Carriers {
    /// What carries a channel, if anything does.
    pub(super) async fn find(&self, channel: &str) -> Result<Option<Target>, StoreError> {
        if let Some(url) = self.queue_url(&self.options.name(channel)).await? {
            return Ok(Some(Target::Queue(url)));
        }
        self.find_topic(channel).await
    }

    /// Makes what carries a channel.
    pub(super) async fn make(&self, channel: &Channel) -> Result<Target, StoreError> {
        let name = self.options.name(&channel.name);
        match channel.kind {
            Kind::Queue => {
                let url = self.make_queue(&name, channel.retention).await?;
                Ok(Target::Queue(url))
            }
            Kind::Topic => match self.options.fanout {
                Fanout::Sns => self.make_topic(&name).await,
                Fanout::EventBridge => self.make_bus(&name).await,
            },
        }
    }

    /// The address of a queue, if it is there.
    pub(super) async fn queue_url(&self, name: &str) -> Result<Option<String>, StoreError> {
        match self
            .clients
            .sqs
            .get_queue_url()
            .queue_name(name)
            .send()
            .await
        {
            Ok(found) => Ok(found.queue_url().map(str::to_owned)),
            Err(error) if has_code(&error, &NO_QUEUE) => Ok(None),
            Err(error) => Err(broken("ask SQS about a queue", &error)),
        }
    }

    /// Leads what is published to a topic into the queue of a group, and returns the address of that.
    pub(super) async fn connect(
        &self,
        target: &Target,
        queue: &str,
        retention: Option<Duration>,
    ) -> Result<String, StoreError> {
        let url = self.make_queue(queue, retention).await?;
        let own = self.queue(&url).await?;
        match target {
            Target::Topic(topic) => {
                self.permit(&own, "sns.amazonaws.com", topic).await?;
                self.subscribe(topic, &own.arn).await?;
            }
            Target::Bus(bus) => {
                let rule = self.rule(bus, queue).await?;
                self.permit(&own, "events.amazonaws.com", &rule).await?;
                self.aim_rule(bus, queue, &own).await?;
            }
            Target::Queue(_) => {}
        }
        Ok(url)
    }

    async fn find_topic(&self, channel: &str) -> Result<Option<Target>, StoreError> {
        let name = self.options.name(channel);
        if self.options.fanout == Fanout::EventBridge {
            let asked = self.clients.events.describe_event_bus().name(&name);
            return match asked.send().await {
                Ok(_) => Ok(Some(Target::Bus(name))),
                Err(error) if has_code(&error, &NO_BUS) => Ok(None),
                Err(error) => Err(broken("ask EventBridge about a bus", &error)),
            };
        }
        // SNS finds topics by their whole name only, which begins with an account that nobody here knows.
        let end = format!(":{name}");
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let asked = self.clients.sns.list_topics().set_next_token(token);
            let page = asked.send().await;
            let page = page.map_err(|error| broken("ask SNS about its topics", &error))?;
            let mut arns = page.topics().iter().filter_map(|topic| topic.topic_arn());
            if let Some(arn) = arns.find(|arn| arn.ends_with(&end)) {
                return Ok(Some(Target::Topic(arn.to_owned())));
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(None);
            }
        }
        let action = "read all topics of SNS";
        Err(StoreError::new(action, ErrorKind::Unavailable))
    }

    async fn make_topic(&self, name: &str) -> Result<Target, StoreError> {
        let mut asked = self.clients.sns.create_topic().name(name);
        if self.options.is_fifo() {
            asked = asked
                .attributes("FifoTopic", "true")
                .attributes("ContentBasedDeduplication", "false")
                .attributes("FifoThroughputScope", "MessageGroup");
        }
        let made = asked.send().await;
        let made = made.map_err(|error| broken("make a topic of SNS", &error))?;
        made.topic_arn()
            .map(|arn| Target::Topic(arn.to_owned()))
            .ok_or_else(|| StoreError::new("learn the name of a topic", ErrorKind::Unavailable))
    }

    async fn make_bus(&self, name: &str) -> Result<Target, StoreError> {
        let made = self
            .clients
            .events
            .create_event_bus()
            .name(name)
            .send()
            .await;
        match made {
            Ok(_) => {}
            Err(error) if has_code(&error, &["ResourceAlreadyExistsException"]) => {}
            Err(error) => return Err(broken("make a bus of EventBridge", &error)),
        }
        Ok(Target::Bus(name.to_owned()))
    }

    /// Makes a queue unless it is there, whatever its owner has set it to since.
    async fn make_queue(
        &self,
        name: &str,
        retention: Option<Duration>,
    ) -> Result<String, StoreError> {
        if let Some(url) = self.queue_url(name).await? {
            return Ok(url);
        }
        let mut attributes = HashMap::new();
        let seconds = self.options.visibility.as_secs().to_string();
        attributes.insert(Attribute::VisibilityTimeout, seconds);
        if let Some(retention) = retention {
            let (least, most) = (*RETENTION.start(), *RETENTION.end());
            let seconds = retention.as_secs().clamp(least, most).to_string();
            attributes.insert(Attribute::MessageRetentionPeriod, seconds);
        }
        if self.options.is_fifo() {
            // Each key on its own, as fast as that goes.
            let fifo = [
                (Attribute::FifoQueue, "true"),
                (Attribute::ContentBasedDeduplication, "false"),
                (Attribute::DeduplicationScope, "messageGroup"),
                (Attribute::FifoThroughputLimit, "perMessageGroupId"),
            ];
            attributes.extend(fifo.map(|(name, value)| (name, value.to_owned())));
        }
        let asked = self.clients.sqs.create_queue().queue_name(name);
        let made = asked.set_attributes(Some(attributes)).send().await;
        let made = made.map_err(|error| broken("make a queue of SQS", &error))?;
        made.queue_url()
            .map(str::to_owned)
            .ok_or_else(|| StoreError::new("learn the address of a queue", ErrorKind::Unavailable))
    }

    async fn queue(&self, url: &str) -> Result<Queue, StoreError> {
        let asked = self.clients.sqs.get_queue_attributes().queue_url(url);
        let asked = asked
            .attribute_names(Attribute::QueueArn)
            .attribute_names(Attribute::Policy);
        let told = asked.send().await;
        let told = told.map_err(|error| broken("ask SQS about a queue", &error))?;
        let told = |name| told.attributes().and_then(|all| all.get(&name)).cloned();
        Ok(Queue {
            url: url.to_owned(),
            arn: told(Attribute::QueueArn).ok_or_else(|| {
                StoreError::new("learn the name of a queue", ErrorKind::Unavailable)
            })?,
            policy: told(Attribute::Policy),
        })
    }

    /// Lets one source put messages into a queue, unless the queue has rules that speak of it. What else its rules say stays.
    async fn permit(&self, queue: &Queue, service: &str, source: &str) -> Result<(), StoreError> {
        let Some(policy) =
            policy::permitting(queue.policy.as_deref(), &queue.arn, service, source)?
        else {
            return Ok(());
        };
        let asked = self.clients.sqs.set_queue_attributes();
        let asked = asked.queue_url(&queue.url);
        let set = asked.attributes(Attribute::Policy, policy).send().await;
        set.map_err(|error| broken("let a topic into a queue", &error))?;
        Ok(())
    }

    async fn subscribe(&self, topic: &str, queue: &str) -> Result<(), StoreError> {
        let asked = self
            .clients
            .sns
            .subscribe()
            .topic_arn(topic)
            .protocol("sqs")
            .endpoint(queue)
            // Messages as they were published, without what SNS would put around them.
            .attributes("RawMessageDelivery", "true");
        match asked.send().await {
            Ok(_) => Ok(()),
            Err(error) if has_code(&error, &OTHER_ATTRIBUTES) => {
                // Its owner may have narrowed the subscription since.
                let is_raw = self.has_raw_subscription(topic, queue).await?;
                let action = "subscribe a queue to a topic";
                if is_raw {
                    Ok(())
                } else {
                    Err(StoreError::because(
                        action,
                        ErrorKind::Refused,
                        said(&error),
                    ))
                }
            }
            Err(error) => Err(broken("subscribe a queue to a topic", &error)),
        }
    }

    /// Whether a queue has messages of a topic, and as they were published.
    async fn has_raw_subscription(&self, topic: &str, queue: &str) -> Result<bool, StoreError> {
        const ACTION: &str = "ask SNS about the subscriptions of a topic";
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let asked = self.clients.sns.list_subscriptions_by_topic();
            let page = asked.topic_arn(topic).set_next_token(token).send().await;
            let page = page.map_err(|error| broken(ACTION, &error))?;
            let mut all = page.subscriptions().iter();
            if let Some(found) = all.find(|one| one.endpoint() == Some(queue)) {
                let asked = self.clients.sns.get_subscription_attributes();
                let asked = asked.set_subscription_arn(found.subscription_arn().map(str::to_owned));
                let told = asked.send().await;
                let told = told.map_err(|error| broken(ACTION, &error))?;
                let raw = told
                    .attributes()
                    .and_then(|all| all.get("RawMessageDelivery"));
                return Ok(raw.is_some_and(|raw| raw == "true"));
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(false);
            }
        }
        Err(StoreError::new(ACTION, ErrorKind::Unavailable))
    }

    /// The rule that leads from a bus to a queue.
    async fn rule(&self, bus: &str, queue: &str) -> Result<String, StoreError> {
        // All that there is: every event has a source.
        const EVERY: &str = "{\"source\":[{\"prefix\":\"\"}]}";
        let (events, name) = (&self.clients.events, name::of_rule(queue));
        let unknown = || StoreError::new("learn the name of a rule", ErrorKind::Unavailable);
        let asked = events.describe_rule().name(&name).event_bus_name(bus);
        match asked.send().await {
            // Its owner may have narrowed it since.
            Ok(found) => return found.arn().map(str::to_owned).ok_or_else(unknown),
            Err(error) if has_code(&error, &NO_BUS) => {}
            Err(error) => return Err(broken("ask EventBridge about a rule", &error)),
        }
        let asked = events.put_rule().name(name).event_bus_name(bus);
        let asked = asked.event_pattern(EVERY).state(RuleState::Enabled);
        let made = asked.send().await;
        let made = made.map_err(|error| broken("make a rule of EventBridge", &error))?;
        made.rule_arn().map(str::to_owned).ok_or_else(unknown)
    }

    /// Leads a rule into the queue of a group, unless it does already: its owner may have set how. What EventBridge gives up after a day, because
    /// the queue could not be reached, goes to another queue.
    async fn aim_rule(&self, bus: &str, queue: &str, own: &Queue) -> Result<(), StoreError> {
        const ACTION: &str = "lead a rule into a queue";
        let (events, rule) = (&self.clients.events, name::of_rule(queue));
        let asked = events.list_targets_by_rule().event_bus_name(bus);
        let told = asked.rule(&rule).send().await;
        let told = told.map_err(|error| broken(ACTION, &error))?;
        // No rule has more targets than one answer.
        if told.targets().iter().any(|one| one.arn() == own.arn) {
            return Ok(());
        }
        let target = RuleTarget::builder().id("queue").arn(&own.arn);
        let undelivered = self.undelivered(bus, queue).await?;
        let target =
            target.dead_letter_config(DeadLetterConfig::builder().arn(undelivered).build());
        let target = target
            .build()
            .map_err(|error| StoreError::because(ACTION, ErrorKind::Refused, error.to_string()))?;
        let asked = events.put_targets().event_bus_name(bus);
        let set = asked.rule(rule).targets(target).send().await;
        let set = set.map_err(|error| broken(ACTION, &error))?;
        match set.failed_entries().first() {
            None => Ok(()),
            Some(failed) => {
                let text = failed.error_message().unwrap_or_default().to_owned();
                Err(StoreError::because(ACTION, ErrorKind::Unavailable, text))
            }
        }
    }

    /// The queue of what EventBridge could not bring to the queue of a group.
    async fn undelivered(&self, bus: &str, queue: &str) -> Result<String, StoreError> {
        let name = name::of_undelivered(queue);
        let longest = Duration::from_secs(*RETENTION.end());
        let url = self.make_queue(&name, Some(longest)).await?;
        let own = self.queue(&url).await?;
        let rule = self.rule(bus, queue).await?;
        self.permit(&own, "events.amazonaws.com", &rule).await?;
        Ok(own.arn)
    }

    /// How many messages a queue has, as far as SQS knows: those that wait, and those that are somebody's.
    pub(super) async fn backlog(&self, url: &str) -> Result<u64, StoreError> {
        let counts = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
        ];
        let asked = self.clients.sqs.get_queue_attributes().queue_url(url);
        let told = asked
            .set_attribute_names(Some(counts.to_vec()))
            .send()
            .await;
        let told = told.map_err(|error| broken("ask SQS how much waits", &error))?;
        let told = told.attributes();
        let count = |name| told?.get(name)?.parse::<u64>().ok();
        counts
            .iter()
            .map(count)
            .sum::<Option<u64>>()
            .ok_or_else(|| {
                StoreError::new("learn how much waits in a queue", ErrorKind::Unavailable)
            })
    }
}

/// What is known of a queue.
struct Queue {
    url: String,
    arn: String,
    policy: Option<String>,
}
