use crate::{
    levels::{Levels, Scale},
    look::Shot,
    refine::{COARSE, FINE, GLANCE, MIDDLE, Refined, Scene, Scratch, Stage, is_nearly, refine},
    region::{centres, likeness},
    templates::TemplateBank,
    view_model::ViewModel,
};
use dreamitate_geometry::Pose;
use dreamitate_render::ToolModel;
use nalgebra::{Unit, UnitQuaternion, Vector3};

/// Poses of a bank that are refined, and how many of them go on to the half-size picture.
const BANK_POSES: usize = 14;
const COARSE_POSES: usize = 8;
const MIDDLE_POSES: usize = 4;
/// Where a pose explains so much of what changed inside its outline, only starts whose gain is so large a part of the best
/// one's are looked at further.
const CERTAIN: f64 = 0.8;
const RIVAL: f64 = 0.97;

/// The regions of a frame that may show a tool: centres in pixels of the quarter picture.
pub(crate) fn regions(model: &ViewModel, frame: &Levels, shot: &Shot) -> Vec<[f32; 2]> {
    let likeness =
        likeness(&shot.look.palette, frame.at(Scale::Quarter), shot.photo.levels.at(Scale::Quarter));
    let focal_px = Scale::Quarter.camera(&model.camera).fx_px;
    let radius_m = model.tools.iter().map(ToolModel::radius_m).fold(0.0, f64::max);
    let radius_px = (0.7 * radius_m * focal_px / model.table_distance_m) as f32;
    centres(&likeness, radius_px, model.tools.len() + 2)
}

/// Returns the best pose of a tool near a region, found from nothing.
pub(crate) fn detect(
    scene: &Scene<'_>,
    bank: &TemplateBank,
    region: [f32; 2],
    scratch: &mut Scratch,
) -> Option<Refined> {
    let starts = bank.best_poses(scene, region, BANK_POSES);
    let mut glanced = refined(scene, &starts, GLANCE, scratch);
    glanced.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    glanced.truncate(COARSE_POSES);
    let mut kept = refined(scene, glanced.iter().map(|found| &found.pose), COARSE, scratch);
    keep_best(&mut kept, MIDDLE_POSES);
    let turned: Vec<Pose> = kept.iter().map(|found| half_turned(scene.tool, &found.pose)).collect();
    let leaning = kept.iter().map(|found| &found.pose).chain(&turned).map(|pose| leaning(scene.tool, pose));
    let look_alikes: Vec<Pose> = leaning.chain(turned.iter().copied()).collect();
    kept.extend(refined(scene, &look_alikes, COARSE, scratch));
    best_fine(scene, kept, MIDDLE_POSES, scratch)
}

/// A pose that a plate with a pattern is easily mistaken for: turned half around.
fn half_turned(tool: &ToolModel, camera_from_tool: &Pose) -> Pose {
    let facing = Unit::new_normalize(Vector3::from(tool.config.facing.axis));
    camera_from_tool * UnitQuaternion::from_axis_angle(&facing, std::f64::consts::PI)
}

/// Another: leaning to the other side of the line of sight.
fn leaning(tool: &ToolModel, camera_from_tool: &Pose) -> Pose {
    let normal = camera_from_tool.rotation * Vector3::from(tool.config.facing.axis);
    let ray = -camera_from_tool.translation.vector.normalize();
    let lean = UnitQuaternion::rotation_between(&normal, &ray).unwrap_or_default();
    Pose::from_parts(camera_from_tool.translation, lean * lean * camera_from_tool.rotation)
}

/// Refines several starts near a pose in the quarter-size picture, the best `go_on` of them in the half-size one, and the best
/// of those in its sharper one.
pub(crate) fn descend_all(
    scene: &Scene<'_>,
    starts: &[Pose],
    go_on: usize,
    scratch: &mut Scratch,
) -> Option<Refined> {
    let mut kept = refined(scene, starts, COARSE, scratch);
    keep_best(&mut kept, go_on);
    // A tool that turns fast may have come to lean the other way since.
    let other = kept
        .first()
        .and_then(|found| refine(scene, &leaning(scene.tool, &found.pose), &[COARSE], None, scratch));
    kept.extend(other);
    best_fine(scene, kept, go_on + 1, scratch)
}

/// Refines starts in one stage, each on its own.
fn refined<'a>(
    scene: &Scene<'_>,
    starts: impl IntoIterator<Item = &'a Pose>,
    stage: Stage,
    scratch: &mut Scratch,
) -> Vec<Refined> {
    starts.into_iter().filter_map(|pose| refine(scene, pose, &[stage], None, scratch)).collect()
}

/// Refines the best `go_on` poses in the half-size picture, and the best of those in its sharper one.
fn best_fine(
    scene: &Scene<'_>,
    mut kept: Vec<Refined>,
    go_on: usize,
    scratch: &mut Scratch,
) -> Option<Refined> {
    keep_best(&mut kept, go_on);
    let mut best: Option<Refined> = None;
    for start in &kept {
        let is_rival = is_nearly(start.gain, kept[0].gain, RIVAL);
        if !is_rival && best.as_ref().is_some_and(|best| best.explained > CERTAIN) {
            break;
        }
        let found = refine(scene, &start.pose, &[MIDDLE], None, scratch);
        best = best.into_iter().chain(found).max_by(|a, b| a.gain.total_cmp(&b.gain));
    }
    refine(scene, &best?.pose, &FINE[..1], None, scratch)
}

/// Sorts by gain and drops those that are worse copies of another.
fn keep_best(list: &mut Vec<Refined>, most: usize) {
    list.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let mut chosen: Vec<Refined> = Vec::new();
    for refined in list.drain(..) {
        let differs = |other: &Refined| {
            other.pose.rotation.angle_to(&refined.pose.rotation) > 0.05
                || (other.pose.translation.vector - refined.pose.translation.vector).norm() > 0.005
        };
        if chosen.len() < most && chosen.iter().all(differs) {
            chosen.push(refined);
        }
    }
    *list = chosen;
}
