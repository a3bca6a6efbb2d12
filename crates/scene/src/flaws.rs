use dreamitate_geometry::{Pose, View};
use nalgebra::{Point3, UnitQuaternion, Vector3};
use rand::{Rng, RngExt};

/// How hard a rendered dream is made for whoever follows the tool in it.
///
/// From `Medium` on the views disagree as measured on dreams of Stable Video Diffusion: 3.3° and 13.6 mm in the
/// median, mostly along the lines of sight. The true pose is then the one halfway between the views' rotations, where
/// their lines of sight meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Both views agree; a dark table, light skin, sharp pictures.
    #[default]
    Clean,
    /// Light and skin vary; the views disagree by a third of what real ones do.
    Easy,
    /// Also gloves, other tables, things lying about, softer pictures that wobble, a slower shutter.
    Medium,
    /// Also fingers across the tool, gloves and tables of the tool's colours, light that flickers; some tools leave the
    /// picture.
    Hard,
}

impl Level {
    /// All levels, from the kindest.
    pub const ALL: [Level; 4] = [Level::Clean, Level::Easy, Level::Medium, Level::Hard];

    /// The level's name.
    pub fn name(self) -> &'static str {
        match self {
            Level::Clean => "clean",
            Level::Easy => "easy",
            Level::Medium => "medium",
            Level::Hard => "hard",
        }
    }
}

/// What real views differ by, one standard deviation: along each axis of rotation; along a line of sight; and between
/// the lines of sight.
const ROTATION_GAP_RAD: f64 = 0.033;
const DEPTH_M: f64 = 0.0095;
const RAY_GAP_M: f64 = 0.0055;

const SKINS: [[u8; 3]; 4] = [[222, 184, 168], [198, 150, 122], [150, 104, 78], [92, 62, 48]];
const DARK_GLOVE: [u8; 3] = [34, 34, 38];
const LIGHT_GLOVES: [[u8; 3]; 2] = [[66, 112, 190], [226, 228, 230]];
/// Wood, grey, green; and a white table, on which a white plate is hardly seen.
const TABLES: [[f32; 3]; 4] =
    [[142.0, 108.0, 76.0], [120.0, 122.0, 124.0], [58.0, 92.0, 70.0], [206.0, 206.0, 202.0]];

/// How fast a tool leaves the picture, and from when on.
const LEAVING_M_PER_FRAME: f64 = 0.16;
const LEAVING_FRAME: f64 = 8.0;

/// What is wrong with a dream, drawn at random for its level.
pub struct Flaws {
    /// How long the shutter is open, in frames; `None`: only while hands rush in, and shortly.
    pub shutter: Option<f64>,
    /// Standard deviation of the picture's blur, px.
    pub blur_px: f32,
    /// Standard deviation of the picture's noise, grey levels.
    pub noise: f32,
    /// How far pixels wander from frame to frame, one standard deviation, px.
    pub wobble_px: f32,
    /// Factor of each channel.
    pub light: [f32; 3],
    /// How much all channels change from frame to frame, as a share.
    pub flicker: f32,
    /// Skin or glove, RGB, where it is not the usual one.
    pub skin: Option<[u8; 3]>,
    /// The table's colour, grey levels, where it is not the usual one.
    pub table: Option<[f32; 3]>,
    /// Things that lie about.
    pub clutter: usize,
    /// Frames in which fingers lie across the tool.
    pub covered: std::ops::Range<usize>,
    /// Whether a tool leaves the picture in the end.
    pub leaves: bool,
    deviations: [Deviation; 2],
}

/// How the views disagree on one tool.
#[derive(Default)]
struct Deviation {
    rotation_rad: [Wave; 3],
    depth_m: [Wave; 2],
    ray_gap_m: Wave,
}

