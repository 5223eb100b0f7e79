//! The suite that holds every transport to the laws that it claims: one test for each, on any [`Rig`](super::rig::Rig).
//!
//! `conformance!(TheRig)` in the module of a transport is all that it takes. A law that a transport does not claim is not tried; its docs must name
//! it instead, which is tested too.

mod carrying;
mod delivery;
mod load;
mod order;

pub(crate) use self::{carrying::*, delivery::*, load::*, order::*};
use std::any::type_name;

use super::rig::Rig;
use dovetail_messaging::{
    outbox::Publisher,
    transport::{Laws, Transport},
};

/// A transport names in its docs what it does not keep.
pub(crate) async fn what_is_not_kept_stands_in_the_docs<R: Rig>(rig: R) {
    let laws = rig.open().await.laws();
    for law in laws.exceptions() {
        let line = format!("- Not kept: **{law}.**");
        assert!(R::docs().contains(&line), "the docs do not say: {line}");
    }
}

/// A transport says to metrics what it is.
pub(crate) async fn metrics_learn_which_broker_it_is<R: Rig>(rig: R) {
    let system = rig.open().await.system();
    let module = type_name::<R::Transport>();
    let (_, module) = module.split_once("transport::").unwrap();
    match module.split("::").next().unwrap() {
        "embedded" => assert_eq!(system, "dovetail"),
        module => assert!(system.starts_with(module), "{system} is {module}"),
    }
}

/// Which laws there is no test for: each is named for those that there is one for.
pub(crate) fn untested(name: impl FnOnce(&mut Laws)) -> Vec<&'static str> {
    let mut tested = Laws::NONE;
    name(&mut tested);
    tested.exceptions().collect()
}

/// Tries a law where it is claimed.
pub(crate) async fn hold<R: Rig, F: Future<Output = ()>>(
    claims: impl FnOnce(&Laws) -> bool,
    law: impl FnOnce(R) -> F,
) {
    let Some(rig) = R::start().await else { return };
    let laws = rig.open().await.laws();
    if claims(&laws) {
        law(rig).await;
    }
}

/// The tests of one transport, as a module of its own.
macro_rules! conformance {
    ($rig:ident) => {
        mod laws {
            use super::$rig;

            $crate::transport::laws::conformance! { $rig;
                at_least_once: what_a_dead_receiver_held_comes_again;
                acknowledged_is_done: what_is_acknowledged_does_not_come_again;
                one_at_a_time: two_receivers_share_what_there_is;
                unsettled_comes_again: what_is_not_settled_in_its_time_comes_again;
                late_receipts_are_void: a_receipt_changes_nothing_after_its_time;
                late_receipts_are_void: a_receipt_is_void_once_its_time_is_over;
                late_receipts_are_void: a_receipt_of_a_lost_connection_acknowledges_nothing;
                keys_keep_their_order: of_one_key_the_earliest_comes_and_the_rest_waits;
                keys_keep_their_order_across_redelivery: a_key_keeps_its_order_while_its_messages_come_again;
                keys_keep_their_order_across_redelivery: a_key_keeps_its_order_when_its_receiver_dies;
                topics_begin_at_the_subscription: a_group_has_what_is_published_after_it_subscribed;
                groups_are_independent: each_group_has_each_message;
                queues_keep_messages: a_queue_keeps_messages_until_they_are_taken;
                given_back_comes_after_its_time: what_is_given_back_comes_after_its_time_and_not_before;
                given_back_comes_after_its_time: what_is_given_back_for_no_time_comes_at_once;
                bytes_survive: envelopes_and_bodies_survive_byte_for_byte;
                foreign_messages_arrive: what_is_no_event_arrives_and_does_not_stop_the_rest;
                undeclared_is_rejected: what_goes_to_an_undeclared_channel_is_rejected;
                confirmed_is_kept: what_was_confirmed_is_there_though_its_sender_died;
                reconnects: a_lost_connection_is_made_again_and_nothing_is_lost;
                reconnects: a_connection_that_is_lost_again_and_again_loses_nothing;
                deliveries_are_counted: each_delivery_is_counted;
                acknowledged_is_done: a_large_backlog_drains_with_several_receivers;
            }

            #[tokio::test]
            async fn what_is_not_kept_stands_in_the_docs() {
                $crate::transport::laws::hold(
                    |_| true,
                    $crate::transport::laws::what_is_not_kept_stands_in_the_docs::<$rig>,
                )
                .await;
            }

            #[tokio::test]
            async fn metrics_learn_which_broker_it_is() {
                $crate::transport::laws::hold(
                    |_| true,
                    $crate::transport::laws::metrics_learn_which_broker_it_is::<$rig>,
                )
                .await;
            }
        }
    };
    ($rig:ident; $($law:ident: $test:ident;)*) => {
        #[test]
        fn every_law_has_a_test() {
            let untested = $crate::transport::laws::untested(|tested| {
                $(tested.$law = true;)*
            });
            assert_eq!(untested, [""; 0]);
        }

        $(
            #[tokio::test]
            async fn $test() {
                $crate::transport::laws::hold(
                    |laws| laws.$law,
                    $crate::transport::laws::$test::<$rig>,
                )
                .await;
            }
        )*
    };
}
pub(crate) use conformance;
