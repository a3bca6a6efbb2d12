//! A scene under way: things, and tools in hands or on arms.

use crate::{BodyId, Physics, PhysicsOptions, SavedState, Scene, ToolPieces, WorldArm, WorldError};
use dreamitate_geometry::Pose;
use dreamitate_kinematics::Joints;
use dreamitate_motion::TrajectoryPoint;
use std::fmt::Write;

/// A scene under way.
pub struct World {
    physics: Physics,
    things: Vec<BodyId>,
    tools: Vec<BodyId>,
    links: Vec<BodyId>,
    /// For each arm: the place of its first joint, and how many there are.
    arms: Vec<(usize, usize)>,
    /// Seconds by which hands are ahead.
    pub(crate) hand_lead_s: f64,
}

/// Where everything is at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// Seconds since the world began.
    pub time_s: f64,
    /// `world_from_thing`, in the scene's order.
    pub things: Vec<Pose>,
    /// `world_from_tool`, in the task's order.
    pub tools: Vec<Pose>,
    /// `world_from_link`, arm after arm; empty for tools in hands.
    pub links: Vec<Pose>,
}

impl World {
    /// Tools in hands, at poses where nothing is yet.
    ///
    /// # Errors
    /// MuJoCo refuses the scene.
    pub fn with_hands(
        scene: &Scene,
        tools: &[(String, ToolPieces)],
        world_from_tools: &[Pose],
    ) -> Result<Self, WorldError> {
        let mut mjcf = Mjcf::default();
        scene.things.iter().for_each(|thing| thing.write_mjcf(&mut mjcf.bodies, &mut mjcf.assets));
        for ((name, tool), pose) in tools.iter().zip(world_from_tools) {
            tool.write_held(name, pose, &mut mjcf.bodies, &mut mjcf.assets);
            let _ = writeln!(
                mjcf.equalities,
                r#"<weld body1="hand.{name}" body2="tool.{name}" relpose="0 0 0 1 0 0 0" solref="{} 1" solimp="0.95 0.99 0.001"/>"#,
                scene.options.hand_time_constant_s
            );
        }
        let names = tools.iter().map(|(name, _)| name.as_str());
        Self::new(scene, &mjcf, names, &[])
    }

    /// Tools on arms that stand at home.
    ///
    /// # Errors
    /// MuJoCo refuses the scene, or a URDF cannot be read.
    pub fn with_arms(scene: &Scene, arms: &[(WorldArm, ToolPieces)]) -> Result<Self, WorldError> {
        let mut mjcf = Mjcf::default();
        // First, so that their joints come first.
        let mut links = Vec::new();
        for (arm, tool) in arms {
            let own = arm.write_mjcf(tool, &mut mjcf.bodies, &mut mjcf.assets, &mut mjcf.actuators)?;
            let with_tool: Vec<String> = own.iter().cloned().chain([format!("tool.{}", arm.tool)]).collect();
            for (index, first) in with_tool.iter().enumerate() {
                for second in &with_tool[index + 1..] {
                    let _ = writeln!(mjcf.excluded, r#"<exclude body1="{first}" body2="{second}"/>"#);
                }
            }
            links.extend(own);
        }
        scene.things.iter().for_each(|thing| thing.write_mjcf(&mut mjcf.bodies, &mut mjcf.assets));
        let names = arms.iter().map(|(arm, _)| arm.tool.as_str());
        let home: Vec<Joints> = arms.iter().map(|(arm, _)| arm.arm.home).collect();
        let mut world = Self::new(scene, &mjcf, names, &links)?;
        let mut first = 0;
        for posture in &home {
            world.physics.set_joints(first, posture);
            world.arms.push((first, posture.len()));
            first += posture.len();
        }
        world.hold_arms(&home);
        world.physics.forward();
        Ok(world)
    }

    fn new<'a>(
        scene: &Scene,
        mjcf: &Mjcf,
        tools: impl Iterator<Item = &'a str>,
        links: &[String],
    ) -> Result<Self, WorldError> {
        let physics = Physics::new(&mjcf.text(&scene.options))?;
        Ok(Self {
            things: scene.things.iter().map(|t| physics.body(&t.name)).collect::<Result<_, _>>()?,
            tools: tools.map(|name| physics.body(&format!("tool.{name}"))).collect::<Result<_, _>>()?,
            links: links.iter().map(|name| physics.body(name)).collect::<Result<_, _>>()?,
            arms: Vec::new(),
            physics,
            hand_lead_s: scene.options.hand_lead_s,
        })
    }

