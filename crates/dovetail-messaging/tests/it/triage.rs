//! Dead letters as people find them and decide about them.

use std::time::Duration;

use bytes::Bytes;
use dovetail_messaging::{
    Message, cesql,
    consumer::{Done, Settlement},
    dead_letter::{
        Act, Action, Burial, By, Closed, Edit, Reason, Restored, Search, Selection, State, copy,
    },
    replay::CONSUMER,
};
use dovetail_resilience::Chance;

use crate::support::{Bench, Database, NAME, after, config, message, on_each_store};

pub(crate) fn ada(seconds: u64) -> Act {
    Act {
        who: "ada".to_owned(),
        at: after(seconds),
    }
}

/// Keeps a message as a dead letter of the consumer.
pub(crate) async fn bury<D: Database>(
    bench: &Bench<D>,
    message: Message,
    reason: Reason,
    detail: &str,
    at: u64,
) {
    let burial = Burial {
        consumer: NAME.to_owned(),
        message,
        reason,
        detail: detail.to_owned(),
        contract: None,
        at: after(at),
    };
    bench.store.bury(burial, None).await.unwrap();
}

/// Six letters of two kinds, three reasons and two consumers.
async fn sample<D: Database>() -> Bench<D> {
    let bench = Bench::<D>::of_store().await;
    let created = |id: &str| message(id, "{}").with_kind("order.created");
    let priced = |id: &str, amount: &str| Message {
        headers: vec![("amount".to_owned(), amount.to_owned())],
        ..message(id, "{}").with_kind("order.priced")
    };
    bury(
        &bench,
        created("1"),
        Reason::RetriesExhausted,
        "no account a-17",
        10,
    )
    .await;
    bury(
        &bench,
        created("2"),
        Reason::RetriesExhausted,
        "no account a-18",
        20,
    )
    .await;
    bury(
        &bench,
        priced("3", "5"),
        Reason::Contract,
        "/amount is missing",
        30,
    )
    .await;
    bury(
        &bench,
        priced("4", "500"),
        Reason::Contract,
        "/amount is missing",
        40,
    )
    .await;
    let anonymous = Message {
        id: None,
        ..created("5")
    };
    bury(
        &bench,
        anonymous,
        Reason::IdMissing,
        "it has no source or no id",
        50,
    )
    .await;
    let other = Burial {
        consumer: "mail/orders/greet".to_owned(),
        message: Message {
            channel: "priority".to_owned(),
            ..created("1")
        },
        reason: Reason::Panic,
        detail: "index 7 of 3".to_owned(),
        contract: None,
        at: after(60),
    };
    bench.store.bury(other, None).await.unwrap();
    bench
}

fn search(selection: Selection) -> Search {
    Search {
        selection,
        filter: None,
    }
}

async fn check<D: Database>(bench: &Bench<D>, search: Search, expected: &[i64]) {
    let page = search.page(&bench.store, 0, 100).await.unwrap();
    let numbers: Vec<i64> = page.iter().map(|listed| listed.letter.number).collect();
    assert_eq!(numbers, expected, "{}", search.selection);
    let matches = search.count(&bench.store).await.unwrap();
    assert_eq!(matches.count, expected.len() as u64, "{}", search.selection);
    assert_eq!(search.numbers(&bench.store).await.unwrap(), expected);
    let groups = search.groups(&bench.store, By::Detail).await.unwrap();
    let grouped: u64 = groups.iter().map(|group| group.count).sum();
    assert_eq!(grouped, matches.count, "{}", search.selection);
}

