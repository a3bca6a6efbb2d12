use dreamitate_geometry::ViewTie;

/// How far a view's depth may be from where all views together have the tool, one standard deviation, metres; that of real
/// dreams is 14 mm. What one view tells of depth, the size of the tool, it mistakes for a lean, and the views together know
/// the depth from where their lines of sight meet.
const VIEW_DEPTH_M: f64 = 0.012;
/// The same of its rotation, radians; that of real dreams is 2.4°. Poses of views that are held nearer keep each other where they
/// are, also where neither is right.
const VIEW_ROTATION_RAD: f64 = 0.08;

/// The limits of the tracker.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerSettings {
    /// A pose that explains less of what changed inside its outline is rejected.
    pub min_explained: f64,
    /// A pose of a tool with print is rejected if, of what differs from one colour inside its outline, it explains less: an
    /// arm is as long as a tool and of one colour.
    pub min_structured: f64,
    /// A pose whose residual is larger is rejected: mean colour difference inside the tool's outline, in levels
    /// of 0 to 255 over the three channels.
    pub max_residual: f64,
    /// A pose that shows less of the tool is rejected.
    pub min_visible_fraction: f64,
    /// How far a view may disagree with the fused pose.
    pub view_tie: ViewTie,
}

impl Default for TrackerSettings {
    fn default() -> Self {
        Self {
            min_explained: 0.35,
            min_structured: -0.5,
            max_residual: 70.0,
            min_visible_fraction: 0.3,
            view_tie: ViewTie { rotation_rad: VIEW_ROTATION_RAD, depth_m: VIEW_DEPTH_M, ..ViewTie::DREAMED },
        }
    }
}

impl TrackerSettings {
    /// The limits of a pose that the other views confirm: it is right even where little is seen of it, and where it explains
    /// less than nothing, because a glove of the table's colour, which nobody sees, is before it.
    pub(crate) fn of_confirmed(&self) -> Self {
        Self {
            min_explained: self.min_explained - 1.5,
            min_visible_fraction: self.min_visible_fraction - 0.1,
            max_residual: self.max_residual + 10.0,
            // Another view, in which the tool is told from an arm, has it there.
            min_structured: f64::NEG_INFINITY,
            ..self.clone()
        }
    }
}
