//! Bytes from outside never panic the decoder, and never make it allocate more than they are worth.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic is the report of a failure.

use dreamitate_msgs::dreamitate_msgs::{StereoClip, ToolTrack};
use dreamitate_msgs::geometry_msgs::PoseArray;
use dreamitate_msgs::sensor_msgs::{Image, JointState};
use dreamitate_msgs::visualization_msgs::MarkerArray;
use dreamitate_msgs::{CdrError, Message, MessageInfo};
use proptest::prelude::*;

const HEADER: [u8; 4] = [0, 1, 0, 0];

/// Messages with sequences, strings and byte arrays in them.
fn filled() -> Vec<Vec<u8>> {
    let mut clip = StereoClip::default();
    clip.views.resize_with(2, Default::default);
    for view in &mut clip.views {
        view.name = "top".to_owned();
        view.frames.resize_with(3, Default::default);
        view.frames[1].data = (0..=255).collect();
    }
    let mut track = ToolTrack::default();
    track.poses.resize_with(3, Default::default);
    let mut poses = PoseArray::default();
    poses.poses.resize_with(5, Default::default);
    let joints = JointState {
        name: vec!["a".to_owned(), "à".to_owned()],
        position: vec![0.5; 2],
        ..Default::default()
    };
    [clip.to_cdr(), track.to_cdr(), poses.to_cdr(), joints.to_cdr()].map(|cdr| cdr.expect("encodes")).to_vec()
}

fn decode_as_every_type(cdr: &[u8]) {
    for info in MessageInfo::all() {
        if let Ok(value) = info.to_json(cdr) {
            assert!(value.is_object(), "{}", info.type_name);
        }
    }
}

/// If it decodes, then it encodes to something that decodes to the same bytes again (NaN is not equal to itself).
fn settles<M: Message>(cdr: &[u8]) {
    if let Ok(message) = M::from_cdr(cdr) {
        let first = message.to_cdr().expect("encodes");
        let again = M::from_cdr(&first).expect("decodes").to_cdr().expect("encodes");
        assert_eq!(first, again);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..600), big_endian: bool) {
        let header = if big_endian { [0, 0, 0, 0] } else { HEADER };
        decode_as_every_type(&[&header[..], &body].concat());
        decode_as_every_type(&body);
    }

    #[test]
    fn changed_bytes_never_panic(
        which in 0_usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut cdr = filled().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(cdr.len());
            cdr[at] = byte;
        }
        decode_as_every_type(&cdr);
        settles::<StereoClip>(&cdr);
        settles::<ToolTrack>(&cdr);
        settles::<PoseArray>(&cdr);
        settles::<JointState>(&cdr);
    }
}

#[test]
fn every_cut_is_an_error() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden.json")).expect("golden.json");
    for info in MessageInfo::all() {
        let cdr = info.from_json(&golden["messages"][info.type_name]["value"]).expect(info.type_name);
        // The long ones only near their ends and at every 101st byte, to keep the test short.
        let cuts = (0..cdr.len()).filter(|at| cdr.len() < 500 || at % 101 == 0 || at + 8 > cdr.len());
        for at in cuts {
            assert!(
                info.to_json(&cdr[..at]).is_err(),
                "{} cut from {} to {at} bytes",
                info.type_name,
                cdr.len()
            );
        }
    }
}

/// The claimed 4 294 967 295 elements would need 8 to 1000 GiB.
#[test]
fn a_claimed_length_is_not_believed() {
    let claim = |before: &[u8]| [&HEADER[..], before, &[0xff; 4], &[0; 64]].concat();
    // A std_msgs/Header with an empty frame: the time, the length 1, the final zero, padding.
    let mut header = [0; 16];
    header[8] = 1;
    assert!(matches!(PoseArray::from_cdr(&claim(&header)), Err(CdrError::Decode { .. })));
    assert!(matches!(JointState::from_cdr(&claim(&header)), Err(CdrError::Decode { .. })));
    assert!(matches!(MarkerArray::from_cdr(&claim(&[])), Err(CdrError::Decode { .. })));
    let mut image = Image { data: vec![1; 64], ..Default::default() }.to_cdr().expect("encodes");
    let at = image.len() - 68;
    image[at..at + 4].fill(0xff);
    assert!(matches!(Image::from_cdr(&image), Err(CdrError::Decode { .. })));
}

#[test]
fn errors_name_the_type_and_the_numbers() {
    let text = |cdr: &[u8]| PoseArray::from_cdr(cdr).expect_err("bad bytes").to_string();
    assert_eq!(text(&[0, 1]), "geometry_msgs/msg/PoseArray: 2 bytes are fewer than the 4 of the CDR header");
    assert_eq!(
        text(&[0, 7, 0, 0, 1]),
        "geometry_msgs/msg/PoseArray: the encoding 0x0007 is not plain CDR (0x0000 or 0x0001)"
    );
    let mut cdr = PoseArray::default().to_cdr().expect("encodes");
    cdr.extend([0; 3]);
    assert!(PoseArray::from_cdr(&cdr).is_ok(), "padding to four bytes is allowed");
    cdr.push(0);
    assert_eq!(
        text(&cdr),
        "geometry_msgs/msg/PoseArray: 4 bytes follow the message; at most 3 bytes of padding may"
    );
}
