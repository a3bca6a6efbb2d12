//! RIHS01 type hashes (REP-2011) of structs, services and actions.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use hiroz_codegen::hashing::{
    FieldDescription, FieldTypeDescription, TypeDescription, TypeDescriptionMsg, calculate_hash, get_type_id,
};
use hiroz_codegen::types::ArrayType;

use crate::definition::{Interfaces, Member};

/// The descriptions of all types, from which hashes are computed.
pub struct Hashes {
    by_name: BTreeMap<String, TypeDescription>,
}

impl Hashes {
    pub fn new(interfaces: &Interfaces) -> Result<Self> {
        let mut hashes = Self { by_name: BTreeMap::new() };
        for definition in &interfaces.structs {
            hashes.add(&definition.type_name, &definition.members)?;
        }
        let one = |name: &str, type_name: &str| Member::nested(name, type_name, ArrayType::Single);
        let at_most_one =
            |name: &str, type_name: &str| Member::nested(name, type_name, ArrayType::Bounded(1));
        for service in &interfaces.services {
            let name = &service.type_name;
            let part = |suffix: &str| format!("{name}_{suffix}");
            let event = [
                one("info", "service_msgs/msg/ServiceEventInfo"),
                at_most_one("request", &part("Request")),
                at_most_one("response", &part("Response")),
            ];
            hashes.add(&part("Event"), &event)?;
            let parts = [
                one("request_message", &part("Request")),
                one("response_message", &part("Response")),
                one("event_message", &part("Event")),
            ];
            hashes.add(name, &parts)?;
        }
        for action in &interfaces.actions {
            let name = &action.type_name;
            let parts = [
                one("goal", &format!("{name}_Goal")),
                one("result", &format!("{name}_Result")),
                one("feedback", &format!("{name}_Feedback")),
                one("send_goal_service", &format!("{name}_SendGoal")),
                one("get_result_service", &format!("{name}_GetResult")),
                one("feedback_message", &format!("{name}_FeedbackMessage")),
            ];
            hashes.add(name, &parts)?;
        }
        Ok(hashes)
    }

    /// The `RIHS01_…` of a type.
    pub fn of(&self, type_name: &str) -> Result<String> {
        let type_description = self.get(type_name)?.clone();
        let mut referenced = BTreeMap::new();
        self.collect(&type_description, &mut referenced)?;
        let referenced_type_descriptions = referenced.into_values().collect();
        Ok(calculate_hash(&TypeDescriptionMsg { type_description, referenced_type_descriptions })
            .to_rihs_string())
    }

    fn get(&self, type_name: &str) -> Result<&TypeDescription> {
        self.by_name
            .get(type_name)
            .with_context(|| format!("the type {type_name} is used but nowhere defined"))
    }

    fn collect(&self, of: &TypeDescription, into: &mut BTreeMap<String, TypeDescription>) -> Result<()> {
        for field in &of.fields {
            let name = &field.field_type.nested_type_name;
            if !name.is_empty() && !into.contains_key(name) {
                let nested = self.get(name)?;
                into.insert(name.clone(), nested.clone());
                self.collect(nested, into)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, type_name: &str, members: &[Member]) -> Result<()> {
        let fields = members
            .iter()
            .map(|member| {
                let field_type = describe(member).with_context(|| format!("{type_name}.{}", member.name))?;
                Ok(FieldDescription { name: member.name.clone(), field_type, default_value: String::new() })
            })
            .collect::<Result<_>>()?;
        self.by_name.insert(type_name.into(), TypeDescription { type_name: type_name.into(), fields });
        Ok(())
    }
}

fn describe(member: &Member) -> Result<FieldTypeDescription> {
    let kind = &member.field_type;
    if kind.string_bound.is_some() && kind.array != ArrayType::Single {
        bail!("arrays of bounded strings are not supported");
    }
    let capacity = match kind.array {
        ArrayType::Fixed(n) | ArrayType::Bounded(n) => u64::try_from(n)?,
        ArrayType::Single | ArrayType::Unbounded => 0,
    };
    Ok(FieldTypeDescription {
        type_id: get_type_id(kind)?,
        capacity,
        string_capacity: u64::try_from(kind.string_bound.unwrap_or(0))?,
        nested_type_name: member.nested.clone().unwrap_or_default(),
    })
}
