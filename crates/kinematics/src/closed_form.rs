//! The closed form of arms built like a Universal Robots arm: joints 2, 3 and 4 parallel, axes 5 and 6 meeting in a point.
//!
//! An arm is recognised by the lines of its axes, not by its name, so base, tip and signs may be anyhow. The way
//! follows Hawkins ("Analytic inverse kinematics for the Universal Robots UR-5/UR-10 arms", Georgia Tech, 2013): the
//! height of the wrist along the parallel axes gives joint 1, the last axis joint 5, the turn about it joint 6, and a
//! triangle joints 2 to 4. Each step is written without DH parameters as a subproblem of Paden and Kahan (Murray, Li and
//! Sastry, A Mathematical Introduction to Robotic Manipulation, 1994, 3.3; Elias and Wen, arXiv 2211.05737).
//!
//! At zero posture let axis i run through rᵢ along wᵢ, h be the common direction of 2, 3 and 4, and p where 5 meets 6. With
//! G the wanted displacement of the tip from its place at zero, G = E₁E₂E₃E₄E₅E₆ and Eᵢ a turn about axis i.

use std::f64::consts::{PI, TAU};

use nalgebra::Vector3;
use tinyvec::ArrayVec;

use crate::axis_chain::{AxisChain, Frame};

/// The six joint angles of one branch, each within ±π.
pub(crate) type Angles = [f64; 6];

/// An angle as its cosine and sine.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    cos: f64,
    sin: f64,
}

impl Turn {
    fn of(angle_rad: f64) -> Self {
        let (sin, cos) = angle_rad.sin_cos();
        Self { cos, sin }
    }

    fn angle_rad(self) -> f64 {
        self.sin.atan2(self.cos)
    }

    fn back(self) -> Self {
        Self { sin: -self.sin, ..self }
    }

    /// Rodrigues' formula.
    fn turn(self, v: &Vector3<f64>, axis: &Vector3<f64>) -> Vector3<f64> {
        v * self.cos + axis.cross(v) * self.sin + axis * (axis.dot(v) * (1.0 - self.cos))
    }
}

/// The angles of a sinusoid; see [`sinusoid`].
enum Crossings {
    None,
    /// The two are one, to rounding or a little beyond.
    One(Turn),
    Two([Turn; 2]),
    /// Every angle will do.
    Any,
}

/// The arm at zero posture, made exact where a calibrated one is not quite.
#[derive(Debug, Clone)]
pub(crate) struct ClosedForm {
    axis_1: Vector3<f64>,
    on_axis_1: Vector3<f64>,
    /// Common direction of the parallel axes, that of axis 2.
    parallel: Vector3<f64>,
    /// Two directions across it, for the triangle's plane.
    across: [Vector3<f64>; 2],
    /// −1 where axis 3 or 4 points the other way.
    signs: [f64; 2],
    on_axis_2: Vector3<f64>,
    upper_arm: Vector3<f64>,
    forearm: Vector3<f64>,
    wrist_from_axis_4: Vector3<f64>,
    axis_5: Vector3<f64>,
    axis_6: Vector3<f64>,
    wrist: Vector3<f64>,
    zero_tip_from_base: Frame,
    /// Whether the arm is of this kind to the last digits; else branches are near ones, to be refined.
    pub(crate) is_exact: bool,
}

/// What [`ClosedForm::branches`] found.
pub(crate) struct FoundAngles {
    pub(crate) angles: ArrayVec<[Angles; 8]>,
    /// All of them reach the pose to rounding; else each is to be checked.
    pub(crate) is_certain: bool,
    /// No posture is missing but those that a free angle would give.
    pub(crate) is_complete: bool,
}

