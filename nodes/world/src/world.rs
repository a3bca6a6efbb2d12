//! A scene under way: things, and tools in hands or on arms.

use crate::{BodyId, Physics, PhysicsOptions, SavedState, Scene, ToolPieces, WorldArm, WorldError};
use dreamitate_geometry::Pose;
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
        for (arm, tool) in arms {
            arm.write_mjcf(tool, &mut mjcf.bodies, &mut mjcf.assets, &mut mjcf.actuators)?;
        }
        scene.things.iter().for_each(|thing| thing.write_mjcf(&mut mjcf.bodies, &mut mjcf.assets));
        let names = arms.iter().map(|(arm, _)| arm.tool.as_str());
        let arms: Vec<&WorldArm> = arms.iter().map(|(arm, _)| arm).collect();
        let mut world = Self::new(scene, &mjcf, names, &arms)?;
        for (&(first, _), arm) in world.arms.iter().zip(&arms) {
            world.physics.set_joints(first, &arm.arm.home);
        }
        let home: Vec<_> = arms.iter().map(|arm| (arm.arm.home, Default::default())).collect();
        world.drive(&home);
        world.physics.forward();
        Ok(world)
    }

    fn new<'a>(
        scene: &Scene,
        mjcf: &Mjcf,
        tools: impl Iterator<Item = &'a str>,
        arms: &[&WorldArm],
    ) -> Result<Self, WorldError> {
        let physics = Physics::new(&mjcf.text(&scene.options))?;
        let mut first = 0;
        let counts = arms.iter().map(|arm| {
            let count = arm.arm.chain.dof();
            first += count;
            (first - count, count)
        });
        let mut links = Vec::new();
        for arm in arms {
            for (name, _) in arm.looks()? {
                links.push(physics.body(&name)?);
            }
        }
        Ok(Self {
            things: scene.things.iter().map(|t| physics.body(&t.name)).collect::<Result<_, _>>()?,
            tools: tools.map(|name| physics.body(&format!("tool.{name}"))).collect::<Result<_, _>>()?,
            links,
            arms: counts.collect(),
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
    }

    /// Drives the arms: positions and speeds of their joints, arm by arm.
    pub fn drive(&mut self, joints: &[(dreamitate_kinematics::Joints, dreamitate_kinematics::Joints)]) {
        let commands: Vec<f64> = joints
            .iter()
            .flat_map(|(positions, velocities)| positions.iter().zip(velocities).flat_map(|(p, v)| [*p, *v]))
            .collect();
        self.physics.command(&commands);
    }

    /// The same for points of trajectories.
    pub fn follow(&mut self, points: &[TrajectoryPoint]) {
        let joints: Vec<_> = points.iter().map(|point| (point.positions, point.velocities)).collect();
        self.drive(&joints);
    }

    /// Positions of an arm's joints, rad.
    pub fn joints(&self, arm: usize) -> &[f64] {
        let (first, count) = self.arms[arm];
        self.physics.joints(first, count).0
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
}

impl Mjcf {
    fn text(&self, options: &PhysicsOptions) -> String {
        let Self { bodies, assets, equalities, actuators } = self;
        format!(
            r#"<mujoco model="dreamitate"><compiler angle="radian" autolimits="true" balanceinertia="true"/>
{}<size memory="64M"/>
<asset>{assets}</asset>
<worldbody>
<geom name="table" type="plane" size="1 1 0.1" contype="1" conaffinity="14" friction="{} 0.001 0.0001" condim="3"/>
{bodies}</worldbody>
<equality>{equalities}</equality>
<actuator>{actuators}</actuator></mujoco>"#,
            options.mjcf(),
            options.table_friction
        )
    }
}
