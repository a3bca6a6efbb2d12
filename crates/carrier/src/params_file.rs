//! ROS 2 parameter files: `node_name: ros__parameters: …`, with wildcards.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_yaml_ng::{Mapping, Value};

use crate::NodeName;

/// A parameter's value given from outside, before anything is known about the parameter.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// Given for this node by name, not through a wildcard that means other nodes too.
    pub(crate) exact: bool,
}

/// Where a parameter's value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Declared by the node.
    Default,
    /// Set by the program that started the node in its own process.
    Program,
    /// `-p NAME:=VALUE`.
    CommandLine,
    /// A parameter file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Program => f.write_str("program"),
            Self::CommandLine => f.write_str("command line"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A parameter file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ParamsFileError {
    /// The file cannot be read.
    #[error("parameter file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no YAML.
    #[error("parameter file {}: {source}", .path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// YAML of another shape.
    #[error("parameter file {}: {at} must be {expected}", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The key.
        at: String,
        /// What belongs there.
        expected: &'static str,
    },
}

/// A value written on the command line. Text that is no YAML is taken as it stands.
pub(crate) fn parse_value(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// The parameters of a file that are for `node`, in the file's order.
pub(crate) fn read_params_file(path: &Path, node: &NodeName) -> Result<Vec<Override>, ParamsFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ParamsFileError::Read { path: path.to_owned(), source })?;
    let root: Value = serde_yaml_ng::from_str(&text)
        .map_err(|source| ParamsFileError::Yaml { path: path.to_owned(), source })?;
    let mut reader = Reader { path, node: node.to_string(), found: Vec::new() };
    if !root.is_null() {
        reader.nodes("", mapping(path, "the file", &root, "a mapping of node names")?)?;
    }
    Ok(reader.found)
}

struct Reader<'a> {
    path: &'a Path,
    node: String,
    found: Vec<Override>,
}

impl Reader<'_> {
    fn nodes(&mut self, pattern: &str, below: &Mapping) -> Result<(), ParamsFileError> {
        for (key, value) in below {
            let at = if pattern.is_empty() { "a node's name" } else { pattern };
            let key = text(self.path, at, key)?;
            if key == "ros__parameters" {
                if matches(pattern, &self.node) {
                    let exact = !pattern.contains('*');
                    let at = format!("{pattern}: ros__parameters");
                    self.parameters("", mapping(self.path, &at, value, "a mapping of parameters")?, exact)?;
                }
                continue;
            }
            let deeper = format!("{pattern}/{}", key.trim_matches('/'));
            self.nodes(&deeper, mapping(self.path, &deeper, value, "a mapping with ros__parameters")?)?;
        }
        Ok(())
    }

    fn parameters(&mut self, prefix: &str, below: &Mapping, exact: bool) -> Result<(), ParamsFileError> {
        for (key, value) in below {
            let name = format!("{prefix}{}", text(self.path, "a parameter's name", key)?);
            match value {
                Value::Mapping(below) => self.parameters(&format!("{name}."), below, exact)?,
                value => self.found.push(Override {
                    name,
                    value: value.clone(),
                    origin: Origin::File(self.path.to_owned()),
                    exact,
                }),
            }
        }
        Ok(())
    }
}

/// Whether a node's fully qualified name fits a pattern; `*` is one part, `**` any number of parts.
fn matches(pattern: &str, node: &str) -> bool {
    fn fit(pattern: &[&str], node: &[&str]) -> bool {
        match (pattern.split_first(), node.split_first()) {
            (None, None) => true,
            (Some((&"**", more)), _) => {
                (0..=node.len()).any(|n| node.get(n..).is_some_and(|rest| fit(more, rest)))
            }
            (Some((want, more)), Some((part, rest))) => (*want == "*" || want == part) && fit(more, rest),
            _ => false,
        }
    }
    let parts = |name: &'_ str| {
        name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (pattern, node) = (parts(pattern), parts(node));
    fit(
        &pattern.iter().map(String::as_str).collect::<Vec<_>>(),
        &node.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

fn mapping<'v>(
    path: &Path,
    at: &str,
    value: &'v Value,
    expected: &'static str,
) -> Result<&'v Mapping, ParamsFileError> {
    value.as_mapping().ok_or_else(|| ParamsFileError::Shape {
        path: path.to_owned(),
        at: at.to_owned(),
        expected,
    })
}

fn text<'v>(path: &Path, at: &str, key: &'v Value) -> Result<&'v str, ParamsFileError> {
    key.as_str().ok_or_else(|| ParamsFileError::Shape {
        path: path.to_owned(),
        at: at.to_owned(),
        expected: "text",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, namespace: &str) -> Result<Vec<(String, String, bool)>, ParamsFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let node = NodeName::new(namespace, "fusion").unwrap();
        let found = read_params_file(file.path(), &node)?;
        Ok(found
            .into_iter()
            .map(|o| (o.name, serde_yaml_ng::to_string(&o.value).unwrap().trim().to_owned(), o.exact))
            .collect())
    }

    #[test]
    fn patterns_fit_as_in_ros() {
        for (pattern, node, fits) in [
            ("/fusion", "/fusion", true),
            ("/fusion", "/cell/fusion", false),
            ("/**", "/cell/a/fusion", true),
            ("/**/fusion", "/fusion", true),
            ("/**/fusion", "/cell/a/fusion", true),
            ("/*/fusion", "/cell/fusion", true),
            ("/*/fusion", "/cell/a/fusion", false),
            ("/**/tracker", "/cell/fusion", false),
        ] {
            assert_eq!(matches(pattern, node), fits, "{pattern} {node}");
        }
    }

    #[test]
    fn a_file_gives_what_is_for_the_node() {
        let text = "
/**:
  ros__parameters: {rate_hz: 5.0}
fusion:
  ros__parameters:
    gate: {ray_gap_m: 0.01, deep: {on: true}}
cell:
  fusion:
    ros__parameters: {only_in_cell: 1}
tracker:
  ros__parameters: {other: 2}
";
        let rate = ("rate_hz".to_owned(), "5.0".to_owned(), false);
        assert_eq!(
            read(text, "/").unwrap(),
            [
                rate.clone(),
                ("gate.ray_gap_m".into(), "0.01".into(), true),
                ("gate.deep.on".into(), "true".into(), true)
            ]
        );
        assert_eq!(read(text, "/cell").unwrap(), [rate, ("only_in_cell".into(), "1".into(), true)]);
        assert_eq!(read("", "/").unwrap(), []);
    }

    #[test]
    fn files_of_another_shape_are_named() {
        for bad in
            ["[1, 2]", "fusion: 3", "fusion: {ros__parameters: 3}", "1: {ros__parameters: {}}", "a: [\n"]
        {
            let message = read(bad, "/").unwrap_err().to_string();
            assert!(message.starts_with("parameter file /"), "{message}");
        }
    }
}
