//! Recorded dreams: the layouts that are read, and what is refused.
//!
//! The real dreams are not part of this project: they are looked for in the folder of `DREAMITATE_SHARED`, or in
//! `shared` beside the project. Without them, or without ffmpeg, those tests say so and do nothing.
#![allow(clippy::unwrap_used)]

use dreamer::recorded::{RecordedError, read_clip};
use dreamitate_clip::CLIP_SIZE;
use dreamitate_clip::StereoClip;
use dreamitate_geometry::{CropResize, Rig};
use image::RgbImage;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn rig() -> Rig {
    Rig::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rigs/paper.yaml"))).unwrap()
}

fn read(dir: &Path) -> Result<StereoClip, RecordedError> {
    read_clip(dir, &rig(), "rotation", 1.0 / 6.0)
}

fn refused(dir: &Path) -> String {
    read(dir).unwrap_err().to_string()
}

/// A picture whose red tells the view and whose blue tells the frame.
fn picture(size: (u32, u32), ground: u8, number: u32) -> RgbImage {
    RgbImage::from_pixel(size.0, size.1, image::Rgb([ground, 40, number as u8]))
}

const TOP_GROUND: u8 = 60;
const SIDE_GROUND: u8 = 90;

/// A folder with photos of the camera's size and a folder `frames` of `count` PNG files.
fn dream(count: u32) -> TempDir {
    let dir = TempDir::new().unwrap();
    picture((1280, 720), TOP_GROUND, 0).save(dir.path().join("top.png")).unwrap();
    picture((1280, 720), SIDE_GROUND, 0).save(dir.path().join("side.png")).unwrap();
    let frames = dir.path().join("frames");
    std::fs::create_dir(&frames).unwrap();
    for k in 0..count {
        let ground = if k < 13 { TOP_GROUND } else { SIDE_GROUND };
        picture(CLIP_SIZE, ground, k).save(frames.join(format!("{k}.png"))).unwrap();
    }
    dir
}

fn numbers(frames: &[RgbImage]) -> Vec<u8> {
    frames.iter().map(|frame| frame.get_pixel(5, 5).0[2]).collect()
}

#[test]
fn frame_0_is_the_photo_and_the_others_are_in_order() {
    let dir = dream(25);
    let clip = read(dir.path()).unwrap();
    assert_eq!(numbers(&clip.top.frames), (0..13).collect::<Vec<u8>>());
    assert_eq!(numbers(&clip.side.frames), std::iter::once(0).chain(13..25).collect::<Vec<u8>>());
    assert_eq!(clip.side.frames[0].dimensions(), CLIP_SIZE);
    assert_eq!(clip.side.frames[0].get_pixel(5, 5).0[0], SIDE_GROUND);
    assert!((clip.top.camera.fx_px - 566.37337239).abs() < 1e-9);
    assert!((clip.side.camera.fx_px - 569.55341254).abs() < 1e-9);
    assert_eq!((clip.source.as_str(), clip.task.as_str()), ("recorded", "rotation"));
}

#[test]
fn photos_may_be_cropped_already() {
    let dir = dream(25);
    let expected = read(dir.path()).unwrap();
    for view in ["top", "side"] {
        let path = dir.path().join(format!("{view}.png"));
        let photo = image::open(&path).unwrap().into_rgb8();
        let pixels = CropResize::centred((1280, 720), CLIP_SIZE).apply_rgb(photo.as_raw(), 1280);
        RgbImage::from_raw(768, 448, pixels).unwrap().save(path).unwrap();
    }
    let clip = read(dir.path()).unwrap();
    assert_eq!(clip.top.frames, expected.top.frames);
    assert_eq!(clip.side.camera, expected.side.camera);
}

