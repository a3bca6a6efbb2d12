//! One trial: a scene is photographed, dreamt about, tracked, planned, executed on arms and judged, in rounds where the
//! task has several.

use crate::tracking::{ClipTracker, Tracked};
use anyhow::Context;
use dreamer::{Generator, PhotoPair, onnx::Photos};
use dreamitate_clip::{FRAMES_PER_VIEW, StereoClip};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, View, rotation_angle_rad};
use dreamitate_motion::{ArmTask, ArmsPlan, PlanSettings, TrajectoryPoint, Waypoint, plan_arms};
use dreamitate_track::Outcome;
use image::{RgbImage, imageops};
use parking_lot::Mutex;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};
use tool_tracker::ToolTracks;
use world::{Cinema, Hands, Moment, Scene, Score, Split, ToolPieces, World, WorldArm, WorldError};

/// The dream's frames from which on poses are executed.
const FIRST_FRAME: usize = 3;
/// What was moved comes to rest in this time, seconds.
const SETTLE_S: f64 = 0.5;
/// Where a trial fails and an arm was farther from its trajectory, that is to blame, rad.
const FOLLOWED_RAD: f64 = 0.1;
/// A tracked pose that is farther off is to blame for what follows: metres and radians.
const TRACKED_M: f64 = 0.015;
const TRACKED_RAD: f64 = 0.07;
/// Pictures in a strip, and how much smaller than the camera's.
const STRIP: usize = 6;
const SMALLER: u32 = 4;

/// Who dreams.
pub(super) enum Dreams {
    Oracle,
    Poses,
    Model(Box<Mutex<Generator>>),
}

impl Dreams {
    pub fn name(&self) -> &'static str {
        match self {
            Dreams::Oracle => "oracle",
            Dreams::Poses => "poses",
            Dreams::Model(_) => "model",
        }
    }
}

/// All that trials share.
pub(super) struct Cell<'a> {
    pub config: &'a ConfigFolder,
    pub task: &'a Task,
    pub split: Split,
    pub dreams: Dreams,
    pub cinema: Cinema,
    pub tracker: ClipTracker,
    pub settings: PlanSettings,
    pub tools: Vec<(String, ToolPieces)>,
    pub arms: Vec<(WorldArm, ToolPieces)>,
    pub pictures: PathBuf,
}

/// Where a failure began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Dream,
    Tracking,
    Planning,
    Execution,
    Contact,
    /// The physics broke.
    Broken,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Dream => "dream",
            Stage::Tracking => "tracking",
            Stage::Planning => "planning",
            Stage::Execution => "execution",
            Stage::Contact => "contact",
            Stage::Broken => "broken",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Failure {
    pub stage: Stage,
    pub why: String,
}

/// How far tracked poses were from where the tools of the dream were.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TrackingError {
    pub median_mm: f64,
    pub worst_mm: f64,
    pub median_deg: f64,
    pub worst_deg: f64,
}

/// How a trial went.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trial {
    pub seed: u64,
    pub about: String,
    pub success: bool,
    /// Of the best round.
    pub figures: Vec<(&'static str, f64)>,
    pub failure: Option<Failure>,
    pub rounds: u32,
    /// Over all rounds; none without tracking.
    pub tracking: Option<TrackingError>,
    /// Executed time over dreamt time, the largest of all rounds.
    pub time_scale: f64,
    /// The largest distance of a joint from its trajectory, rad.
    pub joint_error_rad: f64,
    /// Seconds from each stage's beginning to its end; other trials share the cores.
    pub seconds: BTreeMap<&'static str, f64>,
    /// File names below `trials/`: the dream, and what was done.
    pub strips: Vec<String>,
}

impl Trial {
    pub fn failure_text(&self) -> String {
        match &self.failure {
            Some(Failure { stage, why }) => format!("{}: {why}", stage.name()),
            None => String::new(),
        }
    }
}

/// A dream as far as the arms are concerned.
struct Dreamt {
    /// A tool each.
    waypoints: Vec<Vec<(u32, Waypoint)>>,
    strip: Option<RgbImage>,
    errors: Vec<(f64, f64)>,
    /// What is wrong with it already.
    doubt: Option<Failure>,
}

