//! What every carrier must do. `here` and `there` are two ends of one world: the same local carrier twice, or
//! two Zenoh sessions.

use std::{future::Future, sync::Arc, time::Duration};

use dreamitate_carrier::{
    Carrier, CarrierError, Declaration, Endpoint, Node, NodeArgs, Outcome, Qos, Subscription, TF_STATIC,
};
use dreamitate_msgs::{
    Message,
    dreamitate_msgs::{Dream, DreamFeedback, DreamGoal, DreamResult},
    geometry_msgs::{PoseArray, TransformStamped},
    rcl_interfaces::{
        DescribeParameters, DescribeParametersRequest, GetParameters, GetParametersRequest, ListParameters,
        ListParametersRequest, SetParameters, SetParametersRequest,
    },
    std_srvs::{SetBool, SetBoolRequest, SetBoolResponse},
    tf2_msgs::TFMessage,
};

pub type End = Arc<dyn Carrier>;

/// Longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(10);

pub fn node(carrier: &End, name: &str) -> Node {
    Node::open(carrier.clone(), NodeArgs::new(name).unwrap()).unwrap()
}

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("nothing came in time")
}

pub async fn next<M: Message>(subscription: &mut Subscription<M>) -> M {
    soon(subscription.recv()).await.expect("the subscription ended").unwrap()
}

/// A track whose frame tells its number.
pub fn numbered(number: u32) -> PoseArray {
    let mut track = PoseArray::default();
    track.header.frame_id = format!("frame {number}");
    track.poses.resize_with(13, Default::default);
    track
}

/// Publishes until `subscription` hears it, so that discovery is over; then empties the subscription.
async fn connected(publish: impl Fn(), subscription: &mut Subscription<PoseArray>) {
    let heard = async {
        loop {
            publish();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if subscription.try_recv().is_some() {
                break;
            }
        }
    };
    soon(heard).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    while subscription.try_recv().is_some() {}
}

pub async fn topic_keeps_order(here: &End, there: &End) {
    let (tracker, fusion) = (node(here, "tracker"), node(there, "fusion"));
    let publisher = tracker.publisher::<PoseArray>("track/top/left", Qos::reliable(10)).unwrap();
    let mut subscription = fusion.subscribe::<PoseArray>("track/top/left", Qos::reliable(10)).unwrap();
    connected(|| publisher.publish(&numbered(9999)).unwrap(), &mut subscription).await;
    for number in 0..500 {
        publisher.publish(&numbered(number)).unwrap();
    }
    for number in 0..500 {
        assert_eq!(next(&mut subscription).await, numbered(number));
    }
    assert_eq!(subscription.dropped(), 0);
}

pub async fn latched_waits_for_the_late(here: &End, there: &End) {
    let (fusion, executor) = (node(here, "fusion"), node(there, "executor"));
    let publisher = fusion.publisher::<PoseArray>("trajectory/left", Qos::latched().with_depth(2)).unwrap();
    for number in 1..=3 {
        publisher.publish(&numbered(number)).unwrap();
    }
    let mut late = executor.subscribe::<PoseArray>("trajectory/left", Qos::latched().with_depth(2)).unwrap();
    assert_eq!(next(&mut late).await, numbered(2));
    assert_eq!(next(&mut late).await, numbered(3));
    publisher.publish(&numbered(4)).unwrap();
    assert_eq!(next(&mut late).await, numbered(4));
    assert!(late.try_recv().is_none(), "a message came twice");
}

