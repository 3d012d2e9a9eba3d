//! Who may be a node: join tokens, enrolment, certificates. The certificates themselves are signed by `link`.

use std::time::Duration;

use flatrender_protocol::message::EnrolRequest;
use flatrender_protocol::{NodeId, TenantId};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::Farm;
use crate::store::events::{self, NewEvent, Who};
use crate::store::tokens::Use;
use crate::store::{self, StoreError, nodes, tokens};

/// A machine that was let in.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Its id.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
}

/// A certificate that `link` signed for a node.
#[derive(Debug, Clone)]
pub struct Signed {
    /// DER.
    pub certificate: Vec<u8>,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
    /// Its end.
    pub not_after: OffsetDateTime,
}

/// Why a machine was not let in.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The token is not good.
    #[error("{0}")]
    Token(&'static str),
    /// The name is not good.
    #[error("the node name \"{name}\" {problem}; choose another with --name")]
    Name {
        /// Which.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signing request is not good.
    #[error("the signing request can't be used: {0}")]
    Request(String),
    /// The database is away.
    #[error("enrol")]
    Store(#[from] StoreError),
}

impl Farm {
    /// Keeps a new join token; `created_by` is for the record.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_token(
        &self,
        secret: &[u8; 32],
        created_by: &str,
        valid: Duration,
    ) -> Result<OffsetDateTime, StoreError> {
        let expires_at = OffsetDateTime::now_utc() + valid;
        let mut tx = store::begin(&self.worker).await?;
        tokens::insert(
            &mut tx,
            &Sha256::digest(secret).into(),
            created_by,
            expires_at,
        )
        .await?;
        store::commit(tx).await?;
        Ok(expires_at)
    }

    /// Lets a machine in: the token is used, the node and its certificate exist, or nothing happened.
    ///
    /// # Errors
    /// [`EnrolError`], in words for the person at the machine.
    pub async fn enrol(
        &self,
        request: &EnrolRequest,
        sign: impl FnOnce(NodeId, &[u8]) -> Result<Signed, String>,
    ) -> Result<Enrolled, EnrolError> {
        let name = node_name(&request.name)?;
        let secret_hash: [u8; 32] = Sha256::digest(request.secret).into();
        let node = NodeId::new();
        let mut tx = store::begin(&self.worker).await?;
        match tokens::take(&mut tx, &secret_hash).await? {
            Use::Taken => {}
            Use::Unknown => {
                return Err(EnrolError::Token(
                    "this farm did not make the join token; make one here with: flatctl node token create",
                ));
            }
            Use::UsedBefore => {
                return Err(EnrolError::Token(
                    "the join token was used before, and works once; make another with: flatctl node token create",
                ));
            }
            Use::Expired => {
                return Err(EnrolError::Token(
                    "the join token has expired; make another with: flatctl node token create",
                ));
            }
        }
        let cut = |text: &str| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(255)
                .collect::<String>()
        };
        if !nodes::insert(
            &mut tx,
            node,
            &name,
            &cut(&request.hostname),
            &cut(&request.os),
        )
        .await?
        {
            return Err(EnrolError::Name {
                name,
                problem: "is taken",
            });
        }
        tokens::made(&mut tx, &secret_hash, node).await?;
        let signed = sign(node, &request.signing_request).map_err(EnrolError::Request)?;
        nodes::insert_certificate(&mut tx, &signed.fingerprint, node, signed.not_after).await?;
        let event = NewEvent {
            tenant: TenantId::DEFAULT,
            subject: "node",
            job: None,
            node: Some(node),
            attempt: None,
            from: None,
            to: "enrolled",
            who: Who::Agent,
            why: None,
        };
        events::write(&mut tx, &[event]).await?;
        store::commit(tx).await?;
        self.news.notify_waiters();
        Ok(Enrolled {
            node,
            name,
            certificate: signed.certificate,
        })
    }

    /// Whose certificate this is; `None` when it is unknown, revoked or over, or the node is retired.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn admit(
        &self,
        fingerprint: &[u8; 32],
    ) -> Result<Option<(NodeId, String)>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let found = nodes::of_certificate(&mut tx, fingerprint).await?;
        store::commit(tx).await?;
        Ok(found)
    }

    /// Which of these certificates [`Farm::admit`] would still let in: one question for all live sessions.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn still_admitted(
        &self,
        fingerprints: &[[u8; 32]],
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let good = nodes::still_good(&mut tx, fingerprints).await?;
        store::commit(tx).await?;
        Ok(good)
    }
}

fn node_name(text: &str) -> Result<String, EnrolError> {
    let name = text.trim();
    let wrong = |problem| {
        Err(EnrolError::Name {
            name: name.chars().take(63).collect(),
            problem,
        })
    };
    if name.is_empty() {
        return wrong("is empty");
    }
    if name.chars().count() > 63 {
        return wrong("is longer than 63 characters");
    }
    if !name
        .chars()
        .all(|c| c.is_alphanumeric() || "-_. ".contains(c))
    {
        return wrong("has characters other than letters, digits, spaces, \"-\", \"_\" and \".\"");
    }
    Ok(name.to_owned())
}
