//! A video model in ONNX Runtime, on tiny models of the true architecture with random weights, against PyTorch.
//!
//! `dreamitate-training tiny DIR` makes the models and PyTorch's results; `test/run` does so and names the folder in
//! `DREAMITATE_TINY_MODELS`. Without it these tests are skipped, and say so.
#![allow(clippy::unwrap_used)]

mod tiny;

use dreamer::onnx::{ModelFolder, ModelSettings, Noise, OnnxError, Photos, Provider, Video, VideoModel};
use image::RgbImage;
use tiny::{Golden, copy_of, edit_manifest, tiny};

fn load(name: &str, settings: ModelSettings) -> Option<VideoModel> {
    Some(VideoModel::load(ModelFolder::open(&tiny(name)?).unwrap(), settings).unwrap())
}

/// Few steps, for what does not depend on them.
fn few() -> ModelSettings {
    ModelSettings { steps: Some(3), ..ModelSettings::default() }
}

fn always(_: u32, _: u32) -> bool {
    true
}

/// Largest difference over the largest value.
fn relative_error(ours: &[f32], reference: &[f32]) -> f32 {
    assert_eq!(ours.len(), reference.len());
    let largest = reference.iter().fold(0f32, |a, v| a.max(v.abs()));
    ours.iter().zip(reference).fold(0f32, |a, (x, y)| a.max((x - y).abs())) / largest
}

/// Of generated frames: those of the top view but the photo, then those of the side view.
fn generated(video: &Video) -> Vec<&RgbImage> {
    video.top[1..].iter().chain(&video.side[1..]).collect()
}

/// In decibels, over all frames.
fn psnr(ours: &[&RgbImage], reference: &[u8]) -> f64 {
    let ours: Vec<u8> = ours.iter().flat_map(|image| image.as_raw().iter().copied()).collect();
    assert_eq!(ours.len(), reference.len());
    let squares =
        ours.iter().zip(reference).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
    20.0 * 255f64.log10() - 10.0 * (squares / ours.len() as f64).max(1e-12).log10()
}

#[test]
fn the_same_noise_gives_the_latents_and_frames_of_pytorch() {
    for (model, guidance, latent_limit, frame_limit_db) in
        [("fp32", 1.0, 1e-5, 60.0), ("fp32", 2.0, 1e-5, 60.0), ("fp16", 1.0, 1e-2, 40.0)]
    {
        let settings = ModelSettings { guidance: Some(guidance), ..ModelSettings::default() };
        let Some(mut model_loaded) = load(model, settings) else { return };
        let golden = Golden::read(&tiny(model).unwrap());
        let noise = [golden.noise()];
        let photos = golden.photos().fitted(model_loaded.manifest()).unwrap();
        let condition = model_loaded.encode(&photos, &noise[0]).unwrap();
        let latents =
            model_loaded.sample(std::slice::from_ref(&condition), &noise, always).unwrap().remove(0);
        let video = model_loaded.decode(&photos, &latents).unwrap();
        let condition_error = relative_error(&condition, &golden.floats("image_latents"));
        let latent_error = relative_error(&latents, &golden.floats(&format!("latents_guidance_{guidance}")));
        let frame_bytes = photos.top.as_raw().len();
        let mut reference = golden.bytes(&format!("frames_guidance_{guidance}"));
        // The first top frame is the photo in ours.
        let reference = reference.split_off(frame_bytes);
        let decibels = psnr(&generated(&video), &reference);
        println!(
            "{model}, guidance {guidance}: condition {condition_error:.1e}, latents {latent_error:.1e}, frames {decibels:.1} dB"
        );
        assert!(condition_error <= latent_limit, "{condition_error}");
        assert!(latent_error <= latent_limit, "{latent_error}");
        assert!(decibels >= frame_limit_db, "{decibels}");
    }
}

#[test]
fn photos_are_fitted_as_in_the_authors_code() {
    let Some(model) = load("fp32", few()) else { return };
    let golden = Golden::read(&tiny("fp32").unwrap());
    let fitted = golden.photos().fitted(model.manifest()).unwrap();
    let reference = golden.bytes("fitted");
    let ours = [fitted.top.as_raw().clone(), fitted.side.as_raw().clone()].concat();
    let worst = ours.iter().zip(&reference).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(ours.len() == reference.len() && worst <= Some(1), "{worst:?}");
}

