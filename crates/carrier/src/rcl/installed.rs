//! The services and actions of packages that r2r's documentation build lacks. On a machine without ROS 2 the two
//! lists of this file are checked against the messages by name, and all else of this carrier is type-checked.

use super::types::{ActionType, ServiceType, action_type, service_type};

#[cfg(feature = "rcl-doc-only")]
pub(super) const SERVICES: &[ServiceType] = &[service_type!(test_msgs / srv / Empty)];
#[cfg(not(feature = "rcl-doc-only"))]
pub(super) const SERVICES: &[ServiceType] = &[
    service_type!(moveit_msgs / srv / GetCartesianPath),
    service_type!(moveit_msgs / srv / GetPositionFK),
    service_type!(moveit_msgs / srv / GetPositionIK),
    service_type!(std_srvs / srv / Empty),
    service_type!(std_srvs / srv / SetBool),
    service_type!(std_srvs / srv / Trigger),
];

#[cfg(feature = "rcl-doc-only")]
pub(super) const ACTIONS: &[ActionType] = &[action_type!(test_msgs / action / Fibonacci)];
#[cfg(not(feature = "rcl-doc-only"))]
pub(super) const ACTIONS: &[ActionType] = &[
    action_type!(control_msgs / action / FollowJointTrajectory),
    action_type!(dreamitate_msgs / action / Dream),
    action_type!(dreamitate_msgs / action / Execute),
    action_type!(moveit_msgs / action / ExecuteTrajectory),
];
