//! The QUIC link between controller and agent: names, transport settings, identities, join tokens and framing.
//! Both ends use what stands here, so that they can't disagree. It decides nothing about work.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

mod framing;
mod identity;
mod token;

pub use framing::{LinkError, from_datagram, receive, send, to_datagram};
pub use identity::{
    AgentIdentity, ControllerIdentity, IdentityError, KeyAndRequest, agent_client,
    controller_server, enrolment_client, fingerprint,
};
pub use token::{JoinToken, TokenError};

/// ALPN of sessions: both sides show certificates.
pub const ALPN: &[u8] = b"flatrender/1";
/// ALPN of enrolment: only the controller shows one.
pub const ALPN_ENROL: &[u8] = b"flatrender-enrol/1";
/// The name in the controller's certificate, whatever its address.
pub const CONTROLLER_NAME: &str = "controller.flatrender.internal";
/// The UDP port of the link unless configured.
pub const DEFAULT_PORT: u16 = 7443;
/// How often an agent says that it lives.
pub const LIVENESS_EVERY: Duration = Duration::from_secs(2);
/// Frames and logs that an agent may send at once.
pub const MAX_UPLOADS: u32 = 8;
/// Streams that an agent may open both ways: control and blobs.
pub const MAX_BIDI: u32 = 8;

/// Priority of the control stream.
pub const PRIORITY_CONTROL: i32 = 100;
/// Priority of log streams; frames and blobs have 0.
pub const PRIORITY_LOG: i32 = -10;

/// Close code: the peer is done or gone.
pub const CLOSE_BYE: VarInt = VarInt::from_u32(0);
/// Close code: the peer broke the protocol.
pub const CLOSE_PROTOCOL: VarInt = VarInt::from_u32(1);
/// Close code: no certificate, a foreign or a revoked one.
pub const CLOSE_FORBIDDEN: VarInt = VarInt::from_u32(2);
/// Close code: another session of the same node took over.
pub const CLOSE_REPLACED: VarInt = VarInt::from_u32(3);

const MIB: u32 = 1 << 20;

/// Transport settings of the controller; each figure was measured (docs/decisions/0003).
pub fn controller_transport() -> Arc<TransportConfig> {
    let mut config = common_transport();
    config.send_window(u64::from(4 * MIB));
    Arc::new(config)
}

/// Transport settings of an agent: a send window beyond what all bulk streams may fill, so that control never waits.
pub fn agent_transport() -> Arc<TransportConfig> {
    let mut config = common_transport();
    config.send_window(u64::from(2 * MAX_UPLOADS * MIB));
    Arc::new(config)
}

fn common_transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_BIDI))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_UPLOADS))
        .stream_receive_window(VarInt::from_u32(MIB))
        .receive_window(VarInt::from_u32(16 * MIB))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(6_000))))
        .keep_alive_interval(None)
        .datagram_receive_buffer_size(Some(16 * 1024))
        .datagram_send_buffer_size(16 * 1024);
    config
}

/// A bound UDP socket for the controller with large buffers; says how large they became.
///
/// # Errors
/// When the address can't be bound.
pub fn controller_socket(address: SocketAddr) -> std::io::Result<(UdpSocket, usize)> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    )?;
    // Less than asked for is no error: the system has a ceiling, and the caller tells of it.
    socket.set_recv_buffer_size(4 << 20).ok();
    socket.set_send_buffer_size(4 << 20).ok();
    socket.bind(&address.into())?;
    let granted = socket.recv_buffer_size()?;
    Ok((socket.into(), granted))
}

/// The unspecified address from which an agent reaches `controller`.
pub fn agent_bind_address(controller: SocketAddr) -> SocketAddr {
    match controller {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
