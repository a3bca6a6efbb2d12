//! Writes the corpus: `cargo run --release -p dreamitate_fuzz --example make_corpus`.

use base64::{Engine, prelude::BASE64_STANDARD};
use dreamitate_clip::{ClipView, StereoClip, clip_to_message};
use dreamitate_fuzz::ENDINGS;
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_msgs::{Message, builtin_interfaces::Time};
use image::{Rgb, RgbImage};
use std::{error::Error, fs, path::Path};

/// A tetrahedron of 10 cm.
const CORNERS: [[f32; 3]; 4] = [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]];
const FACES: [[u16; 3]; 4] = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, contents: &[u8]| -> std::io::Result<()> {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(name), contents)
    };
    let mesh = |ending: &str, name: &str, contents: &[u8]| {
        let format = ENDINGS.iter().position(|known| *known == ending).unwrap_or(0) as u8;
        write("mesh", &format!("{name}_{ending}"), &[&[format], contents].concat())
    };
    mesh("obj", "good", obj(&CORNERS).as_bytes())?;
    mesh("obj", "flat", obj(&[[0.0; 3]; 4]).as_bytes())?;
    mesh("obj", "not_finite", obj(&[[f32::NAN; 3]; 4]).as_bytes())?;
    mesh("obj", "no_such_vertex", b"v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nf 1 2 99\n")?;
    mesh("obj", "no_texture", b"mtllib none.mtl\nv 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nusemtl a\nf 1 2 3\n")?;
    mesh("ply", "good", ply().as_bytes())?;
    mesh("ply", "boastful", ply().replacen("vertex 4", "vertex 4000000000", 1).as_bytes())?;
    mesh("stl", "good", &stl(FACES.len() as u32))?;
    mesh("stl", "boastful", &stl(u32::MAX))?;
    mesh("gltf", "good", gltf(Some(&buffer())).as_bytes())?;
    mesh("glb", "good", &glb())?;

    let tool = "name: box\nmesh: tool.yaml\nunits: mm\ntrack_part: head\nfacing: {axis: [0, 0, 1], max_tilt_deg: 45}\n\
        symmetry: {axis: [0, 0, 1], order: 4}\nflange_from_tool: {xyz_m: [0, 0, 0.1], rpy_rad: [0, 0, 0]}\n";
    write("tool", "box", tool.as_bytes())?;
    write(
        "tool",
        "no_axis",
        tool.replacen("{axis: [0, 0, 1], order: 4}", "{axis: [0, 0, 0]}", 1).as_bytes(),
    )?;

    let message = clip_to_message(&small_clip()?, Time::default());
    write("clip", "good", &message.to_cdr()?)?;
    let mut one_view = message.clone();
    one_view.views.pop();
    write("clip", "one_view", &one_view.to_cdr()?)?;
    let mut short = message;
    short.views[0].frames[1].data.pop();
    write("clip", "short_picture", &short.to_cdr()?)?;
    Ok(())
}

fn obj(corners: &[[f32; 3]]) -> String {
    let corners: String = corners.iter().map(|[x, y, z]| format!("v {x} {y} {z} 0.2 0.4 0.9\n")).collect();
    let faces = FACES.map(|face| face.map(|corner| corner + 1)).map(|[a, b, c]| format!("f {a} {b} {c}\n"));
    format!("{corners}o head\n{}{}o foot\n{}{}", faces[0], faces[1], faces[2], faces[3])
}

fn ply() -> String {
    let corners: String = CORNERS.iter().map(|[x, y, z]| format!("{x} {y} {z} 255 0 40\n")).collect();
    let faces: String = FACES.iter().map(|[a, b, c]| format!("3 {a} {b} {c}\n")).collect();
    format!(
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\nelement face 4\n\
         property list uchar int vertex_indices\nend_header\n{corners}{faces}"
    )
}

fn stl(count: u32) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend(count.to_le_bytes());
    for face in FACES {
        let corners = face.map(|corner| CORNERS[usize::from(corner)]);
        let numbers = [[0.0; 3]].into_iter().chain(corners).flatten();
        bytes.extend(numbers.flat_map(f32::to_le_bytes));
        bytes.extend([0, 0]);
    }
    bytes
}

/// Positions, then indices.
fn buffer() -> Vec<u8> {
    let positions = CORNERS.into_iter().flatten().flat_map(f32::to_le_bytes);
    positions.chain(FACES.into_iter().flatten().flat_map(u16::to_le_bytes)).collect()
}

/// With the buffer in the text, or beside it.
fn gltf(within: Option<&[u8]>) -> String {
    let uri = within.map_or_else(String::new, |bytes| {
        format!(r#", "uri": "data:application/octet-stream;base64,{}""#, BASE64_STANDARD.encode(bytes))
    });
    format!(
        r#"{{"asset": {{"version": "2.0"}}, "scene": 0, "scenes": [{{"nodes": [0]}}],
"nodes": [{{"name": "head", "mesh": 0, "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}}],
"meshes": [{{"primitives": [{{"attributes": {{"POSITION": 0}}, "indices": 1, "material": 0}}]}}],
"materials": [{{"pbrMetallicRoughness": {{"baseColorFactor": [0.1, 0.4, 0.8, 1.0]}}}}],
"accessors": [
{{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [0.1, 0.1, 0.1]}},
{{"bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR"}}],
"bufferViews": [{{"buffer": 0, "byteOffset": 0, "byteLength": 48}}, {{"buffer": 0, "byteOffset": 48, "byteLength": 24}}],
"buffers": [{{"byteLength": 72{uri}}}]}}"#
    )
}

fn glb() -> Vec<u8> {
    let mut json = gltf(None).into_bytes();
    json.resize(json.len().next_multiple_of(4), b' ');
    let binary = buffer();
    let chunk = |kind: &[u8; 4], data: &[u8]| [&(data.len() as u32).to_le_bytes()[..], kind, data].concat();
    let chunks = [chunk(b"JSON", &json), chunk(b"BIN\0", &binary)].concat();
    let length = (12 + chunks.len()) as u32;
    [b"glTF", &2u32.to_le_bytes()[..], &length.to_le_bytes(), &chunks].concat()
}

fn small_clip() -> Result<StereoClip, Box<dyn Error>> {
    let camera = PinholeCamera::new((9.0, 9.0), (4.0, 3.0), (8, 6))?;
    let view = |x_m: f64| ClipView {
        camera,
        world_from_camera: Pose::translation(x_m, 0.0, 0.8),
        frames: (0..3).map(|k| RgbImage::from_pixel(8, 6, Rgb([40 * k, 9, 200]))).collect(),
    };
    Ok(StereoClip {
        id: "small".to_owned(),
        task: "rotation".to_owned(),
        seed: 3,
        source: "corpus".to_owned(),
        frame_period_s: 0.125,
        top: view(-0.2),
        side: view(0.2),
    })
}
