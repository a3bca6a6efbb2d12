use super::{
    MeshError,
    surface::{Paint, Surface},
};
use image::RgbImage;
use nalgebra::{Matrix4, Point3};
use ply_rs_bw::{
    parser::Parser,
    ply::{DefaultElement, Property},
};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::BufReader,
    path::Path,
};

/// Reads a mesh by what its name ends with.
pub(super) fn read(path: &Path) -> Result<Surface, MeshError> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let reader = match ending.as_str() {
        "obj" => read_obj,
        "ply" => read_ply,
        "stl" => read_stl,
        "gltf" | "glb" => read_gltf,
        _ => return Err(MeshError::Format { path: path.to_owned(), ending }),
    };
    // A file that names what it does not hold makes the reader of glTF panic, in its own validation.
    let read = std::panic::catch_unwind(|| reader(path));
    read.unwrap_or_else(|_| Err(malformed(path, "its reader broke off".to_owned())))?.checked(path)
}

fn unreadable(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> MeshError {
    MeshError::Read { path: path.to_owned(), source: Box::new(source) }
}

fn malformed(path: &Path, why: String) -> MeshError {
    MeshError::Malformed { path: path.to_owned(), why }
}

fn open(path: &Path) -> Result<BufReader<File>, MeshError> {
    File::open(path).map(BufReader::new).map_err(|source| unreadable(path, source))
}

/// Wavefront: one texture or colour a material.
fn read_obj(path: &Path) -> Result<Surface, MeshError> {
    let (models, materials) =
        tobj::load_obj(path, &tobj::GPU_LOAD_OPTIONS).map_err(|source| unreadable(path, source))?;
    let materials = materials.unwrap_or_default();
    let mut surface = Surface::default();
    let mut picture_of: HashMap<&str, usize> = HashMap::new();
    for model in &models {
        let mesh = &model.mesh;
        let material = mesh.material_id.and_then(|id| materials.get(id));
        let picture = match material.and_then(|m| m.diffuse_texture.as_deref()) {
            Some(name) => Some(match picture_of.get(name) {
                Some(picture) => *picture,
                None => {
                    let file = path.with_file_name(name);
                    let picture =
                        image::open(&file).map_err(|source| MeshError::Texture { path: file, source })?;
                    *picture_of.entry(name).or_insert(surface.add_picture(picture.to_rgb8()))
                }
            }),
            None => None,
        };
        let of_material = material.and_then(|m| m.diffuse).map(to_levels);
        let offset = surface.vertices.len() as u32;
        surface.begin_part(&model.name);
        surface.vertices.extend(mesh.positions.chunks_exact(3).map(|p| Point3::new(p[0], p[1], p[2])));
        for corners in mesh.indices.chunks_exact(3) {
            let corners = [corners[0], corners[1], corners[2]];
            let texture = |i: u32| {
                let at = i as usize * 2;
                mesh.texcoords.get(at..at + 2).map(|uv| [uv[0], 1.0 - uv[1]])
            };
            let colour = |i: u32| {
                let at = i as usize * 3;
                mesh.vertex_color.get(at..at + 3).map(|c| to_levels([c[0], c[1], c[2]]))
            };
            let paint = match (picture, all(corners.map(texture)), all(corners.map(colour)), of_material) {
                (Some(picture), Some(texture), ..) => Paint::Picture(picture, texture),
                (_, _, Some(colours), _) => Paint::Colours(colours),
                (.., Some(colour)) => Paint::Colours([colour; 3]),
                _ => Paint::NONE,
            };
            surface.triangles.push((corners.map(|i| i.saturating_add(offset)), paint));
        }
    }
    Ok(surface)
}

/// Stanford: colours at the vertices, or none.
fn read_ply(path: &Path) -> Result<Surface, MeshError> {
    let ply = Parser::<DefaultElement>::new()
        .read_ply(&mut open(path)?)
        .map_err(|source| unreadable(path, source))?;
    let mut surface = Surface::default();
    let mut colours: Vec<Option<[u8; 3]>> = Vec::new();
    let number = |element: &DefaultElement, name: &str| element.get(name).and_then(Property::to_f32_lossy);
    let level = |element: &DefaultElement, name: &str| match element.get(name)? {
        part @ (Property::Float(_) | Property::Double(_)) => part.to_f32_lossy().map(to_level),
        level => level.to_f32_lossy().map(|level| level as u8),
    };
    for (index, vertex) in ply.payload.get("vertex").into_iter().flatten().enumerate() {
        let position = all(["x", "y", "z"].map(|axis| number(vertex, axis)))
            .ok_or_else(|| malformed(path, format!("vertex {index} lacks x, y or z")))?;
        surface.vertices.push(position.into());
        colours.push(all(["red", "green", "blue"].map(|channel| level(vertex, channel))));
    }
    for (index, face) in ply.payload.get("face").into_iter().flatten().enumerate() {
        let corners = ["vertex_indices", "vertex_index"]
            .iter()
            .find_map(|name| face.get(*name)?.to_u32_list())
            .ok_or_else(|| malformed(path, format!("face {index} lacks vertex_indices")))?;
        // A polygon is a fan around its first corner.
        for pair in corners.get(1..).unwrap_or_default().windows(2) {
            let corners = [corners[0], pair[0], pair[1]];
            let colour = |i: u32| colours.get(i as usize).copied().flatten();
            let paint = all(corners.map(colour)).map_or(Paint::NONE, Paint::Colours);
            surface.triangles.push((corners, paint));
        }
    }
    Ok(surface)
}

/// Stereolithography: form alone.
fn read_stl(path: &Path) -> Result<Surface, MeshError> {
    let mesh = stl_io::read_stl(&mut open(path)?).map_err(|source| unreadable(path, source))?;
    Ok(Surface {
        vertices: mesh.vertices.iter().map(|v| Point3::new(v[0], v[1], v[2])).collect(),
        triangles: mesh
            .faces
            .iter()
            .map(|face| (face.vertices.map(|i| u32::try_from(i).unwrap_or(u32::MAX)), Paint::NONE))
            .collect(),
        ..Surface::default()
    })
}

/// glTF, text or binary: textures, colours at the vertices, or a colour a material; all nodes of the file where
/// its scene puts them.
fn read_gltf(path: &Path) -> Result<Surface, MeshError> {
    let (document, buffers, images) = gltf::import(path).map_err(|source| unreadable(path, source))?;
    let mut surface = Surface::default();
    let mut pictures = Vec::new();
    for image in images {
        let picture = rgb(image)
            .map_err(|format| malformed(path, format!("a texture is {format}, not 8-bit colour")))?;
        pictures.push(surface.add_picture(picture));
    }
    let scene = document.default_scene().or_else(|| document.scenes().next());
    let mut nodes: Vec<(gltf::Node<'_>, Matrix4<f32>)> =
        scene.iter().flat_map(gltf::Scene::nodes).map(|node| (node, Matrix4::identity())).collect();
    let mut seen = HashSet::new();
    while let Some((node, scene_from_parent)) = nodes.pop() {
        // A node has one parent: of what is reached twice the file would never come to an end.
        if !seen.insert(node.index()) {
            return Err(malformed(path, format!("node {} is its own parent or has two", node.index())));
        }
        let columns = node.transform().matrix();
        let scene_from_node = scene_from_parent * Matrix4::from_fn(|row, column| columns[column][row]);
        nodes.extend(node.children().map(|child| (child, scene_from_node)));
        surface.begin_part(node.name().or(node.mesh().and_then(|mesh| mesh.name())).unwrap_or_default());
        for primitive in node.mesh().iter().flat_map(gltf::Mesh::primitives) {
            if primitive.mode() != gltf::mesh::Mode::Triangles {
                continue;
            }
            let reader = primitive.reader(|buffer| buffers.get(buffer.index()).map(|data| &data.0[..]));
            let offset = surface.vertices.len() as u32;
            let positions = reader.read_positions().into_iter().flatten().map(Point3::from);
            surface.vertices.extend(positions.map(|p| scene_from_node.transform_point(&p)));
            let count = surface.vertices.len() as u32 - offset;
            let indices: Vec<u32> =
                reader.read_indices().map_or_else(|| (0..count).collect(), |list| list.into_u32().collect());
            let texture: Vec<[f32; 2]> =
                reader.read_tex_coords(0).map(|list| list.into_f32().collect()).unwrap_or_default();
            let colours: Vec<[u8; 3]> = reader
                .read_colors(0)
                .map(|list| list.into_rgb_f32().map(of_light).collect())
                .unwrap_or_default();
            let material = primitive.material().pbr_metallic_roughness();
            let picture = material
                .base_color_texture()
                .and_then(|info| pictures.get(info.texture().source().index()))
                .copied();
            let [red, green, blue, _] = material.base_color_factor();
            for corners in indices.chunks_exact(3) {
                let corners = [corners[0], corners[1], corners[2]];
                let uv = all(corners.map(|i| texture.get(i as usize).copied()));
                let of_corners = all(corners.map(|i| colours.get(i as usize).copied()));
                let paint = match (picture.zip(uv), of_corners) {
                    (Some((picture, uv)), _) => Paint::Picture(picture, uv),
                    (None, Some(colours)) => Paint::Colours(colours),
                    (None, None) => Paint::Colours([of_light([red, green, blue]); 3]),
                };
                surface.triangles.push((corners.map(|i| i.saturating_add(offset)), paint));
            }
        }
    }
    Ok(surface)
}

fn rgb(image: gltf::image::Data) -> Result<RgbImage, String> {
    let channels = match image.format {
        gltf::image::Format::R8G8B8 => 3,
        gltf::image::Format::R8G8B8A8 => 4,
        other => return Err(format!("{other:?}")),
    };
    let pixels = image.pixels.chunks_exact(channels).flat_map(|p| [p[0], p[1], p[2]]).collect();
    RgbImage::from_raw(image.width, image.height, pixels).ok_or_else(|| "cut short".to_owned())
}

/// Parts of 1 as levels of 255.
fn to_levels(colour: [f32; 3]) -> [u8; 3] {
    colour.map(to_level)
}

fn to_level(part: f32) -> u8 {
    (255.0 * part).round() as u8
}

/// Linear light, in which a glTF's colours are by its standard (but for pictures), as levels of sRGB.
fn of_light(colour: [f32; 3]) -> [u8; 3] {
    colour.map(|light| {
        to_level(if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 })
    })
}

fn all<T, const N: usize>(list: [Option<T>; N]) -> Option<[T; N]> {
    let found: Vec<T> = list.into_iter().flatten().collect();
    found.try_into().ok()
}
