use crate::pose::{Pose, mean_rotation, rotation_angle_rad};
use nalgebra::Vector3;

/// How two tracks of one rigid body differ once the constant offset between their body frames is taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackAlignment {
    /// The constant offset: `reference ≈ track · track_frame_from_reference_frame`.
    pub offset: Pose,
    /// Remaining distance of each pair, metres.
    pub position_errors_m: Vec<f64>,
    /// Remaining angle of each pair, radians.
    pub rotation_errors_rad: Vec<f64>,
}

/// Aligns `track` to `reference` (pairs of poses of the same moments, in one frame) by a constant offset on
/// the body's side, as when two meshes of one tool have different origins. `None` for no pairs.
pub fn align_tracks(pairs: &[(Pose, Pose)]) -> Option<TrackAlignment> {
    let offsets: Vec<Pose> = pairs.iter().map(|(track, reference)| track.inverse() * reference).collect();
    let rotations: Vec<_> = offsets.iter().map(|offset| offset.rotation).collect();
    let rotation = mean_rotation(&rotations)?;
    let shift: Vector3<f64> =
        offsets.iter().map(|offset| offset.translation.vector).sum::<Vector3<f64>>() / pairs.len() as f64;
    let offset = Pose::from_parts(shift.into(), rotation);
    let moved = |track: &Pose| track * offset;
    Some(TrackAlignment {
        position_errors_m: pairs
            .iter()
            .map(|(track, reference)| (moved(track).translation.vector - reference.translation.vector).norm())
            .collect(),
        rotation_errors_rad: pairs
            .iter()
            .map(|(track, reference)| rotation_angle_rad(&moved(track), reference))
            .collect(),
        offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pose::tests::any_pose;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_constant_offset_is_found(track in prop::collection::vec(any_pose(), 1..8), offset in any_pose()) {
            let pairs: Vec<_> = track.iter().map(|pose| (*pose, pose * offset)).collect();
            let alignment = align_tracks(&pairs).unwrap();
            prop_assert!(alignment.position_errors_m.iter().all(|e| *e < 1e-6));
            prop_assert!(alignment.rotation_errors_rad.iter().all(|e| *e < 1e-6));
        }
    }

    #[test]
    fn no_pairs_no_alignment() {
        assert!(align_tracks(&[]).is_none());
    }
}
