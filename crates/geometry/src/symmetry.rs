use crate::Pose;
use nalgebra::{Unit, UnitQuaternion, Vector3};
use serde::Deserialize;
use std::{f64::consts::TAU, num::NonZeroU32};

/// Turns of a rigid tool about an axis through its origin after which it looks as before.
///
/// ```
/// # use dreamitate_geometry::Symmetry;
/// // A square handle, and a round one.
/// let square: Symmetry = serde_yaml_ng::from_str("{axis: [0, 0, 1], order: 4}")?;
/// let round: Symmetry = serde_yaml_ng::from_str("{axis: [0, 0, 1]}")?;
/// assert!(serde_yaml_ng::from_str::<Symmetry>("{axis: [0, 0, 0]}").is_err());
/// # Ok::<(), serde_yaml_ng::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Declared")]
pub struct Symmetry {
    axis: Unit<Vector3<f64>>,
    order: Option<NonZeroU32>,
}

/// As a file says it: without an order any turn is one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    axis: [f64; 3],
    order: Option<NonZeroU32>,
}

impl TryFrom<Declared> for Symmetry {
    type Error = String;

    fn try_from(Declared { axis, order }: Declared) -> Result<Self, String> {
        let unit = Unit::try_new(Vector3::from(axis), 1e-6);
        let axis = unit.ok_or_else(|| format!("the axis of symmetry {axis:?} has no direction"))?;
        Ok(Self { axis, order })
    }
}

impl Symmetry {
    /// The axis in the tool's frame, if any turn about it is one that nobody sees.
    pub fn round_about(&self) -> Option<Unit<Vector3<f64>>> {
        self.order.is_none().then_some(self.axis)
    }

    /// Of all poses that look like `a_from_tool` the one that is turned least from `reference`, which is given in the
    /// same frame.
    pub fn nearest(&self, a_from_tool: &Pose, reference: &Pose) -> Pose {
        let rotation = self.nearest_rotation(&a_from_tool.rotation, &reference.rotation);
        Pose::from_parts(a_from_tool.translation, rotation)
    }

    /// The same of rotations alone.
    ///
    /// The turn is the twist of the rotation between both about the axis (swing-twist decomposition), rounded to one
    /// that the order allows.
    pub fn nearest_rotation(
        &self,
        a_from_tool: &UnitQuaternion<f64>,
        reference: &UnitQuaternion<f64>,
    ) -> UnitQuaternion<f64> {
        let between = a_from_tool.inverse() * reference;
        let turn_rad = 2.0 * between.imag().dot(&self.axis).atan2(between.w);
        let allowed_rad = match self.order {
            None => turn_rad,
            Some(order) => {
                let step_rad = TAU / f64::from(order.get());
                (turn_rad / step_rad).round() * step_rad
            }
        };
        a_from_tool * UnitQuaternion::from_axis_angle(&self.axis, allowed_rad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pose::tests::any_pose, rotation_angle_rad};
    use proptest::prelude::*;

    fn symmetry(order: Option<u32>) -> Symmetry {
        Symmetry {
            axis: Unit::new_normalize(Vector3::new(0.2, -1.0, 0.4)),
            order: order.and_then(NonZeroU32::new),
        }
    }

    proptest! {
        #[test]
        fn no_allowed_turn_is_nearer(pose in any_pose(), reference in any_pose(), order in 1u32..8) {
            let found = symmetry(Some(order)).nearest(&pose, &reference);
            let turned = |steps: u32| {
                pose * UnitQuaternion::from_axis_angle(&symmetry(None).axis, f64::from(steps) * TAU / f64::from(order))
            };
            let least = (0..order).map(|steps| rotation_angle_rad(&turned(steps), &reference)).fold(9.0, f64::min);
            prop_assert!((rotation_angle_rad(&found, &reference) - least).abs() < 1e-6);
            prop_assert!((0..order).any(|steps| rotation_angle_rad(&turned(steps), &found) < 1e-6));
            prop_assert!((found.translation.vector - pose.translation.vector).norm() < 1e-12);
        }

        #[test]
        fn a_round_tool_is_nearer_than_any_turn(pose in any_pose(), reference in any_pose(), turn_rad in 0.0f64..TAU) {
            let found = symmetry(None).nearest(&pose, &reference);
            let other = pose * UnitQuaternion::from_axis_angle(&symmetry(None).axis, turn_rad);
            prop_assert!(rotation_angle_rad(&found, &reference) < rotation_angle_rad(&other, &reference) + 1e-9);
            let axis = symmetry(None).axis;
            prop_assert!((found.rotation * axis.into_inner() - pose.rotation * axis.into_inner()).norm() < 1e-9);
        }
    }
}
