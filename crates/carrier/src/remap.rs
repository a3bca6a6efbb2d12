//! Remap rules: `from:=to`, as ROS 2 reads them.

use crate::{NameError, NodeName};

/// A rule that renames a topic, service or action of a node, or the node itself (`__node`, `__ns`, `__name`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemapRule {
    /// Node that the rule is for; every node if `None`.
    pub(crate) node: Option<String>,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl RemapRule {
    /// The rule written as `[node:]from:=to`, or `None` if it is not of that form.
    pub fn parse(rule: &str) -> Option<Self> {
        let (from, to) = rule.split_once(":=")?;
        let (node, from) = match from.split_once(':') {
            Some((node, from)) => (Some(node), from),
            None => (None, from),
        };
        let blank = from.is_empty() || to.is_empty() || node.is_some_and(str::is_empty);
        let odd = from.contains(':') || to.contains(":=");
        (!blank && !odd).then(|| Self {
            node: node.map(str::to_owned),
            from: from.to_owned(),
            to: to.to_owned(),
        })
    }

    pub(crate) fn is_for(&self, node_name: &str) -> bool {
        self.node.as_deref().is_none_or(|node| node == node_name)
    }
}

/// The fully qualified name of `name` in `node` after the first rule that fits it.
///
/// # Errors
/// [`NameError`] if the name, or the name that a rule gives it, breaks ROS's rules.
pub(crate) fn resolve(node: &NodeName, rules: &[RemapRule], name: &str) -> Result<String, NameError> {
    let expanded = node.expand(name)?;
    for rule in rules.iter().filter(|rule| !rule.from.starts_with("__")) {
        if node.expand(&rule.from)? == expanded {
            return node.expand(&rule.to);
        }
    }
    Ok(expanded)
}

/// Two rules of which the second renames what the first has renamed. rcl applies a process's rules to full names again, so
/// there it would be renamed twice.
///
/// # Errors
/// As [`resolve`].
#[cfg(any(feature = "rcl", test))]
pub(crate) fn chained<'a>(
    node: &NodeName,
    rules: &'a [RemapRule],
) -> Result<Option<(&'a RemapRule, &'a RemapRule)>, NameError> {
    let names = || rules.iter().filter(|rule| !rule.from.starts_with("__"));
    for first in names() {
        let renamed = node.expand(&first.to)?;
        for second in names() {
            if node.expand(&second.from)? == renamed && node.expand(&second.to)? != renamed {
                return Ok(Some((first, second)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(all: &[&str]) -> Vec<RemapRule> {
        all.iter().map(|rule| RemapRule::parse(rule).unwrap()).collect()
    }

    #[test]
    fn rules_apply_to_expanded_names_and_the_first_wins() {
        let node = NodeName::new("/cell", "n").unwrap();
        let rules = rules(&["a:=b", "/cell/a:=c", "~/p:=/q", "/abs:=rel", "b:=never_chained"]);
        for (name, expected) in [
            ("a", "/cell/b"),
            ("/cell/a", "/cell/b"),
            ("~/p", "/q"),
            ("/abs", "/cell/rel"),
            ("/a", "/a"),
            ("other", "/cell/other"),
        ] {
            assert_eq!(resolve(&node, &rules, name).unwrap(), expected);
        }
    }

    #[test]
    fn a_rule_for_what_another_has_renamed_is_found() {
        let node = NodeName::new("/cell", "n").unwrap();
        let swap = rules(&["__node:=m", "top:=side", "/cell/side:=top"]);
        let (first, second) = chained(&node, &swap).unwrap().unwrap();
        assert_eq!((first.from.as_str(), second.from.as_str()), ("top", "/cell/side"));
        for fine in [&["a:=b", "c:=d"][..], &["a:=b", "c:=b"], &["a:=a"], &["a:=/b", "b:=c"]] {
            assert_eq!(chained(&node, &rules(fine)).unwrap(), None, "{fine:?}");
        }
    }

    #[test]
    fn rules_are_read_with_and_without_a_node() {
        let rule = RemapRule::parse("tracker:a:=b").unwrap();
        assert!(rule.is_for("tracker") && !rule.is_for("fusion"));
        assert!(RemapRule::parse("a:=b").unwrap().is_for("fusion"));
        for bad in ["a", "a=b", ":=b", "a:=", ":a:=b", "a:b:c:=d", "a:=b:=c"] {
            assert_eq!(RemapRule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_target_is_an_error() {
        let node = NodeName::new("/", "n").unwrap();
        assert!(resolve(&node, &rules(&["a:=b c"]), "a").is_err());
    }
}
