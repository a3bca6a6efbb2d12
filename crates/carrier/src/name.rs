//! ROS names: a node's name and namespace, and how a name in the code becomes a fully qualified one.

use std::fmt;

/// A node's name and namespace, both checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName {
    namespace: String,
    name: String,
}

/// A name that ROS does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name must not be empty")]
    Empty,
    /// A letter that no ROS name has.
    #[error(
        "name \"{name}\" has '{letter}', but only letters, digits, '_', '/' and a leading '~' are allowed"
    )]
    Letter {
        /// The name.
        name: String,
        /// The first offending character.
        letter: char,
    },
    /// Two slashes in a row, or one at the end.
    #[error("name \"{0}\" has an empty part between or after its slashes")]
    EmptyPart(String),
    /// A part that begins with a digit.
    #[error("name \"{0}\" has a part that begins with a digit")]
    Digit(String),
    /// A node's own name with a slash in it.
    #[error("node name \"{0}\" must not contain '/': the namespace is given apart (-r __ns:=/...)")]
    NodeSlash(String),
    /// A namespace without its leading slash.
    #[error("namespace \"{0}\" must begin with '/'")]
    RelativeNamespace(String),
}

impl NodeName {
    /// A node `name` in `namespace` (`/` is the root).
    ///
    /// # Errors
    /// [`NameError`] if either breaks ROS's rules.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        if name.contains('/') {
            return Err(NameError::NodeSlash(name.to_owned()));
        }
        check(name, name)?;
        if namespace != "/" {
            let relative = namespace
                .strip_prefix('/')
                .ok_or_else(|| NameError::RelativeNamespace(namespace.to_owned()))?;
            check(relative, namespace)?;
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The name without its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace, with its leading slash; `/` for the root.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The fully qualified form of a name used in this node: `/absolute` stays, `relative` goes below the
    /// namespace, `~/private` below the node.
    ///
    /// # Errors
    /// [`NameError`] if the name breaks ROS's rules.
    pub fn expand(&self, name: &str) -> Result<String, NameError> {
        let (base, rest) = match (name.strip_prefix('/'), name.strip_prefix('~')) {
            (Some(rest), _) => (String::new(), rest),
            (_, Some("")) => return Ok(self.to_string()),
            (_, Some(rest)) => {
                let rest =
                    rest.strip_prefix('/').ok_or(NameError::Letter { name: name.to_owned(), letter: '~' })?;
                (self.to_string(), rest)
            }
            _ => (self.namespace.trim_end_matches('/').to_owned(), name),
        };
        check(rest, name)?;
        Ok(format!("{base}/{rest}"))
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.trim_end_matches('/');
        write!(f, "{namespace}/{}", self.name)
    }
}

/// Checks the parts of a relative name; `whole` is what the message shows.
fn check(relative: &str, whole: &str) -> Result<(), NameError> {
    if relative.is_empty() {
        return Err(if whole.is_empty() { NameError::Empty } else { NameError::EmptyPart(whole.to_owned()) });
    }
    for part in relative.split('/') {
        if part.is_empty() {
            return Err(NameError::EmptyPart(whole.to_owned()));
        }
        if let Some(letter) = part.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
            return Err(NameError::Letter { name: whole.to_owned(), letter });
        }
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(NameError::Digit(whole.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_expand_as_in_ros() {
        let root = NodeName::new("/", "pose_fusion").unwrap();
        let cell = NodeName::new("/cell/a", "pose_fusion").unwrap();
        let cases = [
            ("track/top/left", "/track/top/left", "/cell/a/track/top/left"),
            ("/tf", "/tf", "/tf"),
            ("~/status", "/pose_fusion/status", "/cell/a/pose_fusion/status"),
            ("~", "/pose_fusion", "/cell/a/pose_fusion"),
        ];
        for (name, in_root, in_cell) in cases {
            assert_eq!(root.expand(name).unwrap(), in_root);
            assert_eq!(cell.expand(name).unwrap(), in_cell);
        }
    }

    #[test]
    fn bad_names_are_refused() {
        let node = NodeName::new("/", "n").unwrap();
        for bad in ["", "/", "a//b", "a/", "a b", "1a", "a/2b", "~a", "a:b", "ä"] {
            assert!(node.expand(bad).is_err(), "{bad:?} was taken");
        }
        for (namespace, name) in [("cell", "n"), ("/cell/", "n"), ("/", ""), ("/", "a/b"), ("//", "n")] {
            assert!(NodeName::new(namespace, name).is_err(), "{namespace:?} {name:?} was taken");
        }
    }
}
