//! Enrolment: one question and one answer for a machine without a certificate. `farm` decides; here are the limits.

use std::time::Duration;

use flatrender_protocol::link::{self, CLOSE_BYE, CLOSE_PROTOCOL, LinkError};
use flatrender_protocol::message::{EnrolReply, EnrolRequest};
use quinn::{Connection, ConnectionError, SendStream};
use tokio::time::timeout;
use tracing::{debug, error, info};

use super::endpoint::Link;
use crate::farm::EnrolError;

const WITHIN: Duration = Duration::from_secs(15);
/// A signing request has 200 to 400 bytes.
const MAX_SIGNING_REQUEST_BYTES: usize = 8 * 1024;
const MAX_TEXT_BYTES: usize = 1024;

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the connection is gone")]
    Gone(#[from] ConnectionError),
    #[error("exchange a message")]
    Link(#[from] LinkError),
    #[error("the stream ended before a request")]
    Silent,
}

pub(super) async fn run(link: &Link, connection: &Connection) {
    let done = tokio::select! {
        () = link.shutdown.cancelled() => return connection.close(CLOSE_BYE, b"the controller shuts down"),
        done = timeout(WITHIN, answer(link, connection)) => done,
    };
    match done {
        Ok(Ok(())) => connection.close(CLOSE_BYE, b"done"),
        Ok(Err(error)) => {
            debug!(
                error = &error as &dyn std::error::Error,
                "an enrolment broke off"
            );
            connection.close(CLOSE_PROTOCOL, error.to_string().as_bytes());
        }
        Err(_) => connection.close(CLOSE_PROTOCOL, b"the enrolment took too long"),
    }
}

async fn answer(link: &Link, connection: &Connection) -> Result<(), Failed> {
    let (mut send, mut receive) = connection.accept_bi().await?;
    let request: EnrolRequest = link::receive(&mut receive).await?.ok_or(Failed::Silent)?;
    let reply = match too_long(&request) {
        Some(field) => EnrolReply::Refused {
            reason: format!("the {field} is too long"),
        },
        None => enrol(link, &request).await,
    };
    link::send(&mut send, &reply).await?;
    arrived(&mut send).await;
    Ok(())
}

/// Ends a stream and waits until the peer has all of it: closing the connection sooner would lose the rest.
pub(super) async fn arrived(stream: &mut SendStream) {
    if stream.finish().is_ok()
        && let Err(error) = stream.stopped().await
    {
        debug!(%error, "the peer left before it had the answer");
    }
}

fn too_long(request: &EnrolRequest) -> Option<&'static str> {
    let fields = [
        (
            "signing request",
            request.signing_request.len(),
            MAX_SIGNING_REQUEST_BYTES,
        ),
        ("name", request.name.len(), MAX_TEXT_BYTES),
        ("hostname", request.hostname.len(), MAX_TEXT_BYTES),
        ("operating system's name", request.os.len(), MAX_TEXT_BYTES),
    ];
    fields
        .into_iter()
        .find_map(|(field, length, most)| (length > most).then_some(field))
}

async fn enrol(link: &Link, request: &EnrolRequest) -> EnrolReply {
    let sign = |node, bytes: &[u8]| {
        link.authority.sign_node(node, bytes).map_err(|error| {
            let cause = std::error::Error::source(&error);
            cause.map_or_else(|| error.to_string(), ToString::to_string)
        })
    };
    match link.farm.enrol(request, sign).await {
        Ok(enrolled) => {
            info!(node = %enrolled.node, name = enrolled.name, "a machine enrolled");
            EnrolReply::Granted {
                node: enrolled.node,
                name: enrolled.name,
                certificate: enrolled.certificate,
                authority: link.authority.certificate().to_vec(),
            }
        }
        Err(EnrolError::Store(error)) => {
            error!(
                error = &error as &dyn std::error::Error,
                "can't enrol a machine"
            );
            EnrolReply::Refused {
                reason: "the controller can't reach its database; try again in a minute".to_owned(),
            }
        }
        Err(error @ (EnrolError::Token(_) | EnrolError::Name { .. } | EnrolError::Request(_))) => {
            info!(reason = %error, "refused to enrol a machine");
            EnrolReply::Refused {
                reason: error.to_string(),
            }
        }
    }
}
