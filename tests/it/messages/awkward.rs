//! The contracts that are hard: keys and payloads of every shape, and all ways to consume on one channel.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use dovetail_messaging::consumer::Held;
use dovetail_messaging::producer::Outgoing;
use dovetail_messaging::store::StoreError;
use parcels_messages::types::{
    Hold, ItemsType, ItemsTypeType, Lost, LostCause, Moved, MovedArrived, Place, Scanned, SelfType,
};
use parcels_messages::{ParcelsCommands, ParcelsEvents};

use super::*;

/// Keeps what is published.
#[derive(Default)]
struct Outlet(Vec<Message>);

impl Outgoing for Outlet {
    fn add(&mut self, message: Message) -> Result<(), StoreError> {
        self.0.push(message);
        Ok(())
    }
}

fn place() -> Place {
    Place {
        city: "Ulm".to_owned(),
        shelf: Default::default(),
    }
}

fn moved(parcel_id: i64) -> Moved {
    Moved::Arrived(Box::new(MovedArrived {
        parcel_id,
        at: place(),
        weight: None,
    }))
}

fn lost(number: u128) -> Lost {
    Lost {
        claim: Uuid::from_u128(number),
        seen: place(),
        cause: None,
        secret: Some("told".to_owned()),
        checked: Some(false),
        extra: Default::default(),
    }
}

fn hold(parcel_id: i64) -> Hold {
    Hold {
        parcel_id,
        until: None,
    }
}

#[test]
fn keys_are_texts_and_whole_numbers_of_any_payload() {
    let events = ParcelsEvents::new(Clock::system(), chance());
    let commands = ParcelsCommands::new("robot", Clock::system(), chance());
    let mut outlet = Outlet::default();
    let scan = ItemsType {
        parcel_id: 7,
        r#type: ItemsTypeType::Unknown(9),
    };
    events.parcel_moved(&mut outlet, &moved(-7)).unwrap();
    events.parcel_lost(&mut outlet, &lost(1)).unwrap();
    events.parcels_scanned(&mut outlet, &vec![scan]).unwrap();
    commands.hold_parcel(&mut outlet, &hold(i64::MAX)).unwrap();
    let told: Vec<_> = outlet
        .0
        .iter()
        .map(|message| {
            let body = std::str::from_utf8(&message.body).unwrap();
            let (source, _) = message.identity().unwrap();
            (source, &message.channel[..], message.key.as_deref(), body)
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "parcels",
                "parcels",
                Some("-7"),
                r#"{"kind":"arrived","parcel_id":-7,"at":{"city":"Ulm"}}"#
            ),
            (
                "parcels",
                "parcels",
                Some("00000000-0000-0000-0000-000000000001"),
                r#"{"claim":"00000000-0000-0000-0000-000000000001","seen":{"city":"Ulm"},"secret":"told","checked":false}"#
            ),
            ("parcels", "parcels", None, r#"[{"parcel_id":7,"type":9}]"#),
            (
                "robot",
                "parcel-desk",
                Some("9223372036854775807"),
                r#"{"parcel_id":9223372036854775807}"#
            ),
        ]
    );
}

#[test]
fn what_a_newer_service_says_survives() {
    let json = r#"{"claim":"00000000-0000-0000-0000-000000000001","seen":{"city":"Ulm"},"cause":"moths","more":"later"}"#;
    let lost: Lost = serde_json::from_str(json).unwrap();
    assert!(matches!(&lost.cause, Some(LostCause::Unknown(cause)) if cause.as_str() == "moths"));
    assert_eq!(serde_json::to_string(&lost).unwrap(), json);
    let json = r#"{"kind":"stolen","parcel_id":1,"by":[1.10]}"#;
    let moved: Moved = serde_json::from_str(json).unwrap();
    assert!(matches!(moved, Moved::Unknown(_)));
    assert_eq!(serde_json::to_string(&moved).unwrap(), json);
}

/// Notes everything, and is done once it saw so many.
struct Depot {
    noted: Mutex<Vec<String>>,
    left: AtomicU32,
    done: Arc<Notify>,
}

