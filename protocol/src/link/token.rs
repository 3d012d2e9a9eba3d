//! Join tokens: what `flatctl node token create` prints and `flatrender-agent enrol` reads. Single use, short-lived
//! (the controller keeps its hash and end); it carries the CA's fingerprint, so that the agent knows whom to trust.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "frj_";
const MAX_TEXT: usize = 4096;
const MAX_ADDRESSES: usize = 16;

/// A join token. `Display` gives the text; `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// Random; the controller keeps only its SHA-256.
    pub secret: [u8; 32],
    /// SHA-256 of the CA's certificate.
    pub authority: [u8; 32],
    /// Where the controllers are: `host:port`.
    pub addresses: Vec<String>,
}

/// Why a text is no join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not look like one.
    #[error(
        "this is not a join token: it must begin with \"frj_\"; make one with: flatctl node token create"
    )]
    Prefix,
    /// It looks like one, but is cut or changed.
    #[error(
        "the join token is damaged; copy all of it, or make another with: flatctl node token create"
    )]
    Damaged,
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = bincode::serde::encode_to_vec(self, bincode::config::standard())
            .map_err(|_| fmt::Error)?;
        let sum = blake3::hash(&bytes);
        let mut all = bytes;
        all.extend_from_slice(&sum.as_bytes()[..4]);
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(all))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let body = text.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if body.len() > MAX_TEXT {
            return Err(TokenError::Damaged);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| TokenError::Damaged)?;
        let (bytes, sum) = bytes.split_last_chunk::<4>().ok_or(TokenError::Damaged)?;
        if blake3::hash(bytes).as_bytes()[..4] != sum[..] {
            return Err(TokenError::Damaged);
        }
        let config = bincode::config::standard().with_limit::<MAX_TEXT>();
        let (token, used): (Self, usize) =
            bincode::serde::decode_from_slice(bytes, config).map_err(|_| TokenError::Damaged)?;
        if used != bytes.len()
            || token.addresses.is_empty()
            || token.addresses.len() > MAX_ADDRESSES
        {
            return Err(TokenError::Damaged);
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            secret: [7; 32],
            authority: [9; 32],
            addresses: vec!["127.0.0.1:7443".into()],
        }
    }

    #[test]
    fn a_token_goes_there_and_back() {
        assert_eq!(token().to_string().parse::<JoinToken>().unwrap(), token());
    }

    #[test]
    fn a_cut_or_changed_token_is_refused() {
        let text = token().to_string();
        assert_eq!(
            text[..text.len() - 1].parse::<JoinToken>(),
            Err(TokenError::Damaged)
        );
        let changed = text.replacen('A', "B", 1);
        assert_ne!(changed, text);
        assert_eq!(changed.parse::<JoinToken>(), Err(TokenError::Damaged));
        assert_eq!("hello".parse::<JoinToken>(), Err(TokenError::Prefix));
    }

    #[test]
    fn debug_keeps_the_secret() {
        assert!(
            !format!("{:?}", token()).contains('7') || !format!("{:?}", token()).contains("[7")
        );
    }
}
