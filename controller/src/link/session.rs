//! One agent's session, from hello to its end. All of its parts run in this one task, so that a slow one holds back only
//! its own stream; uploads and downloads have tasks of their own, and the session ends after the last of them.

#![expect(
    clippy::disallowed_methods,
    reason = "a node is heard when its bytes come"
)]

use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::link::{
    self, CLOSE_BYE, CLOSE_FORBIDDEN, CLOSE_PROTOCOL, CLOSE_REPLACED, LIVENESS_EVERY, LinkError,
    PRIORITY_CONTROL,
};
use flatrender_protocol::message::{Hello, Liveness, PROTOCOL, ToAgent, ToController};
use flatrender_protocol::wire::WireError;
use flatrender_protocol::{NodeId, message};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::sync::mpsc::{self, WeakSender};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info, info_span, warn};
use uuid::Uuid;

use super::endpoint::{Admitted, Link};
use super::{blobs, control, enrol, said, uploads};
use crate::farm::{FromAgent, Heard, Input, SessionId};

const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How many messages may wait for one agent.
const ORDERS: usize = 1024;

/// What the parts of a session share.
pub(super) struct Session {
    pub(super) link: Arc<Link>,
    pub(super) connection: Connection,
    pub(super) node: NodeId,
    pub(super) id: SessionId,
    boot: Uuid,
    heard: Heard,
    /// The leader holds the other end's only lasting sender: dropping it ends the session.
    orders: WeakSender<ToAgent>,
}

/// How a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// The connection is gone, or was closed here.
    Gone(ConnectionError),
    /// The agent ended its control stream.
    Bye,
    /// The agent broke the protocol.
    Protocol(String),
    /// The leader let go of it.
    LetGo,
    /// This controller does not lead any more.
    NoLeader,
    /// The controller shuts down.
    Shutdown,
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Read(quinn::ReadError::ConnectionLost(error))
            | LinkError::Write(quinn::WriteError::ConnectionLost(error)) => Self::Gone(error),
            LinkError::Wire(error) => Self::Protocol(error.to_string()),
            LinkError::Torn | LinkError::Read(_) | LinkError::Write(_) => {
                Self::Protocol("the control stream broke off".to_owned())
            }
        }
    }
}

impl Session {
    /// The node was heard.
    pub(super) fn heard(&self) {
        self.heard.note(Instant::now().into_std());
    }

    /// Tells the leader what the agent said.
    pub(super) async fn tell(&self, what: FromAgent) -> Result<(), End> {
        let input = Input::Said {
            node: self.node,
            session: self.id,
            what,
        };
        let told = self.link.farm.inputs.send(input).await;
        told.map_err(|_| End::NoLeader)
    }

    /// Sends the agent a message of the link's own; when the session is over, nobody needs it.
    pub(super) async fn answer(&self, message: ToAgent) {
        if let Some(orders) = self.orders.upgrade()
            && orders.send(message).await.is_err()
        {
            debug!("the session ended before an answer");
        }
    }
}

/// Runs a session to its end.
pub(super) async fn run(link: &Arc<Link>, connection: Connection, admitted: Admitted) {
    let greeted = tokio::select! {
        () = link.shutdown.cancelled() => Err(End::Shutdown),
        greeted = timeout(HELLO_WITHIN, greet(&connection, &admitted)) => {
            greeted.unwrap_or_else(|_| Err(End::Protocol("no hello within 10 seconds".to_owned())))
        }
    };
    match greeted {
        Ok(Some(greeted)) => {
            let span = info_span!("session", node = %admitted.node, name = admitted.name);
            joined(link, connection, admitted, greeted)
                .instrument(span)
                .await;
        }
        Ok(None) => {}
        Err(end) => close(&connection, &end),
    }
}

struct Greeted {
    hello: Hello,
    send: SendStream,
    receive: RecvStream,
}

/// Hello and welcome; `None` when the agent was refused.
async fn greet(connection: &Connection, admitted: &Admitted) -> Result<Option<Greeted>, End> {
    let (mut send, mut receive) = connection.accept_bi().await.map_err(End::Gone)?;
    if let Err(error) = send.set_priority(PRIORITY_CONTROL) {
        debug!(%error, "the control stream was stopped at once");
    }
    let hello = match link::receive(&mut receive).await? {
        Some(ToController::Hello(hello)) => hello,
        Some(_) => return Err(End::Protocol("the first message must be hello".to_owned())),
        None => return Err(End::Bye),
    };
    let refusal = if hello.node == admitted.node {
        chosen(&hello)
    } else {
        Err(format!(
            "the certificate is node {}'s, and the agent says it is node {}; enrol this machine again",
            admitted.node, hello.node
        ))
    };
    match refusal {
        Ok(protocol) => {
            let welcome = ToAgent::Welcome {
                protocol,
                node_name: admitted.name.clone(),
                liveness_ms: u32::try_from(LIVENESS_EVERY.as_millis()).expect("seconds"),
            };
            link::send(&mut send, &welcome).await?;
            Ok(Some(Greeted {
                hello,
                send,
                receive,
            }))
        }
        Err(reason) => {
            warn!(node = %admitted.node, reason, "refused an agent");
            let refused = ToAgent::Refused {
                reason: reason.clone(),
            };
            link::send(&mut send, &refused).await?;
            enrol::arrived(&mut send).await;
            connection.close(CLOSE_FORBIDDEN, reason.as_bytes());
            Ok(None)
        }
    }
}