impl Trial {
    /// Before it begins.
    fn new(seed: u64) -> Self {
        Self {
            seed,
            about: String::new(),
            success: false,
            figures: Vec::new(),
            failure: None,
            rounds: 0,
            tracking: None,
            time_scale: 1.0,
            joint_error_rad: 0.0,
            seconds: BTreeMap::new(),
            strips: Vec::new(),
        }
    }
}

impl Cell<'_> {
    pub fn run(&self, seed: u64) -> anyhow::Result<Trial> {
        let mut scene = Scene::draw(self.config, self.task, seed, self.split)?;
        let mut world = World::with_arms(&scene, &self.arms)?;
        let mut trial = Trial { about: scene.about.clone(), ..Trial::new(seed) };
        let mut errors = Vec::new();
        for round in 0..scene.most_rounds() {
            trial.rounds += 1;
            let (score, failure) = self
                .round(&scene, &mut world, round, &mut trial, &mut errors)
                .with_context(|| format!("seed {seed}, round {round}"))?;
            // Of several rounds the best counts: one that is done, and of those the one with the largest first figure.
            let rank = |success: bool, figures: &[(&'static str, f64)]| {
                (success, figures.first().map(|(_, value)| *value))
            };
            let better = rank(score.success, &score.figures) > rank(trial.success, &trial.figures);
            if better {
                trial.success = score.success;
                trial.figures.clone_from(&score.figures);
            }
            if better || trial.failure.is_none() {
                trial.failure = failure;
            }
            if scene.is_over(&score) {
                break;
            }
            scene = scene.after(&world);
        }
        if trial.success {
            trial.failure = None;
        }
        if let Some(why) = world.physics().fault() {
            trial.success = false;
            trial.failure = Some(Failure { stage: Stage::Broken, why: format!("MuJoCo warned of {why}") });
        }
        trial.tracking = TrackingError::of(&errors);
        Ok(trial)
    }

    /// Dreams and does it; the score, and where it went wrong if it did.
    fn round(
        &self,
        scene: &Scene,
        world: &mut World,
        round: u32,
        trial: &mut Trial,
        errors: &mut Vec<(f64, f64)>,
    ) -> anyhow::Result<(Score, Option<Failure>)> {
        let mut judge = scene.judge();
        judge.watch(world);
        let dreamt = match self.dream(scene, round, trial)? {
            Ok(dreamt) => dreamt,
            Err(failure) => return Ok((judge.score(world), Some(failure))),
        };
        errors.extend(&dreamt.errors);
        if let Some(strip) = &dreamt.strip {
            self.save(strip, trial, round, "dream")?;
        }
        let begin = Instant::now();
        let tasks: Vec<ArmTask> = self
            .arms
            .iter()
            .zip(&dreamt.waypoints)
            .enumerate()
            .map(|(index, ((arm, _), waypoints))| ArmTask {
                arm: Arc::new(arm.arm.clone()),
                waypoints: waypoints.iter().map(|(_, waypoint)| *waypoint).collect(),
                frames: waypoints.iter().map(|(frame, _)| *frame).collect(),
                start: world.joints(index).iter().copied().collect(),
            })
            .collect();
        // The next photo is taken without an arm in the picture.
        let return_home = self.settings.return_home || scene.most_rounds() > 1;
        let planned = plan_arms(&tasks, &PlanSettings { return_home, ..self.settings.clone() });
        spend(trial, "plan", begin);
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => {
                let failure = Failure { stage: Stage::Planning, why: error.to_string() };
                return Ok((judge.score(world), Some(failure)));
            }
        };
        trial.time_scale = plan.trajectories.iter().map(|t| t.time_scale).fold(trial.time_scale, f64::max);
        let begin = Instant::now();
        let (moments, error_rad) = execute(world, &plan, |world| judge.watch(world));
        spend(trial, "execute", begin);
        trial.joint_error_rad = trial.joint_error_rad.max(error_rad);
        let begin = Instant::now();
        let stage = self.cinema.stage(scene, 0.0);
        let pictures: Vec<RgbImage> =
            moments.iter().map(|moment| stage.picture(moment, View::Top, SMALLER)).collect();
        self.save(&row(&pictures), trial, round, "done")?;
        spend(trial, "pictures", begin);
        let score = judge.score(world);
        let failure = score.failure.clone().map(|why| {
            if error_rad > FOLLOWED_RAD {
                let why = format!(
                    "a joint was {error_rad:.3} rad from its trajectory, at most {FOLLOWED_RAD}; {why}"
                );
                return Failure { stage: Stage::Execution, why };
            }
            match dreamt.doubt {
                Some(doubt) => Failure { why: format!("{}; {why}", doubt.why), ..doubt },
                None => Failure { stage: Stage::Contact, why },
            }
        });
        Ok((score, failure))
    }

    fn dream(&self, scene: &Scene, round: u32, trial: &mut Trial) -> anyhow::Result<Result<Dreamt, Failure>> {
        if let Dreams::Model(generator) = &self.dreams {
            let begin = Instant::now();
            let [top, side] = self.cinema.stage(scene, 0.0).photograph();
            let cameras = View::ALL.map(|view| self.task.rig.camera(view).camera);
            let pair = PhotoPair { photos: Photos { top, side }, cameras };
            let clip = generator.lock().dream(self.task, &pair, scene.seed, |_, _| true)?;
            spend(trial, "dream", begin);
            return self.track(&clip, None, round, trial);
        }
        let begin = Instant::now();
        let mut hands = Hands::new(scene, &self.tools)?;
        let demonstration = match scene.demonstrate(&mut hands, round) {
            Ok(demonstration) => demonstration,
            Err(error @ WorldError::NoWay(_)) => {
                return Ok(Err(Failure { stage: Stage::Dream, why: error.to_string() }));
            }
            Err(error) => return Err(error.into()),
        };
        spend(trial, "dream", begin);
        let act = &demonstration.act;
        // One stroke of several does not do the task.
        let doubt = act.score.failure.clone().filter(|_| scene.most_rounds() == 1);
        let doubt =
            doubt.map(|why| Failure { stage: Stage::Dream, why: format!("the expert failed: {why}") });
        if matches!(self.dreams, Dreams::Poses) {
            let frames = FIRST_FRAME..FRAMES_PER_VIEW;
            let waypoints = (0..self.tools.len()).map(|tool| {
                let at = |frame: usize| {
                    (frame as u32, self.waypoint(frame, act.at(scene, frame as f64).tools[tool]))
                };
                frames.clone().map(at).collect()
            });
            let waypoints = waypoints.collect();
            return Ok(Ok(Dreamt { waypoints, strip: None, errors: Vec::new(), doubt }));
        }
        let begin = Instant::now();
        let footage = self.cinema.stage(scene, 1.0).shoot(act, |_, _| true)?;
        spend(trial, "film", begin);
        let dreamt = self.track(&footage.clip, Some(&footage.truth), round, trial)?;
        Ok(dreamt.map(|dreamt| Dreamt { doubt: doubt.or(dreamt.doubt), ..dreamt }))
    }

    fn waypoint(&self, frame: usize, world_from_tool: Pose) -> Waypoint {
        Waypoint { time_s: frame as f64 * self.task.frame_period_s, world_from_tool }
    }

    fn track(
        &self,
        clip: &StereoClip,
        truth: Option<&BTreeMap<String, Vec<Option<Pose>>>>,
        round: u32,
        trial: &mut Trial,
    ) -> anyhow::Result<Result<Dreamt, Failure>> {
        let begin = Instant::now();
        let Tracked { tools, .. } = self.tracker.track(clip)?;
        spend(trial, "track", begin);
        let pictures: Vec<RgbImage> = (0..STRIP)
            .map(|index| {
                let frame = index * (clip.frame_count() - 1) / (STRIP - 1);
                let (width, height) = (clip.top.camera.width, clip.top.camera.height);
                let scale = f64::from(180) / f64::from(height);
                let width = (f64::from(width) * scale) as u32;
                imageops::resize(&clip.top.frames[frame], width, 180, imageops::FilterType::Triangle)
            })
            .collect();
        let strip = Some(row(&pictures));
        let (mut waypoints, mut errors, mut doubt) = (Vec::new(), Vec::new(), None);
        for ((name, _), ToolTracks { fused: track, .. }) in self.tools.iter().zip(tools) {
            if track.outcome == Outcome::Rejected {
                if let Some(strip) = &strip {
                    self.save(strip, trial, round, "dream")?;
                }
                let why = format!("{name}: {}", track.reason);
                return Ok(Err(Failure { stage: Stage::Tracking, why }));
            }
            let mut way = Vec::new();
            for pose in track.poses.iter().filter(|pose| pose.accepted && pose.frame >= FIRST_FRAME) {
                let Some(world_from_tool) = pose.world_from_tool_mean() else { continue };
                way.push((pose.frame as u32, self.waypoint(pose.frame, world_from_tool)));
                let Some(true_pose) = truth.and_then(|truth| truth[name][pose.frame]) else { continue };
                let off = world_from_tool.translation.vector - true_pose.translation.vector;
                let error = (off.norm(), rotation_angle_rad(&world_from_tool, &true_pose));
                if doubt.is_none() && (error.0 > TRACKED_M || error.1 > TRACKED_RAD) {
                    let (mm, deg) = (1e3 * error.0, error.1.to_degrees());
                    let why = format!("{name} is {mm:.0} mm and {deg:.1}° off in frame {}", pose.frame);
                    doubt = Some(Failure { stage: Stage::Tracking, why });
                }
                errors.push(error);
            }
            waypoints.push(way);
        }
        Ok(Ok(Dreamt { waypoints, strip, errors, doubt }))
    }

    fn save(&self, strip: &RgbImage, trial: &mut Trial, round: u32, what: &str) -> anyhow::Result<()> {
        let name = format!("{:04}-{round}-{what}.jpg", trial.seed);
        let file = self.pictures.join(&name);
        strip.save(&file).with_context(|| format!("cannot write {}", file.display()))?;
        trial.strips.push(name);
        Ok(())
    }
}

