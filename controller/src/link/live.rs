//! The live sessions, one for each node: a newer one replaces an older one, and one whose certificate is no longer good
//! is closed within two seconds. It asks the database about all of them at once.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use flatrender_protocol::NodeId;
use flatrender_protocol::link::{CLOSE_FORBIDDEN, CLOSE_REPLACED};
use quinn::Connection;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::farm::{Farm, SessionId};

/// Half of the time in which a revocation must take effect.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The live sessions.
#[derive(Debug, Default)]
pub(super) struct Live(Mutex<Sessions>);

#[derive(Debug, Default)]
struct Sessions {
    last: u64,
    by_node: HashMap<NodeId, Entry>,
}

#[derive(Debug)]
struct Entry {
    session: SessionId,
    fingerprint: [u8; 32],
    connection: Connection,
}

impl Live {
    /// A node said hello: its session has the largest number so far, and an older one of the node is closed.
    pub(super) fn join(
        &self,
        node: NodeId,
        fingerprint: [u8; 32],
        connection: Connection,
    ) -> SessionId {
        let mut sessions = self.0.lock().expect("nobody panics while holding it");
        sessions.last += 1;
        let session = SessionId(sessions.last);
        let entry = Entry {
            session,
            fingerprint,
            connection,
        };
        let older = sessions.by_node.insert(node, entry);
        drop(sessions);
        if let Some(older) = older {
            older
                .connection
                .close(CLOSE_REPLACED, b"a newer session of this node took over");
        }
        session
    }

    /// A session ended.
    pub(super) fn leave(&self, node: NodeId, session: SessionId) {
        let mut sessions = self.0.lock().expect("nobody panics while holding it");
        if sessions
            .by_node
            .get(&node)
            .is_some_and(|entry| entry.session == session)
        {
            sessions.by_node.remove(&node);
        }
    }

    fn fingerprints(&self) -> Vec<[u8; 32]> {
        let sessions = self.0.lock().expect("nobody panics while holding it");
        let live = sessions.by_node.values();
        live.map(|entry| entry.fingerprint).collect()
    }

    /// Closes the sessions whose certificate was asked about and is not good.
    fn close_others(&self, asked: &HashSet<[u8; 32]>, good: &HashSet<[u8; 32]>) {
        let sessions = self.0.lock().expect("nobody panics while holding it");
        for (node, entry) in &sessions.by_node {
            if asked.contains(&entry.fingerprint) && !good.contains(&entry.fingerprint) {
                info!(%node, "closed a session: its certificate was revoked or is over, or the node was retired");
                entry.connection.close(
                    CLOSE_FORBIDDEN,
                    b"the certificate was revoked or is over, or the node was retired",
                );
            }
        }
    }
}

/// Closes sessions whose certificate is no longer good, until cancelled. While the database is away they stay.
pub(super) async fn watch(live: &Live, farm: &Farm) {
    let mut clock = interval(CHECK_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = true;
    loop {
        clock.tick().await;
        let asked = live.fingerprints();
        if asked.is_empty() {
            continue;
        }
        match farm.still_admitted(&asked).await {
            Ok(good) => {
                answers = true;
                live.close_others(&asked.into_iter().collect(), &good.into_iter().collect());
            }
            Err(error) if answers => {
                answers = false;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "can't check live certificates; sessions stay"
                );
            }
            Err(error) => debug!(
                error = &error as &dyn std::error::Error,
                "still can't check live certificates"
            ),
        }
    }
}
