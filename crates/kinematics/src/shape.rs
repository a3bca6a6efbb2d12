//! The volume of a link as capsules, from the collision shapes of its URDF.

use nalgebra::{Isometry3, Point3, Vector3};

use crate::chain::{Chain, pose};

/// A collision shape with a size that is not a length.
#[derive(Debug, thiserror::Error)]
#[error("link '{link}': a collision shape has the size {size_m} m")]
pub struct ShapeError {
    /// The link's name.
    pub link: String,
    /// The size that is negative or no number.
    pub size_m: f64,
}

/// All points within `radius_m` of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capsule {
    /// One end of the segment.
    pub start: Point3<f64>,
    /// The other end.
    pub end: Point3<f64>,
    /// Radius about the segment.
    pub radius_m: f64,
}

impl Capsule {
    /// The same capsule in another frame.
    pub fn transformed(&self, other_from_here: &Isometry3<f64>) -> Self {
        Self { start: other_from_here * self.start, end: other_from_here * self.end, radius_m: self.radius_m }
    }
}

impl Chain {
    /// The capsules that hold a link's collision shapes, in the link's frame, link by link from base to tip.
    ///
    /// A cylinder is held by the capsule on its axis, a box by the one on its longest axis: both are larger than
    /// the shape, never smaller. A link of meshes alone is a capsule of 60 mm radius from its own joint to the next one, which may
    /// lie beside the mesh: see [`Chain::links_of_meshes`].
    pub fn link_capsules(&self) -> impl ExactSizeIterator<Item = &[Capsule]> {
        self.links.iter().map(|l| l.capsules.as_slice())
    }

    /// The links whose collision shape is at least in part in mesh files, which are not read: what is measured of them is a
    /// guess.
    pub fn links_of_meshes(&self) -> impl Iterator<Item = &str> {
        self.links.iter().filter(|l| l.is_mesh).map(|l| l.name.as_str())
    }

    /// Gives the links whose shape is in mesh files the capsule that [`Chain::link_capsules`] speaks of.
    pub(crate) fn fill_links_of_meshes(&mut self) {
        const RADIUS_M: f64 = 0.06;
        for link in self.links.iter_mut().filter(|l| l.is_mesh && l.capsules.is_empty()) {
            // The joint after the link is fixed in the frame of the joint before it.
            let joint_from_next = match self.joints.get(link.joints_before) {
                Some(next) => next.previous_from_joint,
                None => self.last_joint_from_tip,
            };
            let link_from_next = link.joint_from_link.inv_mul(&joint_from_next);
            let end = Point3::from(link_from_next.translation.vector);
            link.capsules.push(Capsule { start: Point3::origin(), end, radius_m: RADIUS_M });
        }
    }
}

/// Whether a URDF link's collision shape is in mesh files.
pub(crate) fn is_mesh(link: &urdf_rs::Link) -> bool {
    link.collision.iter().any(|c| matches!(c.geometry, urdf_rs::Geometry::Mesh { .. }))
}

/// The capsules of one URDF link, in its frame.
pub(crate) fn capsules_of(link: &urdf_rs::Link) -> Result<Vec<Capsule>, ShapeError> {
    let mut capsules = Vec::new();
    for collision in &link.collision {
        let Some((half_segment, radius_m)) = segment_and_radius(&collision.geometry) else { continue };
        for size_m in [half_segment.norm(), radius_m] {
            if !(size_m.is_finite() && size_m >= 0.0) {
                return Err(ShapeError { link: link.name.clone(), size_m });
            }
        }
        let link_from_shape = pose(&collision.origin);
        capsules.push(Capsule {
            start: link_from_shape * Point3::from(-half_segment),
            end: link_from_shape * Point3::from(half_segment),
            radius_m,
        });
    }
    Ok(capsules)
}

/// Half the capsule's segment and its radius, about the shape's own centre; `None` for a mesh.
fn segment_and_radius(geometry: &urdf_rs::Geometry) -> Option<(Vector3<f64>, f64)> {
    match geometry {
        urdf_rs::Geometry::Sphere { radius } => Some((Vector3::zeros(), *radius)),
        urdf_rs::Geometry::Capsule { radius, length } | urdf_rs::Geometry::Cylinder { radius, length } => {
            Some((Vector3::z() * (0.5 * length), *radius))
        }
        urdf_rs::Geometry::Box { size } => {
            let half = Vector3::from(size.0) * 0.5;
            let along = half.iamax();
            let mut across = half;
            across[along] = 0.0;
            Some((half - across, across.norm()))
        }
        urdf_rs::Geometry::Mesh { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(shape: &str) -> Result<Vec<Capsule>, ShapeError> {
        let text = format!(
            r#"<robot name="r"><link name="l"><collision><origin xyz="0 0 1" rpy="0 1.5707963267948966 0"/>
               <geometry>{shape}</geometry></collision></link></robot>"#
        );
        capsules_of(&urdf_rs::read_from_string(&text).unwrap().links[0])
    }

    #[test]
    fn a_cylinder_lies_along_its_turned_axis() {
        let found = capsule(r#"<cylinder radius="0.1" length="0.4"/>"#).unwrap();
        assert!((found[0].end - Point3::new(0.2, 0.0, 1.0)).norm() < 1e-12);
        assert_eq!(found[0].radius_m, 0.1);
    }

    #[test]
    fn a_box_is_held_with_its_corners() {
        let found = capsule(r#"<box size="0.6 0.08 1.0"/>"#).unwrap();
        assert!(((found[0].end - found[0].start).norm() - 1.0).abs() < 1e-12);
        assert!((found[0].radius_m - (0.3f64 * 0.3 + 0.04 * 0.04).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_link_of_meshes_reaches_to_the_next_joint() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../urdf/robots/ur5.urdf");
        let text = std::fs::read_to_string(path).unwrap();
        let meshes: String = text
            .lines()
            .map(|line| match (line.contains("<collision>"), line.split_once("<geometry>")) {
                (true, Some((before, _))) => {
                    format!("{before}<geometry><mesh filename=\"a.stl\"/></geometry></collision>\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let chain = Chain::from_urdf_text(&meshes, "base_link", "tool0").unwrap();
        let forearm = chain.link_names().position(|n| n == "forearm_link").unwrap();
        let capsule = chain.link_capsules().nth(forearm).unwrap();
        assert_eq!(capsule.len(), 1);
        assert!((capsule[0].end - Point3::new(-0.39225, 0.0, 0.10915)).norm() < 1e-9);
    }

    #[test]
    fn a_negative_size_is_refused() {
        let text = capsule(r#"<sphere radius="-0.2"/>"#).unwrap_err().to_string();
        assert!(text.contains("'l'") && text.contains("-0.2"), "{text}");
        assert!(capsule(r#"<mesh filename="a.stl"/>"#).unwrap().is_empty());
    }
}