impl Deviation {
    fn of_tools(share: f64, random: &mut impl Rng) -> [Self; 2] {
        let mut deviation = || Self {
            rotation_rad: std::array::from_fn(|_| Wave::new(share * ROTATION_GAP_RAD, random)),
            depth_m: std::array::from_fn(|_| Wave::new(share * DEPTH_M, random)),
            ray_gap_m: Wave::new(share * RAY_GAP_M, random),
        };
        [deviation(), deviation()]
    }
}

/// A slow change with time.
#[derive(Clone, Copy, Default)]
struct Wave {
    amplitude: f64,
    phase: f64,
}

impl Wave {
    /// A wave whose values have a standard deviation.
    fn new(deviation: f64, random: &mut impl Rng) -> Self {
        let amplitude = std::f64::consts::SQRT_2 * deviation * random.random_range(0.5..1.5);
        Self { amplitude, phase: random.random_range(0.0..std::f64::consts::TAU) }
    }

    fn at(self, time: f64) -> f64 {
        self.amplitude * (0.45 * time + self.phase).sin()
    }
}

impl Flaws {
    /// The flaws of a level, drawn at random.
    pub fn new(level: Level, random: &mut impl Rng) -> Self {
        let share = match level {
            Level::Clean => 0.0,
            Level::Easy => 1.0 / 3.0,
            Level::Medium | Level::Hard => 1.0,
        };
        let deviations = Deviation::of_tools(share, random);
        let mut hands = SKINS.to_vec();
        if level >= Level::Medium {
            hands.push(DARK_GLOVE);
        }
        if level == Level::Hard {
            hands.extend(LIGHT_GLOVES);
        }
        let skin = hands[random.random_range(0..hands.len())];
        let tables = if level == Level::Hard { TABLES.len() } else { TABLES.len() - 1 };
        let table = TABLES[random.random_range(0..tables)];
        let mut cast =
            |spread: f32| std::array::from_fn(|_| 1.0 + spread * random.random_range(-1.0..1.0f32));
        let light = match level {
            Level::Clean => [1.0; 3],
            Level::Easy => cast(0.06),
            Level::Medium => cast(0.12),
            Level::Hard => cast(0.18),
        };
        let leaves = level == Level::Hard && random.random_bool(0.25);
        let kind = |[clean, easy, medium, hard]: [f32; 4]| match level {
            Level::Clean => clean,
            Level::Easy => easy,
            Level::Medium => medium,
            Level::Hard => hard,
        };
        Self {
            shutter: (level > Level::Clean).then(|| f64::from(kind([0.0, 0.05, 0.1, 0.2]))),
            blur_px: kind([0.7, 0.8, 1.0, 1.3]),
            noise: kind([2.0, 2.0, 3.0, 4.0]),
            wobble_px: kind([0.0, 0.15, 0.35, 0.7]),
            light,
            flicker: kind([0.0, 0.0, 0.0, 0.04]),
            skin: (level > Level::Clean).then_some(skin),
            table: (level >= Level::Medium).then_some(table),
            clutter: kind([0.0, 0.0, 3.0, 6.0]) as usize,
            covered: if level == Level::Hard { 6..10 } else { 0..0 },
            leaves,
            deviations,
        }
    }

    /// The same where the views disagree about tools by a share of what they do in real dreams.
    #[must_use]
    pub fn disagreeing(self, share: f64, random: &mut impl Rng) -> Self {
        Self { deviations: Deviation::of_tools(share, random), ..self }
    }

    /// The same in light that is brighter or dimmer by up to a share, and of another colour by up to half of it.
    #[must_use]
    pub fn lit(self, share: f32, random: &mut impl Rng) -> Self {
        let all = 1.0 + random.random_range(-share..=share);
        Self {
            light: self.light.map(|channel| channel * (all + 0.5 * random.random_range(-share..=share))),
            ..self
        }
    }

