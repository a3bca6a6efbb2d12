//! `dreamitate ik`: the postures that put an arm's flange at a pose.

use crate::outcome::Ending;
use anyhow::Context;
use clap::Args;
use dreamitate_config::ConfigFolder;
use dreamitate_kinematics::{Chain, InverseKinematics, Joints};
use dreamitate_motion::RobotConfig;
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct IkArgs {
    /// The robot: a name of `config/robots`, or a YAML file.
    #[arg(long)]
    robot: String,
    /// Where the flange is to be in the arm's base, metres.
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',', allow_hyphen_values = true, required = true)]
    xyz_m: Vec<f64>,
    /// How it is to be turned there, radians about the base's x, then y, then z.
    #[arg(
        long,
        value_name = "R,P,Y",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "0,0,0"
    )]
    rpy_rad: Vec<f64>,
    /// A posture to be near, radians; the arm's home without it.
    #[arg(long, value_name = "Q1,Q2,…", value_delimiter = ',', allow_hyphen_values = true)]
    near: Vec<f64>,
    /// How many postures at most; a redundant arm has any number.
    #[arg(long, default_value_t = 8)]
    count: usize,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

/// One posture.
#[derive(Debug, Serialize)]
struct Posture {
    joints_rad: Vec<f64>,
    /// The largest difference of a joint from the posture to be near.
    away_rad: f64,
    /// 1 in the middle of all ranges, 0 at a limit.
    limit_margin: f64,
    smallest_singular_value: f64,
    residual_m: f64,
    residual_rad: f64,
}

pub(crate) fn ik(args: &IkArgs) -> anyhow::Result<Ending> {
    let folder = ConfigFolder::find(args.config.as_deref());
    let robot = RobotConfig::read(&folder.robot(&args.robot))?;
    let chain = robot.chain()?;
    let near = if args.near.is_empty() { &robot.home_rad } else { &args.near };
    let near = chain.joints(near).context("--near")?;
    let [x, y, z] = three(&args.xyz_m, "--xyz-m")?;
    let [roll, pitch, yaw] = three(&args.rpy_rad, "--rpy-rad")?;
    let base_from_flange = Isometry3::from_parts(
        Translation3::new(x, y, z),
        UnitQuaternion::from_euler_angles(roll, pitch, yaw),
    );

    let solver = InverseKinematics::new(&chain);
    // Out of reach is said by the one search that knows by how much.
    let first = solver.solve(&base_from_flange, &near, 0)?;
    let mut all = vec![dreamitate_kinematics::nearest_wrap(&chain, &first.joints, &near)];
    for joints in solver.solutions(&base_from_flange, args.count, 0) {
        let joints = dreamitate_kinematics::nearest_wrap(&chain, &joints, &near);
        if all.iter().all(|other| away_rad(other, &joints) > 0.05) {
            all.push(joints);
        }
    }
    let mut postures: Vec<Posture> =
        all.iter().map(|q| posture(&chain, q, &near, &base_from_flange)).collect();
    postures.sort_by(|a, b| a.away_rad.total_cmp(&b.away_rad));
    postures.truncate(args.count.max(1));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&postures)?);
        return Ok(Ending::Done);
    }
    let names = chain.moving_joints().iter().map(|joint| format!("{:>10}", short(&joint.name)));
    println!("{}  {:>6} {:>7} {:>9}", names.collect::<Vec<_>>().join(" "), "away", "margin", "singular");
    for posture in &postures {
        let joints = posture.joints_rad.iter().map(|q| format!("{q:>10.5}")).collect::<Vec<_>>().join(" ");
        let Posture { away_rad, limit_margin, smallest_singular_value, .. } = posture;
        println!("{joints}  {away_rad:>6.2} {limit_margin:>7.3} {smallest_singular_value:>9.4}");
    }
    Ok(Ending::Done)
}

fn three(values: &[f64], option: &str) -> anyhow::Result<[f64; 3]> {
    let found: [f64; 3] = values
        .try_into()
        .ok()
        .with_context(|| format!("{option} has {} values, it takes 3", values.len()))?;
    match found.iter().find(|v| !v.is_finite()) {
        Some(value) => anyhow::bail!("{option} holds {value}, which is no place"),
        None => Ok(found),
    }
}

fn posture(chain: &Chain, joints: &Joints, near: &Joints, base_from_flange: &Isometry3<f64>) -> Posture {
    let found = chain.tip_pose(joints);
    Posture {
        joints_rad: joints.to_vec(),
        away_rad: away_rad(joints, near),
        limit_margin: chain.limit_margin(joints),
        smallest_singular_value: chain.smallest_singular_value(joints),
        residual_m: (found.translation.vector - base_from_flange.translation.vector).norm(),
        residual_rad: found.rotation.angle_to(&base_from_flange.rotation),
    }
}

fn away_rad(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// A joint's name in ten letters.
fn short(name: &str) -> &str {
    let name = name.strip_suffix("_joint").unwrap_or(name);
    name.get(..10).unwrap_or(name)
}
