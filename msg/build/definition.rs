//! What a package defines, flattened: services and actions become plain structs with ROS's own names.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use hiroz_codegen::types::{ArrayType, Constant, DefaultValue, FieldType};

/// A struct on the wire: a message, or one part of a service or an action.
#[derive(Clone)]
pub struct Definition {
    pub package: String,
    /// `pkg/msg/Name`, `pkg/srv/Name_Request`, `pkg/action/Name_SendGoal_Request`, …
    pub type_name: String,
    /// The name in Rust, without underscores.
    pub rust_name: String,
    pub docs: Vec<String>,
    pub constants: Vec<(Constant, Vec<String>)>,
    pub members: Vec<Member>,
    /// The ros2msg text of this struct alone.
    pub text: String,
}

/// A member of a [`Definition`].
#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub docs: Vec<String>,
    pub field_type: FieldType,
    /// The full type name where the member is a struct, `None` where it is a primitive.
    pub nested: Option<String>,
    pub default: Option<DefaultValue>,
}

impl Member {
    /// A member that is a struct, or a sequence of them.
    pub fn nested(name: &str, type_name: &str, array: ArrayType) -> Self {
        let (package, base) = short_name(type_name);
        let field_type = FieldType { base_type: base, package: Some(package), array, string_bound: None };
        Self { name: name.into(), docs: vec![], field_type, nested: Some(type_name.into()), default: None }
    }

    /// A single primitive member.
    pub fn primitive(name: &str, base_type: &str) -> Self {
        let field_type = FieldType {
            base_type: base_type.into(),
            package: None,
            array: ArrayType::Single,
            string_bound: None,
        };
        Self { name: name.into(), docs: vec![], field_type, nested: None, default: None }
    }
}

/// A service; its parts are among the structs.
#[derive(Clone)]
pub struct Service {
    pub package: String,
    /// `pkg/srv/Name`, or `pkg/action/Name_SendGoal`.
    pub type_name: String,
    pub rust_name: String,
    pub docs: Vec<String>,
}

/// An action; its parts are among the structs and services.
#[derive(Clone)]
pub struct Action {
    pub package: String,
    /// `pkg/action/Name`.
    pub type_name: String,
    pub rust_name: String,
    pub docs: Vec<String>,
}

/// All definitions of one or more packages.
#[derive(Default)]
pub struct Interfaces {
    pub structs: Vec<Definition>,
    pub services: Vec<Service>,
    pub actions: Vec<Action>,
}

impl Interfaces {
    pub fn append(&mut self, other: Self) {
        self.structs.extend(other.structs);
        self.services.extend(other.services);
        self.actions.extend(other.actions);
    }

    /// Sorts by type name, so that the output does not depend on the order of a folder's entries.
    pub fn sort(&mut self) {
        self.structs.sort_by(|a, b| a.type_name.cmp(&b.type_name));
        self.services.sort_by(|a, b| a.type_name.cmp(&b.type_name));
        self.actions.sort_by(|a, b| a.type_name.cmp(&b.type_name));
    }

    /// Checks that no two definitions of a package get the same name in Rust.
    pub fn check_names(&self) -> Result<()> {
        let structs = self.structs.iter().map(|d| (&d.package, &d.rust_name));
        let services = self.services.iter().map(|s| (&s.package, &s.rust_name));
        let actions = self.actions.iter().map(|a| (&a.package, &a.rust_name));
        let mut seen = BTreeSet::new();
        for (package, name) in structs.chain(services).chain(actions) {
            if !seen.insert((package, name)) {
                bail!("{package}: two definitions become the Rust name {name}");
            }
        }
        Ok(())
    }
}

/// `("pkg", "Name")` of `pkg/msg/Name`.
pub fn short_name(type_name: &str) -> (String, String) {
    let package = type_name.split('/').next().unwrap_or_default();
    let name = type_name.rsplit('/').next().unwrap_or_default();
    (package.into(), name.into())
}
