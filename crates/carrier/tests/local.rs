//! The local carrier.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod contract;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{End, SOON, next, node, numbered, soon};
use dreamitate_carrier::{
    CarrierError, DIAGNOSTICS, Endpoint, Health, Local, Node, NodeArgs, Qos, Subscription,
};
use dreamitate_msgs::{
    diagnostic_msgs::DiagnosticArray,
    geometry_msgs::{PoseArray, PoseStamped},
    std_srvs::{SetBool, SetBoolRequest, Trigger, TriggerRequest, TriggerResponse},
};

fn world() -> End {
    Arc::new(Local::new())
}

macro_rules! contract {
    ($($name:ident),+) => {
        $(#[tokio::test]
        async fn $name() {
            let world = world();
            contract::$name(&world, &world).await;
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

#[tokio::test]
async fn a_slow_reader_of_a_sensor_loses_the_oldest_and_knows() {
    let world = world();
    let (camera, slow) = (node(&world, "camera"), node(&world, "slow"));
    let publisher = camera.publisher::<PoseArray>("image", Qos::sensor_data()).unwrap();
    let mut sensor = slow.subscribe::<PoseArray>("image", Qos::sensor_data()).unwrap();
    let mut reliable = slow.subscribe::<PoseArray>("image", Qos::reliable(1)).unwrap();
    for number in 0..100 {
        publisher.publish(&numbered(number)).unwrap();
    }
    assert_eq!(sensor.dropped(), 95);
    for number in 95..100 {
        assert_eq!(next(&mut sensor).await, numbered(number));
    }
    for number in 0..100 {
        assert_eq!(next(&mut reliable).await, numbered(number));
    }
    assert_eq!(reliable.dropped(), 0);
}

#[tokio::test]
async fn bytes_are_shared_not_copied() {
    let world = world();
    let (a, b) = (node(&world, "a"), node(&world, "b"));
    let topic = Endpoint::new("/image", "sensor_msgs/msg/Image", "RIHS01_00");
    let publisher = a.publisher_raw(&topic, Qos::latched()).unwrap();
    let sent = Bytes::from(vec![7; 1 << 20]);
    publisher.publish(sent.clone()).unwrap();
    let mut one = b.subscribe_raw(&topic, Qos::latched()).unwrap();
    let mut two = b.subscribe_raw(&topic, Qos::latched()).unwrap();
    for tap in [&mut one, &mut two] {
        assert_eq!(soon(tap.recv()).await.unwrap().as_ptr(), sent.as_ptr());
    }
}

#[tokio::test]
async fn two_carriers_are_two_worlds() {
    let (one, two) = (world(), world());
    let (a, b) = (node(&one, "same_name"), node(&two, "same_name"));
    let publisher = a.publisher::<PoseArray>("t", Qos::latched()).unwrap();
    publisher.publish(&numbered(1)).unwrap();
    let mut subscription = b.subscribe::<PoseArray>("t", Qos::latched()).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(subscription.try_recv().is_none());
    assert!(b.topics().is_empty());
}

#[tokio::test]
async fn what_is_latched_goes_with_its_publisher() {
    let world = world();
    let n = node(&world, "n");
    let one = n.publisher::<PoseArray>("t", Qos::latched()).unwrap();
    let two = n.publisher::<PoseArray>("t", Qos::latched()).unwrap();
    two.publish(&numbered(2)).unwrap();
    one.publish(&numbered(1)).unwrap();
    let mut late = n.subscribe::<PoseArray>("t", Qos::latched()).unwrap();
    assert_eq!(next(&mut late).await, numbered(2), "in the order of publication");
    assert_eq!(next(&mut late).await, numbered(1));
    drop(two);
    let mut later = n.subscribe::<PoseArray>("t", Qos::latched()).unwrap();
    assert_eq!(next(&mut later).await, numbered(1));
    assert!(later.try_recv().is_none());
    let mut volatile = n.subscribe::<PoseArray>("t", Qos::reliable(1)).unwrap();
    assert!(volatile.try_recv().is_none(), "who did not ask for history gets none");
}

#[tokio::test]
async fn names_are_remapped_and_in_namespaces() {
    let world = world();
    let args = [
        "--ros-args",
        "-r",
        "__ns:=/cell",
        "-r",
        "__node:=f2",
        "-r",
        "track:=/elsewhere/track",
        "-r",
        "~/enable:=on",
    ];
    let fusion = Node::open(world.clone(), NodeArgs::parse("fusion", args).unwrap()).unwrap();
    assert_eq!(fusion.name().to_string(), "/cell/f2");
    let other = node(&world, "other");
    let mut there = other.subscribe::<PoseArray>("/elsewhere/track", Qos::reliable(1)).unwrap();
    let track = fusion.publisher::<PoseArray>("track", Qos::reliable(1)).unwrap();
    assert_eq!(track.topic(), "/elsewhere/track");
    track.publish(&numbered(1)).unwrap();
    assert_eq!(next(&mut there).await, numbered(1));
    assert_eq!(fusion.publisher::<PoseArray>("t", Qos::reliable(1)).unwrap().topic(), "/cell/t");
    fusion
        .serve::<Trigger, _, _>("~/enable", |_| async {
            TriggerResponse { success: true, ..Default::default() }
        })
        .unwrap();
    let client = other.client::<Trigger>("/cell/on").unwrap();
    assert!(client.call(&TriggerRequest::default(), SOON).await.unwrap().success);
}

#[tokio::test]
async fn types_must_agree() {
    let world = world();
    let n = node(&world, "n");
    let publisher = n.publisher::<PoseArray>("t", Qos::latched()).unwrap();
    publisher.publish(&numbered(1)).unwrap();
    let mut other = n.subscribe::<PoseStamped>("t", Qos::latched()).unwrap();
    assert!(other.try_recv().is_none());
    n.serve::<Trigger, _, _>("s", |_| async { TriggerResponse::default() }).unwrap();
    let client = n.client::<SetBool>("s").unwrap();
    let error = client.call(&SetBoolRequest::default(), SOON).await.unwrap_err();
    assert!(matches!(error, CarrierError::NoServer(_)), "{error}");
}

#[tokio::test]
async fn one_service_has_one_server() {
    let world = world();
    let (a, b) = (node(&world, "a"), node(&world, "b"));
    let serve = |node: &Node| node.serve::<Trigger, _, _>("/s", |_| async { TriggerResponse::default() });
    serve(&a).unwrap();
    assert_eq!(serve(&b).unwrap_err().to_string(), "service /s already has a server");
    drop(a);
    serve(&b).unwrap();
}

#[tokio::test]
async fn a_handler_that_panics_costs_one_reply() {
    let world = world();
    let n = node(&world, "n");
    n.serve::<SetBool, _, _>("s", |request: SetBoolRequest| async move {
        assert!(request.data, "a bug");
        Default::default()
    })
    .unwrap();
    let client = n.client::<SetBool>("s").unwrap();
    let error = client.call(&SetBoolRequest { data: false }, SOON).await.unwrap_err();
    assert!(matches!(error, CarrierError::NoReply { .. }), "{error}");
    client.call(&SetBoolRequest { data: true }, SOON).await.unwrap();
}

#[tokio::test]
async fn dropping_a_node_ends_its_subscriptions_and_frees_its_name() {
    let world = world();
    let (a, b) = (node(&world, "a"), node(&world, "b"));
    let publisher = a.publisher::<PoseArray>("t", Qos::reliable(1)).unwrap();
    let mut subscription = b.subscribe::<PoseArray>("t", Qos::reliable(1)).unwrap();
    publisher.publish(&numbered(1)).unwrap();
    drop(b);
    assert_eq!(next(&mut subscription).await, numbered(1), "what waits is still read");
    assert!(soon(subscription.recv()).await.is_none());
    node(&world, "b");
}

#[test]
fn a_node_needs_a_runtime() {
    let error = Node::open(world(), NodeArgs::new("n").unwrap()).err().unwrap();
    assert!(matches!(error, CarrierError::Runtime(_)), "{error}");
}

/// The same program twice gives the same messages in the same order: three publishers, two subscribers.
#[tokio::test]
async fn two_runs_are_the_same() {
    async fn run() -> Vec<Vec<PoseArray>> {
        let world = world();
        let n = node(&world, "n");
        let mut readers: Vec<_> =
            (0..2).map(|_| n.subscribe::<PoseArray>("t", Qos::reliable(1)).unwrap()).collect();
        let publishers: Vec<_> =
            (0..3).map(|_| n.publisher::<PoseArray>("t", Qos::reliable(1)).unwrap()).collect();
        for number in 0..60 {
            publishers[number as usize % 3].publish(&numbered(number)).unwrap();
        }
        drop(n);
        let mut read = Vec::new();
        for reader in &mut readers {
            let mut all = Vec::new();
            while let Some(message) = reader.recv().await {
                all.push(message.unwrap());
            }
            read.push(all);
        }
        read
    }
    let first = run().await;
    assert_eq!(first, run().await);
    assert_eq!(first[0], first[1]);
    assert_eq!(first[0].len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_node_says_every_second_how_it_does_and_what_it_lost() {
    let carrier = world();
    let monitor = node(&carrier, "monitor");
    let mut heard = monitor.subscribe::<DiagnosticArray>(DIAGNOSTICS, Qos::reliable(10)).unwrap();
    let args = NodeArgs::parse("camera", ["--ros-args", "-r", "__ns:=/cell"]).unwrap();
    let camera = Node::open(carrier.clone(), args.with_heartbeat()).unwrap();
    let status = async |heard: &mut Subscription<DiagnosticArray>| next(heard).await.status.pop().unwrap();
    let first = status(&mut heard).await;
    assert_eq!((first.name.as_str(), first.level, first.message.as_str()), ("/cell/camera", 0, ""));

    let diagnostics = camera.diagnostics();
    diagnostics.set(Health::Error, "unplugged");
    diagnostics.value("worst gap ms", 4.5);
    let publisher = monitor.publisher::<PoseArray>("/image", Qos::sensor_data()).unwrap();
    let _slow = camera.subscribe::<PoseArray>("/image", Qos::sensor_data()).unwrap();
    (0..7).for_each(|number| publisher.publish(&numbered(number)).unwrap());
    let second = status(&mut heard).await;
    assert_eq!((second.level, second.message.as_str()), (2, "unplugged"));
    let value = |key: &str| second.values.iter().find(|pair| pair.key == key).unwrap().value.clone();
    assert_eq!((value("worst gap ms"), value("dropped messages")), ("4.5".to_owned(), "2".to_owned()));

    drop(camera);
    let silence = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
    // Nodes that are not processes are silent.
    assert!(!carrier.topics().iter().any(|topic| topic.endpoint.name == DIAGNOSTICS));
}
