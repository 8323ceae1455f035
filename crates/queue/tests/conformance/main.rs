//! One suite of what the contract promises, run against every broker, and what only RabbitMQ can get wrong.
//! Tests that need RabbitMQ find it by `STEVEDORE_TEST_RABBITMQ` and fail without it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod control;
mod dead_letters;
mod delivery;
mod foreign;
mod lost_connection;
mod proxy;
mod publishing;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

/// Every case, once per broker.
macro_rules! conformance {
    ($($file:ident :: $case:ident),+ $(,)?) => {
        mod in_process {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::support::in_process(crate::$file::$case).await;
                }
            )+
        }
        mod rabbitmq {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::support::rabbitmq(|broker, _| crate::$file::$case(broker)).await;
                }
            )+
        }
    };
}

conformance! {
    publishing::messages_come_whole_and_in_order,
    publishing::queues_do_not_mix,
    publishing::a_body_over_the_limit_is_not_sent,
    publishing::depth_counts_what_is_ready,
    publishing::a_closed_broker_says_so,
    delivery::what_is_acknowledged_does_not_come_back,
    delivery::what_is_requeued_comes_back_and_says_so,
    delivery::what_is_dropped_comes_back,
    delivery::what_was_parked_comes_back_whole,
    delivery::no_more_than_the_prefetch_is_in_hand,
    delivery::a_dropped_consumer_gives_back_what_it_had_not_handed_out,
    delivery::a_wait_that_is_given_up_loses_nothing,
    dead_letters::what_is_rejected_keeps_its_reason,
    dead_letters::what_comes_back_too_often_ends_there,
    dead_letters::an_unknown_version_never_reaches_the_handler,
    dead_letters::looking_leaves_them_and_taking_does_not,
    control::every_listener_hears_it,
    control::a_durable_listener_hears_what_it_missed,
    control::a_durable_listener_that_did_not_acknowledge_hears_it_again,
    control::with_nobody_there_the_publisher_is_told,
    traffic::many_publishers_and_consumers_lose_nothing,
}