    /// Leads the hands to where the tools are to be.
    pub fn lead(&mut self, world_from_tools: &[Pose]) {
        for (hand, pose) in world_from_tools.iter().enumerate() {
            self.physics.lead(hand, pose);
        }
    }

    /// Puts held tools and their hands somewhere, at rest.
    pub fn hold(&mut self, world_from_tools: &[Pose]) {
        for (tool, pose) in self.tools.clone().into_iter().zip(world_from_tools) {
            self.physics.place(tool, pose);
        }
        self.lead(world_from_tools);
        self.physics.forward();
    }

    /// Drives the arms' joints to a point of a trajectory each, with its speeds.
    pub fn follow(&mut self, points: &[TrajectoryPoint]) {
        let joints = points.iter().flat_map(|point| point.positions.iter().zip(&point.velocities));
        let commands: Vec<f64> = joints.flat_map(|(position, speed)| [*position, *speed]).collect();
        self.physics.command(&commands);
    }

    /// Holds the arms in a posture each.
    pub fn hold_arms(&mut self, postures: &[Joints]) {
        let commands: Vec<f64> = postures.iter().flatten().flat_map(|position| [*position, 0.0]).collect();
        self.physics.command(&commands);
    }

    /// Positions of an arm's joints, rad.
    pub fn joints(&self, arm: usize) -> &[f64] {
        let (first, count) = self.arms[arm];
        self.physics.joints(first, count).0
    }

    /// Speeds of an arm's joints, rad/s.
    pub fn joint_speeds(&self, arm: usize) -> &[f64] {
        let (first, count) = self.arms[arm];
        self.physics.joints(first, count).1
    }

    /// Lets one timestep pass.
    pub fn step(&mut self) {
        self.physics.step();
    }

    /// The physics.
    pub fn physics(&self) -> &Physics {
        &self.physics
    }

    /// Where a thing is, by its place in the scene.
    pub fn thing(&self, index: usize) -> Pose {
        self.physics.pose(self.things[index])
    }

    /// How many things there are.
    pub fn thing_count(&self) -> usize {
        self.things.len()
    }

    /// Where a tool is.
    pub fn tool(&self, index: usize) -> Pose {
        self.physics.pose(self.tools[index])
    }

    /// Whether each tool touches a thing now.
    pub fn touched_by(&self, thing: usize) -> Vec<bool> {
        let thing = self.things[thing];
        let mut touched = vec![false; self.tools.len()];
        for touch in self.physics.touches() {
            for (flag, tool) in touched.iter_mut().zip(&self.tools) {
                *flag |= touch.bodies == [thing, *tool] || touch.bodies == [*tool, thing];
            }
        }
        touched
    }

    /// Whether any tool touches any of these things now.
    pub fn tool_touches(&self, things: std::ops::Range<usize>) -> bool {
        let things = &self.things[things];
        self.physics.touches().any(|touch| {
            let [a, b] = touch.bodies;
            (self.tools.contains(&a) && things.contains(&b))
                || (self.tools.contains(&b) && things.contains(&a))
        })
    }

    /// Where everything is now.
    pub fn moment(&self) -> Moment {
        let poses = |bodies: &[BodyId]| bodies.iter().map(|body| self.physics.pose(*body)).collect();
        Moment {
            time_s: self.physics.time_s(),
            things: poses(&self.things),
            tools: poses(&self.tools),
            links: poses(&self.links),
        }
    }

