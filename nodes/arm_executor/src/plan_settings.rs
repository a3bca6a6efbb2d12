use dreamitate_config::Task;
use dreamitate_motion::PlanSettings;

/// How a task wants its motions planned.
pub fn plan_settings(task: &Task) -> PlanSettings {
    let motion = &task.motion;
    PlanSettings {
        min_tool_height_m: motion.min_tool_height_m,
        max_lift_m: motion.max_lift_m,
        retreat_m: motion.retreat_m,
        return_home: motion.return_home,
        ..PlanSettings::default()
    }
}