async fn letters_are_found_by_all_that_is_known_of_them<D: Database>() {
    let bench = sample::<D>().await;
    bench.store.discard_all(vec![4], ada(70)).await.unwrap();
    let all = Selection::default();
    let rows: [(Selection, &[i64]); 10] = [
        (all.clone(), &[1, 2, 3, 4, 5, 6]),
        (
            Selection {
                numbers: vec![6, 2, 9],
                ..all.clone()
            },
            &[2, 6],
        ),
        (
            Selection {
                consumer: Some(NAME.to_owned()),
                ..all.clone()
            },
            &[1, 2, 3, 4, 5],
        ),
        (
            Selection {
                reason: Some(Reason::Contract),
                ..all.clone()
            },
            &[3, 4],
        ),
        (
            Selection {
                kind: Some("order.created".to_owned()),
                ..all.clone()
            },
            &[1, 2, 5, 6],
        ),
        (
            Selection {
                channel: Some("priority".to_owned()),
                ..all.clone()
            },
            &[6],
        ),
        (
            Selection {
                state: Some(State::Discarded),
                ..all.clone()
            },
            &[4],
        ),
        (
            Selection {
                since: Some(after(20)),
                until: Some(after(50)),
                ..all.clone()
            },
            &[2, 3, 4],
        ),
        (
            Selection {
                replayable: Some(true),
                ..all.clone()
            },
            &[1, 2, 3, 6],
        ),
        (
            Selection {
                replayable: Some(false),
                ..all
            },
            &[4, 5],
        ),
    ];
    for (selection, expected) in rows {
        check(&bench, search(selection), expected).await;
    }
}

async fn a_filter_over_the_envelope_finds_events_and_nothing_else<D: Database>() {
    let bench = sample::<D>().await;
    let rows: [(&str, &[i64]); 5] = [
        ("type = 'order.created'", &[1, 2, 6]),
        (
            "type LIKE 'order.%' AND EXISTS amount AND INT(amount) > 100",
            &[4],
        ),
        ("source = 'shop' AND id IN ('2', '3')", &[2, 3]),
        ("TRUE", &[1, 2, 3, 4, 6]),
        ("FALSE", &[]),
    ];
    for (filter, expected) in rows {
        let search = Search {
            filter: Some(cesql::Filter::parse(filter).unwrap()),
            ..Search::default()
        };
        check(&bench, search, expected).await;
    }
    let both = Search {
        selection: Selection {
            reason: Some(Reason::Contract),
            ..Selection::default()
        },
        filter: Some(cesql::Filter::parse("amount = '5'").unwrap()),
    };
    check(&bench, both, &[3]).await;
}

async fn pages_follow_each_other_without_bodies<D: Database>() {
    let bench = sample::<D>().await;
    for filter in [None, Some("type LIKE 'order.%'")] {
        let search = Search {
            filter: filter.map(|text| cesql::Filter::parse(text).unwrap()),
            ..Search::default()
        };
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = search.page(&bench.store, after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            after = last.letter.number;
            for listed in page {
                assert_eq!(
                    (listed.letter.message.body.len(), listed.body_bytes),
                    (0, 2)
                );
                seen.push(listed.letter.number);
            }
        }
        let expected: &[i64] = if filter.is_some() {
            &[1, 2, 3, 4, 6]
        } else {
            &[1, 2, 3, 4, 5, 6]
        };
        assert_eq!(seen, expected);
    }
    let whole = bench.store.letter(1).await.unwrap().unwrap();
    assert_eq!(whole.letter.message.body, "{}");
    assert_eq!(bench.store.letter(99).await.unwrap(), None);
}

async fn letters_are_grouped_by_what_they_have_in_common<D: Database>() {
    let bench = sample::<D>().await;
    let rows = [
        (
            By::Reason,
            vec![
                ("contract", 2),
                ("retries_exhausted", 2),
                ("id_missing", 1),
                ("panic", 1),
            ],
        ),
        (By::Kind, vec![("order.created", 4), ("order.priced", 2)]),
        (By::Consumer, vec![(NAME, 5), ("mail/orders/greet", 1)]),
        (
            By::Detail,
            vec![
                ("/amount is missing", 2),
                ("no account #", 2),
                ("index # of #", 1),
                ("it has no source or no id", 1),
            ],
        ),
    ];
    for (by, expected) in rows {
        let groups = Search::default().groups(&bench.store, by).await.unwrap();
        let found: Vec<(&str, u64)> = groups
            .iter()
            .map(|group| (group.name.as_str(), group.count))
            .collect();
        assert_eq!(found, expected, "{by:?}");
    }
    let groups = Search::default()
        .groups(&bench.store, By::Detail)
        .await
        .unwrap();
    let accounts = &groups[1];
    assert_eq!(
        (accounts.oldest_at, accounts.newest_at, accounts.example),
        (after(10), after(20), 2)
    );
}

