//! Writes the Rust code: a module for each package, and the table of all structs.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, bail};
use hiroz_codegen::types::{ArrayType, Constant, DefaultValue};

use crate::definition::{Action, Definition, Interfaces, Member, Service};
use crate::hash::Hashes;
use crate::text;

/// serde implements its traits for arrays up to this length.
const LONGEST_SERDE_ARRAY: usize = 32;
const KEYWORDS: [&str; 12] =
    ["type", "ref", "match", "move", "mod", "use", "loop", "box", "fn", "impl", "in", "where"];

/// The whole generated file.
pub fn write(interfaces: &Interfaces) -> Result<String> {
    let hashes = Hashes::new(interfaces)?;
    let all: BTreeMap<&str, &Definition> =
        interfaces.structs.iter().map(|d| (d.type_name.as_str(), d)).collect();
    let mut modules: BTreeMap<&str, String> = BTreeMap::new();
    let mut table = String::new();
    for definition in &interfaces.structs {
        let code = modules.entry(&definition.package).or_default();
        write_struct(code, definition, &all, &hashes)?;
        let path = format!("{}::{}", definition.package, definition.rust_name);
        writeln!(table, "    crate::MessageInfo::of::<{path}>(),")?;
    }
    let mut others = String::new();
    for name in interfaces
        .services
        .iter()
        .map(|s| &s.type_name)
        .chain(interfaces.actions.iter().map(|a| &a.type_name))
    {
        writeln!(others, "    ({name:?}, {:?}),", hashes.of(name)?)?;
    }
    for service in &interfaces.services {
        write_service(modules.entry(&service.package).or_default(), service, &hashes)?;
    }
    for action in &interfaces.actions {
        write_action(modules.entry(&action.package).or_default(), action, &hashes)?;
    }
    let mut code = String::new();
    for (package, body) in modules {
        writeln!(code, "/// Messages, services and actions of the ROS package `{package}`.")?;
        // Defaults are written member by member, since some definitions have values of their own.
        writeln!(code, "#[allow(clippy::derivable_impls)]\npub mod {package} {{\n{body}}}\n")?;
    }
    writeln!(code, "/// Every struct, sorted by type name.")?;
    writeln!(code, "pub(crate) static ALL: &[crate::MessageInfo] = &[\n{table}];")?;
    writeln!(code, "/// The name and hash of every service and action.")?;
    writeln!(code, "pub(crate) static SERVICES_AND_ACTIONS: &[(&str, &str)] = &[\n{others}];")?;
    Ok(code)
}

fn write_struct(
    code: &mut String,
    definition: &Definition,
    all: &BTreeMap<&str, &Definition>,
    hashes: &Hashes,
) -> Result<()> {
    let Definition { type_name, rust_name, .. } = definition;
    write_docs(code, "    ", &definition.docs, &format!("`{type_name}`."))?;
    writeln!(code, "    #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]")?;
    writeln!(code, "    pub struct {rust_name} {{")?;
    let mut defaults = String::new();
    for member in &definition.members {
        write_docs(code, "        ", &member.docs, &format!("`{}`.", text::ros_type(member)))?;
        if let Some(attribute) = serde_attribute(member) {
            writeln!(code, "        {attribute}")?;
        }
        let name = identifier(&member.name);
        writeln!(code, "        pub {name}: {},", rust_type(member, all)?)?;
        writeln!(defaults, "                {name}: {},", default_value(member)?)?;
    }
    writeln!(code, "    }}")?;
    writeln!(code, "    impl ::std::default::Default for {rust_name} {{")?;
    writeln!(
        code,
        "        fn default() -> Self {{\n            Self {{\n{defaults}            }}\n        }}\n    }}"
    )?;
    if !definition.constants.is_empty() {
        writeln!(code, "    impl {rust_name} {{")?;
        for (constant, docs) in &definition.constants {
            write_constant(code, constant, docs)?;
        }
        writeln!(code, "    }}")?;
    }
    writeln!(code, "    impl crate::Message for {rust_name} {{")?;
    write_names(code, type_name, hashes)?;
    writeln!(
        code,
        "        const DEFINITION: &'static str = {:?};\n    }}",
        text::full_text(definition, all)
    )?;
    Ok(())
}

fn write_service(code: &mut String, service: &Service, hashes: &Hashes) -> Result<()> {
    let Service { type_name, rust_name, .. } = service;
    write_docs(code, "    ", &service.docs, &format!("The service `{type_name}`."))?;
    writeln!(code, "    #[derive(Debug, Clone, Copy)]\n    pub struct {rust_name};")?;
    writeln!(code, "    impl crate::Service for {rust_name} {{")?;
    writeln!(
        code,
        "        type Request = {rust_name}Request;\n        type Response = {rust_name}Response;"
    )?;
    write_names(code, type_name, hashes)?;
    writeln!(code, "    }}")?;
    Ok(())
}

