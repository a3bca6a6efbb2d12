use crate::{
    detect::{descend_all, detect, regions},
    levels::{Levels, Scale},
    refine::{COARSE, FINE, MIDDLE, Prior, Refined, Scene, Scratch, refine},
    settings::TrackerSettings,
    templates::TemplateBank,
};
use dreamitate_clip::ClipView;
use dreamitate_geometry::{Gaussian6, PinholeCamera, Pose};
use dreamitate_render::ToolModel;
use dreamitate_track::{Status, ToolTrack, TrackedPose};
use nalgebra::{Matrix6, Point3, Vector3};
use rayon::prelude::*;
use std::sync::Arc;

/// Follows the tools of a task through one view of a clip.
pub struct ViewTracker {
    tools: Arc<[ToolModel]>,
    camera: PinholeCamera,
    frames: Vec<Levels>,
    table_distance_m: f64,
    settings: TrackerSettings,
}

/// Why a view cannot be tracked at all.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TrackError {
    /// The camera does not look at the table.
    #[error("the camera does not look at the table: its axis meets z = 0 at {0:.3} m along")]
    NoTable(f64),
    /// Nothing in the clip looks like the tool.
    #[error(
        "no tool in the dream: of {frames} frames none shows {tools} region(s) in the tools' colours that changed against the photo"
    )]
    NoTool {
        /// Frames looked at.
        frames: usize,
        /// Tools sought.
        tools: usize,
    },
}

/// A pose with a residual above this part of the limit is doubted, and the tool sought anew.
const RECOVER_ABOVE: f64 = 0.85;
/// Guesses from the frame before that are looked at, and at how many of them more closely.
const GLANCED: usize = 3;
const GUESSES: usize = 2;
/// How far a tool may move between frames, metres, and how many regions within that are looked at.
const REACH_M: f64 = 0.35;
const NEAR_REGIONS: usize = 2;

/// Tools found in one frame, a pose a tool.
struct Start {
    frame: usize,
    poses: Vec<Refined>,
}

impl ViewTracker {
    /// Prepares the pictures of a view.
    ///
    /// # Errors
    /// The camera does not look at the table.
    pub fn new(
        view: &ClipView,
        tools: Arc<[ToolModel]>,
        settings: TrackerSettings,
    ) -> Result<Self, TrackError> {
        let axis = view.world_from_camera.rotation * Vector3::z();
        let table_distance_m = -view.world_from_camera.translation.z / axis.z;
        if !(0.1..20.0).contains(&table_distance_m) {
            return Err(TrackError::NoTable(table_distance_m));
        }
        let frames = view.frames.par_iter().map(Levels::of).collect();
        Ok(Self { tools, camera: view.camera, frames, table_distance_m, settings })
    }

    /// Frames of the clip, the photo included.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Follows all tools from nothing, in pictures down to half size: a track a tool, in the order of the tools.
    /// [`Self::track_with_prior`] goes on in full size.
    ///
    /// # Errors
    /// No frame shows as many candidate regions as there are tools.
    pub fn track(&self) -> Result<Vec<ToolTrack>, TrackError> {
        let banks: Vec<TemplateBank> = self
            .tools
            .par_iter()
            .map(|tool| TemplateBank::new(tool, Scale::Quarter.camera(&self.camera), self.table_distance_m))
            .collect();
        let regions: Vec<Vec<[f32; 2]>> = self.frames[1..]
            .par_iter()
            .map(|frame| regions(&self.tools, &self.camera, self.table_distance_m, frame, &self.frames[0]))
            .collect();
        let start = self.start(&banks, &regions)?;
        Ok((0..self.tools.len())
            .into_par_iter()
            .map(|tool| self.follow(tool, &banks[tool], &regions, &start))
            .collect())
    }

