//! How a Zenoh session is set up.

use std::{env, str::FromStr};

use hiroz::context::ZContextBuilder;
use serde_json::json;

use super::transport;
use crate::CarrierError;

/// Where other nodes are looked for; ROS 2's `ROS_AUTOMATIC_DISCOVERY_RANGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On this machine only (`LOCALHOST`).
    Localhost,
    /// On the local network too (`SUBNET`, ROS 2's default).
    Subnet,
    /// Nowhere by itself; only through a router at localhost:7447 (`OFF`).
    Off,
}

/// Settings of a Zenoh session.
///
/// Two more come from Zenoh itself: `ZENOH_SESSION_CONFIG_URI`, a file that takes the place of all network
/// settings here, and `ZENOH_CONFIG_OVERRIDE`, `key=value;…`, which holds over everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZenohOptions {
    /// `ROS_DOMAIN_ID`: nodes of different domains do not meet. Default 0.
    pub domain_id: usize,
    /// Default: the local network.
    pub reach: Reach,
    /// Size in bytes of the shared memory that large messages are sent in, taken when the first one is sent.
    /// 0 turns shared memory off. Default 64 MiB, or `ZENOH_SHM_ALLOC_SIZE`.
    pub shared_memory_bytes: usize,
    /// Size in bytes from which a message goes through shared memory. Default 64 KiB, or
    /// `ZENOH_SHM_MESSAGE_SIZE_THRESHOLD`.
    pub shared_memory_from_bytes: usize,
}

impl Default for ZenohOptions {
    fn default() -> Self {
        Self {
            domain_id: 0,
            reach: Reach::Subnet,
            shared_memory_bytes: 64 << 20,
            shared_memory_from_bytes: 64 << 10,
        }
    }
}

impl ZenohOptions {
    /// The settings that ROS 2's and Zenoh's environment variables give.
    ///
    /// # Errors
    /// [`CarrierError::Environment`] naming the variable.
    pub fn from_env() -> Result<Self, CarrierError> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, CarrierError> {
        let default = Self::default();
        let range = "ROS_AUTOMATIC_DISCOVERY_RANGE";
        Ok(Self {
            domain_id: number("ROS_DOMAIN_ID", &variable)?.unwrap_or(default.domain_id),
            reach: match variable(range).as_deref() {
                None | Some("" | "SUBNET" | "SYSTEM_DEFAULT") => Reach::Subnet,
                Some("LOCALHOST") => Reach::Localhost,
                Some("OFF") => Reach::Off,
                Some(value) => {
                    return Err(CarrierError::Environment {
                        variable: range,
                        value: value.to_owned(),
                        expected: "SUBNET, LOCALHOST, OFF or SYSTEM_DEFAULT",
                    });
                }
            },
            shared_memory_bytes: number("ZENOH_SHM_ALLOC_SIZE", &variable)?
                .unwrap_or(default.shared_memory_bytes),
            shared_memory_from_bytes: number("ZENOH_SHM_MESSAGE_SIZE_THRESHOLD", &variable)?
                .unwrap_or(default.shared_memory_from_bytes),
        })
    }

    pub(super) fn into_context(self) -> Result<ZContextBuilder, CarrierError> {
        let builder = ZContextBuilder::default()
            .with_domain_id(self.domain_id)
            .with_json("transport/shared_memory/enabled", json!(self.shared_memory_bytes > 0));
        if env::var_os("ZENOH_SESSION_CONFIG_URI").is_some() {
            return Ok(builder);
        }
        let config = hiroz::config::session_config()
            .map_err(transport(|| "cannot make the Zenoh session's settings".to_owned()))?;
        let (listen, interface) = match self.reach {
            Reach::Subnet => ("tcp/0.0.0.0:0", "auto"),
            Reach::Localhost | Reach::Off => ("tcp/127.0.0.1:0", "127.0.0.1"),
        };
        Ok(builder
            .with_zenoh_config(config)
            .with_listen_endpoints([listen])
            .with_json("scouting/multicast/enabled", json!(self.reach != Reach::Off))
            .with_json("scouting/multicast/interface", json!(interface)))
    }
}

fn number<T: FromStr>(
    name: &'static str,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Option<T>, CarrierError> {
    match variable(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => {
                Err(CarrierError::Environment { variable: name, value, expected: "a whole number from 0" })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(set: &[(&str, &str)]) -> Result<ZenohOptions, String> {
        let value = |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        ZenohOptions::from_variables(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_is_read_as_ros_does() {
        assert_eq!(from(&[]).unwrap(), ZenohOptions::default());
        let set = [("ROS_DOMAIN_ID", "42"), ("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")];
        let expected = ZenohOptions { domain_id: 42, reach: Reach::Localhost, ..ZenohOptions::default() };
        assert_eq!(from(&set).unwrap(), expected);
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for (name, value) in [("ROS_DOMAIN_ID", "-1"), ("ROS_AUTOMATIC_DISCOVERY_RANGE", "WORLD")] {
            let message = from(&[(name, value)]).unwrap_err();
            assert!(message.contains(name) && message.contains(value), "{message}");
        }
    }
}
