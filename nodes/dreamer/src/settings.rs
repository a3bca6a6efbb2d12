use crate::dream::Source;
use dreamitate_carrier::{Declaration, ParameterError, ParameterSet};
use dreamitate_config::ConfigFolder;
use std::path::Path;

/// The node's parameters.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub source: Source,
    pub config: ConfigFolder,
    pub task: String,
    pub seed: u64,
    pub autostart: bool,
    pub loop_view: bool,
}

impl Settings {
    pub(crate) fn declare(parameters: &mut ParameterSet) -> Result<Self, ParameterError> {
        let source = parameters.declare(
            Declaration::text("source", "rendered")
                .about("Where dreams come from: a folder, or the renderer")
                .choices(&["recorded", "rendered"]),
        )?;
        let dream_dir = parameters.declare(
            Declaration::text("dream_dir", "")
                .about("The folder of the recorded dream, for source \"recorded\""),
        )?;
        let config_dir = parameters.declare(Declaration::text("config_dir", "").about(
            "The folder of tasks, rigs, tools and robots; empty: the one that comes with the program",
        ))?;
        let task = parameters.declare(
            Declaration::text("task", "rotation")
                .about("The task that is dreamt at the start: a name or a YAML file"),
        )?;
        let seed = parameters.declare(
            Declaration::new("seed", 0_i64).about("The seed of the first dream").range(0, i64::MAX),
        )?;
        let autostart = parameters.declare(
            Declaration::new("autostart", true)
                .about("Dream once at the start; otherwise only when the action `dream` asks"),
        )?;
        let loop_view = parameters.declare(
            Declaration::new("loop_view", false).about("Publish the dream's frames in a loop, for viewing"),
        )?;
        Ok(Self {
            source: if source == "recorded" { Source::Recorded(dream_dir.into()) } else { Source::Rendered },
            config: ConfigFolder::find((!config_dir.is_empty()).then_some(Path::new(&config_dir))),
            task,
            // Not below 0, see its range.
            seed: seed.unsigned_abs(),
            autostart,
            loop_view,
        })
    }
}
