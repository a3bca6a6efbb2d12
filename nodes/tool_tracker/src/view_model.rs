use crate::{
    levels::{Levels, Scale},
    look::Shot,
    refine::{Prior, Refined, Scene},
    settings::TrackerSettings,
    templates::TemplateBank,
    tracker::{SMALLEST_PX, TrackError},
};
use dreamitate_geometry::{Gaussian6, PinholeCamera, Pose};
use dreamitate_render::ToolModel;
use dreamitate_track::{Status, TrackedPose};
use image::RgbImage;
use nalgebra::{Matrix6, Point3, Vector3};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// What does not change from one clip to the next: tools, the camera that sees them, and the drawings from which a
/// search starts.
pub struct ViewModel {
    pub(crate) tools: Arc<[ToolModel]>,
    pub(crate) camera: PinholeCamera,
    pub(crate) table_distance_m: f64,
    pub(crate) settings: TrackerSettings,
    pub(crate) world_from_camera: Pose,
    /// A bank a tool, each drawn when it is first asked for.
    banks: Vec<OnceLock<TemplateBank>>,
}

impl ViewModel {
    /// A view of tools by a camera over the table z = 0.
    ///
    /// # Errors
    /// The camera does not look at the table, or its pictures are tiny.
    pub fn new(
        camera: PinholeCamera,
        world_from_camera: &Pose,
        tools: Arc<[ToolModel]>,
        settings: TrackerSettings,
    ) -> Result<Self, TrackError> {
        let axis = world_from_camera.rotation * Vector3::z();
        let table_distance_m = -world_from_camera.translation.z / axis.z;
        if !(0.1..20.0).contains(&table_distance_m) {
            return Err(TrackError::NoTable(table_distance_m));
        }
        if camera.width.min(camera.height) < SMALLEST_PX {
            return Err(TrackError::Small(camera.width, camera.height));
        }
        let banks = tools.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { tools, camera, table_distance_m, settings, world_from_camera: *world_from_camera, banks })
    }

    /// Whether it is the model of this camera at this place.
    pub fn is_of(&self, camera: &PinholeCamera, world_from_camera: &Pose) -> bool {
        self.camera == *camera && self.world_from_camera == *world_from_camera
    }

    pub(crate) fn check_size(&self, image: &RgbImage) -> Result<(), TrackError> {
        let (expected, found) = ((self.camera.width, self.camera.height), image.dimensions());
        if expected == found { Ok(()) } else { Err(TrackError::Size { found, expected }) }
    }

    /// Makes the drawings from which a search starts, which else the first search does.
    pub fn prepare(&self) {
        (0..self.tools.len()).into_par_iter().for_each(|tool| {
            self.bank(tool);
        });
    }

    /// The drawings of a tool from which a search starts. Whoever makes them does so alone: a thread that waited for others
    /// of its pool here might be given work that waits for itself.
    pub(crate) fn bank(&self, tool: usize) -> &TemplateBank {
        let draw = || {
            let camera = Scale::Quarter.camera(&self.camera);
            TemplateBank::new(&self.tools[tool], camera, self.table_distance_m)
        };
        self.banks[tool].get_or_init(draw)
    }

    pub(crate) fn scene<'a>(&'a self, tool: usize, frame: &'a Levels, shot: &'a Shot) -> Scene<'a> {
        let printed = &shot.look.printed[tool];
        Scene { tool: &self.tools[tool], printed, camera: &self.camera, frame, shot }
    }

    /// The fused pose as this view expects it: its own covariance plus the disagreement between views.
    pub(crate) fn prior(&self, fused: &Gaussian6) -> Prior {
        let tie = self.settings.view_tie.covariance(&fused.mean.translation.vector);
        let information = tie.and_then(|tie| (fused.covariance + tie).try_inverse());
        Prior { camera_from_tool: fused.mean, information: information.unwrap_or_else(Matrix6::zeros) }
    }

    /// The point at a depth that is seen at a pixel of the quarter picture.
    pub(crate) fn position_at(&self, pixel: [f32; 2], depth_m: f64) -> Vector3<f64> {
        let camera = Scale::Quarter.camera(&self.camera);
        let direction = camera.direction(&[f64::from(pixel[0]), f64::from(pixel[1])].into());
        direction * (depth_m / direction.z)
    }

    /// Whether a pose fits so well that it need not be sought anew.
    pub(crate) fn is_trusted(&self, found: &Refined) -> bool {
        /// A pose that explains less is doubted.
        const DOUBT_BELOW: f64 = 0.6;
        found.explained >= DOUBT_BELOW.max(self.settings.min_explained)
    }

    /// Whether poses found from nothing are so good that no others need be sought.
    pub(crate) fn is_start(&self, poses: &[Refined]) -> bool {
        /// What one colour explains better may be an arm.
        const MIN_STRUCTURED: f64 = 0.0;
        poses.iter().all(|found| {
            found.structured >= MIN_STRUCTURED
                && self.is_trusted(found)
                && self.accepts(found, &self.settings)
        })
    }

    /// Whether a pose is accepted by all limits.
    pub(crate) fn accepts(&self, found: &Refined, settings: &TrackerSettings) -> bool {
        self.objection(found, settings).is_empty()
    }

    /// What was found, accepted or rejected with the reason.
    pub(crate) fn judged(
        &self,
        frame: usize,
        found: Option<Refined>,
        settings: &TrackerSettings,
    ) -> TrackedPose {
        let Some(found) = found else {
            return TrackedPose::lost(frame, "the tool is not in the picture");
        };
        let reason = self.objection(&found, settings);
        TrackedPose {
            frame,
            camera_from_tool: found.unheld,
            information: found.information,
            residual: found.residual,
            visible_fraction: found.visible_fraction,
            status: if reason.is_empty() { Status::Accepted } else { Status::Rejected },
            reason,
        }
    }

    /// Why a pose is rejected; empty if it is accepted.
    fn objection(&self, found: &Refined, settings: &TrackerSettings) -> String {
        let centre = self.camera.project(&Point3::from(found.pose.translation.vector));
        if found.residual > settings.max_residual {
            format!("residual {:.1} exceeds {:.1}", found.residual, settings.max_residual)
        } else if found.explained < settings.min_explained {
            format!("explained {:.2} is below {:.2}", found.explained, settings.min_explained)
        } else if found.structured < settings.min_structured {
            format!(
                "one colour explains as much: {:.2} is below {:.2}",
                found.structured, settings.min_structured
            )
        } else if found.visible_fraction < settings.min_visible_fraction {
            format!(
                "visible fraction {:.2} is below {:.2}",
                found.visible_fraction, settings.min_visible_fraction
            )
        } else if !centre.is_some_and(|pixel| self.camera.contains(&pixel, 0.0)) {
            "the tool's centre is outside the image".to_owned()
        } else {
            String::new()
        }
    }
}