impl ClosedForm {
    /// The closed form of a chain of six turning joints, if its axes are so, or nearly so as a calibrated arm's are.
    pub(crate) fn of(chain: &AxisChain, dof: usize) -> Option<Self> {
        /// A calibration moves an axis by about a millimetre and a hundredth of a radian.
        const NEARLY_RAD: f64 = 0.05;
        const NEARLY_M: f64 = 0.01;
        /// Files are written with six to sixteen digits.
        const EXACTLY: f64 = 1e-9;
        /// Sine below which two axes are too parallel for the angle between them to say anything.
        const APART: f64 = 0.2;

        if dof != 6 || chain.is_sliding.iter().take(6).any(|s| *s) {
            return None;
        }
        let zero = chain.pose(&[0.0; 6]);
        let [w1, w2, w3, w4, w5, w6] = zero.directions;
        let [r1, r2, r3, r4, r5, r6] = zero.points;
        let signs = [w3, w4].map(|w| if w.dot(&w2) < 0.0 { -1.0 } else { 1.0 });
        let parallel = (w2 + w3 * signs[0] + w4 * signs[1]).normalize();
        let tilt = [w2, w3, w4].map(|w| w.cross(&parallel).norm()).into_iter().fold(0.0, f64::max);
        let across_each = [w1.cross(&parallel), w5.cross(&parallel), w5.cross(&w6)];
        if tilt > NEARLY_RAD || across_each.iter().any(|c| c.norm() < APART) {
            return None;
        }
        let [on_5, on_6] = nearest_points((r5, w5), (r6, w6));
        let gap_m = (on_5 - on_6).norm();
        if gap_m > NEARLY_M {
            return None;
        }
        let wrist = (on_5 + on_6) * 0.5;
        // A calibrated joint's frame may sit hundreds of metres along its axis; the plane through the wrist is near the arm.
        let in_plane = |point: Vector3<f64>, w: Vector3<f64>| {
            point + w * ((wrist - point).dot(&parallel) / w.dot(&parallel))
        };
        let [on_2, on_3, on_4] = [in_plane(r2, w2), in_plane(r3, w3), in_plane(r4, w4)];
        let (upper_arm, forearm) = (on_3 - on_2, on_4 - on_3);
        if upper_arm.norm() < NEARLY_M || forearm.norm() < NEARLY_M {
            return None;
        }
        let first = upper_arm.normalize();
        Some(Self {
            axis_1: w1,
            on_axis_1: r1,
            parallel,
            across: [first, parallel.cross(&first)],
            signs,
            on_axis_2: on_2,
            upper_arm,
            forearm,
            wrist_from_axis_4: wrist - on_4,
            axis_5: w5,
            axis_6: w6,
            wrist,
            zero_tip_from_base: zero.base_from_tip.inverse(),
            is_exact: tilt < EXACTLY && gap_m < EXACTLY,
        })
    }

    /// The postures that reach a pose, 8 at most, limits aside; an angle that is free takes the value of `reference`, or
    /// where that leads nowhere one of a grid.
    ///
    /// Two branches that meet in an exact arm may be apart in a calibrated one, by an angle that grows as the root of
    /// the calibration's: pairs are kept as far apart as `least_sine` (of half the angle between them) says.
    pub(crate) fn branches(&self, base_from_tip: &Frame, reference: &Angles, least_sine: f64) -> FoundAngles {
        let mut found = FoundAngles { angles: ArrayVec::new(), is_certain: self.is_exact, is_complete: true };
        let h = &self.parallel;
        let displaced = base_from_tip.times(&self.zero_tip_from_base);

        // p = G·p₀ = E₁E₂E₃E₄p₀, and E₂ to E₄ do not change the height along h.
        let wrist = displaced.carry(&self.wrist) - self.on_axis_1;
        let along = self.axis_1.dot(h);
        let crossings_1 = self.sinusoid(
            h.dot(&wrist) - along * self.axis_1.dot(&wrist),
            -h.dot(&self.axis_1.cross(&wrist)),
            (self.wrist - self.on_axis_1).dot(h) - along * self.axis_1.dot(&wrist),
            least_sine,
        );
        let slope_5 = h.dot(&self.axis_5);
        let bend_5 = self.axis_5.dot(&self.axis_6);
        for turn_1 in self.turns(crossings_1, reference[0], &mut found) {
            let back_1 = turn_1.back();
            let arm_from_tip = Frame {
                x: back_1.turn(&displaced.x, &self.axis_1),
                y: back_1.turn(&displaced.y, &self.axis_1),
                z: back_1.turn(&displaced.z, &self.axis_1),
                origin: self.on_axis_1 + back_1.turn(&wrist, &self.axis_1),
            };
            // h·R·w₆ = h·Rot(w₅, q₅)·w₆.
            let crossings_5 = self.sinusoid(
                h.dot(&self.axis_6) - slope_5 * bend_5,
                h.dot(&self.axis_5.cross(&self.axis_6)),
                h.dot(&arm_from_tip.turn(&self.axis_6)) - slope_5 * bend_5,
                least_sine,
            );
            for turn_5 in self.turns(crossings_5, reference[4], &mut found) {
                self.add_wrists(&arm_from_tip, turn_1, turn_5, reference, least_sine, &mut found);
            }
        }
        found
    }

