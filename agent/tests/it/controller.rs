//! A controller that is only the other end of the link: a CA, an endpoint, one join token, whatever a test makes it say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use flatrender_protocol::link::{
    ALPN_ENROL, CONTROLLER_NAME, ControllerIdentity, JoinToken, controller_server, fingerprint,
    from_datagram, receive, send,
};
use flatrender_protocol::message::{
    BlobReply, BlobRequest, EnrolReply, EnrolRequest, FrameHeader, FrameOutcome, Liveness, ToAgent,
    ToController, UploadHeader,
};
use flatrender_protocol::{Digest, NodeId};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
};
use tokio::sync::mpsc;

/// What the controller has seen and is to say.
pub struct Controller {
    pub address: SocketAddr,
    pub authority: [u8; 32],
    pub secret: [u8; 32],
    pub state: Arc<State>,
    /// What agents said on their control streams.
    pub heard: mpsc::Receiver<ToController>,
}

#[derive(Default)]
pub struct State {
    used: Mutex<bool>,
    pub blobs: Mutex<HashMap<Digest, Vec<u8>>>,
    pub frames: Mutex<Vec<FrameHeader>>,
    pub logs: Mutex<Vec<String>>,
    pub alive: Mutex<u64>,
    /// The last session's connection, and the way to speak on it.
    pub session: Mutex<Option<(Connection, mpsc::Sender<ToAgent>)>>,
    /// Frames that get no answer.
    pub mute: Mutex<u32>,
}

impl Controller {
    pub fn start() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![CONTROLLER_NAME.to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        let authority = ca_certificate.der().to_vec();
        let config = controller_server(&ControllerIdentity {
            authority: authority.clone(),
            certificate: own.der().to_vec(),
            key: key.serialize_der(),
        })
        .unwrap();
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        let state = Arc::new(State::default());
        let (said, heard) = mpsc::channel(1024);
        let controller = Self {
            address: endpoint.local_addr().unwrap(),
            authority: fingerprint(&authority),
            secret: [42; 32],
            state: Arc::clone(&state),
            heard,
        };
        let issuer = Arc::new(issuer);
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let (state, said) = (Arc::clone(&state), said.clone());
                let (issuer, authority) = (Arc::clone(&issuer), authority.clone());
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else {
                        return;
                    };
                    let data = connection
                        .handshake_data()
                        .unwrap()
                        .downcast::<HandshakeData>()
                        .unwrap();
                    if data.protocol.as_deref() == Some(ALPN_ENROL) {
                        enrol(&connection, &state, &issuer, authority).await;
                    } else {
                        session(connection, state, said).await;
                    }
                });
            }
        });
        controller
    }

    pub fn token(&self) -> JoinToken {
        JoinToken {
            secret: self.secret,
            authority: self.authority,
            addresses: vec![self.address.to_string()],
        }
    }

    pub async fn say(&self, message: ToAgent) {
        let session = self.state.session.lock().unwrap().clone();
        session.expect("a session").1.send(message).await.unwrap();
    }

    /// The first message that `wanted` takes.
    pub async fn hear<T>(&mut self, what: &str, wanted: impl Fn(&ToController) -> Option<T>) -> T {
        loop {
            let next = tokio::time::timeout(crate::farm::LIMIT, self.heard.recv()).await;
            let next = next
                .unwrap_or_else(|_| panic!("waited for {what}"))
                .unwrap();
            if let Some(found) = wanted(&next) {
                return found;
            }
        }
    }
}

