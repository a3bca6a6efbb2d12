//! One wedge in every format, and files that are refused.

#![allow(clippy::unwrap_used)]

use dreamitate_render::{Facets, MeshError, TexturedMesh, Units};
use nalgebra::Point3;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A tetrahedron 130 mm long with a red floor and blue sides.
const CORNERS: [[f32; 3]; 4] = [[0.0, 0.0, 0.0], [130.0, 0.0, 0.0], [0.0, 80.0, 0.0], [0.0, 0.0, 40.0]];
const FACES: [[usize; 3]; 4] = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]];
const RED: [u8; 3] = [200, 20, 30];
const BLUE: [u8; 3] = [10, 105, 196];

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn read(name: &str, content: impl AsRef<[u8]>, units: Option<Units>) -> Result<TexturedMesh, MeshError> {
    TexturedMesh::read(&Folder::new().write(name, content), units)
}

/// Checks form and, where the format has colours, the colours of the floor and of the sides.
fn assert_wedge(mesh: &TexturedMesh, floor: [u8; 3], sides: [u8; 3]) {
    let (low, high) = mesh.bounds();
    assert!((low - Point3::origin()).norm() < 1e-6 && (high - Point3::new(0.13, 0.08, 0.04)).norm() < 1e-6);
    assert_eq!(mesh.triangles.len(), 4);
    for triangle in &mesh.triangles {
        let middle = [0, 1].map(|k| triangle.texture.iter().map(|uv| uv[k]).sum::<f32>() / 3.0);
        let colour = mesh.colour_at(middle[0], middle[1]);
        let expected = if triangle.normal.z < -0.99 { floor } else { sides };
        assert!(colour.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{colour:?}, not {expected:?}");
    }
    assert_eq!(Facets::of(mesh).list().len(), 4, "one a side");
}

#[test]
fn obj_with_a_colour_a_material() {
    let folder = Folder::new();
    folder.write("wedge.mtl", "newmtl floor\nKd 0.784 0.078 0.118\nnewmtl side\nKd 0.039 0.412 0.769\n");
    let mut text = "mtllib wedge.mtl\n".to_owned();
    for [x, y, z] in CORNERS {
        text += &format!("v {x} {y} {z}\n");
    }
    for (index, [a, b, c]) in FACES.iter().enumerate() {
        let material = if index == 0 { "floor" } else { "side" };
        text += &format!("usemtl {material}\nf {} {} {}\n", a + 1, b + 1, c + 1);
    }
    assert_wedge(&TexturedMesh::read(&folder.write("wedge.obj", text), None).unwrap(), RED, BLUE);
}

#[test]
fn obj_with_two_textures() {
    let folder = Folder::new();
    for (name, colour, size) in [("floor", RED, 8), ("side", BLUE, 5)] {
        let picture = image::RgbImage::from_pixel(size, size, image::Rgb(colour));
        picture.save(folder.0.path().join(format!("{name}.png"))).unwrap();
    }
    folder.write("wedge.mtl", "newmtl floor\nmap_Kd floor.png\nnewmtl side\nmap_Kd side.png\n");
    let mut text = "mtllib wedge.mtl\nvt 0 0\nvt 1 0\nvt 0 1\n".to_owned();
    for [x, y, z] in CORNERS {
        text += &format!("v {x} {y} {z}\n");
    }
    for (index, [a, b, c]) in FACES.iter().enumerate() {
        let material = if index == 0 { "floor" } else { "side" };
        text += &format!("usemtl {material}\nf {}/1 {}/2 {}/3\n", a + 1, b + 1, c + 1);
    }
    let path = folder.write("wedge.obj", text);
    assert_wedge(&TexturedMesh::read(&path, Some(Units::Millimetres)).unwrap(), RED, BLUE);
    fs::remove_file(folder.0.path().join("side.png")).unwrap();
    let error = TexturedMesh::read(&path, None).unwrap_err().to_string();
    assert!(error.contains("side.png"), "{error}");
}

/// Corners of their own for every face, so that each can have its colour.
fn ply(faces: &[[usize; 3]]) -> String {
    let mut text = format!(
        "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\n\
         element face {}\nproperty list uchar int vertex_indices\nend_header\n",
        3 * faces.len(),
        faces.len()
    );
    for (index, face) in faces.iter().enumerate() {
        let [r, g, b] = if index == 0 { RED } else { BLUE };
        for corner in face {
            let [x, y, z] = CORNERS[*corner];
            text += &format!("{x} {y} {z} {r} {g} {b}\n");
        }
    }
    for index in 0..faces.len() {
        text += &format!("3 {} {} {}\n", 3 * index, 3 * index + 1, 3 * index + 2);
    }
    text
}

#[test]
fn ply_with_a_colour_a_vertex() {
    assert_wedge(&read("wedge.ply", ply(&FACES), None).unwrap(), RED, BLUE);
}

#[test]
fn a_triangle_with_corners_of_different_colours_runs_from_one_to_the_other() {
    let text = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\n\
         element face 1\nproperty list uchar int vertex_index\nend_header\n\
         0 0 0 250 0 0\n0.2 0 0 0 250 0\n0 0.1 0 0 0 250\n3 0 1 2\n";
    let mesh = read("blend.ply", text, None).unwrap();
    let [a, b, c] = mesh.triangles[0].texture;
    let at = |wa: f32, wb: f32, wc: f32| {
        let [u, v] = [0, 1].map(|k| wa * a[k] + wb * b[k] + wc * c[k]);
        mesh.colour_at(u, v)
    };
    assert_eq!(
        [at(1.0, 0.0, 0.0), at(0.0, 1.0, 0.0), at(0.0, 0.0, 1.0)],
        [[250, 0, 0], [0, 250, 0], [0, 0, 250]]
    );
    let half = at(0.5, 0.5, 0.0);
    assert!((100..150).contains(&half[0]) && (100..150).contains(&half[1]), "{half:?}");
}

#[test]
fn binary_stl_is_grey() {
    let triangles: Vec<stl_io::Triangle> = FACES
        .iter()
        .map(|face| stl_io::Triangle {
            normal: stl_io::Normal::new([0.0; 3]),
            vertices: face.map(|i| stl_io::Vertex::new(CORNERS[i])),
        })
        .collect();
    let mut bytes = Vec::new();
    stl_io::write_stl(&mut bytes, triangles.iter()).unwrap();
    assert_wedge(&read("wedge.stl", &bytes, None).unwrap(), [150; 3], [150; 3]);
    // The second corner's x of the first triangle, after header, count, normal and first corner.
    let mut broken = bytes.clone();
    broken[108..112].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = read("nan.stl", &broken, None).unwrap_err().to_string();
    assert!(error.contains("is not finite"), "{error}");
    let error = read("cut.stl", &bytes[..bytes.len() - 20], None).unwrap_err().to_string();
    assert!(error.contains("cut.stl"), "{error}");
}

/// Two primitives, a material each (in linear light), under a node that is moved and scaled.
#[test]
fn gltf_with_nodes_and_materials() {
    let folder = Folder::new();
    let mut bytes: Vec<u8> = CORNERS.iter().flatten().flat_map(|v| (v * 0.01).to_le_bytes()).collect();
    bytes.extend(FACES.iter().flatten().flat_map(|i| (*i as u16).to_le_bytes()));
    folder.write("wedge.bin", &bytes);
    let text = r#"{"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
        "nodes": [{"children": [1], "scale": [0.1, 0.1, 0.1]}, {"mesh": 0}],
        "meshes": [{"primitives": [
            {"attributes": {"POSITION": 0}, "indices": 1, "material": 0},
            {"attributes": {"POSITION": 0}, "indices": 2, "material": 1}]}],
        "materials": [
            {"pbrMetallicRoughness": {"baseColorFactor": [0.5776, 0.0070, 0.0130, 1.0]}},
            {"pbrMetallicRoughness": {"baseColorFactor": [0.0030, 0.1413, 0.5520, 1.0]}}],
        "buffers": [{"uri": "wedge.bin", "byteLength": 72}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 6},
            {"buffer": 0, "byteOffset": 54, "byteLength": 18}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3",
             "min": [0, 0, 0], "max": [1.3, 0.8, 0.4]},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5123, "count": 9, "type": "SCALAR"}]}"#;
    let path = folder.write("wedge.gltf", text);
    assert_wedge(&TexturedMesh::read(&path, None).unwrap(), RED, BLUE);
    fs::write(folder.0.path().join("wedge.bin"), &bytes[..40]).unwrap();
    assert!(TexturedMesh::read(&path, None).unwrap_err().to_string().contains("wedge.gltf"));
    let circle = text.replace(r#"{"mesh": 0}"#, r#"{"mesh": 0, "children": [0]}"#);
    fs::write(folder.0.path().join("wedge.bin"), &bytes).unwrap();
    let error = TexturedMesh::read(&folder.write("circle.gltf", circle), None).unwrap_err().to_string();
    assert!(error.contains("node 0 is its own parent or has two"), "{error}");
}

