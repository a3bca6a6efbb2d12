//! The table of all messages, for programs that know a type only by its name.

use serde_json::Value;

use crate::{CdrError, Message};

/// What is known of a message type without its Rust type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MessageInfo {
    /// [`Message::TYPE_NAME`].
    pub type_name: &'static str,
    /// [`Message::TYPE_HASH`].
    pub type_hash: &'static str,
    /// [`Message::DEFINITION`].
    pub definition: &'static str,
    json_from_cdr: fn(&[u8]) -> Result<Value, JsonError>,
    cdr_from_json: fn(&Value) -> Result<Vec<u8>, JsonError>,
}

/// Why a message cannot pass between CDR and JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The CDR side failed.
    #[error(transparent)]
    Cdr(#[from] CdrError),
    /// The JSON side failed.
    #[error("{type_name} and JSON: {source}")]
    Json {
        /// The message's type.
        type_name: &'static str,
        /// What was wrong.
        source: serde_json::Error,
    },
}

impl MessageInfo {
    /// The table's row of a message type.
    pub const fn of<M: Message>() -> Self {
        Self {
            type_name: M::TYPE_NAME,
            type_hash: M::TYPE_HASH,
            definition: M::DEFINITION,
            json_from_cdr: json_from_cdr::<M>,
            cdr_from_json: cdr_from_json::<M>,
        }
    }

    /// All message types, with the parts of services and actions, sorted by name.
    pub fn all() -> &'static [Self] {
        crate::ALL
    }

    /// The message in CDR bytes as JSON, an object with the fields of the .msg file. NaN and infinities become null.
    ///
    /// # Errors
    /// The bytes are not a message of this type.
    pub fn to_json(&self, cdr: &[u8]) -> Result<Value, JsonError> {
        (self.json_from_cdr)(cdr)
    }

    /// The CDR bytes of a message in JSON, which must have all fields.
    ///
    /// # Errors
    /// A field is missing or of another type.
    pub fn from_json(&self, value: &Value) -> Result<Vec<u8>, JsonError> {
        (self.cdr_from_json)(value)
    }
}

fn json_from_cdr<M: Message>(cdr: &[u8]) -> Result<Value, JsonError> {
    let message = M::from_cdr(cdr)?;
    serde_json::to_value(message).map_err(|source| JsonError::Json { type_name: M::TYPE_NAME, source })
}

fn cdr_from_json<M: Message>(value: &Value) -> Result<Vec<u8>, JsonError> {
    let message =
        M::deserialize(value).map_err(|source| JsonError::Json { type_name: M::TYPE_NAME, source })?;
    Ok(message.to_cdr()?)
}

/// The name, hash and definition of a message type, or `None` if this crate has no such type.
///
/// ```
/// let info = dreamitate_msgs::definition_of("geometry_msgs/msg/Point").expect("a standard type");
/// assert!(info.definition.starts_with("float64 x\n"));
/// assert!(dreamitate_msgs::definition_of("geometry_msgs/msg/Nothing").is_none());
/// ```
pub fn definition_of(type_name: &str) -> Option<&'static MessageInfo> {
    let at = crate::ALL.binary_search_by(|info| info.type_name.cmp(type_name)).ok()?;
    crate::ALL.get(at)
}

/// The RIHS01 hash of a message, service or action, or `None` if this crate has no such type.
pub fn hash_of(type_name: &str) -> Option<&'static str> {
    let others =
        || crate::SERVICES_AND_ACTIONS.iter().find(|(name, _)| *name == type_name).map(|(_, hash)| *hash);
    definition_of(type_name).map(|info| info.type_hash).or_else(others)
}