impl TrackingError {
    fn of(errors: &[(f64, f64)]) -> Option<Self> {
        let sorted = |of: fn(&(f64, f64)) -> f64| {
            let mut list: Vec<f64> = errors.iter().map(of).collect();
            list.sort_by(f64::total_cmp);
            list
        };
        let (metres, radians) = (sorted(|e| 1e3 * e.0), sorted(|e| e.1.to_degrees()));
        Some(Self {
            median_mm: *metres.get(metres.len() / 2)?,
            worst_mm: *metres.last()?,
            median_deg: *radians.get(radians.len() / 2)?,
            worst_deg: *radians.last()?,
        })
    }
}

/// Drives the arms along their trajectories: moments for a strip, and the largest distance of a joint from where it
/// was to be, rad.
fn execute(world: &mut World, plan: &ArmsPlan, mut watch: impl FnMut(&World)) -> (Vec<Moment>, f64) {
    let dt_s = world.physics().timestep_s();
    let steps = ((plan.duration_s() + SETTLE_S) / dt_s).ceil() as usize;
    let work = plan
        .trajectories
        .iter()
        .filter_map(|t| Some((*t.waypoint_times_s.first()?, *t.waypoint_times_s.last()?)));
    let (first_s, last_s) =
        work.fold((f64::INFINITY, 0.0f64), |(first, last), (from, to)| (first.min(from), last.max(to)));
    let picture_at = |index: usize| match index {
        // The last when all is over.
        _ if index + 1 == STRIP => steps - 1,
        _ => ((first_s + (last_s - first_s) * index as f64 / (STRIP - 2) as f64) / dt_s) as usize,
    };
    let (mut moments, mut worst_rad) = (Vec::new(), 0.0f64);
    for step in 0..steps {
        let points: Vec<TrajectoryPoint> =
            plan.trajectories.iter().filter_map(|trajectory| trajectory.at(step as f64 * dt_s)).collect();
        world.follow(&points);
        world.step();
        watch(world);
        for (arm, point) in points.iter().enumerate() {
            let off = world.joints(arm).iter().zip(&point.positions).map(|(is, wanted)| (is - wanted).abs());
            worst_rad = worst_rad.max(off.fold(0.0, f64::max));
        }
        while moments.len() < STRIP && picture_at(moments.len()) <= step {
            moments.push(world.moment());
        }
    }
    (moments, worst_rad)
}

/// Pictures side by side.
fn row(pictures: &[RgbImage]) -> RgbImage {
    let (width, height) = pictures.first().map_or((1, 1), RgbImage::dimensions);
    let mut row = RgbImage::new(width * pictures.len() as u32, height);
    for (index, picture) in pictures.iter().enumerate() {
        imageops::replace(&mut row, picture, i64::from(width) * index as i64, 0);
    }
    row
}

fn spend(trial: &mut Trial, what: &'static str, begin: Instant) {
    *trial.seconds.entry(what).or_default() += begin.elapsed().as_secs_f64();
}