async fn a_note_stays_with_its_letter_and_so_does_who_wrote_it<D: Database>() {
    let bench = sample::<D>().await;
    for note in ["asked billing", "billing says: replay"] {
        assert!(
            bench
                .store
                .annotate(1, note.to_owned(), ada(70))
                .await
                .unwrap()
        );
    }
    assert!(
        !bench
            .store
            .annotate(99, "nobody".to_owned(), ada(70))
            .await
            .unwrap()
    );
    let listed = bench.store.letter(1).await.unwrap().unwrap();
    assert_eq!(listed.note.as_deref(), Some("billing says: replay"));
    let entries = bench.store.audit(Some(1), 0, 10).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.action, entry.act.who.as_str(), entry.detail.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (Action::Note, "ada", "asked billing"),
            (Action::Note, "ada", "billing says: replay")
        ]
    );
    bench
        .store
        .annotate(1, String::new(), ada(80))
        .await
        .unwrap();
    assert_eq!(bench.store.letter(1).await.unwrap().unwrap().note, None);
}

async fn an_edited_copy_is_another_message_and_its_original_is_resolved<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    let broken = Message {
        headers: vec![("subject".to_owned(), "a".to_owned())],
        ..message("1", "invalid").with_kind("created")
    };
    let settlement = consumer.process(broken.clone()).await;
    assert_eq!(settlement, Settlement::Ack(Done::Dead(Reason::Contract)));
    let edit = Edit {
        body: Some(Bytes::from_static(b"ok")),
        ..Edit::default()
    };
    let letter = bench.store.letter(1).await.unwrap().unwrap().letter;
    let copied = copy(&letter, &edit, &Chance::seeded(1)).unwrap();
    assert_eq!(
        bench
            .store
            .send_copy(1, copied.clone(), ada(1))
            .await
            .unwrap(),
        Closed::Now
    );
    assert_eq!(
        bench
            .store
            .send_copy(1, copied.clone(), ada(2))
            .await
            .unwrap(),
        Closed::NotOpen
    );
    assert_eq!(
        bench
            .store
            .send_copy(9, copied.clone(), ada(2))
            .await
            .unwrap(),
        Closed::Unknown
    );
    let original = bench.store.letter(1).await.unwrap().unwrap().letter;
    assert_eq!(
        (original.state, &original.message),
        (State::Resolved, &broken),
        "as it was"
    );
    let taken = bench
        .store
        .take(after(3), Duration::from_secs(30), 10)
        .await
        .unwrap();
    assert_eq!(taken.messages.len(), 1);
    let sent = &taken.messages[0].message;
    assert_eq!(
        (&sent.source, &sent.id, &sent.body),
        (&copied.source, &copied.id, &copied.body)
    );
    assert_ne!(sent.id.as_deref(), Some("1"));
    assert_eq!(sent.header("causationid"), Some("1"));
    assert_eq!(sent.header(CONSUMER), Some(NAME));
    assert_eq!(
        consumer.process(sent.clone()).await,
        Settlement::Ack(Done::Handled)
    );
    assert_eq!(
        consumer.process(broken).await,
        Settlement::Ack(Done::Dead(Reason::Contract))
    );
    assert!(
        bench.letters().await.is_empty(),
        "its redelivery is no new letter: it was dealt with"
    );
    let entries = bench.store.audit(Some(1), 0, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].action, Action::Edit);
    assert!(entries[0].detail.contains(copied.id.as_deref().unwrap()));
    // A copy can be opened again by nobody: both messages could be handled.
    let restored = bench.store.restore_all(vec![1], ada(4)).await.unwrap();
    assert_eq!(
        restored,
        Restored {
            unfit: vec![1],
            ..Restored::default()
        }
    );
}