    /// The pose of a tool that moves as `world_from_tool` says, but the first one leaves the picture if it must.
    pub fn leaving(&self, tool: usize, time: f64, world_from_tool: Pose) -> Pose {
        if !self.leaves || tool > 0 {
            return world_from_tool;
        }
        let away_m = LEAVING_M_PER_FRAME * (time - LEAVING_FRAME).max(0.0);
        Pose::translation(-away_m, 0.0, 0.0) * world_from_tool
    }

    /// A tool's pose as a view dreams it. `eyes` are the cameras' centres in the world, the view's own first.
    pub fn seen(
        &self,
        world_from_tool: &Pose,
        tool: usize,
        view: View,
        eyes: [Point3<f64>; 2],
        time: f64,
    ) -> Pose {
        let Deviation { rotation_rad, depth_m, ray_gap_m } = &self.deviations[tool];
        let sign = if view == View::Top { 0.5 } else { -0.5 };
        let [ray, other] = eyes.map(|eye| (world_from_tool.translation.vector - eye.coords).normalize());
        let apart = (ray.cross(&other) * 2.0 * sign).normalize();
        let turn =
            UnitQuaternion::from_scaled_axis(sign * Vector3::from(rotation_rad.map(|wave| wave.at(time))));
        let shift = ray * depth_m[view as usize].at(time) + apart * sign * ray_gap_m.at(time);
        Pose::from_parts((world_from_tool.translation.vector + shift).into(), turn * world_from_tool.rotation)
    }

    /// The light of a frame, a factor of each channel.
    pub fn light_at(&self, random: &mut impl Rng) -> [f32; 3] {
        let all =
            if self.flicker > 0.0 { 1.0 + self.flicker * random.random_range(-1.0..1.0f32) } else { 1.0 };
        self.light.map(|channel| channel * all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::rotation_angle_rad;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const EYES: [Point3<f64>; 2] = [Point3::new(0.0, -0.33, 0.76), Point3::new(0.0, 0.33, 0.76)];

    fn both(flaws: &Flaws, world_from_tool: &Pose, time: f64) -> [Pose; 2] {
        let [top, side] = EYES;
        [
            flaws.seen(world_from_tool, 0, View::Top, [top, side], time),
            flaws.seen(world_from_tool, 0, View::Side, [side, top], time),
        ]
    }

    #[test]
    fn views_disagree_as_real_ones_do_and_the_truth_is_between_them() {
        let world_from_tool = Pose::new(Vector3::new(0.05, 0.02, 0.09), Vector3::new(0.1, 0.2, 0.3));
        let (mut turns, mut shifts) = (Vec::new(), Vec::new());
        for seed in 0..400 {
            let flaws = Flaws::new(Level::Medium, &mut ChaCha8Rng::seed_from_u64(seed));
            for time in 0..12 {
                let [top, side] = both(&flaws, &world_from_tool, f64::from(time));
                turns.push(rotation_angle_rad(&top, &side).to_degrees());
                shifts.push(1e3 * (top.translation.vector - side.translation.vector).norm());
                let halfway = top.rotation.slerp(&side.rotation, 0.5);
                assert!(halfway.angle_to(&world_from_tool.rotation) < 1e-9);
            }
        }
        let median = |list: &mut Vec<f64>| {
            list.sort_by(f64::total_cmp);
            list[list.len() / 2]
        };
        let (turn_deg, shift_mm) = (median(&mut turns), median(&mut shifts));
        assert!((turn_deg - 3.3).abs() < 0.4 && (shift_mm - 13.6).abs() < 2.0, "{turn_deg}° {shift_mm} mm");
    }

    #[test]
    fn a_clean_dream_has_no_flaw() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let flaws = Flaws::new(Level::Clean, &mut random);
        let world_from_tool = Pose::translation(0.1, 0.0, 0.1);
        assert_eq!(both(&flaws, &world_from_tool, 3.0), [world_from_tool; 2]);
        assert_eq!(flaws.light_at(&mut random), [1.0; 3]);
        assert!(flaws.skin.is_none() && flaws.table.is_none() && flaws.covered.is_empty() && !flaws.leaves);
    }
}
