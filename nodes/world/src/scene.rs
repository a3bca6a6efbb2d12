//! What is on a table, drawn from a seed, and what is to be done with it.

use crate::{
    Act, Judge, PhysicsOptions, SavedState, Thing, ToolPath, ToolPieces, World, WorldError,
    act::{FIRST_FRAME, perform},
    push_shape, read_yaml, rotation, scooping, sweeping,
};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::Pose;
use dreamitate_scene::Hold;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Which objects a scene has: no object is of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Those that demonstrations are made with.
    Training,
    /// Those that are held out.
    Test,
}

impl Split {
    /// The list of this split.
    pub(crate) fn of<'a, T: ?Sized>(self, training: &'a T, test: &'a T) -> &'a T {
        match self {
            Split::Training => training,
            Split::Test => test,
        }
    }

    /// Keeps the random numbers of the splits apart.
    pub(crate) fn stream(self) -> u64 {
        match self {
            Split::Training => 100,
            Split::Test => 200,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Training => "training",
            Split::Test => "test",
        })
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "training" => Ok(Split::Training),
            "test" => Ok(Split::Test),
            _ => Err(format!("no split is named {name:?}; the splits are \"training\" and \"test\"")),
        }
    }
}

/// Something flat on the table: a zone or a mask that is to be reached.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where it lies.
    pub world_from_mark: Pose,
    /// Convex outlines, counter-clockwise, metres.
    pub outlines_m: Vec<Vec<[f64; 2]>>,
    /// RGB.
    pub colour: [u8; 3],
}

/// What the tasks differ in.
#[derive(Clone, Debug)]
pub(crate) enum Details {
    Rotation(Box<rotation::Details>),
    PushShape(Box<push_shape::Details>),
    Scooping(Box<scooping::Details>),
    Sweeping(Box<sweeping::Details>),
}

/// What is on a table.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The task's name.
    pub task: String,
    /// What it was drawn from.
    pub seed: u64,
    /// Whose objects it has.
    pub split: Split,
    /// The objects' names, for tables of results.
    pub about: String,
    /// What is there.
    pub things: Vec<Thing>,
    /// What is drawn on the table.
    pub marks: Vec<Mark>,
    /// How MuJoCo works on it.
    pub options: PhysicsOptions,
    /// Time between a clip's frames, seconds.
    pub frame_period_s: f64,
    pub(crate) details: Details,
}

/// How a try went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Whether the task was done.
    pub success: bool,
    /// What was measured: names with their units, and values.
    pub figures: Vec<(&'static str, f64)>,
    /// What was missing, if the task was not done.
    pub failure: Option<String>,
}

/// What a person does in a scene, who knows everything about it.
pub struct Demonstration {
    /// The tools' way.
    pub path: ToolPath,
    /// How it went in the physics.
    pub act: Act,
    /// How many ways were tried before.
    pub tries: u32,
}

impl Scene {
    /// The scene of a seed.
    ///
    /// # Errors
    /// The world's file of the task is unreadable, or there is none.
    pub fn draw(config: &ConfigFolder, task: &Task, seed: u64, split: Split) -> Result<Self, WorldError> {
        let path = config.path().join("worlds").join(format!("{}.yaml", task.name));
        let mut scene = match task.name.as_str() {
            "rotation" => rotation::scene(&read_yaml(&path)?, seed, split),
            "push_shape" => push_shape::scene(&read_yaml(&path)?, task, seed, split),
            "scooping" => scooping::scene(&read_yaml(&path)?, seed, split),
            "sweeping" => sweeping::scene(&read_yaml(&path)?, seed, split),
            name => Err(WorldError::Task(name.to_owned())),
        }?;
        scene.frame_period_s = task.frame_period_s;
        Ok(scene)
    }

    /// The same scene with its things where they are in a world.
    #[must_use]
    pub fn after(&self, world: &World) -> Self {
        let mut scene = self.clone();
        for (index, thing) in scene.things.iter_mut().enumerate() {
            thing.world_from_thing = world.thing(index);
        }
        scene
    }

    /// Lets what was put on the table come to rest.
    pub(crate) fn settle(&mut self, seconds: f64) -> Result<(), WorldError> {
        let mut world = World::with_hands(self, &[], &[])?;
        for _ in 0..(seconds / self.options.timestep_s).round() as u32 {
            world.step();
        }
        *self = self.after(&world);
        Ok(())
    }

