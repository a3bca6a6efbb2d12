//! A node's parameters, for `ros2 param` and other nodes.

use std::{future::ready, sync::Arc};

use dreamitate_msgs::rcl_interfaces::{
    self as ros, DescribeParameters, DescribeParametersResponse, FloatingPointRange, GetParameterTypes,
    GetParameterTypesResponse, GetParameters, GetParametersResponse, IntegerRange, ListParameters,
    ListParametersRequest, ListParametersResponse, ListParametersResult, ParameterDescriptor, SetParameters,
    SetParametersAtomically, SetParametersAtomicallyResponse, SetParametersResponse, SetParametersResult,
};

use crate::{CarrierError, Node, Parameter, ParameterSet, ParameterValue};

/// Type codes of `rcl_interfaces/msg/ParameterType`.
mod code {
    pub(super) const NOT_SET: u8 = 0;
    pub(super) const BOOL: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const DOUBLE: u8 = 3;
    pub(super) const STRING: u8 = 4;
    pub(super) const STRING_ARRAY: u8 = 9;
}

const READ_ONLY: &str = "parameters are read-only: give them when the node starts";

pub(crate) fn serve(node: &Node, set: Arc<ParameterSet>) -> Result<(), CarrierError> {
    let parameters = set.clone();
    node.serve::<ListParameters, _, _>("~/list_parameters", move |request| {
        ready(ListParametersResponse { result: list(&parameters, &request) })
    })?;
    let parameters = set.clone();
    node.serve::<GetParameters, _, _>("~/get_parameters", move |request| {
        let value = |name: &String| parameters.get(name).map(|p| value(&p.value)).unwrap_or_default();
        ready(GetParametersResponse { values: request.names.iter().map(value).collect() })
    })?;
    let parameters = set.clone();
    node.serve::<GetParameterTypes, _, _>("~/get_parameter_types", move |request| {
        let kind = |name: &String| parameters.get(name).map_or(code::NOT_SET, |p| value(&p.value).r#type);
        ready(GetParameterTypesResponse { types: request.names.iter().map(kind).collect() })
    })?;
    let parameters = set;
    node.serve::<DescribeParameters, _, _>("~/describe_parameters", move |request| {
        let descriptors = request.names.iter().map(|name| descriptor(name, parameters.get(name))).collect();
        ready(DescribeParametersResponse { descriptors })
    })?;
    let refused = || SetParametersResult { successful: false, reason: READ_ONLY.to_owned() };
    node.serve::<SetParameters, _, _>("~/set_parameters", move |request| {
        ready(SetParametersResponse { results: request.parameters.iter().map(|_| refused()).collect() })
    })?;
    node.serve::<SetParametersAtomically, _, _>("~/set_parameters_atomically", move |_| {
        ready(SetParametersAtomicallyResponse { result: refused() })
    })
}

/// The names below the wanted prefixes, no deeper than wanted (`rcl_interfaces/srv/ListParameters`).
fn list(set: &ParameterSet, request: &ListParametersRequest) -> ListParametersResult {
    let allowed = |below: &str| {
        request.depth == ListParametersRequest::DEPTH_RECURSIVE
            || (below.matches('.').count() as u64) < request.depth
    };
    let wanted = |name: &&str| {
        if request.prefixes.is_empty() {
            return allowed(name);
        }
        request.prefixes.iter().any(|prefix| {
            *name == prefix
                || name
                    .strip_prefix(prefix.as_str())
                    .and_then(|rest| rest.strip_prefix('.'))
                    .is_some_and(allowed)
        })
    };
    let names: Vec<String> = set.iter().map(|(name, _)| name).filter(wanted).map(str::to_owned).collect();
    let mut prefixes: Vec<String> =
        names.iter().filter_map(|name| Some(name.rsplit_once('.')?.0.to_owned())).collect();
    prefixes.dedup();
    ListParametersResult { names, prefixes }
}

fn value(value: &ParameterValue) -> ros::ParameterValue {
    let blank = ros::ParameterValue::default();
    match value.clone() {
        ParameterValue::Bool(bool_value) => ros::ParameterValue { r#type: code::BOOL, bool_value, ..blank },
        ParameterValue::Integer(integer_value) => {
            ros::ParameterValue { r#type: code::INTEGER, integer_value, ..blank }
        }
        ParameterValue::Double(double_value) => {
            ros::ParameterValue { r#type: code::DOUBLE, double_value, ..blank }
        }
        ParameterValue::Text(string_value) => {
            ros::ParameterValue { r#type: code::STRING, string_value, ..blank }
        }
        ParameterValue::TextList(string_array_value) => {
            ros::ParameterValue { r#type: code::STRING_ARRAY, string_array_value, ..blank }
        }
    }
}

fn descriptor(name: &str, parameter: Option<&Parameter>) -> ParameterDescriptor {
    let Some(parameter) = parameter else {
        return ParameterDescriptor { name: name.to_owned(), ..ParameterDescriptor::default() };
    };
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(" [{}]", parameter.unit) };
    let choices = parameter.choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut descriptor = ParameterDescriptor {
        name: name.to_owned(),
        r#type: value(&parameter.value).r#type,
        description: format!("{}{unit}", parameter.about),
        additional_constraints: if choices.is_empty() { choices } else { format!("one of {choices}") },
        read_only: true,
        ..ParameterDescriptor::default()
    };
    match parameter.range {
        Some((ParameterValue::Double(from_value), ParameterValue::Double(to_value))) => {
            descriptor.floating_point_range.push(FloatingPointRange { from_value, to_value, step: 0.0 });
        }
        Some((ParameterValue::Integer(from_value), ParameterValue::Integer(to_value))) => {
            descriptor.integer_range.push(IntegerRange { from_value, to_value, step: 1 });
        }
        _ => {}
    }
    descriptor
}
