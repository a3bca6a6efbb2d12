//! CDR bytes, as ROS 2 puts them on the wire (OMG DDSI-RTPS 2.3, section 10; XCDR version 1).

use byteorder::{BigEndian, LittleEndian};

use crate::Message;

/// The encapsulation header of plain CDR, little-endian, without options.
const HEADER: [u8; 4] = [0x00, 0x01, 0x00, 0x00];
/// Some middleware fills a message up to a multiple of four bytes.
const LONGEST_PADDING: usize = 3;

/// Why bytes are not a message, or a message has no bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CdrError {
    /// Fewer bytes than the encapsulation header has.
    #[error("{type_name}: {len} bytes are fewer than the 4 of the CDR header")]
    NoHeader {
        /// The expected type.
        type_name: &'static str,
        /// The number of bytes.
        len: usize,
    },
    /// The header names an encoding other than plain CDR.
    #[error("{type_name}: the encoding 0x{encoding:04x} is not plain CDR (0x0000 or 0x0001)")]
    Encoding {
        /// The expected type.
        type_name: &'static str,
        /// The first two bytes, big-endian.
        encoding: u16,
    },
    /// The bytes are not a message of the type.
    #[error("{type_name}: {len} bytes of CDR do not decode")]
    Decode {
        /// The expected type.
        type_name: &'static str,
        /// The number of bytes, with the header.
        len: usize,
        /// What was wrong.
        source: cdr_encoding::Error,
    },
    /// More bytes than the message has.
    #[error(
        "{type_name}: {trailing} bytes follow the message; at most {LONGEST_PADDING} bytes of padding may"
    )]
    TrailingBytes {
        /// The expected type.
        type_name: &'static str,
        /// The number of bytes left over.
        trailing: usize,
    },
    /// The message cannot be written.
    #[error("{type_name}: the message cannot be written as CDR")]
    Encode {
        /// The message's type.
        type_name: &'static str,
        /// What was wrong.
        source: cdr_encoding::Error,
    },
}

pub(crate) fn encode<M: Message>(message: &M) -> Result<Vec<u8>, CdrError> {
    let mut bytes = HEADER.to_vec();
    cdr_encoding::to_writer::<M, LittleEndian, _>(&mut bytes, message)
        .map_err(|source| CdrError::Encode { type_name: M::TYPE_NAME, source })?;
    Ok(bytes)
}

pub(crate) fn decode<M: Message>(bytes: &[u8]) -> Result<M, CdrError> {
    let type_name = M::TYPE_NAME;
    let Some((&[first, second, ..], body)) = bytes.split_first_chunk::<4>() else {
        return Err(CdrError::NoHeader { type_name, len: bytes.len() });
    };
    let decoded = match u16::from_be_bytes([first, second]) {
        0 => cdr_encoding::from_bytes::<M, BigEndian>(body),
        1 => cdr_encoding::from_bytes::<M, LittleEndian>(body),
        encoding => return Err(CdrError::Encoding { type_name, encoding }),
    };
    let (message, used) =
        decoded.map_err(|source| CdrError::Decode { type_name, len: bytes.len(), source })?;
    let trailing = body.len().saturating_sub(used);
    if trailing > LONGEST_PADDING {
        return Err(CdrError::TrailingBytes { type_name, trailing });
    }
    Ok(message)
}
