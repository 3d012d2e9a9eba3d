//! The stage: an endpoint with its own database, store and authority, and agents that speak to it as real ones do.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use flatrender_controller::blobs::Blobs;
use flatrender_controller::database::Role;
use flatrender_controller::farm::{Farm, FromAgent, Input, SessionId, Settings};
use flatrender_controller::link::{Authority, serve};
use flatrender_protocol::link::{
    AgentIdentity, CONTROLLER_NAME, KeyAndRequest, agent_client, enrolment_client, receive, send,
};
use flatrender_protocol::message::{
    EnrolReply, EnrolRequest, Hello, LeaseKey, PROTOCOL, ToAgent, ToController,
};
use flatrender_protocol::{AttemptId, NodeId};
use quinn::{
    ApplicationClose, ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream,
    VarInt,
};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cluster::TestDb;

/// The deadline of everything that a test waits for.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within 30 s"))
}

/// A running endpoint.
pub struct Stage {
    pub farm: Farm,
    pub authority: Arc<Authority>,
    pub admin: PgPool,
    pub inputs: mpsc::Receiver<Input>,
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
    client: Endpoint,
    _folder: TempDir,
    _db: TestDb,
}

impl Stage {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("blobs")).unwrap();
        let worker = db.pool(Role::RenderWorker).await;
        let tenant = db.pool(Role::Render).await;
        let (farm, inputs) = Farm::new(worker, tenant, blobs, Settings::default());
        let authority = Arc::new(Authority::open(&folder.path().join("authority")).unwrap());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = {
            let (farm, authority, shutdown) = (farm.clone(), authority.clone(), shutdown.clone());
            tokio::spawn(async move { serve(farm, authority, socket, shutdown).await.unwrap() })
        };
        Self {
            farm,
            authority,
            admin: db.admin().await,
            inputs,
            address,
            shutdown,
            serving,
            client: Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap(),
            _folder: folder,
            _db: db,
        }
    }

    /// A connection with any client configuration; the handshake may fail.
    pub async fn try_connect(&self, config: ClientConfig) -> Result<Connection, ConnectionError> {
        let connecting = self
            .client
            .connect_with(config, self.address, CONTROLLER_NAME);
        soon("a connection", connecting.unwrap()).await
    }

    /// A join token's secret, good for an hour.
    pub async fn token(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        let hour = Duration::from_secs(3600);
        self.farm.keep_token(&secret, "a test", hour).await.unwrap();
        secret
    }

    /// Asks to be enrolled, as the agent does.
    pub async fn ask(&self, request: &EnrolRequest) -> EnrolReply {
        let config = enrolment_client(self.authority.fingerprint()).unwrap();
        let connection = self.try_connect(config).await.unwrap();
        let (mut to, mut from) = connection.open_bi().await.unwrap();
        send(&mut to, request).await.unwrap();
        let reply = soon("an answer to an enrolment", receive(&mut from)).await;
        reply.unwrap().expect("an answer")
    }

    /// A machine that is enrolled.
    pub async fn enrolled(&self, name: &str) -> Agent {
        let made = KeyAndRequest::new().unwrap();
        let mut request = request(self.token().await, name);
        request.signing_request = made.request;
        match self.ask(&request).await {
            EnrolReply::Granted {
                node,
                certificate,
                authority,
                ..
            } => Agent {
                node,
                boot: Uuid::new_v4(),
                identity: AgentIdentity {
                    authority,
                    certificate,
                    key: made.key,
                },
            },
            EnrolReply::Refused { reason } => panic!("{reason}"),
        }
    }

    /// A connection of an agent that said nothing yet.
    pub async fn connect(&self, agent: &Agent) -> Connection {
        let config = agent_client(&agent.identity).unwrap();
        self.try_connect(config).await.unwrap()
    }

    /// An agent that said hello and was welcomed.
    pub async fn join(&mut self, agent: &Agent) -> Joined {
        let connection = self.connect(agent).await;
        let (mut to, mut from) = connection.open_bi().await.unwrap();
        let hello = ToController::Hello(agent.hello());
        send(&mut to, &hello).await.unwrap();
        let welcome: Option<ToAgent> = soon("a welcome", receive(&mut from)).await.unwrap();
        assert!(
            matches!(welcome, Some(ToAgent::Welcome { protocol, .. }) if protocol == *PROTOCOL.end()),
            "{welcome:?}"
        );
        let (session, leader) = loop {
            match self.told().await {
                Input::Joined {
                    node,
                    session,
                    boot,
                    to_agent,
                    ..
                } if node == agent.node => {
                    assert_eq!(boot, agent.boot);
                    break (session, to_agent);
                }
                Input::Left { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        Joined {
            node: agent.node,
            connection,
            to,
            from,
            session,
            leader: Some(leader),
        }
    }

    /// The next thing that the leader is told.
    pub async fn told(&mut self) -> Input {
        let told = soon("something for the leader", self.inputs.recv()).await;
        told.expect("the stage has a sender")
    }

    /// What an agent said, if that is the next thing the leader is told.
    pub async fn said(&mut self, by: &Joined) -> FromAgent {
        match self.told().await {
            Input::Said {
                node,
                session,
                what,
            } => {
                assert_eq!((node, session), (by.node, by.session));
                what
            }
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the leader is told that a session ended, with nothing else before it.
    pub async fn left(&mut self, by: &Joined) {
        match self.told().await {
            Input::Left { node, session } => {
                assert_eq!((node, session), (by.node, by.session));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Fails when the leader was told anything.
    pub fn assert_untold(&mut self) {
        if let Ok(told) = self.inputs.try_recv() {
            panic!("the leader was told: {told:?}");
        }
    }
}

/// A request that only lacks a signing request.
pub fn request(secret: [u8; 32], name: &str) -> EnrolRequest {
    EnrolRequest {
        secret,
        signing_request: KeyAndRequest::new().unwrap().request,
        name: name.to_owned(),
        hostname: "workstation".to_owned(),
        os: "an operating system".to_owned(),
    }
}

/// A machine that is enrolled.
pub struct Agent {
    pub node: NodeId,
    pub boot: Uuid,
    pub identity: AgentIdentity,
}

impl Agent {
    pub fn hello(&self) -> Hello {
        Hello {
            lowest: *PROTOCOL.start(),
            highest: *PROTOCOL.end(),
            agent_version: "1.2.3".to_owned(),
            node: self.node,
            boot: self.boot,
            held: 0,
            spooled: 0,
        }
    }
}

/// A session, seen by the agent; `leader` is what the leader holds of it.
pub struct Joined {
    pub node: NodeId,
    pub connection: Connection,
    pub to: SendStream,
    pub from: RecvStream,
    pub session: SessionId,
    pub leader: Option<mpsc::Sender<ToAgent>>,
}

impl Joined {
    pub async fn say(&mut self, message: &ToController) {
        send(&mut self.to, message).await.unwrap();
    }

    pub async fn hear(&mut self) -> ToAgent {
        let heard = soon("a message to the agent", receive(&mut self.from)).await;
        heard.unwrap().expect("a message")
    }

    /// With which code and words the controller closed the connection.
    pub async fn closed(&self) -> (VarInt, String) {
        closed(&self.connection).await
    }
}

pub async fn closed(connection: &Connection) -> (VarInt, String) {
    match soon("the end of a connection", connection.closed()).await {
        ConnectionError::ApplicationClosed(ApplicationClose { error_code, reason }) => {
            (error_code, String::from_utf8(reason.to_vec()).unwrap())
        }
        other => panic!("{other}"),
    }
}

/// The name of some lease.
pub fn lease() -> LeaseKey {
    LeaseKey {
        attempt: AttemptId::new(),
        epoch: 7,
    }
}