#[test]
fn two_sequences_of_thirteen_are_a_dream() {
    let dir = TempDir::new().unwrap();
    for (view, ground) in [("top", TOP_GROUND), ("side", SIDE_GROUND)] {
        std::fs::create_dir(dir.path().join(view)).unwrap();
        for k in 0..13 {
            picture(CLIP_SIZE, ground, k).save(dir.path().join(view).join(format!("{k:02}.png"))).unwrap();
        }
    }
    let clip = read(dir.path()).unwrap();
    assert_eq!(numbers(&clip.side.frames), (0..13).collect::<Vec<u8>>());
    std::fs::remove_file(dir.path().join("side/12.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("side has 12 frames, expected 13"), "{message}");
}

#[test]
fn the_authors_names_are_found_and_must_be_unique() {
    let dir = dream(25);
    for view in ["top", "side"] {
        let (from, to) = (format!("{view}.png"), format!("demo_001_{view}.png"));
        std::fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
    }
    read(dir.path()).unwrap();
    std::fs::copy(dir.path().join("demo_001_top.png"), dir.path().join("demo_002_top.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("2 files that could be the top photo"), "{message}");
}

#[test]
fn what_is_missing_is_named() {
    let dir = dream(25);
    std::fs::remove_dir_all(dir.path().join("frames")).unwrap();
    assert!(refused(dir.path()).contains("no generated frames (dream.mp4"));
    std::fs::remove_file(dir.path().join("side.png")).unwrap();
    assert!(refused(dir.path()).contains("no side photo (side.png"));
    assert!(refused(&dir.path().join("nowhere")).contains("nowhere"));
}

#[test]
fn twenty_four_frames_are_refused() {
    let message = refused(dream(24).path());
    assert!(message.contains("24 frames, expected 25"), "{message}");
}

#[test]
fn wrong_sizes_are_refused() {
    let dir = dream(25);
    picture((640, 480), SIDE_GROUND, 20).save(dir.path().join("frames/20.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("frame 20 of") && message.contains("640×480 px, expected 768×448"), "{message}");
    let dir = dream(25);
    picture((640, 480), SIDE_GROUND, 0).save(dir.path().join("side.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("side photo is 640×480 px, expected 1280×720 px"), "{message}");
}

#[test]
fn an_unreadable_image_is_named() {
    let dir = dream(25);
    let path = dir.path().join("frames/7.png");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(dir.path()).contains("frames/7.png"));
}

#[test]
fn swapped_photos_are_refused_with_both_differences() {
    let dir = dream(25);
    for (from, to) in [("top.png", "x.png"), ("side.png", "top.png"), ("x.png", "side.png")] {
        std::fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
    }
    let message = refused(dir.path());
    assert!(message.contains("top photo") && message.contains("10.0 grey levels"), "{message}");
    assert!(message.contains("from the other photo by 0.0"), "{message}");
}

#[test]
fn without_ffmpeg_the_error_says_what_helps() {
    let dir = dream(25);
    std::fs::remove_dir_all(dir.path().join("frames")).unwrap();
    std::fs::write(dir.path().join("dream.mp4"), "no video").unwrap();
    // Another process, since the environment is shared by all tests of this one.
    let message = in_child("no-such-ffmpeg", dir.path());
    assert!(message.contains("cannot start no-such-ffmpeg"), "{message}");
    assert!(message.contains("install ffmpeg") && message.contains("PNG"), "{message}");
    // A program that says nothing and ends.
    let message = in_child("true", dir.path());
    assert!(message.contains("ffmpeg cannot read") && message.contains("no frame came out"), "{message}");
}

/// What reading `dir` answers in a process with that ffmpeg.
fn in_child(ffmpeg: &str, dir: &Path) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reads_the_dream_it_is_told", "--nocapture"])
        .envs([("DREAMITATE_FFMPEG", ffmpeg), ("DREAM_OF_TEST", dir.to_str().unwrap())])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The child of [`in_child`]; nothing to do elsewhere.
#[test]
fn reads_the_dream_it_is_told() {
    if let Ok(dir) = std::env::var("DREAM_OF_TEST") {
        println!("{}", refused(Path::new(&dir)));
    }
}

/// The real dreams, or `None` with the reason printed.
fn real_dreams() -> Option<Vec<PathBuf>> {
    let shared = std::env::var_os("DREAMITATE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("dreams/rotation");
    let cases: Vec<_> = ["001", "009", "013", "021"].map(|case| folder.join(case)).into();
    if !cases.iter().all(|case| case.is_dir()) {
        println!("SKIPPED: the real dreams are not in {}; set DREAMITATE_SHARED", folder.display());
        return None;
    }
    let ffmpeg = std::env::var("DREAMITATE_FFMPEG").unwrap_or_else(|_| "ffmpeg".into());
    if std::process::Command::new(&ffmpeg).arg("-version").output().is_err() {
        println!("SKIPPED: {ffmpeg} does not start; set DREAMITATE_FFMPEG");
        return None;
    }
    Some(cases)
}

#[test]
fn the_real_dreams_are_read_in_both_layouts() {
    let Some(cases) = real_dreams() else { return };
    for case in cases {
        let begun = std::time::Instant::now();
        let clip = read(&case).unwrap();
        println!("{}: {:.0} ms", clip.id, 1e3 * begun.elapsed().as_secs_f64());
        assert_eq!((clip.top.frames.len(), clip.side.frames.len()), (13, 13));
        // The hands come from below: the picture's lower half changes, and more than the upper.
        for view in [&clip.top, &clip.side] {
            let change = |rows: std::ops::Range<u32>| -> u64 {
                let pixels = rows.flat_map(|y| (0..768).map(move |x| (x, y)));
                pixels
                    .map(|(x, y)| {
                        let value = |k: usize| view.frames[k].get_pixel(x, y).0[0];
                        u64::from(value(0).abs_diff(value(3)))
                    })
                    .sum()
            };
            assert!(change(224..448) > 2 * change(0..224));
        }
        let dir = TempDir::new().unwrap();
        for (from, to) in
            [("top.png", "demo_9_top.png"), ("side.png", "demo_9_side.png"), ("dream.mp4", "any.mp4")]
        {
            std::fs::copy(case.join(from), dir.path().join(to)).unwrap();
        }
        let authors = read(dir.path()).unwrap();
        assert_eq!((authors.top.frames, authors.side.frames), (clip.top.frames, clip.side.frames));
    }
}

#[test]
fn swapped_photos_of_a_real_dream_are_noticed() {
    let Some(cases) = real_dreams() else { return };
    for case in cases {
        let dir = TempDir::new().unwrap();
        for (from, to) in [("top.png", "side.png"), ("side.png", "top.png"), ("dream.mp4", "dream.mp4")] {
            std::fs::copy(case.join(from), dir.path().join(to)).unwrap();
        }
        let message = refused(dir.path());
        println!("{message}");
        assert!(message.contains("are the photos swapped?"), "{message}");
    }
}
