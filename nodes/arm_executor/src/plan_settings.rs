use dreamitate_config::Task;
use dreamitate_motion::PlanSettings;

/// How a task wants its motions planned: what it does not say is as [`PlanSettings`] has it.
pub fn plan_settings(task: &Task) -> PlanSettings {
    let motion = &task.motion;
    PlanSettings {
        min_tool_height_m: motion.min_tool_height_m,
        max_lift_m: motion.max_lift_m,
        lift_m: motion.approach_m,
        retreat_m: motion.retreat_m,
        return_home: motion.return_home,
        largest_jump_rad: motion.largest_jump_rad,
        ..PlanSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_config::ConfigFolder;

    #[test]
    fn a_task_asks_for_height_retreat_and_return_and_misspelt_keys_are_refused() {
        let folder = ConfigFolder::find(None);
        let text = std::fs::read_to_string(folder.task("rotation")).unwrap();
        let (before, _) = text.split_once("motion:").unwrap();
        let read = |motion: &str| {
            let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
            std::fs::write(&file, format!("{before}motion: {motion}\n")).unwrap();
            Task::read(&folder, &file.path().to_string_lossy())
        };
        let settings =
            plan_settings(&read("{min_tool_height_m: 0.01, retreat_m: 0.1, return_home: true}").unwrap());
        assert_eq!(
            (settings.min_tool_height_m, settings.max_lift_m, settings.retreat_m, settings.return_home),
            (Some(0.01), 0.02, 0.1, true)
        );
        assert_eq!(plan_settings(&Task::read(&folder, "rotation").unwrap()), PlanSettings::default());
        assert!(read("{retraet_m: 0.1}").is_err());
    }
}