    /// Refines a tool's track once more, each pose softly tied to the fused one: `priors[frame]` is the fused
    /// pose in this camera's frame with its covariance.
    pub fn track_with_prior(
        &self,
        tool: usize,
        track: &ToolTrack,
        priors: &[Option<Gaussian6>],
    ) -> ToolTrack {
        let poses = (1..self.frames.len())
            .into_par_iter()
            .map_init(Scratch::default, |scratch, frame| {
                let before = track.at(frame);
                let Some(prior) = priors.get(frame).and_then(Option::as_ref) else {
                    return before
                        .cloned()
                        .unwrap_or_else(|| TrackedPose::lost(frame, "no pose in any view"));
                };
                let prior = self.view_prior(prior);
                let scene = self.scene(tool, frame);
                let own = before
                    .filter(|b| b.status == Status::Accepted)
                    .and_then(|b| refine(&scene, &b.camera_from_tool, &FINE, Some(&prior), scratch));
                let trusted =
                    own.as_ref().is_some_and(|r| r.residual <= RECOVER_ABOVE * self.settings.max_residual);
                let anew = (!trusted).then(|| {
                    let stages = [COARSE, MIDDLE, FINE[0], FINE[1]];
                    refine(&scene, &prior.camera_from_tool, &stages, Some(&prior), scratch)
                });
                let best = own.into_iter().chain(anew.flatten()).min_by(|a, b| a.energy.total_cmp(&b.energy));
                self.judged(frame, best)
            })
            .collect();
        ToolTrack { poses }
    }