pub async fn service_answers(here: &End, there: &End) {
    let (server, caller) = (node(here, "server"), node(there, "caller"));
    let client = caller.client::<SetBool>("/server/enable").unwrap();
    let enable = SetBoolRequest { data: true };
    let nobody = client.call(&enable, SOON).await.unwrap_err();
    assert!(matches!(nobody, CarrierError::NoServer(_)), "{nobody}");
    let missing = client.wait_for_server(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(missing.to_string(), "no server for /server/enable within 0.050 s");

    server
        .serve::<SetBool, _, _>("~/enable", |request: SetBoolRequest| async move {
            if !request.data {
                tokio::time::sleep(SOON).await;
            }
            SetBoolResponse { success: request.data, message: "done".to_owned() }
        })
        .unwrap();
    client.wait_for_server(SOON).await.unwrap();
    for _ in 0..20 {
        let response = client.call(&enable, SOON).await.unwrap();
        assert_eq!(response, SetBoolResponse { success: true, message: "done".to_owned() });
    }
    let slow = client.call(&SetBoolRequest { data: false }, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(slow.to_string(), "service /server/enable did not answer within 0.050 s");

    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call(&SetBoolRequest { data: false }, SOON).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(server);
    let gone = soon(waiting).await.unwrap().unwrap_err();
    assert!(matches!(gone, CarrierError::NoReply { .. }), "{gone}");
}

/// Dreams `seed` steps; refuses seed 0, panics at seed 13.
fn serve_dream(node: &Node) {
    node.action_server::<Dream, _, _, _>(
        "dream",
        |goal| if goal.seed == 0 { Err("seed 0 is taken".to_owned()) } else { Ok(()) },
        |goal| async move {
            let steps = goal.goal().seed as u32;
            assert_ne!(steps, 13, "a bug in the dreamer");
            let result =
                |message: &str| DreamResult { message: message.to_owned(), ..DreamResult::default() };
            for step in 0..steps {
                goal.feedback(DreamFeedback { step, steps }).unwrap();
                tokio::select! {
                    () = goal.cancelled() => return Outcome::Canceled(result("woken")),
                    () = tokio::time::sleep(Duration::from_millis(2)) => {}
                }
            }
            if goal.is_cancelled() {
                return Outcome::Canceled(result("woken"));
            }
            if steps == 7 {
                Outcome::Aborted(result("nightmare"))
            } else {
                Outcome::Succeeded(result("slept"))
            }
        },
    )
    .unwrap();
}

pub async fn action_runs(here: &End, there: &End) {
    let (dreamer, caller) = (node(here, "dreamer"), node(there, "caller"));
    let client = caller.action_client::<Dream>("dream").unwrap();
    assert!(client.wait_for_server(Duration::from_millis(20)).await.is_err());
    serve_dream(&dreamer);
    client.wait_for_server(SOON).await.unwrap();
    let goal = |seed| DreamGoal { task: "rotation".to_owned(), seed };

    // Succeeds, with all its feedback.
    let mut handle = client.send_goal(goal(5), SOON).await.unwrap();
    for step in 0..5 {
        assert_eq!(soon(handle.feedback()).await, DreamFeedback { step, steps: 5 });
    }
    let outcome = soon(handle.result()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Succeeded(result) if result.message == "slept"), "{outcome:?}");
    assert_eq!(soon(handle.result()).await.unwrap(), outcome, "the result can be asked for again");
    let over = handle.cancel(SOON).await.unwrap_err();
    assert!(over.to_string().ends_with("the goal is over"), "{over}");

    // Rejected.
    let rejected = client.send_goal(goal(0), SOON).await.err().unwrap();
    assert_eq!(rejected.to_string(), "action /dream rejected the goal");

    // Aborted, by itself and by a panic.
    let handle = client.send_goal(goal(7), SOON).await.unwrap();
    assert!(matches!(soon(handle.result()).await.unwrap(), Outcome::Aborted(r) if r.message == "nightmare"));
    let handle = client.send_goal(goal(13), SOON).await.unwrap();
    assert_eq!(soon(handle.result()).await.unwrap(), Outcome::Aborted(DreamResult::default()));

    // Cancelled while another goes on.
    let other = client.send_goal(goal(300), SOON).await.unwrap();
    let mut handle = client.send_goal(goal(1_000_000), SOON).await.unwrap();
    assert_eq!(soon(handle.feedback()).await.steps, 1_000_000);
    handle.cancel(SOON).await.unwrap();
    assert!(matches!(soon(handle.result()).await.unwrap(), Outcome::Canceled(r) if r.message == "woken"));
    assert!(matches!(soon(other.result()).await.unwrap(), Outcome::Succeeded(_)));

    // The server goes away in motion.
    let handle = client.send_goal(goal(1_000_000), SOON).await.unwrap();
    let waiting = tokio::spawn(handle.result());
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(dreamer);
    assert!(matches!(soon(waiting).await.unwrap(), Err(CarrierError::NoReply { .. })));
}

pub async fn one_name_is_one_node(here: &End, there: &End) {
    let first = node(here, "fusion");
    let again = || Node::open(there.clone(), NodeArgs::new("fusion").unwrap());
    let taken = |node: Result<Node, CarrierError>| match node {
        Err(error @ CarrierError::DuplicateNode(_)) => Some(error.to_string()),
        _ => None,
    };
    let is_taken = async {
        loop {
            // The carriers may still be getting to know each other.
            if let Some(message) = taken(again()) {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let message = soon(is_taken).await;
    assert!(message.starts_with("a node named /fusion is already running"), "{message}");
    let elsewhere = NodeArgs::new("fusion").unwrap().in_namespace("/cell").unwrap();
    let second = Node::open(there.clone(), elsewhere).expect("another namespace, another node");
    drop(first);
    let is_free = async {
        while again().is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(is_free).await;
    drop(second);
}

pub async fn taps_and_replays_bytes(here: &End, there: &End) {
    let (fusion, recorder) = (node(here, "fusion"), node(there, "recorder"));
    let publisher = fusion.publisher::<PoseArray>("trajectory/left", Qos::latched()).unwrap();
    publisher.publish(&numbered(1)).unwrap();
    let topic = soon(async {
        loop {
            if let Some(topic) = recorder.topics().pop() {
                return topic;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(topic.endpoint, Endpoint::new("/trajectory/left", PoseArray::TYPE_NAME, PoseArray::TYPE_HASH));
    assert_eq!(topic.qos, Qos::latched());
    let mut tap = recorder.subscribe_raw(&topic.endpoint, topic.qos).unwrap();
    let cdr = soon(tap.recv()).await.unwrap();
    assert_eq!(cdr, numbered(1).to_cdr().unwrap());

    let replayed = Endpoint { name: "/again".to_owned(), ..topic.endpoint };
    let again = recorder.publisher_raw(&replayed, topic.qos).unwrap();
    again.publish(cdr).unwrap();
    let mut subscription = fusion.subscribe::<PoseArray>("again", Qos::latched()).unwrap();
    assert_eq!(next(&mut subscription).await, numbered(1));

    // Bytes that are no PoseArray.
    again.publish(vec![0, 1, 0, 0, 9].into()).unwrap();
    let error = soon(subscription.recv()).await.unwrap().unwrap_err().to_string();
    assert!(error.starts_with("/again (geometry_msgs/msg/PoseArray): cannot decode 5 bytes"), "{error}");
    again.publish(numbered(2).to_cdr().unwrap().into()).unwrap();
    assert_eq!(next(&mut subscription).await, numbered(2));
}

pub async fn static_frames_add_up(here: &End, there: &End) {
    let (camera, viewer) = (node(here, "camera"), node(there, "viewer"));
    let frames = camera.tf_broadcaster().unwrap();
    let frame = |child: &str| TransformStamped { child_frame_id: child.to_owned(), ..Default::default() };
    frames.send_static(vec![frame("top")]).unwrap();
    frames.send_static(vec![frame("side"), frame("top")]).unwrap();
    let mut late = viewer.subscribe::<TFMessage>("/tf_static", TF_STATIC).unwrap();
    assert_eq!(next(&mut late).await.transforms, [frame("side"), frame("top")]);
}

pub async fn parameters_are_served(here: &End, there: &End) {
    let args = NodeArgs::new("fusion").unwrap().with_parameter("gate.ray_gap_m", "0.02");
    let fusion = Node::open(here.clone(), args).unwrap();
    let ray_gap_m = fusion
        .declare_parameters(|p| {
            p.declare(Declaration::text("fusion", "soft").choices(&["soft", "midpoint"]))?;
            p.declare(Declaration::new("gate.ray_gap_m", 0.01).unit("m").about("Ray gap").range(0.0, 0.1))
        })
        .unwrap();
    assert_eq!(ray_gap_m, 0.02);
    let asker = node(there, "asker");

    let list = asker.client::<ListParameters>("/fusion/list_parameters").unwrap();
    list.wait_for_server(SOON).await.unwrap();
    let names = |prefixes: &[&str], depth| {
        let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
        let list = &list;
        async move { list.call(&ListParametersRequest { prefixes, depth }, SOON).await.unwrap().result.names }
    };
    assert_eq!(names(&[], 0).await, ["fusion", "gate.ray_gap_m"]);
    assert_eq!(names(&[], 1).await, ["fusion"]);
    assert_eq!(names(&["gate"], 0).await, ["gate.ray_gap_m"]);

    let get = asker.client::<GetParameters>("/fusion/get_parameters").unwrap();
    get.wait_for_server(SOON).await.unwrap();
    let wanted: Vec<String> = ["gate.ray_gap_m", "nothing", "fusion"].map(str::to_owned).into();
    let values = get.call(&GetParametersRequest { names: wanted.clone() }, SOON).await.unwrap().values;
    let seen: Vec<_> = values.iter().map(|v| (v.r#type, v.double_value, v.string_value.as_str())).collect();
    assert_eq!(seen, [(3, 0.02, ""), (0, 0.0, ""), (4, 0.0, "soft")]);

    let describe = asker.client::<DescribeParameters>("/fusion/describe_parameters").unwrap();
    describe.wait_for_server(SOON).await.unwrap();
    let descriptors =
        describe.call(&DescribeParametersRequest { names: wanted }, SOON).await.unwrap().descriptors;
    assert_eq!(descriptors[0].description, "Ray gap [m]");
    assert_eq!(descriptors[0].floating_point_range[0].to_value, 0.1);
    assert_eq!(descriptors[2].additional_constraints, "one of \"soft\", \"midpoint\"");
    assert!(descriptors[0].read_only);

    let set = asker.client::<SetParameters>("/fusion/set_parameters").unwrap();
    set.wait_for_server(SOON).await.unwrap();
    let request = SetParametersRequest { parameters: vec![Default::default()] };
    let results = set.call(&request, SOON).await.unwrap().results;
    assert!(!results[0].successful && results[0].reason.contains("read-only"));
}
