//! The postures that reach each waypoint.

use dreamitate_kinematics::{Chain, InverseKinematics, Joints, nearest_wrap};
use nalgebra::Isometry3;

use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;

/// Two postures nearer than this in every joint are one.
const SAME_RAD: f64 = 0.04;
/// Turns of a joint by 2π are postures of their own up to this far from home.
const WRAP_RADIUS_RAD: f64 = 1.25 * std::f64::consts::PI;

/// Postures for each pose of the flange, found at some poses and followed to all others, so that whole ways are among
/// them; no fewer than one a pose.
///
/// # Errors
/// [`PlanError::Unreachable`] for the first pose that no posture reaches.
pub(crate) fn sample(
    chain: &Chain,
    base_from_flange: &[Isometry3<f64>],
    home: &Joints,
    settings: &PlanSettings,
) -> Result<Vec<Vec<Joints>>, PlanError> {
    let ik = InverseKinematics::new(chain);
    let last = base_from_flange.len().saturating_sub(1);
    let mut layers = vec![Vec::new(); base_from_flange.len()];
    for (index, pose) in base_from_flange.iter().enumerate() {
        if !(settings.every_layer || index == 0 || index == last || index == last / 2) {
            continue;
        }
        let seed = settings.seed.wrapping_add(index as u64);
        // Random starts give breadth; home's own posture gives the one that a person would expect.
        let expected = ik
            .solve(pose, home, seed)
            .map_err(|source| PlanError::Unreachable { waypoint: index, source })?;
        let others = ik.solutions(pose, settings.solutions, seed);
        for joints in std::iter::once(expected.joints).chain(others) {
            let posture = nearest_wrap(chain, &joints, home);
            if is_new(&layers[index], &posture) {
                add_way(&ik, chain, base_from_flange, (index, posture), home, settings, &mut layers);
            }
        }
    }
    for (index, (pose, layer)) in base_from_flange.iter().zip(&mut layers).enumerate() {
        if layer.is_empty() {
            let found = ik.solve(pose, home, settings.seed.wrapping_add(index as u64));
            let answer = found.map_err(|source| PlanError::Unreachable { waypoint: index, source })?;
            layer.push(nearest_wrap(chain, &answer.joints, home));
        }
    }
    Ok(layers)
}

/// The postures that those of a neighbouring pose lead to without a jump.
pub(crate) fn followed(
    chain: &Chain,
    base_from_flange: &Isometry3<f64>,
    from: &[Joints],
    jump_rad: f64,
) -> Vec<Joints> {
    let ik = InverseKinematics::new(chain);
    let lead_to = |start: &Joints| ik.follow(base_from_flange, start).ok().map(|a| a.joints);
    let near =
        |(start, joints): (&Joints, Joints)| (largest_jump(start, &joints) <= jump_rad).then_some(joints);
    from.iter().filter_map(|start| Some((start, lead_to(start)?))).filter_map(near).collect()
}

/// Follows a posture both ways as far as it goes, and adds what it meets, with all turns that limits allow.
fn add_way(
    ik: &InverseKinematics<'_>,
    chain: &Chain,
    poses: &[Isometry3<f64>],
    (index, posture): (usize, Joints),
    home: &Joints,
    settings: &PlanSettings,
    layers: &mut [Vec<Joints>],
) {
    let follow = |from: &Joints, pose| {
        let answer = ik.follow(pose, from).ok()?;
        (largest_jump(from, &answer.joints) <= settings.largest_jump_rad).then_some(answer.joints)
    };
    let mut way = vec![(index, posture)];
    let mut at = posture;
    for (place, pose) in poses.iter().enumerate().skip(index + 1) {
        let Some(next) = follow(&at, pose) else { break };
        at = next;
        way.push((place, next));
    }
    at = posture;
    for (place, pose) in poses.iter().enumerate().take(index).rev() {
        let Some(next) = follow(&at, pose) else { break };
        at = next;
        way.push((place, next));
    }
    // Limits may leave a joint no turn that is near home.
    for turned in std::iter::once(posture).chain(chain.wraps(&posture, home, WRAP_RADIUS_RAD)) {
        for (place, joints) in &way {
            let moved: Joints = (0..joints.len()).map(|j| joints[j] + turned[j] - posture[j]).collect();
            let layer = &mut layers[*place];
            let inside = chain
                .moving_joints()
                .iter()
                .zip(&moved)
                .all(|(joint, value)| (joint.limits.lower..=joint.limits.upper).contains(value));
            if inside && layer.len() < settings.largest_layer && is_new(layer, &moved) {
                layer.push(moved);
            }
        }
    }
}

fn is_new(layer: &[Joints], joints: &Joints) -> bool {
    !layer.iter().any(|other| within(other, joints, SAME_RAD))
}

/// Whether no joint differs by more.
pub(crate) fn within(a: &Joints, b: &Joints, difference: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= difference)
}

/// The largest change of any joint.
pub(crate) fn largest_jump(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