    fn scene(&self, tool: usize, frame: usize) -> Scene<'_> {
        Scene {
            tool: &self.tools[tool],
            camera: &self.camera,
            frame: &self.frames[frame],
            background: &self.frames[0],
        }
    }

    /// The fused pose as this view expects it: its own covariance plus the disagreement between views.
    fn view_prior(&self, fused: &Gaussian6) -> Prior {
        let tie = self.settings.view_tie.covariance(&fused.mean.translation.vector);
        let information = tie.and_then(|tie| (fused.covariance + tie).try_inverse());
        Prior { camera_from_tool: fused.mean, information: information.unwrap_or_else(Matrix6::zeros) }
    }

    /// Finds all tools in one frame: from the last frame backwards, the first in which every tool is
    /// found, or else the best.
    fn start(&self, banks: &[TemplateBank], regions: &[Vec<[f32; 2]>]) -> Result<Start, TrackError> {
        let mut best: Option<(f64, Start)> = None;
        for frame in (1..self.frames.len()).rev().step_by(2) {
            let Some((energy, poses)) = self.assign(frame, banks, &regions[frame - 1]) else { continue };
            let found = poses.iter().all(|r| r.residual < RECOVER_ABOVE * self.settings.max_residual);
            if best.as_ref().is_none_or(|(least, _)| energy < *least) {
                best = Some((energy, Start { frame, poses }));
            }
            if found {
                break;
            }
        }
        best.map(|(_, start)| start)
            .ok_or(TrackError::NoTool { frames: self.frames.len() - 1, tools: self.tools.len() })
    }

    /// The cheapest assignment of regions to tools in a frame: its energy and a pose a tool.
    fn assign(
        &self,
        frame: usize,
        banks: &[TemplateBank],
        regions: &[[f32; 2]],
    ) -> Option<(f64, Vec<Refined>)> {
        let jobs: Vec<(usize, usize)> = (0..self.tools.len())
            .flat_map(|tool| (0..regions.len()).map(move |region| (tool, region)))
            .collect();
        let found: Vec<Option<Refined>> = jobs
            .par_iter()
            .map_init(Scratch::default, |scratch, &(tool, region)| {
                detect(&self.scene(tool, frame), &banks[tool], regions[region], scratch)
            })
            .collect();
        let table: Vec<&[Option<Refined>]> = found.chunks(regions.len().max(1)).collect();
        let mut best: Option<(f64, Vec<Refined>)> = None;
        self.extend_assignment(&table, &mut Vec::new(), 0.0, &mut best);
        best
    }

    fn extend_assignment(
        &self,
        table: &[&[Option<Refined>]],
        chosen: &mut Vec<Refined>,
        energy: f64,
        best: &mut Option<(f64, Vec<Refined>)>,
    ) {
        let Some(row) = table.get(chosen.len()) else {
            if table.len() == self.tools.len() && best.as_ref().is_none_or(|(least, _)| energy < *least) {
                *best = Some((energy, chosen.clone()));
            }
            return;
        };
        for candidate in row.iter().flatten() {
            let apart = chosen.iter().all(|other| {
                (other.pose.translation.vector - candidate.pose.translation.vector).norm() > 0.05
            });
            if apart {
                chosen.push(candidate.clone());
                self.extend_assignment(table, chosen, energy + candidate.energy, best);
                chosen.pop();
            }
        }
    }

    /// Follows one tool from the start frame in both directions.
    fn follow(
        &self,
        tool: usize,
        bank: &TemplateBank,
        regions: &[Vec<[f32; 2]>],
        start: &Start,
    ) -> ToolTrack {
        let mut scratch = Scratch::default();
        let mut poses = vec![self.judged(start.frame, Some(start.poses[tool].clone()))];
        let forward: Vec<usize> = (start.frame + 1..self.frames.len()).collect();
        let backward: Vec<usize> = (1..start.frame).rev().collect();
        for frames in [forward, backward] {
            let mut last: Vec<Pose> = vec![start.poses[tool].pose];
            for frame in frames {
                let scene = self.scene(tool, frame);
                let near = &regions[frame - 1];
                let mut found =
                    descend_all(&scene, &self.guesses(&last, near), GLANCED, GUESSES, &mut scratch);
                if found.as_ref().is_none_or(|r| r.residual > RECOVER_ABOVE * self.settings.max_residual) {
                    let nearest = self.nearest_regions(&last[0], near);
                    let again =
                        nearest.iter().filter_map(|region| detect(&scene, bank, *region, &mut scratch));
                    found = found.into_iter().chain(again).min_by(|a, b| a.energy.total_cmp(&b.energy));
                }
                let pose = self.judged(frame, found);
                if pose.status == Status::Accepted {
                    last.insert(0, pose.camera_from_tool);
                    last.truncate(2);
                }
                poses.push(pose);
            }
        }
        poses.sort_by_key(|pose| pose.frame);
        ToolTrack { poses }
    }

    /// Where a tool may be next: where it was, where it was heading, and on each near region.
    fn guesses(&self, last: &[Pose], regions: &[[f32; 2]]) -> Vec<Pose> {
        let now = last[0];
        let mut guesses = vec![now];
        if let [_, before] = last {
            guesses.push(now * before.inverse() * now);
        }
        for region in self.nearest_regions(&now, regions) {
            guesses.push(Pose::from_parts(self.position_at(region, now.translation.z).into(), now.rotation));
        }
        guesses
    }

    /// The regions within reach of a pose, nearest first.
    fn nearest_regions(&self, now: &Pose, regions: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let mut near: Vec<(f64, [f32; 2])> = regions
            .iter()
            .map(|region| {
                ((self.position_at(*region, now.translation.z) - now.translation.vector).norm(), *region)
            })
            .filter(|(distance_m, _)| *distance_m < REACH_M)
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.into_iter().take(NEAR_REGIONS).map(|(_, region)| region).collect()
    }

    /// The point at a depth that is seen at a pixel of the quarter picture.
    fn position_at(&self, pixel: [f32; 2], depth_m: f64) -> Vector3<f64> {
        let camera = Scale::Quarter.camera(&self.camera);
        let direction = camera.direction(&[f64::from(pixel[0]), f64::from(pixel[1])].into());
        direction * (depth_m / direction.z)
    }

    fn judged(&self, frame: usize, found: Option<Refined>) -> TrackedPose {
        let Some(found) = found else {
            return TrackedPose::lost(frame, "the tool is not in the picture");
        };
        let centre = self.camera.project(&Point3::from(found.pose.translation.vector));
        let reason = if found.residual > self.settings.max_residual {
            format!("residual {:.1} exceeds {:.1}", found.residual, self.settings.max_residual)
        } else if found.visible_fraction < self.settings.min_visible_fraction {
            format!(
                "visible fraction {:.2} is below {:.2}",
                found.visible_fraction, self.settings.min_visible_fraction
            )
        } else if !centre.is_some_and(|pixel| self.camera.contains(&pixel, 0.0)) {
            "the tool's centre is outside the image".to_owned()
        } else {
            String::new()
        };
        TrackedPose {
            frame,
            camera_from_tool: found.pose,
            information: found.information,
            residual: found.residual,
            visible_fraction: found.visible_fraction,
            status: if reason.is_empty() { Status::Accepted } else { Status::Rejected },
            reason,
        }
    }
}