async fn what_is_discarded_can_be_had_back<D: Database>() {
    let bench = sample::<D>().await;
    let discarded = bench
        .store
        .discard_all(vec![1, 2, 99], ada(70))
        .await
        .unwrap();
    assert_eq!(discarded, [1, 2]);
    assert!(
        bench
            .store
            .discard_all(vec![1], ada(71))
            .await
            .unwrap()
            .is_empty()
    );
    let restored = bench
        .store
        .restore_all(vec![1, 3, 99], ada(72))
        .await
        .unwrap();
    assert_eq!(restored.opened, [1]);
    assert_eq!(restored.unfit, [3, 99], "they were not closed");
    check(
        &bench,
        search(Selection {
            state: Some(State::Discarded),
            ..Selection::default()
        }),
        &[2],
    )
    .await;
    // Another letter of the same message came meanwhile.
    assert!(bench.store.replay(3, after(80)).await.unwrap());
    let again = Message {
        headers: vec![("amount".to_owned(), "5".to_owned())],
        ..message("3", "{}").with_kind("order.priced")
    };
    bury(&bench, again, Reason::Contract, "/amount is missing", 90).await;
    let restored = bench.store.restore_all(vec![3], ada(91)).await.unwrap();
    assert_eq!(restored.doubled, [3]);
    let actions: Vec<Action> = bench
        .store
        .audit(Some(1), 0, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(actions, [Action::Discard, Action::Restore]);
}

async fn closed_letters_go_after_a_while_and_open_ones_never<D: Database>() {
    let bench = sample::<D>().await;
    bench.store.discard_all(vec![1, 2], ada(70)).await.unwrap();
    bench.store.discard_all(vec![3], ada(90)).await.unwrap();
    assert_eq!(bench.store.purge(after(70), 10, ada(90)).await.unwrap(), 0);
    assert_eq!(bench.store.purge(after(80), 1, ada(90)).await.unwrap(), 1);
    assert_eq!(bench.store.purge(after(80), 10, ada(90)).await.unwrap(), 1);
    check(&bench, Search::default(), &[3, 4, 5, 6]).await;
    let marks = "SELECT count(*) FROM dovetail_inbox WHERE status = 'dead'";
    assert_eq!(
        bench.count(marks).await,
        3,
        "a mark stays while its letter does, those of other consumers too"
    );
    assert_eq!(
        bench.store.audit(Some(1), 0, 10).await.unwrap().len(),
        1,
        "what was done is remembered"
    );
}

async fn a_message_sent_again_is_for_the_consumer_that_could_not_handle_it<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let message = message("1", "fatal");
    let consumer = bench.consumer(config());
    assert_eq!(
        consumer.process(message.clone()).await,
        Settlement::Ack(Done::Dead(Reason::Handler))
    );
    bench.store.replay(1, after(1)).await.unwrap();
    let taken = bench
        .store
        .take(after(2), Duration::from_secs(30), 10)
        .await
        .unwrap();
    let sent = &taken.messages[0].message;
    assert_eq!(
        (&sent.source, &sent.id, &sent.body),
        (&message.source, &message.id, &message.body)
    );
    let other = dovetail_messaging::consumer::Consumer::new(
        "mail/orders/greet",
        bench.store.clone(),
        crate::support::Obedient::default(),
        config(),
        dovetail_resilience::Clock::pinned_at(after(2)),
        Chance::seeded(1),
    );
    assert_eq!(
        other.process(sent.clone()).await,
        Settlement::Ack(Done::Ignored)
    );
    assert_eq!(
        consumer.process(sent.clone()).await,
        Settlement::Ack(Done::Dead(Reason::Handler))
    );
    let letters = bench.letters().await;
    assert_eq!(letters[0].number, 2);
    bench.store.replay(2, after(3)).await.unwrap();
    let taken = bench
        .store
        .take(after(3), Duration::from_secs(30), 10)
        .await
        .unwrap();
    let named = taken.messages[0]
        .message
        .headers
        .iter()
        .filter(|(name, _)| name == CONSUMER);
    assert_eq!(named.count(), 1, "once, however often it is sent");
}

on_each_store!(
    letters_are_found_by_all_that_is_known_of_them,
    a_filter_over_the_envelope_finds_events_and_nothing_else,
    pages_follow_each_other_without_bodies,
    letters_are_grouped_by_what_they_have_in_common,
    a_note_stays_with_its_letter_and_so_does_who_wrote_it,
    an_edited_copy_is_another_message_and_its_original_is_resolved,
    what_is_discarded_can_be_had_back,
    closed_letters_go_after_a_while_and_open_ones_never,
    a_message_sent_again_is_for_the_consumer_that_could_not_handle_it
);