    /// Joint 6 after joints 1 and 5: Rᵀh = Rot(w₆, −q₆)·Rot(w₅, −q₅)·h; then the triangle.
    fn add_wrists(
        &self,
        arm_from_tip: &Frame,
        turn_1: Turn,
        turn_5: Turn,
        reference: &Angles,
        least_sine: f64,
        found: &mut FoundAngles,
    ) {
        /// Sine of the angle between axes 4 and 6 below which joint 6 is free.
        const SINGULAR: f64 = 1e-7;
        /// Values tried for a free joint.
        const GRID: usize = 32;

        let wanted = turn_5.back().turn(&self.parallel, &self.axis_5);
        let given = arm_from_tip.turn_back(&self.parallel);
        let given_across = given - self.axis_6 * self.axis_6.dot(&given);
        let (cos, sin) = (given_across.dot(&wanted), self.axis_6.dot(&given.cross(&wanted)));
        let length = cos.hypot(sin);
        if length > SINGULAR * SINGULAR && given_across.norm_squared() > SINGULAR * SINGULAR {
            let turn_6 = Turn { cos: cos / length, sin: sin / length };
            self.add_triangles(arm_from_tip, turn_1, turn_5, turn_6, least_sine, found);
            return;
        }
        found.is_complete = false;
        found.is_certain = false;
        for index in 0..GRID {
            let before = found.angles.len();
            let turn_6 = Turn::of(reference[5] + TAU * index as f64 / GRID as f64);
            self.add_triangles(arm_from_tip, turn_1, turn_5, turn_6, least_sine, found);
            if found.angles.len() > before {
                return;
            }
        }
    }

    /// Joints 2, 3 and 4 after the others: E₂E₃r₄ is known, and so are the lengths of upper arm and forearm.
    fn add_triangles(
        &self,
        arm_from_tip: &Frame,
        turn_1: Turn,
        turn_5: Turn,
        turn_6: Turn,
        least_sine: f64,
        found: &mut FoundAngles,
    ) {
        let [first, second] = &self.across;
        // φ = θ₂ + θ₃ + θ₄: Rot(h, φ) = R·Rot(w₆, −q₆)·Rot(w₅, −q₅).
        let unwound = turn_6.back().turn(&turn_5.back().turn(first, &self.axis_5), &self.axis_6);
        let turned = arm_from_tip.turn(&unwound);
        let whole = Turn { cos: first.dot(&turned), sin: second.dot(&turned) };
        let hand = whole.turn(&self.wrist_from_axis_4, &self.parallel);
        let reach = arm_from_tip.origin - hand - self.on_axis_2;

        let flat = |v: &Vector3<f64>| (v.dot(first), v.dot(second));
        let (reach_x, reach_y) = flat(&reach);
        let (upper_x, upper_y) = flat(&self.upper_arm);
        let (fore_x, fore_y) = flat(&self.forearm);
        let lengths = upper_x * upper_x + upper_y * upper_y + fore_x * fore_x + fore_y * fore_y;
        let elbows = self.sinusoid(
            upper_x * fore_x + upper_y * fore_y,
            upper_y * fore_x - upper_x * fore_y,
            0.5 * (reach_x * reach_x + reach_y * reach_y - lengths),
            least_sine,
        );
        let [sign_3, sign_4] = self.signs;
        let (q1, q5, q6, phi) =
            (turn_1.angle_rad(), turn_5.angle_rad(), turn_6.angle_rad(), whole.angle_rad());
        for turn_3 in self.turns(elbows, 0.0, found) {
            let x = upper_x + turn_3.cos * fore_x - turn_3.sin * fore_y;
            let y = upper_y + turn_3.sin * fore_x + turn_3.cos * fore_y;
            // Both at joint 2's axis: joint 2 is free, and 0 is as good as any.
            let theta_2 = (x * reach_y - y * reach_x).atan2(x * reach_x + y * reach_y);
            let theta_3 = turn_3.angle_rad();
            let theta_4 = within_pi(phi - theta_2 - theta_3);
            // There is room: two of joint 1, two of joint 5, two here.
            let _ = found.angles.try_push([q1, theta_2, sign_3 * theta_3, sign_4 * theta_4, q5, q6]);
        }
    }