    /// Where a hand holds the task's tool.
    pub fn hold(&self) -> Hold {
        match self.details {
            Details::Rotation(_) => Hold::Edge,
            _ => Hold::End,
        }
    }

    /// Whether a trial is several dreams, each from where the one before has ended.
    pub fn most_rounds(&self) -> u32 {
        match &self.details {
            Details::PushShape(details) => details.most_rounds(),
            _ => 1,
        }
    }

    /// Who says how a try went.
    pub fn judge(&self) -> Box<dyn Judge + Send> {
        match &self.details {
            Details::Rotation(details) => details.judge(),
            Details::PushShape(details) => details.judge(),
            Details::Scooping(details) => details.judge(),
            Details::Sweeping(details) => details.judge(),
        }
    }

    /// How good a try must be for no other to be looked for.
    fn good_value(&self) -> f64 {
        match &self.details {
            Details::Rotation(_) => f64::NEG_INFINITY,
            // Always the best of all.
            Details::PushShape(_) => f64::INFINITY,
            Details::Scooping(details) => details.good_value(),
            Details::Sweeping(details) => details.good_value(),
        }
    }

    /// What a person does here, who tries ways in the physics until one does it, and gives up after some. The world is
    /// left as the best try left it. `round` counts the demonstrations of a scene that takes several.
    ///
    /// # Errors
    /// There is nothing to try.
    pub fn demonstrate(&self, hands: &mut Hands, round: u32) -> Result<Demonstration, WorldError> {
        let mut tries = 0;
        let mut best: Option<(Demonstration, SavedState)> = None;
        let paths: Box<dyn Iterator<Item = ToolPath> + '_> = match &self.details {
            Details::Rotation(details) => Box::new(details.paths(self.seed)),
            Details::PushShape(details) => Box::new(details.paths(self, hands, round)?.into_iter()),
            Details::Scooping(details) => Box::new(details.paths(self.seed)),
            Details::Sweeping(details) => Box::new(details.paths(self.seed)),
        };
        for path in paths {
            tries += 1;
            let act = hands.perform(self, &path)?;
            let rank = |act: &Act| (act.score.success, act.value);
            let better = best.as_ref().is_none_or(|(before, _)| rank(&act) > rank(&before.act));
            let done = act.score.success && act.value >= self.good_value();
            if better || done {
                best = Some((Demonstration { path, act, tries }, hands.world.save()));
            }
            if done {
                break;
            }
        }
        let (best, end) = best.ok_or(WorldError::NoWay(self.seed))?;
        hands.world.restore(&end)?;
        Ok(Demonstration { tries, ..best })
    }

    /// Whether a score is so good that no other round is needed.
    pub fn is_over(&self, score: &Score) -> bool {
        match &self.details {
            Details::PushShape(details) => details.is_enough(score),
            _ => true,
        }
    }
}

/// A scene's world with tools in hands, which goes back to its beginning for every try.
pub struct Hands {
    /// The world.
    pub world: World,
    pub(crate) start: SavedState,
    tools: usize,
}

/// Where tools wait until they are needed.
fn out_of_sight(count: usize) -> Vec<Pose> {
    (0..count).map(|tool| Pose::translation(0.3 * tool as f64 - 0.1, -0.6, 0.5)).collect()
}

impl Hands {
    /// # Errors
    /// MuJoCo refuses the scene.
    pub fn new(scene: &Scene, tools: &[(String, ToolPieces)]) -> Result<Self, WorldError> {
        let world = World::with_hands(scene, tools, &out_of_sight(tools.len()))?;
        let start = world.save();
        Ok(Self { world, start, tools: tools.len() })
    }

    /// Leads the tools along a path from the beginning.
    ///
    /// # Errors
    /// None that a scene of this world can have.
    pub fn perform(&mut self, scene: &Scene, path: &ToolPath) -> Result<Act, WorldError> {
        self.world.restore(&self.start)?;
        let begin: Vec<Pose> = (0..self.tools).map(|tool| path(tool, FIRST_FRAME)).collect();
        self.world.hold(&begin);
        Ok(perform(scene, &mut self.world, path))
    }

    /// Lets the next try begin where this one has ended, with the hands out of sight.
    pub fn begin_here(&mut self) {
        self.world.hold(&out_of_sight(self.tools));
        self.start = self.world.save();
    }
}