/// The newest protocol version that both speak.
fn chosen(hello: &Hello) -> Result<u16, String> {
    let (ours, theirs) = (message::PROTOCOL, hello.lowest..=hello.highest);
    let newest = *ours.end().min(theirs.end());
    if ours.contains(&newest) && theirs.contains(&newest) {
        return Ok(newest);
    }
    let which = if theirs.end() < ours.start() {
        "update the agent"
    } else {
        "update the controller"
    };
    Err(format!(
        "no common protocol version: the controller speaks {} to {}, the agent {} to {}; {which}",
        PROTOCOL.start(),
        PROTOCOL.end(),
        hello.lowest,
        hello.highest
    ))
}

async fn joined(link: &Arc<Link>, connection: Connection, admitted: Admitted, greeted: Greeted) {
    let Greeted {
        hello,
        send,
        receive,
    } = greeted;
    let node = admitted.node;
    let id = link
        .live
        .join(node, admitted.fingerprint, connection.clone());
    let (to_agent, orders) = mpsc::channel(ORDERS);
    let session = Arc::new(Session {
        link: link.clone(),
        connection,
        node,
        id,
        boot: hello.boot,
        heard: link.farm.presence.of(node),
        orders: to_agent.downgrade(),
    });
    session.heard();
    let agent_version = said::line(hello.agent_version, 100);
    info!(
        session = id.0,
        agent_version,
        held = hello.held,
        spooled = hello.spooled,
        "an agent joined"
    );
    let joined = Input::Joined {
        node,
        session: id,
        boot: hello.boot,
        agent_version,
        to_agent,
    };
    let tasks = TaskTracker::new();
    let end = match link.farm.inputs.send(joined).await {
        Ok(()) => converse(&session, send, receive, orders, &tasks).await,
        Err(_) => End::NoLeader,
    };
    close(&session.connection, &end);
    link.live.leave(node, id);
    tasks.close();
    tasks.wait().await;
    if link
        .farm
        .inputs
        .send(Input::Left { node, session: id })
        .await
        .is_err()
    {
        debug!("nobody leads; a session ended untold");
    }
    info!(session = id.0, why = said::end(&end), "an agent left");
}

async fn converse(
    session: &Arc<Session>,
    send: SendStream,
    receive: RecvStream,
    orders: mpsc::Receiver<ToAgent>,
    tasks: &TaskTracker,
) -> End {
    tokio::select! {
        () = session.link.shutdown.cancelled() => End::Shutdown,
        end = control::listen(session, receive) => end,
        end = control::speak(send, orders) => end,
        end = liveness(session) => end,
        end = blobs::serve(session, tasks) => end,
        end = uploads::serve(session, tasks) => end,
    }
}

async fn liveness(session: &Session) -> End {
    loop {
        let bytes = match session.connection.read_datagram().await {
            Ok(bytes) => bytes,
            Err(error) => return End::Gone(error),
        };
        let liveness: Result<Liveness, WireError> = link::from_datagram(&bytes);
        match liveness {
            Ok(liveness) if liveness.node == session.node && liveness.boot == session.boot => {
                session.heard();
            }
            Ok(other) => {
                return End::Protocol(format!(
                    "a liveness datagram names node {} and boot {}, hello named others",
                    other.node, other.boot
                ));
            }
            Err(error) => return End::Protocol(error.to_string()),
        }
    }
}

fn close(connection: &Connection, end: &End) {
    let (code, reason) = match end {
        End::Gone(_) => return,
        End::Bye => (CLOSE_BYE, "bye"),
        End::Protocol(reason) => {
            warn!(reason, "closed a session: the agent broke the protocol");
            (CLOSE_PROTOCOL, reason.as_str())
        }
        End::LetGo => (CLOSE_REPLACED, "the leader ended this session"),
        End::NoLeader => (CLOSE_BYE, "this controller does not lead; try again"),
        End::Shutdown => (CLOSE_BYE, "the controller shuts down"),
    };
    connection.close(code, reason.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(lowest: u16, highest: u16) -> Hello {
        Hello {
            lowest,
            highest,
            agent_version: "1.2.3".into(),
            node: NodeId::new(),
            boot: Uuid::new_v4(),
            held: 0,
            spooled: 0,
        }
    }

    #[test]
    fn the_newest_common_version_is_chosen() {
        let (low, high) = (*PROTOCOL.start(), *PROTOCOL.end());
        assert_eq!(chosen(&hello(low, high)), Ok(high));
        assert_eq!(chosen(&hello(0, high + 9)), Ok(high));
        let newer = chosen(&hello(high + 1, high + 2)).unwrap_err();
        assert!(newer.ends_with("update the controller"), "{newer}");
        let older = chosen(&hello(0, low - 1)).unwrap_err();
        assert!(older.ends_with("update the agent"), "{older}");
        assert!(chosen(&hello(high, low - 1)).is_err());
    }
}
