//! A controller that dies without a word and starts again: agents notice at their next packet, not at a timeout.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flatrender_controller::blobs::Blobs;
use flatrender_controller::database::Role;
use flatrender_controller::farm::{Farm, Settings};
use flatrender_controller::link::{Authority, serve};
use flatrender_protocol::link::{AgentIdentity, CONTROLLER_NAME, KeyAndRequest, agent_client};
use quinn::{Connection, ConnectionError, Endpoint};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::stage::{request, soon};
use crate::cluster::TestDb;

async fn farm(db: &TestDb, folder: &Path) -> Farm {
    let blobs = Blobs::open(&folder.join("blobs")).unwrap();
    let (worker, tenant) = (
        db.pool(Role::RenderWorker).await,
        db.pool(Role::Render).await,
    );
    Farm::new(worker, tenant, blobs, Settings::default()).0
}

fn authority(folder: &Path) -> Arc<Authority> {
    Arc::new(Authority::open(&folder.join("authority")).unwrap())
}

/// A process: all of it ends with its runtime.
fn process() -> Runtime {
    Runtime::new().unwrap()
}

async fn enrolled(farm: &Farm, authority: &Authority) -> AgentIdentity {
    let secret: [u8; 16] = *Uuid::new_v4().as_bytes();
    let secret: [u8; 32] = [secret, secret].concat().try_into().unwrap();
    let hour = Duration::from_secs(3600);
    farm.keep_token(&secret, "a test", hour).await.unwrap();
    let made = KeyAndRequest::new().unwrap();
    let mut request = request(secret, "one");
    request.signing_request = made.request;
    let sign = |node, bytes: &[u8]| authority.sign_node(node, bytes).map_err(|e| e.to_string());
    let enrolled = farm.enrol(&request, sign).await.unwrap();
    AgentIdentity {
        authority: authority.certificate().to_vec(),
        certificate: enrolled.certificate,
        key: made.key,
    }
}

async fn connect(identity: &AgentIdentity, to: SocketAddr) -> Connection {
    let client = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let config = agent_client(identity).unwrap();
    let connecting = client.connect_with(config, to, CONTROLLER_NAME).unwrap();
    soon("a connection", connecting).await.unwrap()
}

/// How the connection ends for an agent that goes on sending.
async fn end(connection: &Connection) -> ConnectionError {
    let sending = async {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            if let Err(error) = connection.send_datagram(b"still here".as_slice().into()) {
                return error;
            }
        }
    };
    soon("the end of a connection", sending).await;
    connection
        .close_reason()
        .expect("nothing can be sent any more")
}

#[test]
fn agents_notice_a_restart_at_their_next_packet() {
    let (agent, first, second) = (process(), process(), process());
    let folder = tempfile::tempdir().unwrap();
    let db = agent.block_on(TestDb::new());
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let forever = CancellationToken::new();

    let before = first.block_on(farm(&db, folder.path()));
    let identity = first.block_on(enrolled(&before, &authority(folder.path())));
    first.spawn(serve(
        before,
        authority(folder.path()),
        socket,
        forever.clone(),
    ));
    let connection = agent.block_on(connect(&identity, address));
    let after = second.block_on(farm(&db, folder.path()));

    first.shutdown_timeout(Duration::from_secs(30));
    assert_eq!(connection.close_reason(), None, "it died without a word");
    let socket = UdpSocket::bind(address).expect("the dead process has let go of its port");
    second.spawn(serve(after, authority(folder.path()), socket, forever));
    assert_eq!(agent.block_on(end(&connection)), ConnectionError::Reset);
    second.shutdown_timeout(Duration::from_secs(30));
}
