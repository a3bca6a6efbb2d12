//! Robot descriptions: URDF files as they are, xacro files expanded by the program `xacro`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a description has no URDF text.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// The file cannot be read.
    #[error("cannot read robot description '{path}': {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's own words.
        reason: String,
    },
    /// There is no program to expand a xacro file with.
    #[error(
        "cannot expand '{path}': the program '{program}' was not found; install it (ros-$ROS_DISTRO-xacro, or the Python \
         package xacro), or give a .urdf file"
    )]
    NoXacro {
        /// The file.
        path: String,
        /// The program that was looked for.
        program: String,
    },
    /// The program could not expand the file.
    #[error("'{program}' could not expand '{path}' ({status}): {said}")]
    NotExpanded {
        /// The file.
        path: String,
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to its error output.
        said: String,
    },
}

/// Reads robot descriptions.
///
/// ```no_run
/// use dreamitate_kinematics::{Chain, DescriptionReader};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reader = DescriptionReader::with_arguments(["name:=ur", "ur_type:=ur5e"]);
/// let chain = Chain::from_urdf_text(&reader.read("ur.urdf.xacro")?, "base_link", "tool0")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptionReader {
    /// The program that expands xacro files: a name to be found on the PATH, or a path.
    pub xacro: PathBuf,
    /// What it is given after the file, each `name:=value`.
    pub arguments: Vec<String>,
}

impl Default for DescriptionReader {
    /// `xacro` on the PATH, without arguments.
    fn default() -> Self {
        Self { xacro: "xacro".into(), arguments: Vec::new() }
    }
}

impl DescriptionReader {
    /// `xacro` on the PATH, with arguments of the form `name:=value`.
    pub fn with_arguments<A: Into<String>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The URDF text of a file; one whose name ends in `.xacro` is expanded.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String, DescriptionError> {
        let path = path.as_ref();
        // Read in any case: a missing file is then said as such, not in the words of another program.
        let text = std::fs::read_to_string(path).map_err(|e| DescriptionError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        let is_xacro = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xacro"));
        if is_xacro { self.expand(path) } else { Ok(text) }
    }

    fn expand(&self, path: &Path) -> Result<String, DescriptionError> {
        /// Characters of a program's complaint that are passed on; its last lines say what is wrong.
        const SAID: usize = 600;
        let (file, program) = (path.display().to_string(), self.xacro.display().to_string());
        let failed = |status: String, said: &str| {
            let said = said.trim();
            let skipped = said.chars().count().saturating_sub(SAID);
            DescriptionError::NotExpanded {
                path: file.clone(),
                program: program.clone(),
                status,
                said: said.chars().skip(skipped).collect(),
            }
        };
        let output = match Command::new(&self.xacro).arg(path).args(&self.arguments).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DescriptionError::NoXacro { path: file, program });
            }
            Err(error) => return Err(failed("not started".into(), &error.to_string())),
        };
        if !output.status.success() {
            return Err(failed(output.status.to_string(), &String::from_utf8_lossy(&output.stderr)));
        }
        String::from_utf8(output.stdout).map_err(|e| failed(output.status.to_string(), &e.to_string()))
    }
}
