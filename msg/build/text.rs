//! The ros2msg text of definitions, and the comments in it.

use std::collections::{BTreeMap, BTreeSet};

use hiroz_codegen::types::ArrayType;

use crate::definition::{Definition, Member, short_name};

const SEPARATOR: &str = "================================================================================\n";

/// The comment at the top of a file, if a blank line ends it; it is about the whole definition.
pub fn leading_comment(source: &str) -> Vec<String> {
    let mut comment = Vec::new();
    for line in source.lines() {
        match line.trim().strip_prefix('#') {
            Some(text) => comment.push(text.trim().to_owned()),
            None if line.trim().is_empty() => return comment,
            None => break,
        }
    }
    vec![]
}

/// The comments of fields and constants by name: the lines just above, or the end of the line.
pub fn comments(source: &str) -> BTreeMap<String, Vec<String>> {
    let mut by_name = BTreeMap::new();
    let mut above = Vec::new();
    for line in source.lines() {
        let (code, comment) = line.split_once('#').map_or((line, None), |(code, c)| (code, Some(c.trim())));
        if code.trim().is_empty() {
            match comment {
                Some(text) => above.push(text.to_owned()),
                None => above.clear(),
            }
            continue;
        }
        above.extend(comment.map(str::to_owned));
        let name = code.split_whitespace().nth(1).map(|word| word.split('=').next().unwrap_or(word));
        if let Some(name) = name {
            by_name.insert(name.to_owned(), std::mem::take(&mut above));
        }
    }
    by_name
}

/// The ROS name of a member's type as written in a .msg file.
pub fn ros_type(member: &Member) -> String {
    let base = match &member.nested {
        Some(type_name) => {
            let (package, name) = short_name(type_name);
            format!("{package}/{name}")
        }
        None => member.field_type.base_type.clone(),
    };
    let bound = member.field_type.string_bound.map(|n| format!("<={n}")).unwrap_or_default();
    let array = match member.field_type.array {
        ArrayType::Single => String::new(),
        ArrayType::Fixed(n) => format!("[{n}]"),
        ArrayType::Bounded(n) => format!("[<={n}]"),
        ArrayType::Unbounded => "[]".to_owned(),
    };
    format!("{base}{bound}{array}")
}

/// The text of a struct that no file defines.
pub fn members_text(members: &[Member]) -> String {
    members.iter().map(|member| format!("{} {}\n", ros_type(member), member.name)).collect()
}

/// The text of a struct followed by those of all structs within it, as MCAP's `ros2msg` encoding wants it.
pub fn full_text(definition: &Definition, all: &BTreeMap<&str, &Definition>) -> String {
    let mut text = definition.text.clone();
    let mut seen = BTreeSet::from([definition.type_name.as_str()]);
    let mut waiting: Vec<&str> = nested(definition).collect();
    while let Some(type_name) = waiting.pop() {
        if !seen.insert(type_name) {
            continue;
        }
        if let Some(inner) = all.get(type_name) {
            let (package, name) = short_name(type_name);
            text += SEPARATOR;
            text += &format!("MSG: {package}/{name}\n{}", inner.text);
            waiting.extend(nested(inner));
        }
    }
    text
}

fn nested(definition: &Definition) -> impl Iterator<Item = &str> {
    definition.members.iter().filter_map(|member| member.nested.as_deref())
}
