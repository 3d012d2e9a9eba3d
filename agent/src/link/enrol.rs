//! Enrolment: a join token, a key made here that never leaves, a certificate that names the node.

use std::path::Path;
use std::time::Duration;

use flatrender_protocol::link::AgentIdentity;
use flatrender_protocol::link::{
    CLOSE_BYE, IdentityError, JoinToken, KeyAndRequest, LinkError, enrolment_client, receive, send,
};
use flatrender_protocol::message::{EnrolReply, EnrolRequest};
use serde::Serialize;

use super::addresses::{Addresses, NoConnection};
use super::identity::{Identity, IdentityFileError};

/// How long the controller may take to answer.
const LIMIT: Duration = Duration::from_secs(15);

/// Why this machine was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It is already.
    #[error("enrol: this machine is node {name} already; to make it another one, add --replace")]
    Already {
        /// Its name.
        name: String,
    },
    /// A key or the trust in the controller could not be made.
    #[error("prepare the enrolment")]
    Prepare(#[from] IdentityError),
    /// No controller answers.
    #[error("enrol")]
    NoConnection(#[from] NoConnection),
    /// The conversation broke off.
    #[error("enrol: talk to the controller")]
    Talk(#[source] LinkError),
    /// The connection broke off.
    #[error("enrol: talk to the controller")]
    Broken(#[from] quinn::ConnectionError),
    /// It does not answer.
    #[error("enrol: the controller has not answered in {} s", LIMIT.as_secs())]
    Silent,
    /// It said no.
    #[error("enrol: the controller refuses: {reason}")]
    Refused {
        /// In words.
        reason: String,
    },
    /// What it granted can't be kept.
    #[error("keep the identity")]
    Store(#[from] IdentityFileError),
}

/// What enrolment came to.
#[derive(Debug, Clone, Serialize)]
pub struct Enrolled {
    /// The node's id.
    pub node: String,
    /// The node's name.
    pub name: String,
    /// Where its controllers are.
    pub controllers: Vec<String>,
}

/// Enrols this machine under `name`, and keeps what it gets in the folder `identity`.
///
/// # Errors
/// [`EnrolError`]; nothing is kept then.
pub async fn enrol(
    token: &JoinToken,
    name: &str,
    identity: &Path,
    replace: bool,
) -> Result<Enrolled, EnrolError> {
    match Identity::load(identity) {
        Ok(before) if !replace => return Err(EnrolError::Already { name: before.name }),
        Ok(_) | Err(IdentityFileError::NotEnrolled { .. }) => {}
        Err(_) if replace => {}
        Err(error) => return Err(error.into()),
    }
    let made = KeyAndRequest::new()?;
    let mut addresses = Addresses::new(token.addresses.clone(), enrolment_client(token.authority)?);
    let connection = addresses.connect().await?;
    let request = EnrolRequest {
        secret: token.secret,
        signing_request: made.request,
        name: name.to_owned(),
        hostname: sysinfo::System::host_name().unwrap_or_default(),
        os: sysinfo::System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
    };
    let reply = tokio::time::timeout(LIMIT, ask(&connection, &request))
        .await
        .map_err(|_| EnrolError::Silent)??;
    connection.close(CLOSE_BYE, b"bye");
    addresses.close().await;
    match reply {
        EnrolReply::Refused { reason } => Err(EnrolError::Refused { reason }),
        EnrolReply::Granted {
            node,
            name,
            certificate,
            authority,
        } => {
            let granted = Identity {
                node,
                name,
                controllers: token.addresses.clone(),
                certificates: AgentIdentity {
                    authority,
                    certificate,
                    key: made.key,
                },
            };
            granted.store(identity)?;
            Ok(Enrolled {
                node: granted.node.to_string(),
                name: granted.name,
                controllers: granted.controllers,
            })
        }
    }
}

async fn ask(
    connection: &quinn::Connection,
    request: &EnrolRequest,
) -> Result<EnrolReply, EnrolError> {
    let (mut to, mut from) = connection.open_bi().await?;
    send(&mut to, request).await.map_err(EnrolError::Talk)?;
    let _ = to.finish();
    receive(&mut from)
        .await
        .map_err(EnrolError::Talk)?
        .ok_or(EnrolError::Talk(LinkError::Torn))
}
