//! Reads a package's .msg, .srv and .action files.

use std::path::Path;

use anyhow::{Context, Result};
use hiroz_codegen::discovery::{discover_actions, discover_messages, discover_services};
use hiroz_codegen::hashing::is_primitive_type;
use hiroz_codegen::types::{ArrayType, ParsedMessage};

use crate::definition::{Action, Definition, Interfaces, Member, Service};
use crate::text;

const UUID: &str = "unique_identifier_msgs/msg/UUID";
const TIME: &str = "builtin_interfaces/msg/Time";

/// The definitions in a package's folder.
pub fn read_package(folder: &Path, package: &str) -> Result<Interfaces> {
    let context = || format!("reading the definitions of {package}");
    let mut out = Interfaces::default();
    for message in discover_messages(folder, package).with_context(context)? {
        let type_name = format!("{package}/msg/{}", message.name);
        out.structs.push(structure(type_name, message.name.clone(), &message));
    }
    for service in discover_services(folder, package).with_context(context)? {
        let type_name = format!("{package}/srv/{}", service.name);
        let request =
            structure(format!("{type_name}_Request"), format!("{}Request", service.name), &service.request);
        let response = structure(
            format!("{type_name}_Response"),
            format!("{}Response", service.name),
            &service.response,
        );
        let docs = text::leading_comment(&service.source);
        out.services.push(Service { package: package.into(), type_name, rust_name: service.name, docs });
        out.structs.extend([request, response]);
    }
    for action in discover_actions(folder, package).with_context(context)? {
        let docs = text::leading_comment(&action.source);
        let result = action.result.context("an action without a result")?;
        let feedback = action.feedback.context("an action without feedback")?;
        add_action(&mut out, package, &action.name, docs, [&action.goal, &result, &feedback]);
    }
    Ok(out)
}

/// Adds an action's own three structs and the services and the message that carry them.
fn add_action(
    out: &mut Interfaces,
    package: &str,
    name: &str,
    docs: Vec<String>,
    parts: [&ParsedMessage; 3],
) {
    let action = format!("{package}/action/{name}");
    for (part, message) in ["Goal", "Result", "Feedback"].into_iter().zip(parts) {
        out.structs.push(structure(format!("{action}_{part}"), format!("{name}{part}"), message));
    }
    let goal_id = || Member::nested("goal_id", UUID, ArrayType::Single);
    let own =
        |member: &str, part: &str| Member::nested(member, &format!("{action}_{part}"), ArrayType::Single);
    let wrappers = [
        ("SendGoal_Request", vec![goal_id(), own("goal", "Goal")]),
        (
            "SendGoal_Response",
            vec![Member::primitive("accepted", "bool"), Member::nested("stamp", TIME, ArrayType::Single)],
        ),
        ("GetResult_Request", vec![goal_id()]),
        ("GetResult_Response", vec![Member::primitive("status", "int8"), own("result", "Result")]),
        ("FeedbackMessage", vec![goal_id(), own("feedback", "Feedback")]),
    ];
    for (part, members) in wrappers {
        let type_name = format!("{action}_{part}");
        let rust_name = format!("{name}{}", part.replace('_', ""));
        let text = text::members_text(&members);
        let docs = vec![];
        out.structs.push(Definition {
            package: package.into(),
            type_name,
            rust_name,
            docs,
            constants: vec![],
            members,
            text,
        });
    }
    for part in ["SendGoal", "GetResult"] {
        let (type_name, rust_name) = (format!("{action}_{part}"), format!("{name}{part}"));
        out.services.push(Service { package: package.into(), type_name, rust_name, docs: vec![] });
    }
    out.actions.push(Action { package: package.into(), type_name: action, rust_name: name.into(), docs });
}

fn structure(type_name: String, rust_name: String, message: &ParsedMessage) -> Definition {
    let comments = text::comments(&message.source);
    let docs_of = |name: &str| comments.get(name).cloned().unwrap_or_default();
    let mut members: Vec<Member> = message
        .fields
        .iter()
        .map(|field| {
            let kind = &field.field_type;
            let nested = (!is_primitive_type(&kind.base_type)).then(|| {
                format!("{}/msg/{}", kind.package.as_deref().unwrap_or(&message.package), kind.base_type)
            });
            let docs = docs_of(&field.name);
            Member {
                name: field.name.clone(),
                docs,
                field_type: kind.clone(),
                nested,
                default: field.default.clone(),
            }
        })
        .collect();
    if members.is_empty() {
        // rosidl puts this byte on the wire and into the hash of every empty struct.
        members.push(Member::primitive("structure_needs_at_least_one_member", "uint8"));
    }
    let constants = message.constants.iter().map(|c| (c.clone(), docs_of(&c.name))).collect();
    Definition {
        package: message.package.clone(),
        type_name,
        rust_name,
        docs: text::leading_comment(&message.source),
        constants,
        members,
        text: message.source.trim_end().to_owned() + "\n",
    }
}
