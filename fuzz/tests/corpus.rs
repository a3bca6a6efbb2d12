//! The stored corpus, and mutations of it drawn from a seed.

#![allow(clippy::unwrap_used)]

use dreamitate_clip::{clip_from_message, clip_to_message};
use dreamitate_msgs::{Message, builtin_interfaces::Time, dreamitate_msgs as msgs};
use dreamitate_render::TexturedMesh;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{fs, path::PathBuf};

/// Mutations of each file.
const MUTATIONS: usize = 200;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = format!("{}/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

/// Changes some bytes, cuts the end off, or repeats or leaves out a part.
fn mutate(data: &mut Vec<u8>, random: &mut impl Rng) {
    for _ in 0..random.random_range(1..6) {
        if data.len() < 2 {
            return;
        }
        let at = random.random_range(0..data.len());
        let end = (at + random.random_range(1..40)).min(data.len());
        match random.random_range(0..6) {
            0 => data[at] = random.random(),
            1 => data[at] ^= 1 << random.random_range(0..8),
            2 => data.truncate(at),
            3 => drop(data.drain(at..end)),
            4 => {
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            _ => data[at..end].fill([0, b'9', b'-', 0x7f, 0xff][random.random_range(0..5)]),
        }
    }
}

fn run(target: &str, fed: fn(&[u8])) {
    let files = corpus(target);
    assert!(!files.is_empty());
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (file, data) in files {
        for round in 0..=MUTATIONS {
            let mut data = data.clone();
            if round > 0 {
                mutate(&mut data, &mut random);
            }
            let fate = std::panic::catch_unwind(|| fed(&data));
            assert!(
                fate.is_ok(),
                "{} after mutation {round}: {:?}",
                file.display(),
                String::from_utf8_lossy(&data)
            );
        }
    }
}

#[test]
fn no_mesh_file_makes_the_reader_panic() {
    run("mesh", dreamitate_fuzz::mesh);
}

#[test]
fn no_tool_file_makes_the_reader_panic() {
    run("tool", dreamitate_fuzz::tool);
}

#[test]
fn no_bytes_make_the_reader_of_clips_panic() {
    run("clip", dreamitate_fuzz::clip);
}

/// What is good in the corpus is read, else its mutations would be refused at the door.
#[test]
fn each_mesh_format_and_the_clip_in_the_corpus_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for ending in dreamitate_fuzz::ENDINGS {
        let (_, data) =
            corpus("mesh").into_iter().find(|(file, _)| file.ends_with(format!("good_{ending}"))).unwrap();
        assert_eq!(dreamitate_fuzz::ENDINGS[usize::from(data[0])], ending);
        let file = folder.path().join("mesh").with_extension(ending);
        fs::write(&file, &data[1..]).unwrap();
        assert!(!TexturedMesh::read(&file, None).unwrap().triangles.is_empty());
    }
    let (_, clip) = corpus("clip").into_iter().find(|(file, _)| file.ends_with("good")).unwrap();
    let read = clip_from_message(msgs::StereoClip::from_cdr(&clip).unwrap()).unwrap();
    assert_eq!((read.id.as_str(), read.frame_count()), ("small", 3));
    assert_eq!(clip_to_message(&read, Time::default()).to_cdr().unwrap(), clip);
}