#[test]
fn a_seed_repeats_and_videos_together_are_those_alone() {
    let Some(mut model) = load("fp32", few()) else { return };
    let photos = Golden::read(&tiny("fp32").unwrap()).photos();
    let together = model.dream(&photos, &[7, 8], always).unwrap();
    let alone = model.dream(&photos, &[8], always).unwrap();
    assert_eq!(alone, model.dream(&photos, &[8], always).unwrap());
    assert_ne!(together[0], together[1]);
    // A batch may add up in another order.
    let decibels = psnr(
        &generated(&together[1]),
        &generated(&alone[0]).iter().flat_map(|i| i.to_vec()).collect::<Vec<_>>(),
    );
    assert!(decibels > 60.0, "{decibels}");
    assert_eq!((alone[0].top.len(), alone[0].side.len()), (13, 13));
    let fitted = photos.fitted(model.manifest()).unwrap();
    assert_eq!((&alone[0].top[0], &alone[0].side[0]), (&fitted.top, &fitted.side));
}

#[test]
fn noise_is_of_deviation_one_and_known() {
    let Some(folder) = tiny("fp32") else { return };
    let folder = ModelFolder::open(&folder).unwrap();
    let noise = Noise::seeded(5, folder.manifest());
    let deviation = |values: &[f32]| (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt();
    assert!(
        (deviation(&noise.latents) - 1.0).abs() < 0.05 && (deviation(&noise.condition) - 1.0).abs() < 0.02
    );
    // The numbers are part of what a seed means: they must not change from one version to the next.
    assert_eq!(noise.latents[..3], NOISE_OF_SEED_5);
    assert_ne!(noise.latents[..100], Noise::seeded(6, folder.manifest()).latents[..100]);
}

const NOISE_OF_SEED_5: [f32; 3] = [-1.0750754, 0.21923597, 1.1057016];

#[test]
fn frames_can_be_decoded_in_parts() {
    let Some(mut whole) = load("fp32", few()) else { return };
    let Some(mut parts) = load("fp32", ModelSettings { decode_frames: 7, ..few() }) else { return };
    let photos = Golden::read(&tiny("fp32").unwrap()).photos();
    let [whole, parts] =
        [&mut whole, &mut parts].map(|model| model.dream(&photos, &[1], always).unwrap().remove(0));
    assert_eq!(whole.side.len(), parts.side.len());
    // The decoder looks back and forth in time: the seam behind frame 6 shows, and less the farther from it.
    let difference = |k: usize| {
        let pairs = whole.top[k].as_raw().iter().zip(parts.top[k].as_raw());
        pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap()
    };
    let differences: Vec<_> = (1..10).map(difference).collect();
    let largest = differences.iter().max();
    assert!(largest == Some(&difference(6)) || largest == Some(&difference(7)), "{differences:?}");
    assert!(difference(1) < difference(6) / 2, "{differences:?}");
}

#[test]
fn it_stops_between_steps_when_told_to() {
    let Some(mut model) = load("fp32", ModelSettings { steps: Some(9), ..ModelSettings::default() }) else {
        return;
    };
    let photos = Golden::read(&tiny("fp32").unwrap()).photos();
    let told = std::cell::RefCell::new(Vec::new());
    let error = model.dream(&photos, &[1], |done, steps| {
        told.borrow_mut().push((done, steps));
        done < 4
    });
    assert!(matches!(error, Err(OnnxError::Cancelled { done: 4, steps: 9 })), "{error:?}");
    assert_eq!(told.into_inner(), [(0, 9), (1, 9), (2, 9), (3, 9), (4, 9)]);
}

#[test]
fn a_model_that_is_not_whole_names_the_file() {
    let Some(source) = tiny("fp32") else { return };
    let refused = |edit: &dyn Fn(&std::path::Path)| {
        let copy = copy_of(&source);
        edit(copy.path());
        let folder = ModelFolder::open(copy.path());
        let result = folder.and_then(|folder| {
            folder.manifest().files.keys().try_for_each(|file| folder.verify(file))?;
            VideoModel::load(folder, few())
        });
        let error = result.err().unwrap();
        let text = dreamitate_carrier::error_chain(&error);
        println!("{text}");
        text
    };
    let truncated = refused(&|folder| {
        let path = folder.join("vae_decoder.onnx");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    });
    assert!(truncated.contains("vae_decoder.onnx has") && truncated.contains("truncated"), "{truncated}");
    let damaged = refused(&|folder| {
        let path = folder.join("unet_step.onnx");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
    });
    assert!(damaged.contains("unet_step.onnx has the SHA-256"), "{damaged}");
    let missing = refused(&|folder| std::fs::remove_file(folder.join("vae_encoder.onnx")).unwrap());
    assert!(missing.contains("cannot read") && missing.contains("vae_encoder.onnx"), "{missing}");
    let unlisted = refused(&|folder| {
        edit_manifest(folder, |manifest| {
            manifest["files"].as_object_mut().unwrap().remove("unet_step.onnx");
        });
    });
    assert!(unlisted.contains("names no file \"unet_step.onnx\""), "{unlisted}");
    let newer = refused(&|folder| edit_manifest(folder, |manifest| manifest["version"] = 2.into()));
    assert!(newer.contains("version 2; \"dreamitate-model\" version 1 is read"), "{newer}");
    let wrong_shape = refused(&|folder| {
        edit_manifest(folder, |manifest| {
            manifest["height"] = (manifest["height"].as_u64().unwrap() * 2).into()
        });
    });
    assert!(wrong_shape.contains("vae_encoder.onnx declares \"image\" as"), "{wrong_shape}");
    let odd = refused(&|folder| edit_manifest(folder, |manifest| manifest["width"] = 129.into()));
    assert!(odd.contains("frames of 129×") && odd.contains("whole latents"), "{odd}");
    let swapped = refused(&|folder| {
        std::fs::copy(folder.join("vae_decoder.onnx"), folder.join("vae_encoder.onnx")).unwrap();
        tiny::list_again(folder);
    });
    assert!(swapped.contains("vae_encoder.onnx wants the input \"latents\""), "{swapped}");
    let no_graph = refused(&|folder| {
        std::fs::write(folder.join("unet_step.onnx"), "not a graph").unwrap();
        tiny::list_again(folder);
    });
    assert!(no_graph.contains("cannot load") && no_graph.contains("unet_step.onnx"), "{no_graph}");
    let text = refused(&|folder| {
        tiny::write_npy(&folder.join("text_embeds.npy"), &[1, 1024], &[f32::NAN; 1024]);
        tiny::list_again(folder);
    });
    assert!(text.contains("text_embeds.npy: has the shape [1, 1024]"), "{text}");
    let text = refused(&|folder| {
        tiny::write_npy(&folder.join("text_embeds.npy"), &[1, 1, 32], &[f32::NAN; 32]);
        tiny::list_again(folder);
    });
    assert!(text.contains("text_embeds.npy: holds NaN"), "{text}");
}

#[test]
fn what_cannot_be_dreamt_is_said_with_value_and_limit() {
    let Some(source) = tiny("fp32") else { return };
    let mut model = load("fp32", few()).unwrap();
    let golden = Golden::read(&source);
    let mut noise = golden.noise();
    noise.latents[17] = f32::NAN;
    let error = model.dream_from(&golden.photos(), &[noise], always).unwrap_err().to_string();
    assert_eq!(error, "the graph unet_step gave NaN after 3 steps; a value must be finite");
    let small = Photos { top: RgbImage::new(20, 10), side: RgbImage::new(20, 10) };
    let error = model.dream(&small, &[1], always).unwrap_err().to_string();
    assert!(error.starts_with("the top photo is 20×10 px; the model needs at least"), "{error}");

    let copy = copy_of(&source);
    edit_manifest(copy.path(), |manifest| {
        manifest["files"].as_object_mut().unwrap().remove("unet_step_guided.onnx");
    });
    let settings = ModelSettings { guidance: Some(2.0), ..few() };
    let error =
        VideoModel::load(ModelFolder::open(copy.path()).unwrap(), settings).err().unwrap().to_string();
    assert!(error.starts_with("guidance 2 needs unet_step_guided.onnx"), "{error}");
    let refused = |settings| {
        let folder = ModelFolder::open(&source).unwrap();
        VideoModel::load(folder, settings).err().unwrap().to_string()
    };
    let one = refused(ModelSettings { steps: Some(1), ..few() });
    assert_eq!(one, "steps is 1; at least 2 are needed");
    let half = refused(ModelSettings { guidance: Some(0.5), ..few() });
    assert_eq!(half, "guidance is 0.5; it must be from 1 to 50");
}

/// The wheel for processors knows no CUDA; with the other wheel and no GPU the provider cannot start either.
#[test]
fn a_provider_that_is_not_there_is_an_error_and_no_fallback() {
    let Some(folder) = tiny("fp32") else { return };
    if std::path::Path::new("/dev/nvidia0").exists() {
        println!("skipped: there is a GPU here");
        return;
    }
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let settings = ModelSettings { provider, ..few() };
        let error =
            VideoModel::load(ModelFolder::open(&folder).unwrap(), settings).err().unwrap().to_string();
        assert_eq!(
            error,
            format!("the provider {} cannot be used; nothing else is tried in its place", provider.name())
        );
    }
}
