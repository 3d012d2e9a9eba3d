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
