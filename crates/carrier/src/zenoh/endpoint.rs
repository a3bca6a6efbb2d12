//! Endpoints in rmw_zenoh's form.

use std::{collections::BTreeMap, num::NonZeroUsize};

use hiroz::{
    entity::{EndpointEntity, EndpointKind, Entity, TypeHash, TypeInfo, entity_get_endpoint},
    graph::Graph,
    node::ZNode,
    qos::{QosDurability, QosHistory, QosProfile, QosReliability},
};

use crate::{CarrierError, Endpoint, Qos, TopicInfo};

/// An endpoint of `node` as hiroz' key format wants it.
pub(super) fn entity(
    node: &ZNode,
    kind: EndpointKind,
    endpoint: &Endpoint,
    qos: Qos,
) -> Result<EndpointEntity, CarrierError> {
    let hash = TypeHash::from_rihs_string(&endpoint.type_hash).ok_or_else(|| CarrierError::TypeHash {
        type_name: endpoint.type_name.clone(),
        type_hash: endpoint.type_hash.clone(),
    })?;
    Ok(EndpointEntity {
        id: node.next_entity_id(),
        node: Some(node.node_entity().clone()),
        kind,
        topic: endpoint.name.clone(),
        type_info: Some(TypeInfo { name: dds_type(&endpoint.type_name), hash }),
        qos: profile(qos).to_protocol_qos(),
    })
}

fn profile(qos: Qos) -> QosProfile {
    QosProfile {
        reliability: if qos.reliable { QosReliability::Reliable } else { QosReliability::BestEffort },
        durability: if qos.latched { QosDurability::TransientLocal } else { QosDurability::Volatile },
        history: NonZeroUsize::new(qos.depth).map_or(QosHistory::default(), QosHistory::KeepLast),
        ..QosProfile::default()
    }
}

/// Every published topic in the graph with its first publisher's quality of service, sorted by name.
pub(super) fn published(graph: &Graph) -> Vec<TopicInfo> {
    let mut found = BTreeMap::new();
    for (name, _) in graph.get_topic_names_and_types() {
        for entity in graph.get_entities_by_topic(EndpointKind::Publisher, &name) {
            if let Some(TopicInfo { endpoint, qos }) = info(&entity) {
                found.entry(endpoint).or_insert(qos);
            }
        }
    }
    found.into_iter().map(|(endpoint, qos)| TopicInfo { endpoint, qos }).collect()
}

fn info(entity: &Entity) -> Option<TopicInfo> {
    use hiroz_protocol::qos::{QosDurability, QosHistory, QosReliability};
    let publisher = entity_get_endpoint(entity)?;
    let TypeInfo { name, hash } = publisher.type_info.as_ref()?;
    Some(TopicInfo {
        endpoint: Endpoint::new(&publisher.topic, ros_type(name), hash.to_rihs_string()),
        qos: Qos {
            depth: match publisher.qos.history {
                QosHistory::KeepLast(depth) => depth,
                QosHistory::KeepAll => hiroz::qos::KEEP_ALL_CACHE_DEPTH,
            },
            reliable: publisher.qos.reliability == QosReliability::Reliable,
            latched: publisher.qos.durability == QosDurability::TransientLocal,
        },
    })
}

/// `geometry_msgs/msg/Pose` as DDS writes it, `geometry_msgs::msg::dds_::Pose_`.
fn dds_type(ros: &str) -> String {
    match ros.rsplit_once('/') {
        Some((package, name)) => format!("{}::dds_::{name}_", package.replace('/', "::")),
        None => ros.to_owned(),
    }
}

/// The reverse of [`dds_type`].
fn ros_type(dds: &str) -> String {
    dds.replace("::dds_::", "::").trim_end_matches('_').replace("::", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_rmw_zenoh_does() {
        for (ros, dds) in [
            ("geometry_msgs/msg/PoseArray", "geometry_msgs::msg::dds_::PoseArray_"),
            ("dreamitate_msgs/action/Dream_SendGoal", "dreamitate_msgs::action::dds_::Dream_SendGoal_"),
            ("rcl_interfaces/srv/GetParameters", "rcl_interfaces::srv::dds_::GetParameters_"),
        ] {
            assert_eq!(dds_type(ros), dds);
            assert_eq!(ros_type(dds), ros);
        }
    }
}
