//! The `rcl` carrier finds services by name in a table that is written by hand, part of which can only be compiled where
//! ROS 2 is: here its names are compared with the messages that this project knows.

use std::collections::BTreeSet;

use dreamitate_msgs::MessageInfo;

const TABLES: [&str; 2] = [include_str!("../src/rcl/types.rs"), include_str!("../src/rcl/installed.rs")];

/// The rows of one macro, `package/kind/Name`, but those for the documentation build.
fn rows(of: &str) -> BTreeSet<String> {
    let arguments = TABLES.iter().flat_map(|table| table.split(of).skip(1));
    let written = arguments.filter_map(|rest| rest.strip_prefix('(')?.split(')').next());
    written.map(|row| row.replace(' ', "")).filter(|row| !row.starts_with("test_msgs/")).collect()
}

#[test]
fn every_service_and_action_of_ours_is_in_the_table_and_nothing_else() {
    let requests = MessageInfo::all().iter().filter_map(|info| info.type_name.strip_suffix("_Request"));
    let mut services = BTreeSet::new();
    let mut actions = BTreeSet::new();
    for request in requests {
        match request.strip_suffix("_SendGoal").or(request.strip_suffix("_GetResult")) {
            Some(action) => actions.insert(action.to_owned()),
            None => services.insert(request.to_owned()),
        };
    }
    assert_eq!(rows("service_type!"), services);
    assert_eq!(rows("action_type!"), actions);
    assert!(services.len() >= 10 && actions.len() >= 4, "{services:?} {actions:?}");
}
