//! The Zenoh carrier: two sessions in one process, which find each other by multicast.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod contract;

use std::{sync::Arc, time::Duration};

use contract::{End, next, node, soon};
use dreamitate_carrier::{CarrierError, Qos, Reach, Zenoh, ZenohOptions};
use dreamitate_msgs::sensor_msgs::Image;

/// Two sessions on a domain of their own, so that tests that run at once do not meet.
fn two_ends(options: ZenohOptions) -> (Zenoh, Zenoh) {
    let options = ZenohOptions {
        domain_id: 1000 + usize::from(rand::random::<u16>()),
        reach: Reach::Localhost,
        ..options
    };
    (Zenoh::open(options.clone()).unwrap(), Zenoh::open(options).unwrap())
}

macro_rules! contract {
    ($($name:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (here, there) = two_ends(ZenohOptions::default());
            let (here, there): (End, End) = (Arc::new(here), Arc::new(there));
            contract::$name(&here, &there).await;
        })+
    };
}

contract!(
    topic_keeps_order,
    latched_waits_for_the_late,
    service_answers,
    action_runs,
    one_name_is_one_node,
    taps_and_replays_bytes,
    static_frames_add_up,
    parameters_are_served
);

const COUNT: u8 = 20;

fn image(number: u8) -> Image {
    Image {
        height: 720,
        width: 1280,
        encoding: "rgb8".to_owned(),
        step: 3 * 1280,
        data: (0..720 * 1280 * 3).map(|at: u32| (at % 251) as u8 ^ number).collect(),
        ..Image::default()
    }
}

async fn images_arrive(options: ZenohOptions) -> [u64; 2] {
    let (here, there) = two_ends(options);
    let ends: (End, End) = (Arc::new(here.clone()), Arc::new(there.clone()));
    let (camera, dreamer) = (node(&ends.0, "camera"), node(&ends.1, "dreamer"));
    let publisher = camera.publisher::<Image>("image_raw", Qos::sensor_data()).unwrap();
    let mut images = dreamer.subscribe::<Image>("image_raw", Qos::sensor_data()).unwrap();
    soon(async {
        while images.try_recv().is_none() {
            publisher.publish(&image(255)).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    while images.try_recv().is_some() {}
    let through_memory = || [here.sent_through_shared_memory(), there.received_through_shared_memory()];
    let before = through_memory();
    for number in 0..COUNT {
        publisher.publish(&image(number)).unwrap();
        assert_eq!(next(&mut images).await, image(number));
    }
    assert_eq!(images.dropped(), 0);
    let after = through_memory();
    [after[0] - before[0], after[1] - before[1]]
}

#[tokio::test(flavor = "multi_thread")]
async fn images_arrive_through_shared_memory() {
    let through_memory = images_arrive(ZenohOptions::default()).await;
    assert_eq!(through_memory, [u64::from(COUNT); 2], "sent, received");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_arrive_without_shared_memory() {
    let through_memory =
        images_arrive(ZenohOptions { shared_memory_bytes: 0, ..ZenohOptions::default() }).await;
    assert_eq!(through_memory, [0, 0]);
}

#[tokio::test]
async fn a_single_threaded_runtime_is_refused() {
    let error = Zenoh::open(ZenohOptions::default()).err().unwrap();
    assert!(matches!(error, CarrierError::Runtime(_)), "{error}");
}
