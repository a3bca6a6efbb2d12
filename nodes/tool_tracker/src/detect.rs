use crate::{
    levels::{Levels, Photo, Scale},
    refine::{COARSE, FINE, GLANCE, MIDDLE, Refined, Scene, Scratch, refine},
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

/// The regions of a frame that may show a tool: centres in pixels of the quarter picture.
pub(crate) fn regions(model: &ViewModel, frame: &Levels, photo: &Photo) -> Vec<[f32; 2]> {
    let likeness = likeness(&model.palette, frame.at(Scale::Quarter), photo.levels.at(Scale::Quarter));
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
    let mut kept = best_coarse(scene, &starts, COARSE_POSES, MIDDLE_POSES, scratch);
    let look_alikes: Vec<Pose> = kept.iter().flat_map(|found| look_alikes(scene.tool, &found.pose)).collect();
    kept.extend(look_alikes.iter().filter_map(|pose| refine(scene, pose, &[COARSE], None, scratch)));
    best_fine(scene, kept, MIDDLE_POSES, scratch)
}

/// The poses that a plate with a pattern is most easily mistaken for: turned half around, and leaning to the other
/// side of the line of sight.
fn look_alikes(tool: &ToolModel, camera_from_tool: &Pose) -> [Pose; 3] {
    let facing = Vector3::from(tool.config.facing.axis);
    let half_turn = UnitQuaternion::from_axis_angle(&Unit::new_normalize(facing), std::f64::consts::PI);
    let turned = camera_from_tool * half_turn;
    let leaning = |pose: &Pose| {
        let (normal, ray) = (pose.rotation * facing, -pose.translation.vector.normalize());
        let lean = UnitQuaternion::rotation_between(&normal, &ray).unwrap_or_default();
        Pose::from_parts(pose.translation, lean * lean * pose.rotation)
    };
    [turned, leaning(camera_from_tool), leaning(&turned)]
}

/// Refines several starts in the quarter-size picture, the best `go_on` of them in the half-size one, and the
/// best of those in full.
pub(crate) fn descend_all(
    scene: &Scene<'_>,
    starts: &[Pose],
    glances: usize,
    go_on: usize,
    scratch: &mut Scratch,
) -> Option<Refined> {
    let kept = best_coarse(scene, starts, glances, go_on, scratch);
    best_fine(scene, kept, go_on, scratch)
}

/// Looks at the starts in the quarter-size picture and refines the best `glances` of them there; the best `go_on` of
/// those.
fn best_coarse(
    scene: &Scene<'_>,
    starts: &[Pose],
    glances: usize,
    go_on: usize,
    scratch: &mut Scratch,
) -> Vec<Refined> {
    let mut kept: Vec<Refined> =
        starts.iter().filter_map(|pose| refine(scene, pose, &[GLANCE], None, scratch)).collect();
    kept.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    kept.truncate(glances);
    let mut kept: Vec<Refined> =
        kept.iter().filter_map(|r| refine(scene, &r.pose, &[COARSE], None, scratch)).collect();
    keep_best(&mut kept, go_on);
    kept
}

/// Refines the best `go_on` poses in the half-size picture, and the best of those in its sharper one.
fn best_fine(
    scene: &Scene<'_>,
    mut kept: Vec<Refined>,
    go_on: usize,
    scratch: &mut Scratch,
) -> Option<Refined> {
    keep_best(&mut kept, go_on);
    let mut kept: Vec<Refined> =
        kept.iter().filter_map(|r| refine(scene, &r.pose, &[MIDDLE], None, scratch)).collect();
    keep_best(&mut kept, 1);
    refine(scene, &kept.first()?.pose, &FINE[..1], None, scratch)
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
