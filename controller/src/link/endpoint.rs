//! The QUIC endpoint: takes connections in, a bounded number of handshakes at once, and gives each to a task of its own.
//! The ALPN says what it is for; a session needs a certificate that the farm admits.

use std::any::Any;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::NodeId;
use flatrender_protocol::link::{
    ALPN, ALPN_ENROL, CLOSE_BYE, CLOSE_FORBIDDEN, CLOSE_PROTOCOL, fingerprint,
};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint, Incoming, TokioRuntime};
use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::authority::{Authority, AuthorityError};
use super::live::{self, Live};
use super::{enrol, session};
use crate::farm::Farm;

/// Handshakes at once; without a bound a storm of them lasts up to ten times as long (docs/decisions/0003).
const HANDSHAKES: usize = 128;
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Connections without a certificate at once.
const ENROLMENTS: usize = 64;
/// The controller's certificate lasts 90 days.
const RENEW_EVERY: Duration = Duration::from_secs(24 * 3600);
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// MiB of uploads in memory at once, over all sessions. Beyond it streams wait, and with them their senders.
const UPLOAD_MIB: usize = 2048;

/// Why the endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate could not be made.
    #[error("open the agents' endpoint")]
    Authority(#[from] AuthorityError),
    /// The socket can't be used.
    #[error("open the agents' endpoint on its socket")]
    Socket(#[source] io::Error),
}

/// What all connections share.
pub(super) struct Link {
    pub(super) farm: Farm,
    pub(super) authority: Arc<Authority>,
    pub(super) live: Live,
    pub(super) upload_mib: Arc<Semaphore>,
    pub(super) shutdown: CancellationToken,
    enrolments: Semaphore,
}

/// Serves agents on `socket` until `shutdown`; then says goodbye to all of them.
///
/// # Errors
/// [`ServeError`] when the endpoint can't be opened. What goes wrong later concerns one connection and is logged.
pub async fn serve(
    farm: Farm,
    authority: Arc<Authority>,
    socket: UdpSocket,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let endpoint = Endpoint::new(
        authority.endpoint_config(),
        Some(authority.server_config()?),
        socket,
        Arc::new(TokioRuntime),
    )
    .map_err(ServeError::Socket)?;
    let link = Arc::new(Link {
        farm,
        authority,
        live: Live::default(),
        upload_mib: Arc::new(Semaphore::new(UPLOAD_MIB)),
        shutdown,
        enrolments: Semaphore::new(ENROLMENTS),
    });
    match endpoint.local_addr() {
        Ok(address) => info!(%address, "agents may connect"),
        Err(error) => {
            warn!(%error, "agents may connect, to an address that the system does not tell")
        }
    }
    let tasks = TaskTracker::new();
    tokio::select! {
        () = link.shutdown.cancelled() => {}
        () = accept(&link, &endpoint, &tasks) => {}
        () = live::watch(&link.live, &link.farm) => {}
        () = renew(&link.authority, &endpoint) => {}
    }
    leave(&endpoint, &tasks).await;
    Ok(())
}

async fn accept(link: &Arc<Link>, endpoint: &Endpoint, tasks: &TaskTracker) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let permit = handshakes.clone().acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let Some(incoming) = endpoint.accept().await else {
            error!("the agents' endpoint has closed; no agent can connect");
            link.shutdown.cancelled().await;
            return;
        };
        let span = info_span!("connection", peer = %incoming.remote_address());
        tasks.spawn(connect(link.clone(), incoming, permit).instrument(span));
    }
}

async fn renew(authority: &Authority, endpoint: &Endpoint) {
    let mut clock = interval(RENEW_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock.tick().await;
    loop {
        clock.tick().await;
        match authority.server_config() {
            Ok(config) => endpoint.set_server_config(Some(config)),
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "can't renew the controller's certificate"
            ),
        }
    }
}

async fn leave(endpoint: &Endpoint, tasks: &TaskTracker) {
    endpoint.set_server_config(None);
    tasks.close();
    if timeout(LEAVE_WITHIN, tasks.wait()).await.is_err() {
        warn!(left = tasks.len(), "sessions did not end in time");
    }
    endpoint.close(CLOSE_BYE, b"the controller shuts down");
    if timeout(LEAVE_WITHIN, endpoint.wait_idle()).await.is_err() {
        warn!(
            left = endpoint.open_connections(),
            "connections did not end in time"
        );
    }
}

async fn connect(link: Arc<Link>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let connection = tokio::select! {
        () = link.shutdown.cancelled() => return,
        shaken = timeout(HANDSHAKE_WITHIN, incoming) => match shaken {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return debug!(%error, "a handshake failed"),
            Err(_) => return debug!("a handshake took too long"),
        },
    };
    drop(permit);
    match protocol(&connection).as_deref() {
        Some(ALPN) => {
            if let Some(admitted) = admit(&link, &connection).await {
                session::run(&link, connection, admitted).await;
            }
        }
        Some(ALPN_ENROL) => match link.enrolments.try_acquire() {
            Ok(_permit) => enrol::run(&link, &connection).await,
            Err(_) => connection.close(
                CLOSE_BYE,
                b"too many machines enrol at once; try again in a minute",
            ),
        },
        Some(_) | None => connection.close(CLOSE_PROTOCOL, b"unknown application protocol"),
    }
}

/// A node that may have a session.
pub(super) struct Admitted {
    pub(super) node: NodeId,
    pub(super) name: String,
    pub(super) fingerprint: [u8; 32],
}

async fn admit(link: &Link, connection: &Connection) -> Option<Admitted> {
    let Some(certificate) = certificate(connection) else {
        let reason = b"a session needs a certificate; enrol this machine with: flatrender-agent enrol <token>";
        connection.close(CLOSE_FORBIDDEN, reason);
        return None;
    };
    let fingerprint = fingerprint(&certificate);
    match link.farm.admit(&fingerprint).await {
        Ok(Some((node, name))) => Some(Admitted {
            node,
            name,
            fingerprint,
        }),
        Ok(None) => {
            info!(
                fingerprint = hex::encode(fingerprint),
                "refused a certificate"
            );
            let reason = b"the certificate is unknown, revoked or over, or the node was retired; enrol this machine again";
            connection.close(CLOSE_FORBIDDEN, reason);
            None
        }
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "can't look up a certificate"
            );
            connection.close(
                CLOSE_BYE,
                b"the controller can't reach its database; try again",
            );
            None
        }
    }
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    let data: Box<dyn Any> = connection.handshake_data()?;
    data.downcast::<HandshakeData>().ok()?.protocol
}

fn certificate(connection: &Connection) -> Option<CertificateDer<'static>> {
    let identity: Box<dyn Any> = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.into_iter().next()
}
