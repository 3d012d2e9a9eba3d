//! The one place that turns messages into bytes and back: u32 length (big endian), u8 message version, then bincode
//! `standard()` of one enum per direction. Every length is checked before anything is allocated. Stored or long-lived
//! data never goes through here (bincode has no field names).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The message version this build writes, and the lowest and highest it reads.
pub const VERSION: u8 = 1;
/// Most bytes of one message, version byte included.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Most bytes of a liveness datagram.
pub const MAX_DATAGRAM_BYTES: usize = 256;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MAX_MESSAGE_BYTES`], or empty.
    #[error("message of {0} bytes; 1 to {MAX_MESSAGE_BYTES} are allowed")]
    Length(usize),
    /// A version this build does not read.
    #[error("message version {0}; this build reads version {VERSION}")]
    Version(u8),
    /// Bytes that are no such message, or bytes left over.
    #[error("bytes that are no such message: {0}")]
    Malformed(String),
}

/// Encodes with length and version in front.
///
/// # Errors
/// [`WireError::Length`] when the message is too large.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![0; 4];
    bytes.push(VERSION);
    bincode::serde::encode_into_std_write(message, &mut bytes, config())
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    let length = bytes.len() - 4;
    if length > MAX_MESSAGE_BYTES {
        return Err(WireError::Length(length));
    }
    let prefix = u32::try_from(length).map_err(|_| WireError::Length(length))?;
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(bytes)
}

/// How many bytes follow a length prefix.
///
/// # Errors
/// [`WireError::Length`] when that is nothing or too much.
pub fn length(prefix: [u8; 4]) -> Result<usize, WireError> {
    let length = u32::from_be_bytes(prefix) as usize;
    if length == 0 || length > MAX_MESSAGE_BYTES {
        return Err(WireError::Length(length));
    }
    Ok(length)
}

/// Decodes what followed the length prefix: version byte and body, nothing left over.
///
/// # Errors
/// [`WireError::Version`] or [`WireError::Malformed`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let (version, body) = bytes.split_first().ok_or(WireError::Length(0))?;
    if *version != VERSION {
        return Err(WireError::Version(*version));
    }
    let (message, used) = bincode::serde::decode_from_slice(body, config())
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if used != body.len() {
        return Err(WireError::Malformed(format!(
            "{} bytes left over",
            body.len() - used
        )));
    }
    Ok(message)
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_MESSAGE_BYTES>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{ToAgent, ToController};

    #[test]
    fn a_message_goes_there_and_back() {
        let bytes = encode(&ToAgent::Refused {
            reason: "protocol 9".into(),
        })
        .unwrap();
        assert_eq!(
            length(bytes[..4].try_into().unwrap()).unwrap(),
            bytes.len() - 4
        );
        let back: ToAgent = decode(&bytes[4..]).unwrap();
        assert_eq!(
            back,
            ToAgent::Refused {
                reason: "protocol 9".into()
            }
        );
    }

    #[test]
    fn lengths_versions_and_leftovers_are_refused() {
        assert!(matches!(length([0xff; 4]), Err(WireError::Length(_))));
        assert!(matches!(length([0; 4]), Err(WireError::Length(0))));
        let mut bytes = encode(&ToAgent::Refused {
            reason: String::new(),
        })
        .unwrap()
        .split_off(4);
        bytes.push(0);
        assert!(matches!(
            decode::<ToAgent>(&bytes),
            Err(WireError::Malformed(_))
        ));
        bytes[0] = 9;
        assert!(matches!(
            decode::<ToAgent>(&bytes),
            Err(WireError::Version(9))
        ));
    }

    #[test]
    fn a_huge_length_inside_is_refused_without_allocating() {
        // Variant "Refused", then a string of 2^60 bytes.
        let mut bytes = vec![VERSION, 1, 253];
        bytes.extend((1u64 << 60).to_le_bytes());
        assert!(decode::<ToAgent>(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<ToAgent>(&bytes);
            let _ = decode::<ToController>(&bytes);
        }
    }
}
