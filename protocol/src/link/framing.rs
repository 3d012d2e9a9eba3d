//! Messages on QUIC streams: `wire` bytes in, `wire` bytes out.

use quinn::{ReadExactError, RecvStream, SendStream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::{self, WireError};

/// Why a message was not sent or received.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The peer said something that is no message.
    #[error("the peer sent something that is no message")]
    Wire(#[from] WireError),
    /// The stream ended in the middle of a message.
    #[error("the stream ended inside a message")]
    Torn,
    /// The stream or connection is gone.
    #[error("the stream is gone")]
    Read(#[source] quinn::ReadError),
    /// The stream or connection is gone.
    #[error("the stream is gone")]
    Write(#[from] quinn::WriteError),
}

/// Sends one message.
///
/// # Errors
/// [`LinkError::Wire`] when it is too large, [`LinkError::Write`] when the stream is gone.
pub async fn send<T: Serialize>(stream: &mut SendStream, message: &T) -> Result<(), LinkError> {
    let bytes = wire::encode(message)?;
    stream.write_all(&bytes).await?;
    Ok(())
}

/// Receives one message; `None` at the orderly end of the stream. Not cancel-safe: keep it in a task of its own.
///
/// # Errors
/// When the stream is gone or torn, or the bytes are no such message.
pub async fn receive<T: DeserializeOwned>(stream: &mut RecvStream) -> Result<Option<T>, LinkError> {
    let mut prefix = [0; 4];
    match stream.read_exact(&mut prefix).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(error) => return Err(read_error(error)),
    }
    let mut bytes = vec![0; wire::length(prefix)?];
    stream.read_exact(&mut bytes).await.map_err(read_error)?;
    Ok(Some(wire::decode(&bytes)?))
}

fn read_error(error: ReadExactError) -> LinkError {
    match error {
        ReadExactError::FinishedEarly(_) => LinkError::Torn,
        ReadExactError::ReadError(error) => LinkError::Read(error),
    }
}

/// A datagram's bytes: what [`send`] would write for the message, length and all.
///
/// # Errors
/// [`WireError::Length`] beyond [`wire::MAX_DATAGRAM_BYTES`].
pub fn to_datagram<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let bytes = wire::encode(message)?;
    if bytes.len() > wire::MAX_DATAGRAM_BYTES {
        return Err(WireError::Length(bytes.len()));
    }
    Ok(bytes)
}

/// The message in a datagram made by [`to_datagram`], with nothing left over.
///
/// # Errors
/// When the bytes are no such message.
pub fn from_datagram<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let wrong = WireError::Length(bytes.len());
    let (prefix, body) = match bytes.split_first_chunk::<4>() {
        Some(parts) if bytes.len() <= wire::MAX_DATAGRAM_BYTES => parts,
        Some(_) | None => return Err(wrong),
    };
    if wire::length(*prefix)? != body.len() {
        return Err(wrong);
    }
    wire::decode(body)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::NodeId;
    use crate::message::Liveness;

    #[test]
    fn a_datagram_goes_there_and_back_and_a_cut_one_is_refused() {
        let sent = Liveness {
            node: NodeId::new(),
            boot: Uuid::from_u128(7),
            counter: u64::MAX,
        };
        let bytes = to_datagram(&sent).unwrap();
        assert_eq!(from_datagram::<Liveness>(&bytes).unwrap(), sent);
        for length in 0..bytes.len() {
            assert!(from_datagram::<Liveness>(&bytes[..length]).is_err());
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(from_datagram::<Liveness>(&longer).is_err());
        assert!(from_datagram::<Liveness>(&[0; 4096]).is_err());
        assert!(to_datagram(&vec![0_u8; 4096]).is_err());
    }
}
