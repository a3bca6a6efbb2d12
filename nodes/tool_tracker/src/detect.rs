use crate::{
    levels::{Levels, Scale},
    refine::{COARSE, FINE, GLANCE, MIDDLE, Refined, Scene, Scratch, refine},
    region::{centres, likeness},
    templates::TemplateBank,
};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::ToolModel;

/// Poses of a bank that are refined, and how many of them go on to the half-size picture.
const BANK_POSES: usize = 14;
const COARSE_POSES: usize = 8;
const MIDDLE_POSES: usize = 4;

/// The regions of a frame that may show a tool: centres in pixels of the quarter picture.
pub(crate) fn regions(
    tools: &[ToolModel],
    camera: &PinholeCamera,
    distance_m: f64,
    frame: &Levels,
    photo: &Levels,
) -> Vec<[f32; 2]> {
    let level = frame.at(Scale::Quarter);
    let likeness = likeness(tools, level, photo.at(Scale::Quarter));
    let focal_px = Scale::Quarter.camera(camera).fx_px;
    let radius_m = tools.iter().map(ToolModel::radius_m).fold(0.0, f64::max);
    let radius_px = (0.7 * radius_m * focal_px / distance_m) as f32;
    centres(&likeness, level.width, radius_px, tools.len() + 2)
}

/// Returns the best pose of a tool near a region, found from nothing.
pub(crate) fn detect(
    scene: &Scene<'_>,
    bank: &TemplateBank,
    region: [f32; 2],
    scratch: &mut Scratch,
) -> Option<Refined> {
    let starts = bank.best_poses(scene.tool, scene.frame.at(Scale::Quarter), region, BANK_POSES);
    descend_all(scene, &starts, COARSE_POSES, MIDDLE_POSES, scratch)
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
    let mut kept: Vec<Refined> =
        starts.iter().filter_map(|pose| refine(scene, pose, &[GLANCE], None, scratch)).collect();
    kept.sort_by(|a, b| a.energy.total_cmp(&b.energy));
    kept.truncate(glances);
    let mut kept: Vec<Refined> =
        kept.iter().filter_map(|r| refine(scene, &r.pose, &[COARSE], None, scratch)).collect();
    keep_best(&mut kept, go_on);
    let mut kept: Vec<Refined> =
        kept.iter().filter_map(|r| refine(scene, &r.pose, &[MIDDLE], None, scratch)).collect();
    keep_best(&mut kept, 1);
    refine(scene, &kept.first()?.pose, &FINE[..1], None, scratch)
}

/// Sorts by energy and drops those that are worse copies of another.
fn keep_best(list: &mut Vec<Refined>, most: usize) {
    list.sort_by(|a, b| a.energy.total_cmp(&b.energy));
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