    /// The state now.
    pub fn save(&self) -> SavedState {
        self.physics.save()
    }

    /// Goes back to a state.
    ///
    /// # Errors
    /// It is another world's.
    pub fn restore(&mut self, saved: &SavedState) -> Result<(), WorldError> {
        self.physics.restore(saved)
    }
}

/// The parts of a model.
#[derive(Default)]
struct Mjcf {
    bodies: String,
    assets: String,
    equalities: String,
    actuators: String,
    /// Pairs of bodies that never touch.
    excluded: String,
}

impl Mjcf {
    fn text(&self, options: &PhysicsOptions) -> String {
        let Self { bodies, assets, equalities, actuators, excluded } = self;
        format!(
            r#"<mujoco model="dreamitate"><compiler angle="radian" autolimits="true" balanceinertia="true"/>
{}<size memory="64M"/>
<asset>{assets}</asset>
<worldbody>
<geom name="table" type="plane" size="1 1 0.1" contype="1" conaffinity="30" friction="{} 0.001 0.0001" condim="3"/>
{bodies}</worldbody>
<contact>{excluded}</contact>
<equality>{equalities}</equality>
<actuator>{actuators}</actuator></mujoco>"#,
            options.mjcf(),
            options.table_friction
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Mobility, Piece, Shape, Split, Surface, Thing};
    use dreamitate_config::{ConfigFolder, Task};
    use nalgebra::Vector3;

    fn config() -> ConfigFolder {
        ConfigFolder::find(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config").as_ref()))
    }

    /// The rotation task's scene with a box of 40×40×40 mm in place of the object.
    fn a_box(height_m: f64, friction: f64) -> Scene {
        let task = Task::read(&config(), "rotation").unwrap();
        let mut scene = Scene::draw(&config(), &task, 0, Split::Test).unwrap();
        scene.things = vec![Thing {
            name: "box".to_owned(),
            world_from_thing: Pose::translation(0.0, 0.0, 0.02 + height_m),
            pieces: vec![Piece::at(Shape::Box { half_m: [0.02; 3] }, 0.0, 0.0, 0.0, [200; 3])],
            mobility: Mobility::Free,
            kind: Kind::Object,
            mass_kg: 0.3,
            surface: Surface::sliding(friction),
            look: None,
        }];
        scene
    }

    fn run(world: &mut World, seconds: f64) {
        for _ in 0..(seconds / world.physics.timestep_s()).round() as u32 {
            world.step();
        }
    }

    #[test]
    fn a_box_at_rest_stays() {
        let mut world = World::with_hands(&a_box(0.0, 0.5), &[], &[]).unwrap();
        run(&mut world, 2.0);
        let before = world.thing(0);
        run(&mut world, 2.0);
        let drift_m = (world.thing(0).translation.vector - before.translation.vector).norm();
        let overlap_m = 0.02 - world.thing(0).translation.z;
        assert!(drift_m < 1e-5 && overlap_m < 5e-4, "drift {drift_m} m, overlap {overlap_m} m");
    }

    #[test]
    fn what_falls_loses_energy_and_ends_on_the_table() {
        let mut world = World::with_hands(&a_box(0.1, 0.5), &[], &[]).unwrap();
        let mut before_j = world.physics.energy_j();
        let first_j = before_j;
        for _ in 0..1000 {
            world.step();
            let now_j = world.physics.energy_j();
            // A contact is a spring, which gives some of it back within a few steps.
            assert!(now_j < before_j + 0.01 * first_j, "{before_j} J, then {now_j} J");
            before_j = now_j.min(before_j);
        }
        let height_m = world.thing(0).translation.z;
        assert!((height_m - 0.02).abs() < 5e-4, "{height_m} m");
    }

    #[test]
    fn what_slides_stops_where_its_friction_says() {
        for friction in [0.3, 0.6] {
            let mut world = World::with_hands(&a_box(0.0, friction), &[], &[]).unwrap();
            run(&mut world, 0.5);
            let speed_m_s = 0.8;
            world.physics.push(world.things[0], Vector3::new(speed_m_s, 0.0, 0.0));
            run(&mut world, 2.0);
            let way_m = world.thing(0).translation.x;
            let expected_m = speed_m_s * speed_m_s / (2.0 * friction * 9.81);
            assert!((way_m / expected_m - 1.0).abs() < 0.08, "friction {friction}: {way_m}, {expected_m} m");
        }
    }

    #[test]
    fn nothing_passes_through_a_tool_at_the_highest_speed() {
        let task = Task::read(&config(), "sweeping").unwrap();
        let tools = ToolPieces::of_task(&config(), &task).unwrap();
        let at = |x: f64| Pose::translation(x, 0.0, 0.08);
        let mut world = World::with_hands(&a_box(0.0, 0.5), &tools, &[at(-0.2)]).unwrap();
        world.hold(&[at(-0.2)]);
        let dt_s = world.physics.timestep_s();
        for step in 0..(0.4 / dt_s) as u32 {
            world.lead(&[at(-0.2 + 1.0 * f64::from(step) * dt_s)]);
            world.step();
            // The blade's face is 16.5 mm before the tool's origin.
            let gap_m = world.thing(0).translation.x - 0.02 - (world.tool(0).translation.x + 0.0165);
            assert!(gap_m > -0.005, "{gap_m} m at step {step}");
        }
        assert!(world.thing(0).translation.x > 0.1, "the box was pushed along");
    }

    #[test]
    fn a_state_that_was_saved_goes_on_as_it_did() {
        let mut world = World::with_hands(&a_box(0.05, 0.5), &[], &[]).unwrap();
        run(&mut world, 0.1);
        let saved = world.save();
        run(&mut world, 0.5);
        let after = world.moment();
        world.restore(&saved).unwrap();
        run(&mut world, 0.5);
        assert!(world.moment() == after);
    }

    #[test]
    fn arms_hold_their_posture_and_follow_what_they_are_told() {
        let task = Task::read(&config(), "rotation").unwrap();
        let scene = Scene::draw(&config(), &task, 0, Split::Test).unwrap();
        let tools = ToolPieces::of_task(&config(), &task).unwrap();
        let arms: Vec<_> = task
            .tools
            .iter()
            .zip(tools)
            .map(|(tool, (_, pieces))| {
                let mount = &task.rig.arms[&tool.arm];
                let robot = dreamitate_motion::RobotConfig::read(&config().robot(&mount.robot)).unwrap();
                let body =
                    dreamitate_motion::ToolBody::from_points(vec![nalgebra::Point3::origin()]).unwrap();
                let on_flange = dreamitate_motion::ToolMount::read(&tool.file).unwrap();
                let arm = dreamitate_motion::Arm::new(&tool.arm, &robot, mount, &on_flange, body).unwrap();
                (WorldArm::new(arm, tool.name.clone(), &robot), pieces)
            })
            .collect();
        let mut world = World::with_arms(&scene, &arms).unwrap();
        run(&mut world, 1.0);
        for (index, (arm, _)) in arms.iter().enumerate() {
            let planned = arm.arm.world_from_tool(&arm.arm.home);
            let off_m = (world.tool(index).translation.vector - planned.translation.vector).norm();
            assert!(off_m < 1e-3, "{}: {off_m} m", arm.arm.name);
            let mut wanted = arm.arm.home;
            wanted[0] += 0.3;
            let mut postures: Vec<Joints> = arms.iter().map(|(arm, _)| arm.arm.home).collect();
            postures[index] = wanted;
            world.hold_arms(&postures);
            run(&mut world, 1.0);
            let off_rad = (world.joints(index)[0] - wanted[0]).abs();
            assert!(off_rad < 2e-3, "{}: {off_rad} rad", arm.arm.name);
        }
    }
}