#[test]
fn millimetres_are_told_from_metres_by_the_extent() {
    let wedge = "v 0 0 0\nv 130 0 0\nv 0 80 0\nf 1 2 3\n";
    let error = read("mm.obj", wedge, Some(Units::Metres)).unwrap_err().to_string();
    assert!(error.contains("130.000 m long") && error.contains("units: mm"), "{error}");
    for units in [Some(Units::Millimetres), None] {
        let mesh = read("mm.obj", wedge, units).unwrap();
        assert!((mesh.bounds().1.x - 0.13).abs() < 1e-6);
    }
    let small = "v 0 0 0\nv 0.13 0 0\nv 0 0.08 0\nf 1 2 3\n";
    assert!((read("m.obj", small, None).unwrap().bounds().1.x - 0.13).abs() < 1e-6);
    let error = read("m.obj", small, Some(Units::Millimetres)).unwrap_err().to_string();
    assert!(error.contains("units: m"), "{error}");
    let error = read("big.obj", "v 0 0 0\nv 5000 0 0\nv 0 80 0\nf 1 2 3\n", None).unwrap_err().to_string();
    assert!(error.contains("5.000 m long, outside 0.01 to 1 m"), "{error}");
}

#[test]
fn meshes_that_are_none_are_refused() {
    for (name, text, expected) in [
        ("line.obj", "v 0 0 0\nv 0.1 0 0\nv 0.2 0 0\nf 1 2 3\n", "no triangle with an area"),
        ("empty.obj", "", "no triangle with an area"),
        ("nan.ply", &ply(&FACES).replacen("130", "nan", 1), "nan.ply"),
        ("stray.ply", &ply(&FACES).replace("3 0 1 2", "3 0 1 99"), "names vertex 99, but has 12"),
        ("short.ply", &ply(&FACES).replace("3 9 10 11\n", ""), "short.ply"),
        ("noise.stl", "not a mesh at all", "noise.stl"),
        ("noise.glb", "not a mesh at all", "noise.glb"),
        ("scene.fbx", "", "read are obj, ply, stl, gltf and glb"),
    ] {
        let error = read(name, text, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    // A face without area beside good ones is left out.
    let mesh = read("flat.ply", ply(&[FACES[0], FACES[1], [2, 2, 3]]), None).unwrap();
    assert_eq!(mesh.triangles.len(), 2);
}

#[test]
fn a_scan_of_a_million_triangles_is_refused() {
    let header = "ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\n\
         property float z\nelement face 1000000\nproperty list uchar uint vertex_indices\nend_header\n";
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0.0f32, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.1, 0.0].iter().flat_map(|v| v.to_le_bytes()));
    let face: Vec<u8> = [3u8].into_iter().chain([0u32, 1, 2].iter().flat_map(|i| i.to_le_bytes())).collect();
    bytes.extend(face.repeat(1_000_000));
    let error = read("scan.ply", &bytes, None).unwrap_err().to_string();
    assert!(error.contains("has 1000000 triangles, more than 50000"), "{error}");
}

#[test]
fn a_named_part_is_read_with_what_it_uses_and_the_rest_apart() {
    let folder = Folder::new();
    let mut text = "o floor\n".to_owned();
    for [x, y, z] in CORNERS {
        text += &format!("v {x} {y} {z}\n");
    }
    for (index, [a, b, c]) in FACES.iter().enumerate() {
        if index == 1 {
            text += "o sides\n";
        }
        text += &format!("f {} {} {}\n", a + 1, b + 1, c + 1);
    }
    let path = folder.write("wedge.obj", text);
    let (_, floor, rest) = TexturedMesh::read_with_part(&path, Some(Units::Millimetres), "floor").unwrap();
    assert_eq!((floor.triangles.len(), floor.vertices.len()), (1, 3));
    assert!(floor.bounds().1.z.abs() < 1e-6, "the tip is not the floor's");
    assert_eq!(rest.unwrap().triangles.len(), 3);
    let error = TexturedMesh::read_with_part(&path, None, "handle").unwrap_err().to_string();
    assert!(error.contains("no part \"handle\"") && error.contains("[\"floor\", \"sides\"]"), "{error}");
}
