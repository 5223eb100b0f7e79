//! The toolchain says the same of brokers as the runtime, which it does not depend on.

use dovetail_contract::contract::Transport;
use dovetail_contract::transport_laws::{Law, unkept};
use dovetail_messaging::transport::Laws;

/// What the runtime says of a transport that is set up to keep the order of keys, or not to.
fn laws(transport: Transport, keeps_keys: bool) -> Laws {
    match transport {
        Transport::Embedded => Laws::ALL,
        Transport::RabbitMq => Laws::of_rabbitmq(keeps_keys),
        Transport::Kafka => Laws::of_kafka(),
        Transport::Nats => Laws::of_nats(keeps_keys),
        Transport::Sqs => Laws::of_sqs(keeps_keys),
    }
}

#[test]
fn docs_and_findings_know_the_laws_of_the_runtime() {
    let words: Vec<&str> = Law::ALL.into_iter().map(Law::as_str).collect();
    let known: Vec<&str> = Laws::ALL.iter().map(|(law, _)| law).collect();
    assert_eq!(words, known);
    for (name, transport) in Transport::ALL {
        for keeps_keys in [false, true] {
            let said = unkept(transport, keeps_keys).iter();
            let said: Vec<&str> = said.map(|law| law.as_str()).collect();
            let laws = laws(transport, keeps_keys);
            let held: Vec<&str> = laws.exceptions().collect();
            assert_eq!(said, held, "{name}, keeps_keys: {keeps_keys}");
        }
    }
}
