use std::path::{Path, PathBuf};

/// A configuration folder, and the rig that is used instead of the tasks' own, if one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFolder {
    path: PathBuf,
    rig: Option<String>,
}

impl ConfigFolder {
    /// Returns the folder that a user named, or else the first that exists of: `$DREAMITATE_CONFIG`,
    /// `config` here, `share/dreamitate/config` of the installation that this program belongs to, and the
    /// source tree that it was built from.
    pub fn find(named: Option<&Path>) -> Self {
        let named = named.map(Path::to_owned);
        let path = named.or_else(|| std::env::var_os("DREAMITATE_CONFIG").map(PathBuf::from));
        Self { path: path.unwrap_or_else(Self::usual), rig: None }
    }

    fn usual() -> PathBuf {
        let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
        // Installed by colcon the program lies in lib/dreamitate, two folders below the prefix.
        let installed = std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.parent()?.parent()?.join("share/dreamitate/config")));
        let candidates = [Some(PathBuf::from("config")), installed, Some(source.clone())];
        candidates.into_iter().flatten().find(|dir| dir.join("tasks").is_dir()).unwrap_or(source)
    }

    /// The folder that a node's parameter names; where that is empty, as [`find`](Self::find) finds it.
    pub fn of_parameter(named: &str) -> Self {
        Self::find((!named.is_empty()).then_some(Path::new(named)))
    }

    /// The same where every task is done on a rig, a name or a YAML file; on its own if that is empty.
    #[must_use]
    pub fn on_rig(self, rig: &str) -> Self {
        Self { rig: (!rig.is_empty()).then(|| rig.to_owned()), ..self }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a task.
    pub fn task(&self, name: &str) -> PathBuf {
        self.file("tasks", name)
    }

    /// The file of a rig.
    pub fn rig(&self, name: &str) -> PathBuf {
        self.file("rigs", name)
    }

    /// The file of the rig on which a task is done whose own is `name`.
    pub(crate) fn rig_of_task(&self, name: &str) -> PathBuf {
        self.rig(self.rig.as_deref().unwrap_or(name))
    }

    /// The file of a tool.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.file("tools", name)
    }

    /// The file of a robot.
    pub fn robot(&self, name: &str) -> PathBuf {
        self.file("robots", name)
    }

    /// The file of a printed board for calibration.
    pub fn board(&self, name: &str) -> PathBuf {
        self.file("boards", name)
    }

    fn file(&self, kind: &str, name: &str) -> PathBuf {
        // A path to a file of the user's own is taken as it is.
        let given = Path::new(name);
        if given.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            return given.to_owned();
        }
        self.path.join(kind).join(format!("{name}.yaml"))
    }
}