async fn enrol(
    connection: &Connection,
    state: &State,
    issuer: &Issuer<'_, KeyPair>,
    authority: Vec<u8>,
) {
    let Ok((mut to, mut from)) = connection.accept_bi().await else {
        return;
    };
    let request: EnrolRequest = receive(&mut from).await.unwrap().unwrap();
    let used = std::mem::replace(&mut *state.used.lock().unwrap(), true);
    let reply = if request.secret != [42; 32] || used {
        EnrolReply::Refused {
            reason: "the join token was used already; make another with: flatctl node token create"
                .into(),
        }
    } else {
        let request_key =
            CertificateSigningRequestParams::from_der(&request.signing_request.into()).unwrap();
        let params = CertificateParams::new(vec!["a.node.flatrender.internal".to_owned()]).unwrap();
        let certificate = params.signed_by(&request_key.public_key, issuer).unwrap();
        EnrolReply::Granted {
            node: NodeId::new(),
            name: request.name,
            certificate: certificate.der().to_vec(),
            authority,
        }
    };
    send(&mut to, &reply).await.unwrap();
    let _ = to.finish();
    let _ = to.stopped().await;
}

async fn session(connection: Connection, state: Arc<State>, said: mpsc::Sender<ToController>) {
    let Ok((mut to, mut from)) = connection.accept_bi().await else {
        return;
    };
    let Ok(Some(hello @ ToController::Hello(_))) = receive(&mut from).await else {
        panic!("hello comes first");
    };
    said.send(hello).await.unwrap();
    let welcome = ToAgent::Welcome {
        protocol: 1,
        node_name: "a node".into(),
        liveness_ms: 100,
    };
    send(&mut to, &welcome).await.unwrap();
    let (speak, mut spoken) = mpsc::channel(1024);
    *state.session.lock().unwrap() = Some((connection.clone(), speak.clone()));
    tokio::spawn(async move {
        while let Some(message) = spoken.recv().await {
            if send(&mut to, &message).await.is_err() {
                return;
            }
        }
    });
    let listen = async {
        while let Ok(Some(message)) = receive(&mut from).await {
            if said.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(
        listen,
        live(&connection, &state),
        blobs(&connection, &state),
        uploads(&connection, &state, &speak)
    );
}

async fn live(connection: &Connection, state: &State) {
    while let Ok(bytes) = connection.read_datagram().await {
        let liveness: Liveness = from_datagram(&bytes).unwrap();
        *state.alive.lock().unwrap() = liveness.counter + 1;
    }
}

async fn blobs(connection: &Connection, state: &State) {
    while let Ok((mut to, mut from)) = connection.accept_bi().await {
        let Ok(Some(BlobRequest { digest, offset })) = receive(&mut from).await else {
            continue;
        };
        let blob = state.blobs.lock().unwrap().get(&digest).cloned();
        let reply = match &blob {
            Some(bytes) => BlobReply::Bytes {
                bytes: bytes.len() as u64 - offset,
            },
            None => BlobReply::Refused {
                reason: "there is no such blob".into(),
            },
        };
        let _ = send(&mut to, &reply).await;
        if let Some(bytes) = blob {
            let _ = to
                .write_all(&bytes[usize::try_from(offset).unwrap()..])
                .await;
        }
        let _ = to.finish();
    }
}

async fn uploads(connection: &Connection, state: &State, speak: &mpsc::Sender<ToAgent>) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let Ok(Some(header)) = receive::<UploadHeader>(&mut stream).await else {
            continue;
        };
        let Ok(bytes) = stream.read_to_end(1 << 20).await else {
            continue;
        };
        match header {
            UploadHeader::Frame(header) => {
                assert_eq!(Digest::of(&bytes), header.blob.digest);
                state.frames.lock().unwrap().push(header.clone());
                let mute = {
                    let mut mute = state.mute.lock().unwrap();
                    let was = *mute;
                    *mute = was.saturating_sub(1);
                    was > 0
                };
                if !mute {
                    let acknowledged = ToAgent::FrameAck {
                        lease: header.lease,
                        ordinal: header.ordinal,
                        outcome: FrameOutcome::Published,
                    };
                    let _ = speak.send(acknowledged).await;
                }
            }
            UploadHeader::Log { .. } => state
                .logs
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&bytes).into_owned()),
            UploadHeader::Film { lease, blob } | UploadHeader::Blob { lease, blob } => {
                state.blobs.lock().unwrap().insert(blob.digest, bytes);
                let digest = blob.digest;
                let _ = speak.send(ToAgent::BlobStored { lease, digest }).await;
            }
        }
    }
}