impl Depot {
    fn seeing(count: u32) -> (Arc<Self>, Arc<Notify>) {
        let done = Arc::new(Notify::new());
        let depot = Self {
            noted: Mutex::default(),
            left: AtomicU32::new(count),
            done: Arc::clone(&done),
        };
        (Arc::new(depot), done)
    }

    fn note(&self, what: String) -> Result<(), HandlerError> {
        self.noted.lock().unwrap().push(what);
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
        Ok(())
    }
}

/// What is handed to the consumers, while the test looks at it, too.
struct Shared(Arc<Depot>);

impl<T: Send> depot_consumers::ParcelsHandler<T> for Shared {
    async fn r#match(
        &self,
        _: &mut T,
        event: Moved,
        context: &Context<'_>,
    ) -> Result<(), HandlerError> {
        let Moved::Arrived(event) = event else {
            return Err(HandlerError::Fatal("it did not arrive".to_owned()));
        };
        let id = context.id();
        self.0.note(format!("moved {} {id}", event.parcel_id))
    }

    async fn r#loop(&self, _: &mut T, event: Scanned, _: &Context<'_>) -> Result<(), HandlerError> {
        self.0.note(format!("scanned {}", event.len()))
    }

    async fn run(&self, _: &mut T, event: Hold, _: &Context<'_>) -> Result<(), HandlerError> {
        self.0.note(format!("released {}", event.parcel_id))
    }

    async fn self_(&self, _: &mut T, event: SelfType, _: &Context<'_>) -> Result<(), HandlerError> {
        self.0.note(format!("match {}", event.r#type))
    }
}

impl depot_consumers::ParcelsLeaseHandler for Shared {
    async fn r#type(
        &self,
        held: &mut Held,
        event: Lost,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        let key = held.idempotency_key().len();
        self.0.note(format!("lost {} {key}", event.claim.as_u128()))
    }
}

impl<T: Send> parcels_consumers::ParcelsHandler<T> for Shared {
    async fn hold_parcel(
        &self,
        _: &mut T,
        event: Hold,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        self.0.note(format!("held {}", event.parcel_id))
    }
}

/// Publishes all kinds of messages, each twice, in one transaction.
async fn publish_everything(bench: &Bench) {
    let events = ParcelsEvents::new(Clock::system(), chance());
    let commands = ParcelsCommands::new("robot", Clock::system(), Chance::seeded(9));
    let mut transaction = bench.begin().await;
    let outgoing = &mut transaction;
    let own = |id: &str| EventId::new(id).unwrap();
    for _ in 0..2 {
        // Their ids differ: the number of the parcel tells that they are one.
        events.parcel_moved(outgoing, &moved(7)).unwrap();
        let sent = [
            events.parcel_lost_with_id(outgoing, own("l-1"), &lost(1)),
            events.parcels_scanned_with_id(outgoing, own("s-1"), &Vec::new()),
            commands.release_parcel_with_id(outgoing, own("r-1"), &hold(3)),
        ];
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_ways_to_consume_stand_side_by_side() {
    let bench = Bench::new().await;
    publish_everything(&bench).await;
    let (depot, done) = Depot::seeing(4);
    let consumers = depot_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        Shared(Arc::clone(&depot)),
        Clock::system(),
        chance(),
    );
    // Every channel that is consumed from is declared, and so are those that the service publishes to.
    consumers.run(done.notified()).await.unwrap();
    let mut noted = depot.noted.lock().unwrap().clone();
    noted.sort_unstable();
    assert_eq!(noted, ["lost 1 32", "moved 7 7", "released 3", "scanned 0"]);
    assert!(bench.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_handles_its_own_commands() {
    let bench = Bench::new().await;
    let commands = ParcelsCommands::new("robot", Clock::system(), chance());
    let mut transaction = bench.begin().await;
    commands.hold_parcel(&mut transaction, &hold(5)).unwrap();
    transaction.commit().await.unwrap();
    let (depot, done) = Depot::seeing(1);
    let consumers = parcels_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        Shared(Arc::clone(&depot)),
        Clock::system(),
        chance(),
    );
    consumers.run(done.notified()).await.unwrap();
    assert_eq!(*depot.noted.lock().unwrap(), ["held 5"]);
}