    /// The angles x with `a·cos x + b·sin x = c`.
    fn sinusoid(&self, a: f64, b: f64, c: f64, least_sine: f64) -> Crossings {
        /// Amplitude below which the angle is free.
        const FLAT: f64 = 1e-9;
        let amplitude = a.hypot(b);
        if amplitude < FLAT {
            return if c.abs() < FLAT { Crossings::Any } else { Crossings::None };
        }
        let ratio = c / amplitude;
        // A calibrated arm may reach where the exact one falls short: its joints add up to about a centimetre, and the smallest
        // amplitude, of a wrist beside the shoulder, is ten.
        let slack = if self.is_exact { 1e-6 } else { 0.15 };
        if ratio.is_nan() || ratio.abs() > 1.0 + slack {
            return Crossings::None;
        }
        let cos = ratio.clamp(-1.0, 1.0);
        let sin = ((1.0 - cos) * (1.0 + cos)).sqrt().max(least_sine);
        let (a, b) = (a / amplitude, b / amplitude);
        if sin < 1e-9 {
            return Crossings::One(Turn { cos: a * cos, sin: b * cos });
        }
        Crossings::Two([
            Turn { cos: a * cos - b * sin, sin: b * cos + a * sin },
            Turn { cos: a * cos + b * sin, sin: b * cos - a * sin },
        ])
    }

    /// The angles to go on with.
    fn turns(&self, crossings: Crossings, free_rad: f64, found: &mut FoundAngles) -> ArrayVec<[Turn; 2]> {
        match crossings {
            Crossings::None => ArrayVec::new(),
            Crossings::One(turn) => {
                found.is_certain = false;
                [turn].into_iter().collect()
            }
            Crossings::Two(turns) => turns.into_iter().collect(),
            Crossings::Any => {
                found.is_complete = false;
                found.is_certain = false;
                [Turn::of(free_rad)].into_iter().collect()
            }
        }
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self { cos: 1.0, sin: 0.0 }
    }
}

/// The angle within ±π of one within ±3π.
fn within_pi(angle_rad: f64) -> f64 {
    if angle_rad > PI {
        angle_rad - TAU
    } else if angle_rad < -PI {
        angle_rad + TAU
    } else {
        angle_rad
    }
}

/// The points of two lines that are nearest to each other; the lines must not be parallel.
fn nearest_points(
    (p, v): (Vector3<f64>, Vector3<f64>),
    (q, w): (Vector3<f64>, Vector3<f64>),
) -> [Vector3<f64>; 2] {
    let normal = v.cross(&w);
    let between = q - p;
    let along_v = between.cross(&w).dot(&normal) / normal.norm_squared();
    let along_w = between.cross(&v).dot(&normal) / normal.norm_squared();
    [p + v * along_v, q + w * along_w]
}
