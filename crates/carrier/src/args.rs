//! What a node is told when it starts: its name, remaps and parameters, in ROS 2's `--ros-args` syntax.

use std::path::{Path, PathBuf};

use crate::{
    NameError, NodeName, RemapRule,
    params_file::{Origin, Override, ParamsFileError, parse_value, read_params_file},
    remap,
};

/// A node's name, remap rules and parameter overrides, and the arguments that were not ROS's.
///
/// ```
/// use dreamitate_carrier::NodeArgs;
///
/// let args = NodeArgs::parse(
///     "pose_fusion",
///     ["--verbose", "--ros-args", "-r", "__ns:=/cell", "-r", "clip:=/dream/clip", "-p", "rate_hz:=6.0"],
/// )?;
/// assert_eq!(args.name().to_string(), "/cell/pose_fusion");
/// assert_eq!(args.resolve("clip")?, "/dream/clip");
/// assert_eq!(args.rest(), ["--verbose"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeArgs {
    name: NodeName,
    remaps: Vec<RemapRule>,
    overrides: Vec<Override>,
    log_level: Option<String>,
    has_heartbeat: bool,
    rest: Vec<String>,
}

/// Arguments that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A flag at the end of the line that needs a value.
    #[error("{flag} needs a value: {expected}")]
    Missing {
        /// The flag.
        flag: String,
        /// The form of its value.
        expected: &'static str,
    },
    /// A value of another form.
    #[error("{flag} {value}: expected {expected}")]
    Form {
        /// The flag.
        flag: String,
        /// What was given.
        value: String,
        /// The form of its value.
        expected: &'static str,
    },
    /// A flag between `--ros-args` and `--` that is not known.
    #[error(
        "unknown argument {0} after --ros-args; known are -r, -p, --params-file, --log-level, --enclave and --"
    )]
    Unknown(String),
    /// A name that ROS does not allow.
    #[error("{context}: {source}")]
    Name {
        /// Where the name was given.
        context: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// A parameter file that cannot be read.
    #[error(transparent)]
    ParamsFile(#[from] ParamsFileError),
}

const REMAP_FORM: &str = "[NODE:]FROM:=TO";
const PARAMETER_FORM: &str = "[NODE:]NAME:=VALUE, the value in YAML";

enum Setting {
    Parameter { node: Option<String>, name: String, text: String },
    File(PathBuf),
}

impl NodeArgs {
    /// A node in the root namespace with no remaps and no parameters.
    ///
    /// # Errors
    /// [`ArgsError::Name`] if the name breaks ROS's rules.
    pub fn new(name: &str) -> Result<Self, ArgsError> {
        Self::parse(name, std::iter::empty::<String>())
    }

    /// The arguments of a command line, program name excluded. ROS's own stand between `--ros-args` and `--`
    /// (or the end), any number of times; all others are in [`rest`](Self::rest). Files named by
    /// `--params-file` are read. Where a parameter is set twice, the later one holds.
    ///
    /// # Errors
    /// [`ArgsError`] naming the argument.
    pub fn parse(
        default_name: &str,
        args: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ArgsError> {
        let mut rules = Vec::new();
        let mut settings = Vec::new();
        let mut rest = Vec::new();
        let mut log_level = None;
        let mut in_ros = false;
        let mut args = args.into_iter().map(Into::into);
        while let Some(arg) = args.next() {
            let mut value =
                |expected| args.next().ok_or_else(|| ArgsError::Missing { flag: arg.clone(), expected });
            match (in_ros, arg.as_str()) {
                (_, "--ros-args") => in_ros = true,
                (false, _) => rest.push(arg),
                (true, "--") => in_ros = false,
                (true, "-r" | "--remap") => {
                    let text = value(REMAP_FORM)?;
                    let rule = RemapRule::parse(&text).ok_or_else(|| ArgsError::Form {
                        flag: arg.clone(),
                        value: text,
                        expected: REMAP_FORM,
                    })?;
                    rules.push(rule);
                }
                (true, "-p" | "--param") => {
                    let text = value(PARAMETER_FORM)?;
                    settings.push(parameter(&text).ok_or_else(|| ArgsError::Form {
                        flag: arg.clone(),
                        value: text.clone(),
                        expected: PARAMETER_FORM,
                    })?);
                }
                (true, "--params-file") => settings.push(Setting::File(value("a YAML file")?.into())),
                (true, "--log-level") => log_level = Some(value("a level")?),
                // Security enclaves are DDS's; launch files pass the flag to every node.
                (true, "-e" | "--enclave") => drop(value("an enclave")?),
                (true, _) if is_logging_switch(&arg) => {}
                (true, _) => return Err(ArgsError::Unknown(arg)),
            }
        }
        let name = named(default_name, &rules)?;
        rules.retain(|rule| rule.is_for(default_name) || rule.is_for(name.name()));
        for rule in rules.iter().filter(|rule| !rule.from.starts_with("__")) {
            for side in [&rule.from, &rule.to] {
                name.expand(side).map_err(|source| ArgsError::Name {
                    context: format!("-r {}:={}", rule.from, rule.to),
                    source,
                })?;
            }
        }
        let mut parsed =
            Self { name, remaps: rules, overrides: Vec::new(), log_level, has_heartbeat: false, rest };
        for setting in settings {
            parsed.take(setting)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, setting: Setting) -> Result<(), ArgsError> {
        match setting {
            Setting::Parameter { node, name, text } => {
                if node.as_deref().is_none_or(|node| node == self.name.name()) {
                    let value = parse_value(&text);
                    self.overrides.push(Override { name, value, origin: Origin::CommandLine, exact: true });
                }
            }
            Setting::File(path) => self.overrides.extend(read_params_file(&path, &self.name)?),
        }
        Ok(())
    }

    /// The same in another namespace.
    ///
    /// # Errors
    /// [`ArgsError::Name`] if the namespace breaks ROS's rules.
    pub fn in_namespace(self, namespace: &str) -> Result<Self, ArgsError> {
        let name = NodeName::new(namespace, self.name.name())
            .map_err(|source| ArgsError::Name { context: format!("namespace of {}", self.name), source })?;
        Ok(Self { name, ..self })
    }

    /// The arguments of another node of this process, in a namespace below this one's. As in ROS, remap rules hold for
    /// all nodes of a process; parameters are each node's own.
    ///
    /// # Errors
    /// [`ArgsError::Name`] if the name or the namespace breaks ROS's rules.
    pub fn of_part(&self, name: &str, below: &str) -> Result<Self, ArgsError> {
        let namespace = format!("{}/{below}", self.name.namespace().trim_end_matches('/'));
        let part = Self::new(name)?.in_namespace(&namespace)?;
        Ok(Self { remaps: self.remaps.clone(), log_level: self.log_level.clone(), ..part })
    }

    /// The same for a node that says once a second how it does.
    pub fn with_heartbeat(self) -> Self {
        Self { has_heartbeat: true, ..self }
    }

    pub(crate) fn has_heartbeat(&self) -> bool {
        self.has_heartbeat
    }

    /// The same with one more remap rule.
    pub fn with_remap(mut self, from: &str, to: &str) -> Self {
        self.remaps.push(RemapRule { node: None, from: from.to_owned(), to: to.to_owned() });
        self
    }

    /// The same with a parameter set, its value written as on the command line (`0.5`, `true`, `text`,
    /// `[a, b]`). It holds over values set before.
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.overrides.push(Override {
            name: name.to_owned(),
            value: parse_value(value),
            origin: Origin::Program,
            exact: true,
        });
        self
    }

    /// The same with the parameters of a file that are for this node.
    ///
    /// # Errors
    /// [`ArgsError::ParamsFile`] naming the file.
    pub fn with_params_file(mut self, path: &Path) -> Result<Self, ArgsError> {
        self.overrides.extend(read_params_file(path, &self.name)?);
        Ok(self)
    }

    /// The node's name.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// The fully qualified name that a topic, service or action of this node has.
    ///
    /// # Errors
    /// [`NameError`] if the name breaks ROS's rules.
    pub fn resolve(&self, name: &str) -> Result<String, NameError> {
        remap::resolve(&self.name, &self.remaps, name)
    }

    /// rcl applies the rules a second time: what two rules would then rename twice is refused.
    #[cfg(feature = "rcl")]
    pub(crate) fn refuse_chained_remaps(&self) -> Result<(), ArgsError> {
        let chained = remap::chained(&self.name, &self.remaps)
            .map_err(|source| ArgsError::Name { context: "-r".to_owned(), source })?;
        match chained {
            None => Ok(()),
            Some((first, second)) => Err(ArgsError::Form {
                flag: "-r".to_owned(),
                value: format!("{}:={} with {}:={}", first.from, first.to, second.from, second.to),
                expected: "rules of which none renames what another has renamed (rcl applies them twice)",
            }),
        }
    }

    /// The level given by `--log-level`, as it was written.
    pub fn log_level(&self) -> Option<&str> {
        self.log_level.as_deref()
    }

    /// The arguments outside `--ros-args … --`, in order.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }

    pub(crate) fn overrides(&self) -> &[Override] {
        &self.overrides
    }
}

/// The node's name after the last `__node`, `__name` and `__ns` rules that are for it.
fn named(default_name: &str, rules: &[RemapRule]) -> Result<NodeName, ArgsError> {
    let last = |keys: &[&str]| {
        rules
            .iter()
            .rev()
            .find(|rule| keys.contains(&rule.from.as_str()) && rule.is_for(default_name))
            .map(|rule| rule.to.as_str())
    };
    let name = last(&["__node", "__name"]).unwrap_or(default_name);
    let namespace = last(&["__ns"]).unwrap_or("/");
    NodeName::new(namespace, name)
        .map_err(|source| ArgsError::Name { context: format!("node {namespace} {name}"), source })
}

fn parameter(text: &str) -> Option<Setting> {
    let (name, value) = text.split_once(":=")?;
    let (node, name) = match name.split_once(':') {
        Some((node, name)) => (Some(node.to_owned()), name),
        None => (None, name),
    };
    (!name.is_empty()).then(|| Setting::Parameter { node, name: name.to_owned(), text: value.to_owned() })
}

/// Switches of rcl's logging, which launch files may pass; logging here is the program's.
fn is_logging_switch(arg: &str) -> bool {
    ["rosout-logs", "stdout-logs", "external-lib-logs"]
        .iter()
        .any(|what| arg == format!("--enable-{what}") || arg == format!("--disable-{what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ros(args: &[&str]) -> Result<NodeArgs, ArgsError> {
        NodeArgs::parse("fusion", ["--ros-args"].iter().chain(args).copied())
    }

    #[test]
    fn node_and_namespace_are_renamed() {
        let args = ros(&["-r", "__node:=f2", "-r", "__ns:=/cell", "--remap", "clip:=/dream/clip"]).unwrap();
        assert_eq!(args.name().to_string(), "/cell/f2");
        assert_eq!(args.resolve("clip").unwrap(), "/dream/clip");
        assert_eq!(args.resolve("track").unwrap(), "/cell/track");
        assert_eq!(args.resolve("~/x").unwrap(), "/cell/f2/x");
    }

    #[test]
    fn another_node_of_the_process_stands_below_and_has_the_same_rules() {
        let args = ros(&["-r", "__ns:=/cell", "-r", "/tf:=_tf", "-p", "rate_hz:=3"]).unwrap();
        let part = args.of_part("arm", "left").unwrap();
        assert_eq!(part.name().to_string(), "/cell/left/arm");
        assert_eq!(part.resolve("/tf").unwrap(), "/cell/left/_tf");
        assert!(part.overrides().is_empty());
        assert_eq!(ros(&[]).unwrap().of_part("arm", "left").unwrap().name().to_string(), "/left/arm");
        assert!(args.of_part("arm", "the left").unwrap_err().to_string().contains("' '"));
    }

    #[test]
    fn rules_for_other_nodes_are_ignored() {
        let args = ros(&[
            "-r",
            "tracker:__node:=x",
            "-r",
            "tracker:a:=b",
            "-r",
            "fusion:c:=d",
            "-p",
            "tracker:p:=1",
        ])
        .unwrap();
        assert_eq!(args.name().to_string(), "/fusion");
        assert_eq!(args.resolve("a").unwrap(), "/a");
        assert_eq!(args.resolve("c").unwrap(), "/d");
        assert!(args.overrides().is_empty());
    }

    #[test]
    fn other_arguments_are_left_alone() {
        let args = NodeArgs::parse(
            "n",
            [
                "run",
                "-r",
                "--ros-args",
                "--log-level",
                "debug",
                "--disable-rosout-logs",
                "--",
                "-p",
                "--",
                "--ros-args",
            ],
        )
        .unwrap();
        assert_eq!(args.rest(), ["run", "-r", "-p", "--"]);
        assert_eq!(args.log_level(), Some("debug"));
    }

    #[test]
    fn mistakes_are_named() {
        for (args, word) in [
            (&["-r"][..], "-r needs a value"),
            (&["-r", "a=b"], "-r a=b: expected"),
            (&["-p", "rate_hz"], "-p rate_hz: expected"),
            (&["--frobnicate"], "unknown argument --frobnicate"),
            (&["-r", "__node:=a/b"], "a/b"),
            (&["-r", "__ns:=cell"], "must begin with '/'"),
            (&["-r", "a:=b c"], "' '"),
            (&["--params-file", "/no/such.yaml"], "/no/such.yaml"),
        ] {
            let message = ros(args).unwrap_err().to_string();
            assert!(message.contains(word), "{args:?} gave: {message}");
        }
    }
}