fn write_action(code: &mut String, action: &Action, hashes: &Hashes) -> Result<()> {
    let Action { type_name, rust_name: name, .. } = action;
    write_docs(code, "    ", &action.docs, &format!("The action `{type_name}`."))?;
    writeln!(code, "    #[derive(Debug, Clone, Copy)]\n    pub struct {name};")?;
    writeln!(code, "    impl crate::Action for {name} {{")?;
    for part in ["Goal", "Result", "Feedback", "SendGoal", "GetResult", "FeedbackMessage"] {
        writeln!(code, "        type {part} = {name}{part};")?;
    }
    write_names(code, type_name, hashes)?;
    writeln!(
        code,
        "    crate::action_parts!({name}Goal, {name}Result, {name}Feedback, {name}SendGoalRequest,"
    )?;
    writeln!(code, "        {name}SendGoalResponse, {name}GetResultRequest, {name}GetResultResponse,")?;
    writeln!(code, "        {name}FeedbackMessage);\n    }}")?;
    Ok(())
}

fn write_names(code: &mut String, type_name: &str, hashes: &Hashes) -> Result<()> {
    writeln!(code, "        const TYPE_NAME: &'static str = {type_name:?};")?;
    writeln!(code, "        const TYPE_HASH: &'static str = {:?};", hashes.of(type_name)?)?;
    Ok(())
}

fn write_docs(code: &mut String, indent: &str, docs: &[String], otherwise: &str) -> Result<()> {
    if docs.is_empty() {
        writeln!(code, "{indent}/// {otherwise}")?;
    }
    for line in docs {
        writeln!(code, "{indent}/// {line}")?;
    }
    Ok(())
}

fn write_constant(code: &mut String, constant: &Constant, docs: &[String]) -> Result<()> {
    let Constant { name, const_type, value } = constant;
    let (kind, value) = match const_type.as_str() {
        "string" => ("&'static str".to_owned(), format!("{:?}", value.trim_matches(['"', '\'']))),
        "bool" => ("bool".to_owned(), value.to_lowercase()),
        other => (primitive(other)?.to_owned(), value.clone()),
    };
    write_docs(code, "        ", docs, &format!("`{const_type} {name}`."))?;
    writeln!(code, "        pub const {name}: {kind} = {value};")?;
    Ok(())
}

fn serde_attribute(member: &Member) -> Option<&'static str> {
    let bytes =
        member.nested.is_none() && matches!(member.field_type.base_type.as_str(), "uint8" | "byte" | "char");
    match member.field_type.array {
        ArrayType::Unbounded | ArrayType::Bounded(_) if bytes => Some("#[serde(with = \"::serde_bytes\")]"),
        ArrayType::Fixed(n) if n > LONGEST_SERDE_ARRAY => {
            Some("#[serde(with = \"::serde_big_array::BigArray\")]")
        }
        _ => None,
    }
}

fn rust_type(member: &Member, all: &BTreeMap<&str, &Definition>) -> Result<String> {
    let element = match &member.nested {
        Some(type_name) => match all.get(type_name.as_str()) {
            Some(definition) => format!("crate::{}::{}", definition.package, definition.rust_name),
            None => bail!("the type {type_name} is used but nowhere defined"),
        },
        None => primitive(&member.field_type.base_type)?.to_owned(),
    };
    Ok(match member.field_type.array {
        ArrayType::Single => element,
        ArrayType::Fixed(n) => format!("[{element}; {n}]"),
        ArrayType::Bounded(_) | ArrayType::Unbounded => format!("::std::vec::Vec<{element}>"),
    })
}

fn primitive(base_type: &str) -> Result<&'static str> {
    Ok(match base_type {
        "bool" => "bool",
        "uint8" | "byte" | "char" => "u8",
        "int8" => "i8",
        "uint16" => "u16",
        "int16" => "i16",
        "uint32" => "u32",
        "int32" => "i32",
        "uint64" => "u64",
        "int64" => "i64",
        "float32" => "f32",
        "float64" => "f64",
        "string" => "::std::string::String",
        other => bail!("the primitive type {other} is not supported"),
    })
}

/// The default of a member: the definition's own where it gives one (a quaternion's w is 1), else zero.
fn default_value(member: &Member) -> Result<String> {
    Ok(match (&member.default, &member.field_type.array) {
        (None, ArrayType::Fixed(_)) => {
            "::std::array::from_fn(|_| ::std::default::Default::default())".to_owned()
        }
        (None, _) => "::std::default::Default::default()".to_owned(),
        (Some(DefaultValue::Bool(value)), ArrayType::Single) => value.to_string(),
        (Some(DefaultValue::String(value)), ArrayType::Single) => format!("{value:?}.to_owned()"),
        (Some(DefaultValue::Float(value)), ArrayType::Single) => format!("{value:?}"),
        (Some(DefaultValue::Int(value)), ArrayType::Single) => {
            let point = if member.field_type.base_type.starts_with("float") { ".0" } else { "" };
            format!("{value}{point}")
        }
        (Some(other), _) => bail!("{}: the default {other:?} is not supported", member.name),
    })
}

fn identifier(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}
